//! `GET /users` and `POST /users`: the users whom the caller may list, a page at a time; and new ones.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::{LoginName, Phase, Username};
use log::info;
use serde_json::{Map, Value};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad, checked, shortened, texts};
use crate::api::model::{Reader, active};
use crate::api::operation::{Field, Fields, Kind, Operation, Param};
use crate::api::page::{LIMIT, OFFSET, Page};
use crate::api::stored;
use crate::domain::audit::{Action, Event};
use crate::domain::query::Query;
use crate::domain::scope::{Access, Base, Target};
use crate::extract::Caller;
use crate::state::Hub;
use crate::state::audit::acting;
use crate::store::servers::{self, Server};
use crate::store::user_list::{self, Sort, UserQuery, Within};
use crate::store::{NewUser, Standing, User, users};

/// Most users that one request may create.
const CREATE_MAX: usize = 10_000;

const SORTS: [(&str, Sort); 3] =
    [("id", Sort::Id), ("name", Sort::Name), ("last_activity", Sort::LastActivity)];

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/users",
        summary: "Users, a page at a time",
        scopes: &[Base::ListUsers],
        query: &[
            Param {
                name: "state",
                kind: Kind::Word(&["inactive", "active", "ready"]),
                meaning: "only users with servers in that state; inactive: without any that is active",
            },
            OFFSET,
            LIMIT,
            WITH_STOPPED,
            Param {
                name: "sort",
                kind: Kind::Word(&["id", "name", "last_activity", "-id", "-name", "-last_activity"]),
                meaning: "the order; a minus sign turns it round",
            },
            Param { name: "name_filter", kind: Kind::Text, meaning: "only users whose name holds this text" },
        ],
        body: None,
        responses: &[200, 400, 403],
        route: || web::route().to(list),
    },
    Operation {
        method: Method::POST,
        path: "/users",
        summary: "Create users",
        scopes: &[Base::AdminUsers],
        query: &[],
        body: Some(CREATE),
        responses: &[201, 400, 403, 409, 413],
        route: || web::route().to(create),
    },
];

/// The switch that shows servers that do nothing.
pub const WITH_STOPPED: Param =
    Param { name: "include_stopped_servers", kind: Kind::Boolean, meaning: "show stopped servers too" };

const CREATE: Fields = Fields {
    of: "user",
    closed: true,
    fields: &[
        Field::new("usernames", Kind::Texts).required(),
        Field::new("admin", Kind::Boolean),
        Field::new("name", Kind::Text),
        Field::new("groups", Kind::Texts),
        Field::new("roles", Kind::Texts),
        Field::new("auth_state", Kind::Object),
    ],
};

