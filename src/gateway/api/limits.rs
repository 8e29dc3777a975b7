//! `/users/NAME/limits` and `/groups/NAME/limits`: what servers may use. hubgate's own; JupyterHub has no such thing.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, Route, web};
use diesel::QueryResult;
use hubgate_protocol::Username;
use serde_json::{Map, Number, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad};
use crate::api::group_model::{absent, named};
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::stored;
use crate::api::user::found;
use crate::domain::audit::{Action, Event};
use crate::domain::entity::GroupName;
use crate::domain::limits::{self, Effective, LimitError, Limits, Source, Stated};
use crate::domain::scope::Base;
use crate::extract::Caller;
use crate::state::audit::acting;
use crate::state::limits::tell;
use crate::store::{Conn, groups, limits as rows};

const BODY: Fields = Fields {
    of: "limits",
    closed: true,
    fields: &[
        Field::new("mem_limit", Kind::Amount).or_null(),
        Field::new("mem_guarantee", Kind::Amount).or_null(),
        Field::new("cpu_limit", Kind::Amount).or_null(),
        Field::new("cpu_weight", Kind::Integer).or_null(),
        Field::new("tasks_limit", Kind::Integer).or_null(),
        Field::new("io_weight", Kind::Integer).or_null(),
        Field::new("disk_quota", Kind::Amount).or_null(),
    ],
};

const SHOWN: &[u16] = &[200, 403, 404];
const WRITTEN: &[u16] = &[200, 400, 403, 404];
const USER: &str = "/users/{name}/limits";
const GROUP: &str = "/groups/{name}/limits";

/// An operation; one that takes a body may refuse it.
const fn operation(
    method: Method,
    (path, summary): (&'static str, &'static str),
    scopes: &'static [Base],
    body: Option<Fields>,
    route: fn() -> Route,
) -> Operation {
    let responses = if body.is_some() { WRITTEN } else { SHOWN };
    Operation { method, path, summary, scopes, query: &[], body, responses, route }
}

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    operation(Method::GET, (USER, "Limits of a user, and those that hold"), &[Base::ReadUsers], None, || {
        web::route().to(show_user)
    }),
    operation(Method::PUT, (USER, "Replace the limits of a user"), &[Base::AdminUsers], Some(BODY), || {
        web::route().to(put_user)
    }),
    operation(Method::DELETE, (USER, "Take the limits of a user away"), &[Base::AdminUsers], None, || {
        web::route().to(delete_user)
    }),
    operation(Method::GET, (GROUP, "Limits of the members of a group"), &[Base::ReadGroups], None, || {
        web::route().to(show_group)
    }),
    operation(
        Method::PUT,
        (GROUP, "Replace the limits of a group"),
        &[Base::AdminGroups],
        Some(BODY),
        || web::route().to(put_group),
    ),
    operation(Method::DELETE, (GROUP, "Take the limits of a group away"), &[Base::AdminGroups], None, || {
        web::route().to(delete_group)
    }),
];

/// Whose limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// One user's.
    User(Username),
    /// Those of the members of a group.
    Group(GroupName),
}

impl Whose {
    /// The user that a path names, who exists, for a caller who holds this scope for them.
    ///
    /// # Errors
    /// As [`Caller::user`]; 404 where there is no such user.
    pub async fn user(caller: &Caller, scope: Base, name: &str) -> Result<Self, Failure> {
        let user = caller.user(&[scope], name)?;
        found(&caller.hub, &user).await?;
        Ok(Self::User(user))
    }

    /// The group that a path names, which exists, for a caller who holds this scope for it.
    ///
    /// # Errors
    /// As [`named`]; 404 where there is no such group.
    pub async fn group(caller: &Caller, scope: Base, name: &str) -> Result<Self, Failure> {
        let group = named(caller, &[scope], name)?;
        let asked = group.clone();
        let known = stored::read(&caller.hub, move |c| groups::by_name(c, &asked)).await?;
        known.map(|_| Self::Group(group)).ok_or_else(|| absent(name))
    }

    /// What is set for them now.
    #[must_use]
    pub fn limits(&self, caller: &Caller) -> Limits {
        let directory = caller.hub.directory();
        match self {
            Self::User(user) => directory.limits_of_user(user),
            Self::Group(group) => directory.limits_of_group(group),
        }
    }

    fn write(&self, c: &mut Conn, limits: &Limits) -> QueryResult<()> {
        match self {
            Self::User(user) => rows::set_of_user(c, user, limits),
            Self::Group(group) => rows::set_of_group(c, group, limits),
        }
    }

    fn model(&self, caller: &Caller) -> Value {
        let own = shown(&self.limits(caller));
        match self {
            Self::User(user) => {
                let server = hubgate_protocol::ServerId { user: user.clone(), server: Default::default() };
                json!({ "limits": own, "effective": effective(&caller.hub.limits_of(&server)) })
            }
            Self::Group(_) => json!({ "limits": own }),
        }
    }
}

