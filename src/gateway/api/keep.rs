//! `POST /users/NAME/server/keep`: a server that would be stopped because nobody uses it stays for a while.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use log::error;
use serde_json::{Value, json};

use crate::answer::{self, Failure};
use crate::api::addressed::{Addressed, ServerPath};
use crate::api::body::{Body, bad};
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::domain::scope::Base;
use crate::domain::time;
use crate::extract::Caller;
use crate::state::audit::acting;
use crate::state::culling::{self, KeepError};
use crate::words::Message;

/// The operations.
pub const OPERATIONS: &[Operation] =
    &[post("/users/{name}/server/keep"), post("/users/{name}/servers/{server_name}/keep")];

const FIELDS: Fields = Fields { of: "keep", closed: true, fields: &[Field::new("hours", Kind::Integer)] };

const fn post(path: &'static str) -> Operation {
    Operation {
        method: Method::POST,
        path,
        summary: "Keep a running server although nobody uses it, for cull_keep_hours_max hours at most",
        scopes: &[Base::StartServers],
        query: &[],
        body: Some(FIELDS),
        responses: &[200, 400, 403, 404, 409],
        route: || web::route().to(keep),
    }
}

async fn keep(caller: Caller, path: web::Path<ServerPath>, body: Body) -> Result<HttpResponse, Failure> {
    let addressed = Addressed::of(&caller, &[Base::StartServers], path.into_inner()).await?;
    let (id, _) = addressed.known().ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND))?;
    let hours = body.object(&FIELDS)?.and_then(|fields| fields.get("hours").and_then(Value::as_i64));
    if hours.is_some_and(|hours| hours < 1) {
        return Err(bad("keep.hours must be 1 or more"));
    }
    let asked_s = hours.map_or(i64::MAX, |hours| hours.saturating_mul(3600));
    let until_s = culling::keep(&caller.hub, &id, asked_s, acting()).await.map_err(|error| told(&error))?;
    let until = time::iso(until_s.saturating_mul(1_000_000));
    Ok(answer::json(StatusCode::OK, &json!({ "kept_until": until })))
}

/// What people and programs are told of a server that cannot be kept.
#[must_use]
pub fn told(fault: &KeepError) -> Failure {
    match fault {
        KeepError::Off => Failure::new(StatusCode::FORBIDDEN, Message::new("cull-keep-off"))
            .remedy(Message::new("cull-keep-off-remedy")),
        KeepError::NotRunning => Failure::new(StatusCode::CONFLICT, Message::new("cull-keep-stopped"))
            .remedy(Message::new("cull-keep-stopped-remedy")),
        KeepError::Store(fault) => {
            error!("a server could not be kept: {fault}");
            Failure::unavailable()
        }
    }
}
