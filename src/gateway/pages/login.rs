//! Login: a form, one answer for every kind of failure, and a new session.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use hubgate_protocol::{LoginName, Refusal};

use crate::answer::{self, Failure, Frame};
use crate::config::Authenticator;
use crate::domain::cookie;
use crate::domain::query::Query;
use crate::extract::{Filled, Page, Peer, header_text, hub_traits};
use crate::oauth::client;
use crate::pages::provider::{self, Button};
use crate::pages::welcome::{Arrival, hub_cookie, set_cookie};
use crate::pages::{conversation, next_in, next_of, passkey_login};
use crate::state::Hub;
use crate::state::authenticate::{Step, Typed, begin};
use crate::state::signins::Goal;
use crate::words::Message;

/// Longest name that is shown again, bytes. Shorter ones are filled up, so that no answer tells by its length.
const SHOWN: usize = 64;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    next: &'a str,
    username: &'a str,
    fill: String,
    /// What the site says here, paragraph by paragraph.
    said: Vec<&'a str>,
    message: Option<Message>,
    ca: bool,
    passwords: bool,
    providers: Vec<Button>,
    /// The page for those who log in by a passkey alone; empty where nobody does.
    passkeys: String,
}

/// What a person need not type again.
pub(super) struct Again<'a> {
    /// Their name.
    pub(super) name: &'a str,
    /// Where they want to go.
    pub(super) next: Option<&'a str>,
}

/// `GET /hub/login`.
pub async fn form(Page(visitor): Page, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let query = Query::parse(request.query_string());
    if query.get("late").is_some() {
        return conversation::lost(&visitor.hub, &request);
    }
    let next = next_of(&visitor.hub, request.query_string());
    let again = query.get("again").is_some();
    if visitor.session.is_some() && !again {
        return Ok(answer::redirect(&next.unwrap_or_else(|| visitor.hub.url("/hub/"))));
    }
    if let Some(provider) = visitor.hub.providers.automatic()
        && query.get("auto") != Some("0")
        && !again
    {
        let name = &provider.spec.name;
        return Ok(answer::redirect(&provider::address(
            &visitor.hub,
            name,
            next.as_deref().unwrap_or_default(),
        )));
    }
    login_page(&visitor.hub, &request, (StatusCode::OK, None), Again { name: "", next: next.as_deref() })
}

/// `POST /hub/login`.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let missing = |name: &str| {
        visitor
            .failure(Failure::new(StatusCode::BAD_REQUEST, Message::new("error-field").with("field", name)))
    };
    let name = form.get("username").ok_or_else(|| missing("username"))?;
    let password = form.get("password").ok_or_else(|| missing("password"))?;
    let next = next_of(hub, request.query_string()).or_else(|| next_in(hub, &form));
    let ours = origin(hub, &request, form.get("_xsrf").unwrap_or_default());
    if visitor.session.is_some() && ours != Origin::ThisBrowser {
        // Logged in meanwhile, in another tab.
        return Ok(answer::redirect(&next.unwrap_or_else(|| hub.url("/hub/"))));
    }
    if ours == Origin::Unknown {
        let stale = (StatusCode::FORBIDDEN, Some(Message::new("login-stale")));
        return login_page(hub, &request, stale, Again { name, next: next.as_deref() });
    }
    let device = cookie::value(header_text(&request, &COOKIE), cookie::DEVICE).unwrap_or_default();
    let typed = Typed { name, password, from: Peer::of(&request).0.addr, device, converse: true };
    match begin(hub, &typed).await {
        Ok(Step::Proven(proven)) => {
            Arrival { visitor: &visitor, request: &request, proven: *proven, next }.welcome().await
        }
        Ok(Step::Asked(asked)) => conversation::ask(hub, &request, (asked, Goal::Login, next)),
        Err(refusal) => refused(hub, &request, refusal, Again { name, next: next.as_deref() }),
    }
}

/// Where a login form comes from.
#[derive(PartialEq, Eq)]
enum Origin {
    /// This browser got it, with the token in its cookie.
    ThisBrowser,
    /// A tab that was opened together with others and shares the cookie of the last: the token is ours, and the browser
    /// itself says that the page was of this site.
    OtherTab,
    Unknown,
}

