//! Login: a form, one answer for every kind of failure, and a new session.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, HeaderValue, RETRY_AFTER, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hubgate_protocol::Refusal;
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::domain::cookie;
use crate::extract::posted::{form_of, stale_form};
use crate::extract::{Page, Peer, Visitor, header_text, names};
use crate::oauth::client;
use crate::pages::{next_in, next_of};
use crate::state::authenticate::attempt;
use crate::state::logins::{self, Proven};
use crate::state::{Hub, sessions};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    next: &'a str,
    username: &'a str,
    message: &'a str,
    ca: bool,
}

/// `GET /hub/login`.
pub async fn form(Page(visitor): Page, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let next = next_of(&visitor.hub, request.query_string());
    if visitor.session.is_some() {
        return Ok(answer::redirect(&next.unwrap_or_else(|| visitor.hub.url("/hub/"))));
    }
    login_page(&visitor.hub, &request, StatusCode::OK, ("", ""), next.as_deref())
}

/// `POST /hub/login`.
pub async fn submit(
    visitor: Visitor,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let mut payload: Payload = payload.into_inner();
    let form = form_of(&request, &mut payload).await.map_err(|failure| visitor.failure(failure))?;
    let hub = &visitor.hub;
    let cookies = header_text(&request, &COOKIE);
    let (sent, field) =
        (cookie::value(cookies, cookie::XSRF).unwrap_or_default(), form.get("_xsrf").unwrap_or_default());
    let missing = |name: &str| {
        visitor.failure(Failure::new(StatusCode::BAD_REQUEST, format!("The form has no field {name}.")))
    };
    let name = form.get("username").ok_or_else(|| missing("username"))?;
    let password = form.get("password").ok_or_else(|| missing("password"))?;
    if !hub.key.form_token_holds(sent, field, hub.clock.now_s()) {
        return Err(visitor.failure(stale_form()));
    }
    let next = next_of(hub, request.query_string()).or_else(|| next_in(hub, &form));
    match attempt(hub, name, password, Peer::of(&request).0.addr).await {
        Ok(proven) => welcome(&visitor, &request, proven, next).await,
        Err(refusal) => {
            let (status, message) = told(refusal);
            let mut response = login_page(hub, &request, status, (name, message), next.as_deref())?;
            if let Refusal::Throttled { retry_after_s } = refusal {
                response.headers_mut().insert(RETRY_AFTER, retry_after_s.into());
            }
            Ok(response)
        }
    }
}

fn told(refusal: Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::BadCredentials {} => (StatusCode::FORBIDDEN, "Invalid username or password."),
        Refusal::Throttled { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Wait a few minutes and try again.")
        }
        Refusal::Unavailable {} => {
            (StatusCode::SERVICE_UNAVAILABLE, "Logging in is not possible right now. Try again in a moment.")
        }
        Refusal::PasswordExpired {} => (
            StatusCode::FORBIDDEN,
            "Your password has expired. Change it on the machine (for example by ssh), then log in.",
        ),
        Refusal::AccountExpired {} => {
            (StatusCode::FORBIDDEN, "Your account has expired. Ask the administrator.")
        }
        Refusal::NotPermitted {} => {
            (StatusCode::FORBIDDEN, "Your account may not log in here at this time. Ask the administrator.")
        }
    }
}

async fn welcome(
    visitor: &Visitor,
    request: &HttpRequest,
    proven: Proven,
    next: Option<String>,
) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let before = match cookie::session(header_text(request, &COOKIE)) {
        cookie::Session::One(id) => Some(sessions::hash(id)),
        _ => None,
    };
    let target = next.unwrap_or_else(|| hub.url("/hub/"));
    let begun = logins::begin(hub, proven, before).await.map_err(|error| {
        warn!("a login could not be kept: {error}");
        visitor.failure(Failure::unavailable())
    })?;
    let mut response = answer::redirect(&target);
    let age = CookieAge::hours(i64::from(hub.config.session_hours));
    set_cookie(&mut response, &hub_cookie(hub, request, cookie::SESSION, &begun.id, age));
    let mut public = hub_cookie(hub, request, cookie::SESSION_ID, &begun.public_id, age);
    public.set_max_age(None);
    set_cookie(&mut response, &public);
    // For scripts that log in as browsers do and send it back in X-XSRFToken; our pages have it in their forms.
    let token = hub.key.session_token(&sessions::hash(&begun.id)).unwrap_or_default();
    let mut xsrf = hub_cookie(hub, request, cookie::XSRF, &token, age);
    xsrf.set_path(hub.url("/hub/"));
    xsrf.set_max_age(None);
    set_cookie(&mut response, &xsrf);
    Ok(response)
}

fn login_page(
    hub: &Hub,
    request: &HttpRequest,
    status: StatusCode,
    (username, message): (&str, &str),
    next: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let mut nonce = [0; 16];
    openssl::rand::rand_bytes(&mut nonce).map_err(|_| Failure::unavailable())?;
    let token = hub.key.form_token(&nonce, hub.clock.now_s()).ok_or_else(Failure::unavailable)?;
    let frame = Frame { xsrf: token.clone(), ..Frame::anonymous(&hub.config.base_url) };
    let shown_name: String = username.chars().take(hubgate_protocol::name::USERNAME_MAX).collect();
    let ca = hub.config.ca_certificate.is_file();
    let next = next.unwrap_or_default();
    let page = LoginPage { frame, next, username: &shown_name, message, ca };
    let mut response = answer::page_that_leads_to(status, &page, &client::other_site(hub, next));
    let mut xsrf =
        hub_cookie(hub, request, cookie::XSRF, &token, CookieAge::seconds(crate::domain::xsrf::FORM_AGE_S));
    xsrf.set_path(hub.url("/hub/"));
    set_cookie(&mut response, &xsrf);
    Ok(response)
}

/// A cookie of ours: out of reach of scripts, not sent by other sites' forms, and over TLS only unless the site has none.
#[must_use]
pub fn hub_cookie<'c>(
    hub: &Hub,
    request: &HttpRequest,
    name: &'c str,
    value: &'c str,
    age: CookieAge,
) -> Cookie<'c> {
    let plain_http = header_text(request, &names::PROTO) == "http";
    Cookie::build(name, value)
        .path(hub.url("/"))
        .http_only(true)
        .secure(!plain_http)
        .same_site(SameSite::Lax)
        .max_age(age)
        .finish()
}

/// Adds a cookie to a finished response.
pub fn set_cookie(response: &mut HttpResponse, cookie: &Cookie<'_>) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}
