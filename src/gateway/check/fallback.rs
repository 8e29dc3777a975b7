//! The same request once more, when nginx may not or cannot pass it on: answered as its client expects.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use hubgate_protocol::{Phase, ServerId};
use log::warn;

use crate::answer::cause::{self, Told};
use crate::answer::{self, Failure, Frame};
use crate::check::{Asked, asked};
use crate::domain::decision::{Decision, Grant, Reason};
use crate::domain::entity::ServiceName;
use crate::domain::next;
use crate::domain::request::Traits;
use crate::domain::scope::{Base, Target, Verdict};
use crate::extract::visitor::login_url;
use crate::extract::{Principal, header_text, names, question_traits};
use crate::spawn::client::LOG_LINES;
use crate::state::Hub;
use crate::words::Message;

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage<'a> {
    frame: Frame,
    /// `OWNER` or `OWNER/SERVER`.
    target: String,
    cause: Told,
    log: Vec<String>,
    /// Where the person goes then, encoded for a query.
    next: &'a str,
}

/// The handler of `BASE/user/…` and `BASE/services/…`.
pub async fn fallback(hub: web::Data<Hub>, request: HttpRequest) -> HttpResponse {
    let traits = question_traits(&request);
    let uri = header_text(&request, &names::URI);
    let fail = |failure: Failure| {
        failure.as_page(traits.wants_html() && !traits.websocket(), &hub.config).error_response()
    };
    let (decision, principal) = match asked(&hub, &request) {
        Asked::Server(decision, principal) => (decision, principal),
        Asked::Service(name) => return fail(service(&hub, &request, &name, &traits)),
        Asked::Unslashed => return answer::moved(&slashed(uri)),
    };
    match decision {
        Decision::Login if traits.navigation() => answer::redirect(&login_url(&hub, uri)),
        Decision::Login => fail(Failure::new(StatusCode::UNAUTHORIZED, Message::new("error-log-in-first"))),
        Decision::Refuse(reason) => fail(refusal(reason)),
        Decision::Explain { server } if traits.navigation() => {
            answer::redirect(&enter_url(&hub, &server, uri))
        }
        Decision::Explain { .. } => fail(Failure::new(StatusCode::FORBIDDEN, Message::new("enter-first"))),
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

/// Where somebody says why they enter a server, to come back to `next`.
fn enter_url(hub: &Hub, server: &ServerId, next: &str) -> String {
    let next = next::in_query(next);
    hub.url(&format!("/hub/admin/enter/{}?next={next}", server.segments()))
}

fn refusal(reason: Reason) -> Failure {
    match reason {
        Reason::BadPath => Failure::new(StatusCode::BAD_REQUEST, Message::new("error-path"))
            .remedy(Message::new("error-path-remedy")),
        Reason::BadMethod => {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, Message::new("error-method-server"))
                .remedy(Message::new("error-method-remedy"))
        }
        Reason::Foreign => Failure::new(StatusCode::FORBIDDEN, Message::new("error-foreign"))
            .remedy(Message::new("error-foreign-remedy")),
        Reason::NotYours => Failure::new(StatusCode::FORBIDDEN, Message::new("error-not-yours"))
            .remedy(Message::new("error-not-yours-remedy")),
    }
}

/// A service that does not exist, or does not answer.
fn service(hub: &Hub, request: &HttpRequest, name: &ServiceName, traits: &Traits<'_>) -> Failure {
    if !traits.known_method() {
        return Failure::new(StatusCode::METHOD_NOT_ALLOWED, Message::new("error-method-service"))
            .remedy(Message::new("error-method-remedy"));
    }
    let directory = hub.directory();
    if directory.service(name).and_then(|service| service.upstream()).is_none() {
        return Failure::new(StatusCode::NOT_FOUND, Message::new("error-no-service"));
    }
    if header_text(request, &names::FAILED).is_empty() {
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, Message::new("error-service-up"))
            .remedy(Message::new("error-again"))
            .retry_after(1);
    }
    warn!("service {name} gave no usable answer");
    Failure::new(StatusCode::BAD_GATEWAY, Message::new("error-service-silent"))
        .remedy(Message::new("error-again-later"))
}

/// Allowed, and yet here: nginx got no answer from the server, or it came up between the two questions.
fn unreached(hub: &Hub, request: &HttpRequest, server: &ServerId) -> Failure {
    if header_text(request, &names::FAILED).is_empty() {
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, Message::new("error-server-up"))
            .remedy(Message::new("error-again"))
            .retry_after(1);
    }
    warn!("server {server} gave no usable answer, phase {:?}", hub.servers.phase(server));
    Failure::new(StatusCode::BAD_GATEWAY, Message::new("error-server-silent"))
        .remedy(Message::new("error-server-silent-remedy"))
}

/// A script or a forgotten tab: it is told to come back later and starts nothing.
fn program(hub: &Hub, server: &ServerId, phase: Phase) -> Failure {
    match phase {
        Phase::Starting | Phase::Stopping => {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, Message::new("error-server-starting"))
                .retry_after(3)
        }
        _ => {
            let restart = hub.url(&format!("/hub/spawn/{}", server.segments()));
            let status = match hub.config.use_legacy_stopped_server_status_code {
                true => StatusCode::SERVICE_UNAVAILABLE,
                false => StatusCode::FAILED_DEPENDENCY,
            };
            Failure::new(status, Message::new("error-server-stopped").with("page", restart)).retry_after(30)
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
        return Failure::new(StatusCode::FAILED_DEPENDENCY, Message::new("error-server-of-other"))
            .remedy(Message::new("error-server-of-other-remedy").with("owner", &server.user))
            .as_page(true, &hub.config)
            .error_response();
    }
    let next = next::in_query(uri);
    let target = server.segments();
    match phase {
        Phase::Starting => answer::redirect(&hub.url(&format!("/hub/spawn-pending/{target}?next={next}"))),
        Phase::Failed => failed_page(hub, server, &next).await,
        _ => answer::redirect(&hub.url(&format!("/hub/spawn/{target}?next={next}"))),
    }
}

/// Why the server stopped, what to do, and its own last words. The page stands below the server's own path, where a service
/// worker of that server may read it: it holds no token, and what starts the server is a link.
async fn failed_page(hub: &Hub, id: &ServerId, next: &str) -> HttpResponse {
    let log = hub.spawner.journal(id, LOG_LINES).await.unwrap_or_default();
    let cause = cause::told(hub.servers.status(id).exit.as_ref(), &log);
    let page = FailedPage { frame: Frame::anonymous(&hub.config), target: id.segments(), cause, log, next };
    answer::page(StatusCode::FAILED_DEPENDENCY, &page)
}
