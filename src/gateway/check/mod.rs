//! The question that nginx asks before every request to a user's server, and the answer for those it may not let through.

pub mod auth;
pub mod fallback;

use std::sync::Arc;

use actix_web::HttpRequest;

use crate::domain::decision::{Decision, Question, decide};
use crate::domain::path;
use crate::extract::{header_text, names, question_traits, session_of};
use crate::state::{Hub, Session};

/// Reads the question out of nginx's headers and decides it. A missing header is an empty one, and refused.
fn decide_request(hub: &Hub, request: &HttpRequest) -> (Decision, Option<Arc<Session>>) {
    let raw = header_text(request, &names::URI);
    let normalised = request
        .headers()
        .get(&names::NORMALIZED)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let owner = path::owner(&hub.config.base_url, raw, normalised.unwrap_or_default());
    let session = session_of(hub, request);
    let question = Question { owner, traits: question_traits(request) };
    let decision =
        decide(&question, session.as_deref().map(|session| &session.user), |owner| hub.servers.phase(owner));
    (decision, session)
}
