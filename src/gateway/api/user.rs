//! `/users/NAME`: one user, read, made, changed and removed.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::{LoginName, Phase, Username};
use log::{info, warn};
use serde_json::{Map, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad, checked, empty, shortened};
use crate::api::model::{Reader, active};
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::standing::Changes;
use crate::api::stored::{self, audited};
use crate::api::users::{WITH_STOPPED, admin_in, newcomer};
use crate::domain::audit::Action;
use crate::domain::query::Query;
use crate::domain::scope::{Base, Owner, Target};
use crate::extract::Caller;
use crate::state::{Hub, starts};
use crate::store::servers::{self, Server};
use crate::store::{User, sessions, standing, tokens, users};

/// Scopes of which each shows something of a user.
const READ: &[Base] = &[
    Base::ReadUsers,
    Base::ReadUsersName,
    Base::ReadServers,
    Base::ReadUsersGroups,
    Base::ReadUsersActivity,
    Base::ReadRolesUsers,
];

const FIELDS: Fields = Fields {
    of: "user",
    closed: true,
    fields: &[
        Field::new("name", Kind::Text),
        Field::new("admin", Kind::Boolean),
        Field::new("groups", Kind::Texts),
        Field::new("roles", Kind::Texts),
        Field::new("auth_state", Kind::Object),
    ],
};

/// What may be changed: JupyterHub's fields, and those of [`Changes`].
const CHANGE: Fields = Fields {
    of: "user",
    closed: true,
    fields: &[
        Field::new("name", Kind::Text),
        Field::new("admin", Kind::Boolean),
        Field::new("groups", Kind::Texts),
        Field::new("roles", Kind::Texts),
        Field::new("auth_state", Kind::Object),
        Field::new("login_name", Kind::Text).or_null(),
        Field::new("display_name", Kind::Text).or_null(),
        Field::new("disabled", Kind::Boolean),
        Field::new("expires_at", Kind::Time).or_null(),
        Field::new("estranged", Kind::Boolean),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/users/{name}",
        summary: "One user",
        scopes: READ,
        query: &[WITH_STOPPED],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(read),
    },
    Operation {
        method: Method::POST,
        path: "/users/{name}",
        summary: "Create a user",
        scopes: &[Base::AdminUsers],
        query: &[],
        body: Some(FIELDS),
        responses: &[201, 400, 403, 404, 409],
        route: || web::route().to(create),
    },
    Operation {
        method: Method::PATCH,
        path: "/users/{name}",
        summary: "Rename a user, make them an administrator, lock them out or let them expire",
        scopes: &[Base::AdminUsers],
        query: &[],
        body: Some(CHANGE),
        responses: &[200, 400, 403, 404, 409],
        route: || web::route().to(change),
    },
    Operation {
        method: Method::DELETE,
        path: "/users/{name}",
        summary: "Stop a user's servers and remove the user",
        scopes: &[Base::DeleteUsers],
        query: &[],
        body: None,
        responses: &[204, 400, 403, 404],
        route: || web::route().to(remove),
    },
];

async fn read(
    caller: Caller,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let name = caller.user(READ, &name)?;
    let (user, servers) = found(&caller.hub, &name).await?;
    let with_stopped = Query::parse(request.query_string()).on(WITH_STOPPED.name);
    Ok(answer::json(StatusCode::OK, &model(&caller, &user, &servers, with_stopped)))
}

async fn create(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let wanted = name.into_inner();
    let failed = || bad(format!("Failed to create user: {}", shortened(&wanted)));
    let Some(login) = caller.hub.rules.login(&wanted) else {
        // Who may make anybody learns what is wrong with the name.
        let unseen = || caller.user(&[Base::AdminUsers], &wanted).err().unwrap_or_else(failed);
        return Err(if caller.may(&Base::AdminUsers, &Target::Any) { failed() } else { unseen() });
    };
    let name = login.id();
    caller.require(&[Base::AdminUsers], &Target::User(&name))?;
    caller.require_proof()?;
    let body = body.json()?.filter(|body| !empty(body));
    let taken = |name: &Username| Failure::new(StatusCode::CONFLICT, format!("User {name} already exists"));
    if found(&caller.hub, &name).await.is_ok() {
        return Err(taken(&name));
    }
    let fields = body.map(|body| checked(body, &FIELDS)).transpose()?.unwrap_or_default();
    let admin = admin_in(&caller, &fields)?.unwrap_or(false);
    let new = newcomer(login, admin, caller.hub.clock.now_s());
    let user = stored::write(&caller.hub, move |c| {
        if users::by_name(c, &new.name)?.is_some() {
            return Ok(Err(taken(&new.name)));
        }
        users::insert(c, &new)?;
        Ok(users::by_name(c, &new.name)?.ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND)))
    })
    .await?;
    info!("user created={name} by={}", caller.name());
    audited(&caller.hub, Action::UserAdded, name.as_str(), json!({ "admin": admin })).await?;
    Ok(answer::json(StatusCode::CREATED, &model(&caller, &user, &[], false)))
}

async fn change(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let (user, servers) = alter(&caller, &name, body.json()?.unwrap_or_default()).await?;
    let mut model = model(&caller, &user, &servers, false);
    model.insert("auth_state".to_owned(), Value::Null);
    Ok(answer::json(StatusCode::OK, &model))
}