/// Replaces limits: in the database, then in the servers that run, whose kernels go on. Rights were looked at before.
///
/// # Errors
/// 404 where they have just gone; 503 when the database fails.
pub async fn replace(caller: &Caller, whose: &Whose, limits: Limits) -> Result<(), Failure> {
    let hub = &caller.hub;
    let directory = hub.directory();
    let running = match whose {
        Whose::User(user) => hub.limits_of_running([user]),
        Whose::Group(group) => hub.limits_of_running(directory.members(group)),
    };
    let (before, written) = (whose.limits(caller), whose.clone());
    stored::write(hub, move |c| written.write(c, &limits).map(Ok)).await?;
    let (kind, subject) = match whose {
        Whose::User(user) => ("user", user.as_str()),
        Whose::Group(group) => ("group", group.as_str()),
    };
    let event = Event::new(acting(), Action::Limits, subject).with("of", kind);
    hub.audit(&event.with("before", shown(&before)).with("after", shown(&limits)));
    tell(hub, running).await;
    Ok(())
}

async fn show_user(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let whose = Whose::user(&caller, Base::ReadUsers, &name).await?;
    Ok(answer::json(StatusCode::OK, &whose.model(&caller)))
}

async fn show_group(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let whose = Whose::group(&caller, Base::ReadGroups, &name).await?;
    Ok(answer::json(StatusCode::OK, &whose.model(&caller)))
}

async fn put_user(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let whose = Whose::user(&caller, Base::AdminUsers, &name).await?;
    put(&caller, &whose, &body).await
}

async fn put_group(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let whose = Whose::group(&caller, Base::AdminGroups, &name).await?;
    put(&caller, &whose, &body).await
}

async fn put(caller: &Caller, whose: &Whose, body: &Body) -> Result<HttpResponse, Failure> {
    let fields = body.object(&BODY)?.unwrap_or_default();
    replace(caller, whose, read(&fields)?).await?;
    Ok(answer::json(StatusCode::OK, &whose.model(caller)))
}

async fn delete_user(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let whose = Whose::user(&caller, Base::AdminUsers, &name).await?;
    replace(&caller, &whose, Limits::default()).await?;
    Ok(answer::json(StatusCode::OK, &whose.model(&caller)))
}

async fn delete_group(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let whose = Whose::group(&caller, Base::AdminGroups, &name).await?;
    replace(&caller, &whose, Limits::default()).await?;
    Ok(answer::json(StatusCode::OK, &whose.model(&caller)))
}

/// The limits of a body; what is missing or null is no limit.
fn read(fields: &Map<String, Value>) -> Result<Limits, Failure> {
    fn one<T>(
        fields: &Map<String, Value>,
        key: &str,
        parse: fn(&str) -> Result<T, LimitError>,
    ) -> Result<Option<T>, Failure> {
        let text = match fields.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        parse(&text).map(Some).map_err(|error| bad(format!("limits.{key} {error}")))
    }
    Ok(Limits {
        memory: one(fields, "mem_limit", limits::memory)?,
        memory_guarantee: one(fields, "mem_guarantee", limits::memory)?,
        cpu_percent: one(fields, "cpu_limit", limits::cpu_percent)?,
        cpu_weight: one(fields, "cpu_weight", limits::weight)?,
        tasks: one(fields, "tasks_limit", limits::tasks)?,
        io_weight: one(fields, "io_weight", limits::weight)?,
        disk: one(fields, "disk_quota", limits::memory)?,
    })
}

/// Limits as JSON: bytes, cores, weights and counts.
#[must_use]
pub fn shown(limits: &Limits) -> Value {
    json!({
        "mem_limit": limits.memory,
        "mem_guarantee": limits.memory_guarantee,
        "cpu_limit": limits.cpu_percent.map(cores),
        "cpu_weight": limits.cpu_weight,
        "tasks_limit": limits.tasks,
        "io_weight": limits.io_weight,
        "disk_quota": limits.disk,
    })
}

fn cores(percent: u32) -> Option<Number> {
    Number::from_f64(f64::from(percent) / 100.0)
}

/// What holds, each value with who states it: `site`, `profile:NAME`, `group:NAME` or `user`.
fn effective(effective: &Effective) -> Value {
    fn one<T: Copy>(stated: Option<&Stated<T>>, show: impl Fn(T) -> Value) -> Value {
        stated.map_or(Value::Null, |stated| {
            let source = match &stated.source {
                Source::Site => "site".to_owned(),
                Source::Profile(name) => format!("profile:{name}"),
                Source::Group(name) => format!("group:{name}"),
                Source::User => "user".to_owned(),
            };
            json!({ "value": show(stated.value), "source": source })
        })
    }
    json!({
        "mem_limit": one(effective.memory.as_ref(), Value::from),
        "mem_guarantee": one(effective.memory_guarantee.as_ref(), Value::from),
        "cpu_limit": one(effective.cpu_percent.as_ref(), |percent| cores(percent).map_or(Value::Null, Value::Number)),
        "cpu_weight": one(effective.cpu_weight.as_ref(), Value::from),
        "tasks_limit": one(effective.tasks.as_ref(), Value::from),
        "io_weight": one(effective.io_weight.as_ref(), Value::from),
        "disk_quota": one(effective.disk.as_ref(), Value::from),
    })
}
