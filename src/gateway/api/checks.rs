//! `GET /checks`: whether what the hub stands on is well, hubgate's own operation.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::answer::{self, Failure};
use crate::api::operation::Operation;
use crate::domain::scope::{Base, Target};
use crate::extract::Caller;
use crate::state::health;
use crate::words::Language;

/// The operation.
pub const OPERATIONS: &[Operation] = &[Operation {
    method: Method::GET,
    path: "/checks",
    summary: "Whether database, spawner, services, disk, key and certificate are well; versions, and when nginx asked last",
    scopes: &[Base::ReadHub],
    query: &[],
    body: None,
    responses: &[200, 403],
    route: || web::route().to(list),
}];

async fn list(caller: Caller) -> Result<HttpResponse, Failure> {
    caller.require(&[Base::ReadHub], &Target::Any)?;
    let all = health::checks(&caller.hub).await;
    let model = |one: &health::Check| {
        let trouble = one.trouble.as_ref().map(|trouble| trouble.in_language(Language::default()));
        let detail = one.detail.as_ref().map(|detail| detail.in_language(Language::default()));
        json!({ "name": one.name, "well": trouble.is_none(), "trouble": trouble, "detail": detail })
    };
    Ok(answer::json(StatusCode::OK, &all.iter().map(model).collect::<Vec<_>>()))
}
