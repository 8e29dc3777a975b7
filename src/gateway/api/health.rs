//! `/hub/health` and `/hub/api/health`: for monitors and for the wait at start.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};

use crate::answer;
use crate::api::operation::Operation;

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/health",
        summary: "Whether the gateway answers",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[200],
        route: || web::route().to(health),
    },
    Operation {
        method: Method::HEAD,
        path: "/health",
        summary: "Whether the gateway answers",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[200],
        route: || web::route().to(health),
    },
];

/// The handler. It says nothing that a stranger could use.
pub async fn health() -> HttpResponse {
    answer::program(StatusCode::OK).content_type("text/html; charset=UTF-8").finish()
}
