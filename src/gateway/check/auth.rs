//! `GET /auth`: answered from memory. No database, no bus, no lock across an await.

use std::sync::atomic::Ordering;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use log::info;

use crate::check::{Asked, asked};
use crate::config::Flavour;
use crate::domain::cookie;
use crate::domain::decision::{Decision, Grant};
use crate::domain::entity::ServiceName;
use crate::domain::request_log;
use crate::domain::scope::{Client, Owner};
use crate::extract::{Peer, Principal, header_text, names, question_traits};
use crate::state::Hub;
use crate::state::entries;
use crate::state::uplinks::{Uplink, Via};

const UPSTREAM: HeaderName = HeaderName::from_static("x-hubgate-upstream");
const USER: HeaderName = HeaderName::from_static("x-hubgate-user");
const OWNER: HeaderName = HeaderName::from_static("x-hubgate-owner");
const PATH: HeaderName = HeaderName::from_static("x-hubgate-path");
const COOKIE: HeaderName = HeaderName::from_static("x-hubgate-cookie");
const AUTHORIZATION: HeaderName = HeaderName::from_static("x-hubgate-authorization");
const CREDENTIAL: HeaderName = HeaderName::from_static("x-hubgate-credential");
const REASON: HeaderName = HeaderName::from_static("x-hubgate-reason");

/// The handler. nginx understands 2xx, 401 and 403 here; every other status would become a 500.
pub async fn auth(hub: web::Data<Hub>, request: HttpRequest) -> HttpResponse {
    hub.asked_s.store(hub.clock.now_s(), Ordering::Relaxed);
    match asked(&hub, &request) {
        Asked::Unslashed => refused(StatusCode::FORBIDDEN, "no-slash"),
        Asked::Service(name) => service(&hub, &request, &name),
        Asked::Server(decision, principal) => server(&hub, &request, decision, principal),
    }
}

fn server(
    hub: &Hub,
    request: &HttpRequest,
    decision: Decision,
    principal: Option<Principal>,
) -> HttpResponse {
    match (decision, principal) {
        (Decision::Allow(grant), Some(principal)) => {
            if grant.websocket {
                hub.uplinks.add(uplink(&grant, &principal), Peer::of(request).0);
            }
            note_token(hub, request, &grant, &principal);
            granted(hub, request, &grant, &principal)
        }
        (Decision::Allow(_) | Decision::Login, _) => refused(StatusCode::UNAUTHORIZED, "login"),
        (Decision::Explain { .. }, _) => refused(StatusCode::FORBIDDEN, "say-why"),
        (Decision::NotRunning { .. }, _) => refused(StatusCode::FORBIDDEN, "not-running"),
        (Decision::Refuse(reason), _) => {
            let from = Peer::of(request).0.addr;
            info!(
                "refused reason={} from={from} uri={}",
                reason.word(),
                request_log::path(header_text(request, &names::URI))
            );
            refused(StatusCode::FORBIDDEN, reason.word())
        }
    }
}

/// A token asks for no reason; its use in somebody else's server is written down all the same.
fn note_token(hub: &Hub, request: &HttpRequest, grant: &Grant, principal: &Principal) {
    if let (Some(token), Owner::User(person)) = (&principal.token, &principal.owner) {
        let address = Peer::of(request).0.addr;
        entries::enter_by_token(hub, (person, address), &grant.server, token.id);
    }
}

/// What the connection has to be closed with.
fn uplink(grant: &Grant, principal: &Principal) -> Uplink {
    let via = match (&principal.token, &principal.session) {
        (None, Some(session)) => Via::Session(session.hash),
        (token, _) => Via::Token(token.as_ref().map(|token| token.id).unwrap_or_default()),
    };
    Uplink { via, visitor: principal.owner.clone(), place: Client::Server(grant.server.clone()) }
}

fn granted(hub: &Hub, request: &HttpRequest, grant: &Grant, principal: &Principal) -> HttpResponse {
    let upstream = [hub.upstreams.as_str(), &grant.server.socket_name()].concat();
    let cookies = cookie::without_session(header_text(request, &header::COOKIE));
    // A server of the hub flavour asks the hub itself what the token is worth; any other must not see it.
    let passed = principal.token.is_some() && hub.config.flavour == Flavour::Hub;
    let authorization = if passed { header_text(request, &header::AUTHORIZATION) } else { "" };
    answer(&[
        (UPSTREAM, upstream.as_str()),
        (USER, principal.owner.name()),
        (OWNER, grant.server.user.as_str()),
        (PATH, &hub.server_path(&grant.server)),
        (COOKIE, cookies.as_str()),
        (AUTHORIZATION, authorization),
        (CREDENTIAL, if principal.token.is_some() { "token" } else { "session" }),
    ])
}

/// A service gets every request that is meant for it, as from JupyterHub's proxy: it asks the hub who its visitor is.
fn service(hub: &Hub, request: &HttpRequest, name: &ServiceName) -> HttpResponse {
    if !question_traits(request).known_method() {
        return refused(StatusCode::FORBIDDEN, "bad-method");
    }
    let directory = hub.directory();
    let Some(upstream) = directory.service(name).and_then(|service| service.upstream()) else {
        return refused(StatusCode::FORBIDDEN, "no-service");
    };
    let cookies = cookie::without_session(header_text(request, &header::COOKIE));
    answer(&[
        (UPSTREAM, upstream),
        (PATH, &hub.url(&format!("/services/{name}/"))),
        (COOKIE, cookies.as_str()),
        (AUTHORIZATION, header_text(request, &header::AUTHORIZATION)),
    ])
}

fn answer(texts: &[(HeaderName, &str)]) -> HttpResponse {
    let mut response = HttpResponse::new(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, text) in texts {
        // Without its header the answer admits no upstream: nginx's map fails closed.
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name.clone(), value);
        }
    }
    response
}

fn refused(status: StatusCode, reason: &'static str) -> HttpResponse {
    let mut response = HttpResponse::new(status);
    response.headers_mut().insert(REASON, HeaderValue::from_static(reason));
    response
}
