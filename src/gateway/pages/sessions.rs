//! My sessions: where somebody is logged in, and how to end it.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::domain::audit::{Action, Event};
use crate::domain::device;
use crate::domain::time::minute;
use crate::extract::{Posted, SignedIn};
use crate::pages::logout;
use crate::state::audit::acting;
use crate::state::{Hub, Session, logins};
use crate::words::Message;

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    tab: &'static str,
    sessions: Vec<Line>,
}

/// One session.
struct Line {
    /// What ends it: it opens nothing.
    id: String,
    here: bool,
    device: String,
    agent: String,
    address: String,
    method: String,
    /// What its button says to those who do not see the row.
    end: String,
    begun: String,
    used: String,
}

impl Line {
    fn of(session: &Session, here: &Session, frame: &Frame) -> Self {
        let time = |at_s: i64| minute(at_s.saturating_mul(1_000_000));
        let origin = &session.origin;
        let (device, begun) =
            (device::name(&origin.device).in_language(frame.telling.language), time(session.created_s));
        Self {
            end: frame.put("session-end-one", "session", format!("{device}, {begun}")),
            id: session.public_id.clone(),
            here: session.hash == here.hash,
            device,
            agent: origin.device.clone(),
            address: origin.address.clone(),
            method: method(&origin.method, frame),
            begun,
            used: time(session.last_seen_s()),
        }
    }
}

/// How somebody proved who they are, in a word for people.
fn method(word: &str, frame: &Frame) -> String {
    match word {
        "pam" | "password" => frame.t("session-by-password"),
        "passkey" => frame.t("session-by-passkey"),
        other => other.strip_prefix("oidc:").unwrap_or(other).to_owned(),
    }
}

/// `GET /hub/sessions`.
pub async fn list(person: SignedIn) -> HttpResponse {
    let mut own = person.hub.sessions.of(&person.session.user, person.hub.clock.now_s());
    own.sort_by_key(|session| session.hash != person.session.hash);
    let frame = person.frame();
    let sessions = own.iter().map(|session| Line::of(session, &person.session, &frame)).collect();
    answer::page(StatusCode::OK, &SessionsPage { frame, tab: "sessions", sessions })
}

/// `POST /hub/sessions/end`: one of one's own, from wherever it is. Ending the own one is a log-out.
pub async fn end(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = posted.hub.clone();
    let id = posted.form.get("id").unwrap_or_default();
    if id == posted.session.public_id {
        return logout::submit(posted, request).await;
    }
    let own = hub.sessions.of(&posted.session.user, hub.clock.now_s());
    let Some(session) = own.into_iter().find(|session| session.public_id == id) else {
        let gone = Failure::new(StatusCode::NOT_FOUND, Message::new("session-ended"));
        return Err(gone.as_page(true, &hub.config));
    };
    end_all(&hub, &[session]).await
}

/// `POST /hub/sessions/end-others`: all but the one that asks.
pub async fn end_others(posted: Posted) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    let mut others = hub.sessions.of(&session.user, hub.clock.now_s());
    others.retain(|other| other.hash != session.hash);
    end_all(&hub, &others).await
}

async fn end_all(hub: &Hub, sessions: &[Arc<Session>]) -> Result<HttpResponse, Failure> {
    for session in sessions {
        logins::end(hub, session).await.map_err(|error| {
            warn!("a session is ended but it is not written down: {error}");
            Failure::unavailable().as_page(true, &hub.config)
        })?;
        hub.audit(
            &Event::new(acting(), Action::SessionEnded, &session.user)
                .with("session", session.public_id.as_str()),
        );
    }
    Ok(answer::redirect(&hub.url("/hub/sessions")))
}
