//! JupyterHub's models of shares and share codes, and what bodies about them hold.

use actix_web::http::StatusCode;
use hubgate_protocol::{Phase, ServerId};
use serde_json::{Map, Value, json};

use crate::answer::Failure;
use crate::api::body::{bad, checked};
use crate::api::operation::Fields;
use crate::domain::scope::{Base, Filter, Scope, ScopeFilter, Target, server_text};
use crate::domain::time::iso;
use crate::extract::Caller;
use crate::state::Hub;
use crate::store::share_codes::ShareCode;
use crate::store::shares::{Share, With};

/// A server as those see it with whom it is shared.
#[must_use]
pub fn server(hub: &Hub, id: &ServerId) -> Value {
    let url = hub.server_path(id);
    json!({
        "user": { "name": id.user },
        "name": id.server,
        "full_url": hub.public(&url),
        "url": url,
        "ready": hub.servers.status(id).phase == Phase::Running,
    })
}

/// A share.
#[must_use]
pub fn share(hub: &Hub, share: &Share) -> Value {
    let (kind, user, group) = match &share.with {
        With::User(name) => ("user", json!({ "name": name }), Value::Null),
        With::Group(name) => ("group", Value::Null, json!({ "name": name })),
    };
    json!({
        "server": server(hub, &share.server),
        "scopes": texts(&share.scopes),
        "user": user,
        "group": group,
        "kind": kind,
        "created_at": iso(share.created_us),
    })
}

/// A code, less its text.
#[must_use]
pub fn code(hub: &Hub, code: &ShareCode) -> Value {
    json!({
        "server": server(hub, &code.server),
        "scopes": texts(&code.scopes),
        "id": format!("sc_{}", code.id),
        "created_at": iso(code.created_us),
        "expires_at": iso(code.expires_us),
        "exchange_count": code.exchange_count,
        "last_exchanged_at": code.last_exchanged_us.map(iso),
    })
}

fn texts(scopes: &[Scope]) -> Vec<String> {
    let mut texts: Vec<String> = scopes.iter().map(Scope::to_string).collect();
    texts.sort_unstable();
    texts
}

/// The fields of a body; none for no body at all.
///
/// # Errors
/// 400, with the field named.
pub fn fields(body: Option<Value>, fields: &Fields) -> Result<Map<String, Value>, Failure> {
    match body {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Array(list)) if list.is_empty() => Ok(Map::new()),
        Some(value) => checked(value, fields),
    }
}

/// The scopes that a body names, as they are written; `None` for none.
///
/// # Errors
/// 400 for one that does not exist.
pub fn named(caller: &Caller, fields: &Map<String, Value>) -> Result<Option<Vec<Scope>>, Failure> {
    let Some(list) = fields.get("scopes").and_then(Value::as_array).filter(|list| !list.is_empty()) else {
        return Ok(None);
    };
    let read =
        |text: &str| Scope::read(text, caller.directory.custom()).map_err(|error| bad(error.to_string()));
    list.iter().filter_map(Value::as_str).map(read).collect::<Result<_, _>>().map(Some)
}

/// What is shared of a server: the scopes that a body names, narrowed to it, or access to it.
///
/// # Errors
/// 400 for a scope that does not exist or is about something else.
pub fn narrowed(caller: &Caller, fields: &Map<String, Value>, id: &ServerId) -> Result<Vec<Scope>, Failure> {
    let own = Filter::Server(id.clone());
    let Some(named) = named(caller, fields)? else { return Ok(vec![Scope::of(Base::AccessServers, own)]) };
    let mut scopes = Vec::new();
    for scope in named {
        match &scope.filter {
            None => {}
            Some(ScopeFilter::Of(filter)) if *filter == own => {}
            Some(_) => {
                let text = scope.to_string();
                let filter = text.split_once('!').map_or("", |(_, filter)| filter);
                let only = server_text(id);
                return Err(bad(format!("!{filter} not allowed on sharing {text}, only !server={only}")));
            }
        }
        let scope = Scope::of(scope.base, own.clone());
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// Refuses a caller who would share more than they hold.
///
/// # Errors
/// 403.
pub fn grantable(caller: &Caller, scopes: &[Scope], id: &ServerId) -> Result<(), Failure> {
    match scopes.iter().find(|scope| !caller.may(&scope.base, &Target::Server(id))) {
        None => Ok(()),
        Some(scope) => {
            let sentence = format!("Do not have permission to grant share with scope {scope}");
            Err(Failure::new(StatusCode::FORBIDDEN, sentence))
        }
    }
}
