//! Proving again who one is, before something dangerous.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use hubgate_protocol::Refusal;
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::domain::cookie;
use crate::extract::visitor::login_url;
use crate::extract::{Peer, Posted, SignedIn, header_text};
use crate::pages::login::told;
use crate::pages::provider;
use crate::pages::welcome::{Arrival, set_session};
use crate::pages::{conversation, next_in, next_of};
use crate::state::authenticate::{Step, Typed, begin};
use crate::state::logins::Proven;
use crate::state::signins::Goal;
use crate::state::{Hub, Session, blocking, renewal};
use crate::store::{StoreError, users};
use crate::words::Message;

#[derive(Template)]
#[template(path = "reauthenticate.html")]
struct ReauthenticatePage<'a> {
    frame: Frame,
    next: &'a str,
    message: Option<Message>,
    /// Whether a password proves it; else the whole login does.
    password: bool,
    again: String,
}

/// `GET /hub/reauthenticate`.
pub async fn ask(person: SignedIn, request: HttpRequest) -> HttpResponse {
    let next = next_of(&person.hub, request.query_string());
    if renewal::is_fresh(&person.hub, &person.session) {
        return answer::redirect(&next.unwrap_or_else(|| person.hub.url("/hub/home")));
    }
    page(&person.hub, &person.session, (StatusCode::OK, None), next.as_deref())
}

/// `POST /hub/reauthenticate`.
pub async fn submit(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let next = next_in(&hub, &form);
    let Some(password) = form.get("password").filter(|_| by_password(&session)) else {
        let failure = Failure::new(StatusCode::BAD_REQUEST, Message::new("prove-no-password"));
        return Err(failure.as_page(true, &hub.config));
    };
    let unkept = |error: StoreError| {
        warn!("a proof could not be kept: {error}");
        Failure::unavailable().as_page(true, &hub.config)
    };
    let name = login_name(&hub, &session).await.map_err(unkept)?;
    let device = cookie::value(header_text(&request, &COOKIE), cookie::DEVICE).unwrap_or_default();
    let typed = Typed { name: &name, password, from: Peer::of(&request).0.addr, device, converse: true };
    match begin(&hub, &typed).await {
        Ok(Step::Asked(asked)) => conversation::ask(&hub, &request, (asked, Goal::Renewal, next)),
        Ok(Step::Proven(own)) if own.user == session.user => {
            renewed(&hub, &request, (&session, *own), next).await.map_err(unkept)
        }
        Ok(Step::Proven(_)) => Ok(again(&hub, &session, told(Refusal::BadCredentials {}), next.as_deref())),
        Err(refusal) => Ok(again(&hub, &session, told(refusal), next.as_deref())),
    }
}

/// Goes on with the session of somebody who proved again who they are.
///
/// # Errors
/// 403 where the session is another's or has ended; 503.
pub async fn proven(arrival: Arrival<'_>) -> Result<HttpResponse, Failure> {
    let Arrival { visitor, request, proven, next } = arrival;
    match &visitor.session {
        Some(session) if session.user == proven.user => {
            renewed(&visitor.hub, request, (session, proven), next).await.map_err(|error| {
                warn!("a proof could not be kept: {error}");
                visitor.failure(Failure::unavailable())
            })
        }
        _ => Err(visitor.failure(Failure::new(StatusCode::FORBIDDEN, Message::new("prove-ended")))),
    }
}

/// What the user of a session types to log in.
async fn login_name(hub: &Hub, session: &Session) -> Result<String, StoreError> {
    let (store, user) = (hub.store.clone(), session.user.clone());
    let row = blocking(move || store.read(|c| users::by_name(c, &user))).await?;
    Ok(row
        .and_then(|user| user.standing.login)
        .map_or_else(|| session.user.to_string(), |login| login.to_string()))
}

async fn renewed(
    hub: &Hub,
    request: &HttpRequest,
    (session, proven): (&Session, Proven),
    next: Option<String>,
) -> Result<HttpResponse, StoreError> {
    let begun = renewal::renew(hub, session, proven.ticket).await?;
    let mut response = answer::redirect(&next.unwrap_or_else(|| hub.url("/hub/home")));
    let age = CookieAge::seconds(session.expires_s.saturating_sub(hub.clock.now_s()));
    set_session(&mut response, hub, request, (&begun, age));
    Ok(response)
}

fn by_password(session: &Session) -> bool {
    matches!(session.origin.method.as_str(), "pam" | "password")
}

fn again(
    hub: &Hub,
    session: &Session,
    (status, message): (StatusCode, Message),
    next: Option<&str>,
) -> HttpResponse {
    page(hub, session, (status, Some(message)), next)
}

fn page(
    hub: &Hub,
    session: &Session,
    (status, message): (StatusCode, Option<Message>),
    next: Option<&str>,
) -> HttpResponse {
    let next = next.unwrap_or_default();
    let way_in = match session.origin.method.strip_prefix("oidc:") {
        Some(name) => provider::address(hub, name, next),
        None => login_url(hub, next),
    };
    let page = ReauthenticatePage {
        frame: Frame::of(hub, session),
        next,
        message,
        password: by_password(session),
        again: format!("{way_in}&again=1"),
    };
    answer::page(status, &page)
}
