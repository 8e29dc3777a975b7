//! Entering the server of somebody else: the person says why first, and leaves by a button or when the time has run out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hubgate_protocol::ServerId;

use crate::answer::{self, Failure, Frame};
use crate::api::stored;
use crate::domain::next;
use crate::domain::query::Query;
use crate::domain::scope::Base;
use crate::domain::time::minute;
use crate::extract::{Posted, ServerPath, SignedIn};
use crate::state::{Hub, Session, entries};
use crate::store::entries::EntryRow;
use crate::words::Message;

/// Fewest and most characters of a reason.
const REASON: std::ops::RangeInclusive<usize> = 5..=200;

#[derive(Template)]
#[template(path = "enter.html")]
struct EnterPage<'a> {
    frame: Frame,
    /// `OWNER` or `OWNER/SERVER`.
    target: String,
    owner: String,
    next: &'a str,
    minutes: u32,
    /// Why what was given is no reason.
    complaint: Option<Message>,
    reason: &'a str,
    /// Where they are in already: until when, and why.
    inside: Option<(String, String)>,
}

/// The server, for somebody who may enter it by a role.
fn target(hub: &Hub, session: &Session, path: &ServerPath) -> Result<ServerId, Failure> {
    let id = path.allowed(hub, session, &Base::AccessServers)?;
    if !hub.config.admin_access && !entries::is_at_home(&hub.directory(), &session.user, &id) {
        return Err(Failure::new(StatusCode::FORBIDDEN, Message::new("enter-off")));
    }
    Ok(id)
}

/// Where to go behind the page: into the server, and nowhere else.
fn onward(hub: &Hub, id: &ServerId, asked: &str) -> String {
    let own = hub.server_path(id);
    let safe = next::safe(&hub.config.base_url, asked).filter(|next| next.starts_with(&own));
    safe.map_or(own.clone(), str::to_owned)
}

fn mine(hub: &Hub, session: &Session, id: &ServerId) -> Option<EntryRow> {
    hub.entries.of(id).into_iter().find(|entry| entry.by == session.user)
}

/// `GET /hub/admin/enter/NAME[/SERVER]?next=PATH`.
pub async fn ask(
    person: SignedIn,
    path: web::Path<ServerPath>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (hub, session) = (&person.hub, &person.session);
    let id = target(hub, session, &path).map_err(|failure| person.failure(failure))?;
    let query = Query::parse(request.query_string());
    let next = onward(hub, &id, query.get("next").unwrap_or_default());
    if entries::is_at_home(&hub.directory(), &session.user, &id) {
        return Ok(answer::redirect(&next));
    }
    let inside =
        mine(hub, session, &id).map(|entry| (minute(entry.until_s.saturating_mul(1_000_000)), entry.reason));
    let page = EnterPage {
        frame: person.frame(),
        target: id.segments(),
        owner: id.user.to_string(),
        next: &next,
        minutes: hub.config.admin_access_minutes,
        complaint: None,
        reason: "",
        inside,
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// `POST /hub/admin/enter/NAME[/SERVER]`.
pub async fn submit(posted: Posted, path: web::Path<ServerPath>) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let told = |failure: Failure| failure.as_page(true, &hub.config);
    let id = target(&hub, &session, &path).map_err(told)?;
    let next = onward(&hub, &id, form.get("next").unwrap_or_default());
    if entries::is_at_home(&hub.directory(), &session.user, &id) {
        return Ok(answer::redirect(&next));
    }
    let reason = form.get("reason").unwrap_or_default().trim();
    if !REASON.contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
        let page = EnterPage {
            frame: Frame::of(&hub, &session),
            target: id.segments(),
            owner: id.user.to_string(),
            next: &next,
            minutes: hub.config.admin_access_minutes,
            complaint: Some(Message::new("enter-bad-reason")),
            reason,
            inside: None,
        };
        return Ok(answer::page(StatusCode::BAD_REQUEST, &page));
    }
    entries::enter(&hub, &session.user, &id, reason).await.map_err(|error| told(stored::told(&error)))?;
    Ok(answer::redirect(&next))
}

/// `POST /hub/admin/leave/NAME[/SERVER]`. Whoever is in may leave, whatever they may otherwise.
pub async fn leave(posted: Posted, path: web::Path<ServerPath>) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    let told = |failure: Failure| failure.as_page(true, &hub.config);
    let id = path.id().ok_or_else(|| told(Failure::bare(StatusCode::NOT_FOUND)))?;
    entries::leave(&hub, &session.user, &id).await.map_err(|error| told(stored::told(&error)))?;
    Ok(answer::redirect(&hub.url("/hub/home")))
}
