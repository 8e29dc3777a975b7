//! Login by a passkey alone. The page needs JavaScript; the one with the password does not.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::domain::cookie;
use crate::domain::xsrf::FORM_AGE_S;
use crate::extract::posted::stale_form;
use crate::extract::{Filled, Page, Peer, Visitor, header_text, origin_of};
use crate::oauth::client;
use crate::pages::login::form_token;
use crate::pages::welcome::{Arrival, hub_cookie, set_cookie};
use crate::pages::{next_in, next_of};
use crate::state::Hub;
use crate::state::audit::login_refused;
use crate::state::passkeys::{self, Ceremony};
use crate::words::Message;

#[derive(Template)]
#[template(path = "passkey_login.html")]
struct PasskeyLoginPage<'a> {
    frame: Frame,
    message: Option<Message>,
    next: &'a str,
    ceremony: Ceremony,
    back: String,
}

/// `GET /hub/login/passkey`.
pub async fn form(Page(visitor): Page, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let next = next_of(&visitor.hub, request.query_string());
    page(&visitor, &request, (StatusCode::OK, None), next.as_deref())
}

/// Address of the page that comes back to `next`; empty where nobody logs in by a passkey alone.
#[must_use]
pub fn address(hub: &Hub, request: &HttpRequest, next: &str) -> String {
    if !passkeys::alone(hub) || origin_of(hub, request).is_none() {
        return String::new();
    }
    with_next(hub, "/hub/login/passkey", next)
}

fn with_next(hub: &Hub, page: &str, next: &str) -> String {
    if next.is_empty() {
        return hub.url(page);
    }
    let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
    hub.url(&format!("{page}?next={next}"))
}

fn page(
    visitor: &Visitor,
    request: &HttpRequest,
    (status, message): (StatusCode, Option<Message>),
    next: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let none = || Failure::new(StatusCode::NOT_FOUND, Message::new("passkey-login-none"));
    let origin = origin_of(hub, request).filter(|_| passkeys::alone(hub));
    let origin = origin.ok_or_else(|| visitor.failure(none()))?;
    let token = form_token(hub, request).ok_or_else(|| visitor.failure(Failure::unavailable()))?;
    let ceremony = passkeys::greet(hub, &origin, &token);
    let ceremony = ceremony.ok_or_else(|| visitor.failure(Failure::unavailable()))?;
    let next = next.unwrap_or_default();
    let frame = Frame { xsrf: token.clone(), ..Frame::anonymous(&hub.config) };
    let back = with_next(hub, "/hub/login", next);
    let page = PasskeyLoginPage { frame, message, next, ceremony, back };
    let mut response = answer::page_that_leads_to(status, &page, &client::other_site(hub, next));
    let mut xsrf = hub_cookie(hub, request, cookie::XSRF, &token, CookieAge::seconds(FORM_AGE_S));
    xsrf.set_path(hub.url("/hub/"));
    set_cookie(&mut response, &xsrf);
    Ok(response)
}

/// `POST /hub/login/passkey`.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let sent = cookie::value(header_text(&request, &COOKIE), cookie::XSRF).unwrap_or_default();
    let token = form.get("_xsrf").unwrap_or_default();
    if !hub.key.form_token_holds(sent, token, hub.clock.now_s()) {
        return Err(visitor.failure(stale_form()));
    }
    let next = next_in(hub, &form);
    let answers = (form.get("ceremony").unwrap_or_default(), form.get("answer").unwrap_or_default());
    let from = Peer::of(&request).0.addr;
    if let Some(origin) = origin_of(hub, &request).filter(|_| passkeys::alone(hub)) {
        let proven = passkeys::login(hub, &origin, token, answers).await.map_err(|error| {
            warn!("login not possible: {error}");
            visitor.failure(Failure::unavailable())
        })?;
        if let Some(proven) = proven {
            info!("login from={from} user={}", proven.user);
            return Arrival { visitor: &visitor, request: &request, proven, next }.welcome().await;
        }
    }
    warn!("login failed from={from} user=\"\" reason=Passkey");
    hub.audit(&login_refused("", from, "passkey"));
    let told = (StatusCode::FORBIDDEN, Some(Message::new("passkey-login-wrong")));
    page(&visitor, &request, told, next.as_deref())
}
