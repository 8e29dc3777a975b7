//! `/users/NAME/sessions`: where a user is logged in, and how somebody who administers users ends that. JupyterHub has no such.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::Username;
use log::{info, warn};
use serde_json::{Value, json};

use crate::answer::{self, Failure};
use crate::api::operation::Operation;
use crate::api::user::found;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::scope::{Base, Owner, Target};
use crate::domain::time::iso;
use crate::extract::{Caller, Peer, actor};
use crate::state::{Session, logins};
use crate::words::Message;

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/users/{name}/sessions",
        summary: "Where a user is logged in by a browser",
        scopes: &[Base::AdminUsers],
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(list),
    },
    Operation {
        method: Method::DELETE,
        path: "/users/{name}/sessions",
        summary: "End all sessions of a user",
        scopes: &[Base::AdminUsers],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(end_all),
    },
    Operation {
        method: Method::DELETE,
        path: "/users/{name}/sessions/{session_id}",
        summary: "End one session of a user",
        scopes: &[Base::AdminUsers],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(end_one),
    },
];

async fn list(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let user = caller.user(&[Base::AdminUsers], &name)?;
    found(&caller.hub, &user).await?;
    let open = caller.hub.sessions.of(&user, caller.hub.clock.now_s());
    let models: Vec<Value> = open.iter().map(|session| model(session)).collect();
    Ok(answer::json(StatusCode::OK, &json!({ "sessions": models })))
}

fn model(session: &Session) -> Value {
    let time = |at_s: i64| iso(at_s.saturating_mul(1_000_000));
    json!({
        "id": session.public_id,
        "created": time(session.created_s),
        "last_activity": time(session.last_seen_s()),
        "address": session.origin.address,
        "user_agent": session.origin.device,
        "method": session.origin.method,
    })
}

async fn end_all(
    caller: Caller,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let user = owner(&caller, &name).await?;
    end_of(&caller, &user, None, by(&caller, &request)).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

async fn end_one(
    caller: Caller,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let user = owner(&caller, &path.0).await?;
    end_of(&caller, &user, Some(&path.1), by(&caller, &request)).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// Whoever calls, for the audit log.
fn by(caller: &Caller, request: &HttpRequest) -> Actor {
    match (&caller.owner, &caller.session) {
        (_, Some(session)) => actor(request, session),
        (Owner::User(name), None) => {
            let address = Some(Peer::of(request).0.addr);
            Actor::User { name: name.clone(), address, session: String::new() }
        }
        (Owner::Service(name), None) => Actor::Service(name.to_string()),
    }
}

/// Whether the caller may see where a user is logged in.
#[must_use]
pub fn seen(caller: &Caller, user: &Username) -> bool {
    caller.may(&Base::AdminUsers, &Target::User(user))
}

/// The user of that name, if the caller may end their sessions.
///
/// # Errors
/// As [`Caller::user`]; 404 for nobody; 403 where the user is an administrator and the caller is none.
pub async fn owner(caller: &Caller, name: &str) -> Result<Username, Failure> {
    let user = caller.user(&[Base::AdminUsers], name)?;
    found(&caller.hub, &user).await?;
    if caller.directory.is_admin(&user) && !caller.is_admin() {
        return Err(Failure::new(StatusCode::FORBIDDEN, "Only admins can modify other admins"));
    }
    Ok(user)
}

/// Ends one session of a user, or all: at once, with their websockets and the tokens of these logins.
///
/// # Errors
/// 404 where there is none of that id; 503 when they are ended but it cannot be written down.
pub async fn end_of(caller: &Caller, user: &Username, id: Option<&str>, by: Actor) -> Result<(), Failure> {
    let mut open = caller.hub.sessions.of(user, caller.hub.clock.now_s());
    if let Some(id) = id {
        open.retain(|session| session.public_id == id);
        if open.is_empty() {
            return Err(Failure::new(StatusCode::NOT_FOUND, Message::new("session-missing")));
        }
    }
    for session in &open {
        logins::end(&caller.hub, session).await.map_err(|error| {
            warn!("a session is ended but it is not written down: {error}");
            Failure::unavailable()
        })?;
    }
    info!("sessions ended={} of={user} by={}", open.len(), caller.name());
    let ids: Vec<&str> = open.iter().map(|session| session.public_id.as_str()).collect();
    caller.hub.audit(&Event::new(by, Action::SessionEnded, user).with("sessions", ids));
    Ok(())
}
