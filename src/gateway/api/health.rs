//! `GET /hub/health`: one word for monitors and for the wait at start.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use crate::answer;

/// The handler. It says nothing that a stranger could use.
pub async fn health() -> HttpResponse {
    answer::guarded(StatusCode::OK).content_type("text/plain; charset=utf-8").body("ok\n")
}