/// Changes a user to what these fields say, as far as the caller may.
///
/// # Errors
/// As the operation answers them.
pub async fn alter(caller: &Caller, name: &str, fields: Value) -> Result<(User, Vec<Server>), Failure> {
    let name = caller.user(&[Base::AdminUsers], name)?;
    caller.require_proof()?;
    let (user, servers) = found(&caller.hub, &name).await?;
    let fields = checked(fields, &CHANGE)?;
    let what = json!({ "of": name.as_str(), "to": fields.clone() });
    let new_name = new_name(&caller.hub, &user, &fields)?;
    if let Some(kept_elsewhere) =
        ["groups", "roles", "auth_state"].iter().find(|key| fields.contains_key(**key))
    {
        return Err(bad(elsewhere(kept_elsewhere)));
    }
    if caller.directory.is_admin(&name) && !caller.is_admin() {
        return Err(Failure::new(StatusCode::FORBIDDEN, "Only admins can modify other admins"));
    }
    let admin = admin_in(caller, &fields)?;
    let changes = Changes::read(caller, &name, &fields)?;
    let asked = new_name.as_ref().map_or_else(|| name.clone(), LoginName::id);
    let ended = new_name.as_ref().map(|_| caller.hub.tokens.of(&Owner::User(name.clone())));
    let ended: Vec<i64> = ended.unwrap_or_default().iter().map(|token| token.id).collect();
    let user = stored::write(&caller.hub, move |c| {
        if let Some(login) = &new_name {
            let new = &login.id();
            if users::by_name(c, new)?.is_some() {
                return Ok(Err(bad(format!("User {new} already exists, username must be unique"))));
            }
            // Whoever was logged in was so as the account of the old name; the new name may be another account's.
            sessions::delete_of_user(c, user.id)?;
            tokens::delete(c, &ended)?;
            users::rename(c, &name, new)?;
            // A login name that was given stays; one that the old name was made of does not.
            let given = user.standing.login.filter(|login| login.id() != name);
            standing::set_login(c, new, Some(given.as_ref().unwrap_or(login)))?;
        }
        changes.apply(c, &asked)?;
        if let Some(admin) = admin {
            users::set_admin(c, &asked, admin)?;
        }
        Ok(users::by_name(c, &asked)?.ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND)))
    })
    .await?;
    info!("user changed={} by={}", user.name, caller.name());
    audited(&caller.hub, Action::UserChanged, user.name.as_str(), what).await?;
    Ok((user, servers))
}

/// The name that a user is to get, where it is another one.
fn new_name(hub: &Hub, user: &User, fields: &Map<String, Value>) -> Result<Option<LoginName>, Failure> {
    let Some(text) = fields.get("name").and_then(Value::as_str) else { return Ok(None) };
    let invalid = || bad(format!("Invalid username: {}", shortened(text)));
    if text == user.name.as_str() {
        return Ok(None);
    }
    let name = hub.rules.newcomer(text).ok_or_else(invalid)?;
    if name.id() == user.name {
        return Ok(None);
    }
    if hub.servers.of(&user.name).iter().any(|status| active(status.phase)) {
        return Err(bad(format!("{} has servers that run; stop them before the name is changed", user.name)));
    }
    Ok(Some(name))
}

fn elsewhere(key: &str) -> String {
    match key {
        "groups" => "user.groups cannot be set here; use /groups/NAME/users".to_owned(),
        "roles" => {
            "user.roles cannot be set here; roles are given by load_roles in the configuration".to_owned()
        }
        key => format!("user.{key} is not kept by this hub"),
    }
}

async fn remove(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    end(&caller, &name).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// Stops a user's servers and removes the user, as far as the caller may.
///
/// # Errors
/// As the operation answers them.
pub async fn end(caller: &Caller, name: &str) -> Result<(), Failure> {
    let name = caller.user(&[Base::DeleteUsers], name)?;
    caller.require_proof()?;
    found(&caller.hub, &name).await?;
    if caller.name() == name.as_str() {
        return Err(bad("Cannot delete yourself!"));
    }
    let stopping = || bad(format!("{name}'s server is in the process of stopping, please wait."));
    let hub = &caller.hub;
    for status in hub.servers.of(&name).iter().filter(|status| active(status.phase)) {
        if status.phase == Phase::Stopping {
            return Err(stopping());
        }
        starts::stop(hub, &status.id()).await.map_err(|error| {
            warn!("user={name} is not removed: {error}");
            Failure::unavailable()
        })?;
    }
    let patience = Duration::from_secs(hub.config.slow_stop_timeout.into());
    for status in hub.servers.of(&name) {
        let now = hub.servers.wait(&status.id(), patience, |now| !active(now.phase)).await;
        if active(now.phase) {
            return Err(stopping());
        }
    }
    let gone = name.clone();
    stored::write(hub, move |c| users::delete(c, &gone).map(Ok)).await?;
    info!("user removed={name} by={}", caller.name());
    audited(hub, Action::UserDeleted, name.as_str(), Value::Null).await?;
    Ok(())
}

/// A user with the servers that are known.
///
/// # Errors
/// 404 where there is no such user.
pub async fn found(hub: &Hub, name: &Username) -> Result<(User, Vec<Server>), Failure> {
    let asked = name.clone();
    let found = stored::read(hub, move |c| {
        let Some(user) = users::by_name(c, &asked)? else { return Ok(None) };
        let servers = servers::of_user(c, user.id)?;
        Ok(Some((user, servers)))
    });
    found.await?.ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND))
}

fn model(caller: &Caller, user: &User, servers: &[Server], with_stopped: bool) -> Map<String, Value> {
    let directory = caller.hub.directory();
    let reader = Reader { hub: &caller.hub, directory: &directory, scopes: &caller.scopes };
    reader.user(user, servers, with_stopped)
}
