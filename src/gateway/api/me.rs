//! `GET /user`: who am I, and what may I do?

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::empty;
use crate::api::model::{Reader, api_id};
use crate::api::operation::Operation;
use crate::api::user::found;
use crate::domain::query::Query;
use crate::domain::scope::{Owner, ScopeSet, identify_scopes};
use crate::extract::{Asker, Caller};

/// The operation.
pub const OPERATIONS: &[Operation] = &[Operation {
    method: Method::GET,
    path: "/user",
    summary: "The user or service that makes the request, and the scopes of the request",
    scopes: &[],
    query: &[],
    body: None,
    responses: &[200, 403],
    route: || web::route().to(me),
}];

async fn me(asker: Asker, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let Asker(Some(caller)) = asker else { return Err(Failure::bare(StatusCode::FORBIDDEN)) };
    let mut scopes = (*caller.scopes).clone();
    scopes.union(&identify_scopes(&caller.owner));
    let with_stopped = Query::parse(request.query_string()).on("include_stopped_servers");
    let mut model = owner_model(&caller, &caller.owner, &scopes, with_stopped).await?;
    let token = caller.token.as_deref();
    let about = [
        ("token_id", json!(token.map(api_id))),
        ("session_id", json!(token.and_then(|token| token.session_id.as_deref()))),
        ("scopes", json!(caller.scopes.to_strings())),
    ];
    model.extend(about.map(|(key, value)| (key.to_owned(), value)));
    Ok(answer::json(StatusCode::OK, &model))
}

/// The user or service, as these scopes show it.
///
/// # Errors
/// 404 for one that has just been removed.
pub async fn owner_model(
    caller: &Caller,
    owner: &Owner,
    scopes: &ScopeSet,
    with_stopped: bool,
) -> Result<Map<String, Value>, Failure> {
    let reader = Reader { hub: &caller.hub, directory: &caller.directory, scopes };
    match owner {
        Owner::User(name) => {
            // Who has a live token or session is there.
            if let Some(model) = reader.user_in_memory(name) {
                return Ok(model);
            }
            let (user, servers) = found(&caller.hub, name).await?;
            Ok(reader.user(&user, &servers, with_stopped))
        }
        Owner::Service(name) => {
            let service = caller.directory.service(name);
            let admin = caller.directory.roles_of_service(name).contains("admin");
            service
                .map(|service| own(reader.service(service), admin))
                .ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND))
        }
    }
}

/// JupyterHub tells a service less of itself than it tells others: what the configuration alone holds is null here. But the role
/// `admin` makes it an administrator here alone.
fn own(mut model: Map<String, Value>, admin: bool) -> Map<String, Value> {
    for (key, value) in &mut model {
        if key == "admin" {
            *value = admin.into();
        }
        let untold = matches!(key.as_str(), "url" | "display") || (key == "info" && empty(value));
        if untold {
            *value = Value::Null;
        }
    }
    model
}