async fn list(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Failure> {
    caller.require_some(&[Base::ListUsers])?;
    let query = Query::parse(request.query_string());
    let page = Page::of(&request, &caller.hub.config)?;
    let question = question(&caller, &query, &page)?;
    let (found, mut servers, total) = stored::read(&caller.hub, move |c| {
        let (found, total) = user_list::list(c, &question)?;
        let ids: Vec<i64> = found.iter().map(|user| user.id).collect();
        let mut servers: BTreeMap<i64, Vec<Server>> = BTreeMap::new();
        for server in servers::of_users(c, &ids)? {
            servers.entry(server.user_id).or_default().push(server);
        }
        Ok((found, servers, total))
    })
    .await?;
    let reader = Reader { hub: &caller.hub, directory: &caller.directory, scopes: &caller.scopes };
    let with_stopped = query.on(WITH_STOPPED.name);
    let model = |user: &User| {
        let servers: Vec<Server> = servers.remove(&user.id).unwrap_or_default();
        reader.user(user, &servers, with_stopped)
    };
    let models: Vec<_> = found.iter().map(model).filter(|model| !model.is_empty()).collect();
    Ok(page.answer(&models, total))
}

fn question(caller: &Caller, query: &Query, page: &Page) -> Result<UserQuery, Failure> {
    let wanted = query.get("sort").unwrap_or("id");
    let (descending, column) = wanted.strip_prefix('-').map_or((false, wanted), |column| (true, column));
    let sort = SORTS.iter().find(|(name, _)| *name == column).map(|(_, sort)| *sort);
    let sort = sort.ok_or_else(|| {
        bad(format!("sort must be 'id', 'name', or 'last_activity', not '{}'", shortened(wanted)))
    })?;
    let busy = |ready_only| busy(&caller.hub, ready_only);
    let (among, except) = match query.get("state") {
        None | Some("") => (None, None),
        Some("active") => (Some(busy(false)), None),
        Some("ready") => (Some(busy(true)), None),
        Some("inactive") => (None, Some(busy(false))),
        Some(state) => return Err(bad(format!("Unrecognized state filter: '{}'", shortened(state)))),
    };
    Ok(UserQuery {
        within: within(caller)?,
        name_filter: query.get("name_filter").filter(|part| !part.is_empty()).map(str::to_owned),
        among,
        except,
        sort,
        descending,
        offset: page.offset,
        limit: page.limit,
    })
}

/// Users with a server that does something, or is ready.
fn busy(hub: &Hub, ready_only: bool) -> BTreeSet<Username> {
    let ids = hub.servers.those(|phase| if ready_only { phase == Phase::Running } else { active(phase) });
    ids.into_iter().map(|id| id.user).collect()
}

/// Whom the caller may list. A filter that names servers or services names no users.
///
/// # Errors
/// 403 for who may list nobody.
pub fn within(caller: &Caller) -> Result<Within, Failure> {
    match caller.scopes.access(&Base::ListUsers) {
        Access::All => Ok(Within::All),
        Access::Only(filters) if filters.servers.is_empty() && filters.services.is_empty() => {
            Ok(Within::Only { users: filters.users.clone(), groups: filters.groups.clone() })
        }
        Access::Only(_) | Access::None => Err(Failure::bare(StatusCode::FORBIDDEN)),
    }
}

async fn create(caller: Caller, body: Body) -> Result<HttpResponse, Failure> {
    caller.require(&[Base::AdminUsers], &Target::Any)?;
    caller.require_proof()?;
    let none = || bad("Must specify at least one user to create");
    let fields =
        checked(body.json()?.filter(|body| body.get("usernames").is_some()).ok_or_else(none)?, &CREATE)?;
    let given = texts(fields.get("usernames")).unwrap_or_default();
    if given.is_empty() {
        return Err(none());
    }
    let admin = admin_in(&caller, &fields)?.unwrap_or(false);
    let logins = logins(&caller.hub, &given)?;
    let count = given.len();
    let created_s = caller.hub.clock.now_s();
    let created = stored::write(&caller.hub, move |c| {
        let wanted: Vec<Username> = logins.iter().map(LoginName::id).collect();
        let known: BTreeSet<Username> =
            users::by_names(c, &wanted)?.into_iter().map(|user| user.name).collect();
        let mut new: Vec<NewUser> =
            logins.into_iter().map(|login| newcomer(login, admin, created_s)).collect();
        new.retain(|user| !known.contains(&user.name));
        if new.is_empty() {
            return Ok(Err(Failure::new(StatusCode::CONFLICT, format!("All {count} users already exist"))));
        }
        users::insert_many(c, &new)?;
        let names: Vec<Username> = new.into_iter().map(|user| user.name).collect();
        users::by_names(c, &names).map(Ok)
    })
    .await?;
    info!("users created={} by={}", created.len(), caller.name());
    for user in &created {
        caller.hub.audit(&Event::new(acting(), Action::UserAdded, &user.name).with("admin", user.admin));
    }
    caller.hub.audit_written().await.map_err(|error| stored::told(&error))?;
    let directory = caller.hub.directory();
    let reader = Reader { hub: &caller.hub, directory: &directory, scopes: &caller.scopes };
    let models: Vec<_> = created.iter().map(|user| reader.user(user, &[], false)).collect();
    Ok(answer::json(StatusCode::CREATED, &models))
}

/// A user who is added by the name that they will log in with.
#[must_use]
pub fn newcomer(login: LoginName, admin: bool, created_s: i64) -> NewUser {
    let name = login.id();
    let standing = Standing { login: Some(login), ..Standing::default() };
    NewUser { name, admin, password_hash: None, created_s, standing }
}

/// Whom the texts mean, each once.
fn logins(hub: &Hub, given: &[&str]) -> Result<Vec<LoginName>, Failure> {
    if given.len() > CREATE_MAX {
        return Err(bad(format!("user.usernames holds more than {CREATE_MAX} names; send them in parts")));
    }
    let mut logins: Vec<LoginName> = Vec::with_capacity(given.len());
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for text in given {
        match hub.rules.newcomer(text) {
            Some(login) if seen.insert(login.clone()) => logins.push(login),
            Some(_) => {}
            None => wrong.push(shortened(text)),
        }
    }
    match wrong.as_slice() {
        [] => Ok(logins),
        [one] => Err(bad(format!("Invalid username: {one}"))),
        many => Err(bad(format!(
            "Invalid usernames: {}",
            many.iter().take(20).cloned().collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// Whether the body makes somebody an administrator, which only administrators may.
///
/// # Errors
/// 403.
pub fn admin_in(caller: &Caller, fields: &Map<String, Value>) -> Result<Option<bool>, Failure> {
    let admin = fields.get("admin").and_then(Value::as_bool);
    if admin == Some(true) && !caller.is_admin() {
        return Err(Failure::new(StatusCode::FORBIDDEN, "Only admins can grant admin permissions"));
    }
    Ok(admin)
}
