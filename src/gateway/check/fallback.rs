//! The same request once more, when nginx may not or cannot pass it on: answered as its client expects.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use hubgate_protocol::{Phase, ServerId, Username};

use crate::answer::{self, Failure, Frame};
use crate::check::decide_request;
use crate::domain::decision::{Decision, Grant, Reason};
use crate::domain::explain::{self, Cause};
use crate::extract::visitor::login_url;
use crate::extract::{header_text, names, question_traits};
use crate::spawn::client::LOG_LINES;
use crate::state::{Hub, Session};

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage<'a> {
    frame: Frame,
    owner: &'a str,
    cause: Cause,
    log: Vec<String>,
    next: &'a str,
}

/// The handler of `BASE/user/…`.
pub async fn fallback(hub: web::Data<Hub>, request: HttpRequest) -> HttpResponse {
    let (decision, session) = decide_request(&hub, &request);
    let traits = question_traits(&request);
    let uri = header_text(&request, &names::URI);
    let fail = |failure: Failure| {
        failure.as_page(traits.wants_html() && !traits.websocket(), &hub.config.base_url).error_response()
    };
    match decision {
        Decision::Login if traits.navigation() => answer::redirect(&login_url(&hub, uri)),
        Decision::Login => fail(Failure::new(StatusCode::UNAUTHORIZED, "Log in first.")),
        Decision::Refuse(reason) => fail(refusal(reason)),
        Decision::Allow(Grant { owner, .. }) => fail(unreached(&hub, &request, &owner)),
        Decision::NotRunning { owner, phase } if traits.navigation() => {
            person(&hub, session.as_deref(), &owner, phase, uri).await
        }
        Decision::NotRunning { phase, .. } => fail(program(phase)),
    }
}

fn refusal(reason: Reason) -> Failure {
    match reason {
        Reason::BadPath => Failure::new(StatusCode::BAD_REQUEST, "The address is not in its plain form.")
            .remedy("Check the address: user names are written in lower case, without escapes."),
        Reason::BadMethod => Failure::new(StatusCode::METHOD_NOT_ALLOWED, "Servers do not know this method."),
        Reason::Foreign => Failure::new(
            StatusCode::FORBIDDEN,
            "This request was sent by another site, or its Origin is not ours.",
        ),
        Reason::NotYours => Failure::new(StatusCode::FORBIDDEN, "You may not use this server.")
            .remedy("Ask its owner to share it, or open your own server."),
    }
}

/// Allowed, and yet here: nginx got no answer from the server, or it came up between the two questions.
fn unreached(hub: &Hub, request: &HttpRequest, owner: &Username) -> Failure {
    if header_text(request, &names::FAILED).is_empty() {
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "The server has just started.")
            .remedy("Try again.")
            .retry_after(1);
    }
    log::warn!("server of {owner} gave no usable answer, phase {:?}", hub.servers.phase(owner));
    Failure::new(StatusCode::BAD_GATEWAY, "Your server runs but gave no usable answer.").remedy(
        "Reload the page. If it stays like this, stop the server on the home page and start it again.",
    )
}

/// A script or a forgotten tab: it is told to come back later and starts nothing.
fn program(phase: Phase) -> Failure {
    match phase {
        Phase::Starting | Phase::Stopping => {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "The server is not ready.").retry_after(3)
        }
        _ => Failure::new(StatusCode::FAILED_DEPENDENCY, "The server is not running.").retry_after(30),
    }
}

/// A person: to the progress page, to the spawn page, or told why it stopped.
async fn person(
    hub: &Hub,
    session: Option<&Session>,
    owner: &Username,
    phase: Phase,
    uri: &str,
) -> HttpResponse {
    let next = percent_encoding::utf8_percent_encode(uri, percent_encoding::NON_ALPHANUMERIC);
    match phase {
        Phase::Starting => answer::redirect(&hub.url(&format!("/hub/spawn-pending/{owner}?next={next}"))),
        Phase::Failed => failed_page(hub, session, owner, uri).await,
        _ => answer::redirect(&hub.url(&format!("/hub/spawn/{owner}?next={next}"))),
    }
}

/// Why the server stopped, what to do, and its own last words.
pub async fn failed_page(hub: &Hub, session: Option<&Session>, owner: &Username, next: &str) -> HttpResponse {
    let id = ServerId::default_of(owner.clone());
    let log = hub.spawner.journal(&id, LOG_LINES).await.unwrap_or_default();
    let frame =
        session.map_or_else(|| Frame::anonymous(&hub.config.base_url), |session| Frame::of(hub, session));
    let cause = explain::cause(hub.servers.status(&id).exit.as_ref());
    answer::page(
        StatusCode::FAILED_DEPENDENCY,
        &FailedPage { frame, owner: owner.as_str(), cause, log, next },
    )
}
