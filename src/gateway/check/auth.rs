//! `GET /auth`: answered from memory. No database, no bus, no lock across an await.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::ServerId;
use log::info;

use crate::check::decide_request;
use crate::domain::cookie;
use crate::domain::decision::{Decision, Grant};
use crate::domain::request_log::shown;
use crate::domain::scope::{Client, Owner};
use crate::extract::{Peer, header_text, names};
use crate::state::Hub;
use crate::state::uplinks::{Uplink, Via};

const UPSTREAM: HeaderName = HeaderName::from_static("x-hubgate-upstream");
const USER: HeaderName = HeaderName::from_static("x-hubgate-user");
const OWNER: HeaderName = HeaderName::from_static("x-hubgate-owner");
const COOKIE: HeaderName = HeaderName::from_static("x-hubgate-cookie");
const REASON: HeaderName = HeaderName::from_static("x-hubgate-reason");

/// The handler. nginx understands 2xx, 401 and 403 here; every other status would become a 500.
pub async fn auth(hub: web::Data<Hub>, request: HttpRequest) -> HttpResponse {
    let (decision, session) = decide_request(&hub, &request);
    match decision {
        Decision::Allow(grant) => {
            if let Some(session) = session.filter(|_| grant.websocket) {
                let uplink = Uplink {
                    via: Via::Session(session.hash),
                    visitor: Owner::User(session.user.clone()),
                    place: Client::Server(ServerId::default_of(grant.owner.clone())),
                };
                hub.uplinks.add(uplink, Peer::of(&request).0);
            }
            granted(&hub, &request, &grant)
        }
        Decision::Login => refused(StatusCode::UNAUTHORIZED, "login"),
        Decision::NotRunning { .. } => refused(StatusCode::FORBIDDEN, "not-running"),
        Decision::Refuse(reason) => {
            let from = Peer::of(&request).0.addr;
            info!(
                "refused reason={} from={from} uri={}",
                reason.word(),
                shown(header_text(&request, &names::URI))
            );
            refused(StatusCode::FORBIDDEN, reason.word())
        }
    }
}

fn granted(hub: &Hub, request: &HttpRequest, grant: &Grant) -> HttpResponse {
    let upstream = [&hub.upstreams, grant.owner.as_str(), ".sock"].concat();
    let cookies = cookie::without_session(header_text(request, &header::COOKIE));
    let mut response = HttpResponse::new(StatusCode::OK);
    let headers = response.headers_mut();
    let texts = [
        (UPSTREAM, upstream.as_str()),
        (USER, grant.visitor.as_str()),
        (OWNER, grant.owner.as_str()),
        (COOKIE, cookies.as_str()),
    ];
    for (name, text) in texts {
        // Without its header the answer admits no upstream: nginx's map fails closed.
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
    response
}

fn refused(status: StatusCode, reason: &'static str) -> HttpResponse {
    let mut response = HttpResponse::new(status);
    response.headers_mut().insert(REASON, HeaderValue::from_static(reason));
    response
}