fn origin(hub: &Hub, request: &HttpRequest, field: &str) -> Origin {
    let now_s = hub.clock.now_s();
    let sent = cookie::value(header_text(request, &COOKIE), cookie::XSRF).unwrap_or_default();
    let of_this_site = !sent.is_empty() && hub_traits(request).fetch_site == "same-origin";
    if hub.key.form_token_holds(sent, field, now_s) {
        Origin::ThisBrowser
    } else if of_this_site && hub.key.form_token_holds(field, field, now_s) {
        Origin::OtherTab
    } else {
        Origin::Unknown
    }
}

/// The login page again, with the reason.
///
/// # Errors
/// 503.
pub(super) fn refused(
    hub: &Hub,
    request: &HttpRequest,
    refusal: Refusal,
    again: Again<'_>,
) -> Result<HttpResponse, Failure> {
    let (status, message) = told(refusal);
    let mut response = login_page(hub, request, (status, Some(message)), again)?;
    if let Refusal::Throttled { retry_after_s } = refusal {
        response.headers_mut().insert(RETRY_AFTER, retry_after_s.into());
    }
    Ok(response)
}

/// Status and sentence of a refusal.
pub(super) fn told(refusal: Refusal) -> (StatusCode, Message) {
    let (status, key) = match refusal {
        Refusal::BadCredentials {} => (StatusCode::FORBIDDEN, "login-wrong"),
        Refusal::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, "login-many"),
        Refusal::Unavailable {} => (StatusCode::SERVICE_UNAVAILABLE, "login-unavailable"),
        Refusal::PasswordExpired {} => (StatusCode::FORBIDDEN, "login-password-expired"),
        Refusal::AccountExpired {} => (StatusCode::FORBIDDEN, "login-account-expired"),
        // For every name after so many wrong passwords: who is locked is not told to strangers.
        Refusal::Locked {} => (StatusCode::FORBIDDEN, "login-locked"),
        Refusal::NoLogins {} => (StatusCode::FORBIDDEN, "login-nobody"),
        Refusal::NotPermitted {} => (StatusCode::FORBIDDEN, "login-not-permitted"),
    };
    (status, Message::new(key))
}

/// Shows the form.
///
/// # Errors
/// 503 when the system has no randomness to give.
pub(super) fn login_page(
    hub: &Hub,
    request: &HttpRequest,
    (status, message): (StatusCode, Option<Message>),
    again: Again<'_>,
) -> Result<HttpResponse, Failure> {
    let token = form_token(hub, request).ok_or_else(Failure::unavailable)?;
    let frame = Frame { xsrf: token.clone(), ..Frame::anonymous(&hub.config) };
    let fits = again.name.len() <= SHOWN && again.name.parse::<LoginName>().is_ok();
    let username = if fits { again.name } else { "" };
    let fill = " ".repeat(if message.is_none() { 0 } else { SHOWN.saturating_sub(username.len()) });
    let ca = hub.config.ca_certificate.is_file();
    let next = again.next.unwrap_or_default();
    let passwords = hub.config.authenticator != Authenticator::None;
    let providers = provider::buttons(hub, next);
    let passkeys = passkey_login::address(hub, request, next);
    let said = hub.config.login_text.lines().filter(|line| !line.trim().is_empty()).collect();
    let page = LoginPage { frame, next, username, fill, said, message, ca, passwords, providers, passkeys };
    let mut response = answer::page_that_leads_to(status, &page, &client::other_site(hub, next));
    let mut xsrf =
        hub_cookie(hub, request, cookie::XSRF, &token, CookieAge::seconds(crate::domain::xsrf::FORM_AGE_S));
    xsrf.set_path(hub.url("/hub/"));
    set_cookie(&mut response, &xsrf);
    Ok(response)
}

/// The token of the form: the one that this browser has, so that all its tabs go on holding, or a new one.
pub(super) fn form_token(hub: &Hub, request: &HttpRequest) -> Option<String> {
    let now_s = hub.clock.now_s();
    let sent = cookie::value(header_text(request, &COOKIE), cookie::XSRF).unwrap_or_default();
    if hub.key.form_token_holds(sent, sent, now_s) {
        return Some(sent.to_owned());
    }
    let mut nonce = [0; 16];
    openssl::rand::rand_bytes(&mut nonce).ok()?;
    hub.key.form_token(&nonce, now_s)
}
