//! The same request once more, when nginx may not or cannot pass it on: answered as its client expects.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use hubgate_protocol::{Phase, ServerId};
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::check::{Asked, asked};
use crate::domain::decision::{Decision, Grant, Reason};
use crate::domain::entity::ServiceName;
use crate::domain::explain::{self, Cause};
use crate::domain::request::Traits;
use crate::domain::scope::{Base, Target, Verdict};
use crate::extract::visitor::login_url;
use crate::extract::{Principal, header_text, names, question_traits};
use crate::spawn::client::LOG_LINES;
use crate::state::Hub;

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage<'a> {
    frame: Frame,
    /// `OWNER` or `OWNER/SERVER`.
    target: String,
    cause: Cause,
    log: Vec<String>,
    next: &'a str,
}

/// The handler of `BASE/user/…` and `BASE/services/…`.
pub async fn fallback(hub: web::Data<Hub>, request: HttpRequest) -> HttpResponse {
    let traits = question_traits(&request);
    let uri = header_text(&request, &names::URI);
    let fail = |failure: Failure| {
        failure.as_page(traits.wants_html() && !traits.websocket(), &hub.config.base_url).error_response()
    };
    let (decision, principal) = match asked(&hub, &request) {
        Asked::Server(decision, principal) => (decision, principal),
        Asked::Service(name) => return fail(service(&hub, &request, &name, &traits)),
        Asked::Unslashed => return answer::moved(&slashed(uri)),
    };
    match decision {
        Decision::Login if traits.navigation() => answer::redirect(&login_url(&hub, uri)),
        Decision::Login => fail(Failure::new(StatusCode::UNAUTHORIZED, "Log in first.")),
        Decision::Refuse(reason) => fail(refusal(reason)),
        Decision::Allow(Grant { server, .. }) => fail(unreached(&hub, &request, &server)),
        Decision::NotRunning { server, phase } if traits.navigation() => {
            person(&hub, principal.as_ref(), &server, phase, uri).await
        }
        Decision::NotRunning { server, phase } => fail(program(&hub, &server, phase)),
    }
}

/// The same address with a slash behind its path.
fn slashed(uri: &str) -> String {
    match uri.split_once('?') {
        Some((path, query)) => format!("{path}/?{query}"),
        None => format!("{uri}/"),
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

/// A service that does not exist, or does not answer.
fn service(hub: &Hub, request: &HttpRequest, name: &ServiceName, traits: &Traits<'_>) -> Failure {
    if !traits.known_method() {
        return Failure::new(StatusCode::METHOD_NOT_ALLOWED, "Services do not know this method.");
    }
    let directory = hub.directory();
    if directory.service(name).and_then(|service| service.upstream()).is_none() {
        return Failure::new(StatusCode::NOT_FOUND, "There is no such service.");
    }
    if header_text(request, &names::FAILED).is_empty() {
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "The service has just come up.")
            .remedy("Try again.")
            .retry_after(1);
    }
    warn!("service {name} gave no usable answer");
    Failure::new(StatusCode::BAD_GATEWAY, "The service gave no usable answer.")
        .remedy("Try again in a moment. If it stays like this, tell the administrator.")
}

/// Allowed, and yet here: nginx got no answer from the server, or it came up between the two questions.
fn unreached(hub: &Hub, request: &HttpRequest, server: &ServerId) -> Failure {
    if header_text(request, &names::FAILED).is_empty() {
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "The server has just started.")
            .remedy("Try again.")
            .retry_after(1);
    }
    warn!("server {server} gave no usable answer, phase {:?}", hub.servers.phase(server));
    Failure::new(StatusCode::BAD_GATEWAY, "Your server runs but gave no usable answer.").remedy(
        "Reload the page. If it stays like this, stop the server on the home page and start it again.",
    )
}

/// A script or a forgotten tab: it is told to come back later and starts nothing.
fn program(hub: &Hub, server: &ServerId, phase: Phase) -> Failure {
    match phase {
        Phase::Starting | Phase::Stopping => {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "The server is not ready.").retry_after(3)
        }
        _ => {
            let restart = hub.url(&format!("/hub/spawn/{}", server.segments()));
            let sentence = format!("The server is not running. Restart it at {restart}");
            let status = match hub.config.use_legacy_stopped_server_status_code {
                true => StatusCode::SERVICE_UNAVAILABLE,
                false => StatusCode::FAILED_DEPENDENCY,
            };
            Failure::new(status, sentence).retry_after(30)
        }
    }
}

/// A person: to the progress page, to the spawn page, or told why it stopped.
async fn person(
    hub: &Hub,
    principal: Option<&Principal>,
    server: &ServerId,
    phase: Phase,
    uri: &str,
) -> HttpResponse {
    let directory = hub.directory();
    let may_start = principal.is_some_and(|who| {
        who.scopes.check(&Base::Servers, &Target::Server(server), &*directory) == Verdict::Held
    });
    if !may_start {
        return Failure::new(StatusCode::FAILED_DEPENDENCY, "This server is not running.")
            .remedy(format!("Ask {} to start it.", server.user))
            .as_page(true, &hub.config.base_url)
            .error_response();
    }
    let next = percent_encoding::utf8_percent_encode(uri, percent_encoding::NON_ALPHANUMERIC);
    let target = server.segments();
    match phase {
        Phase::Starting => answer::redirect(&hub.url(&format!("/hub/spawn-pending/{target}?next={next}"))),
        Phase::Failed => failed_page(hub, principal, server, uri).await,
        _ => answer::redirect(&hub.url(&format!("/hub/spawn/{target}?next={next}"))),
    }
}

/// Why the server stopped, what to do, and its own last words.
async fn failed_page(hub: &Hub, principal: Option<&Principal>, id: &ServerId, next: &str) -> HttpResponse {
    let log = hub.spawner.journal(id, LOG_LINES).await.unwrap_or_default();
    let session = principal.and_then(|who| who.session.as_deref());
    let frame =
        session.map_or_else(|| Frame::anonymous(&hub.config.base_url), |session| Frame::of(hub, session));
    let cause = explain::cause(hub.servers.status(id).exit.as_ref());
    answer::page(
        StatusCode::FAILED_DEPENDENCY,
        &FailedPage { frame, target: id.segments(), cause, log, next },
    )
}
