//! What follows a proof of who somebody is, however it was given: the rules, the second factor, another password where
//! theirs must be changed, then a session with its cookies.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, HeaderValue, SET_COOKIE, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use hubgate_protocol::Username;
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::domain::admission::Rule;
use crate::domain::audit::{Action, Event};
use crate::domain::cookie;
use crate::extract::{Peer, Visitor, header_text, names};
use crate::pages::{enrolment, new_password, second_factor, signin, terms};
use crate::state::audit::acting_as;
use crate::state::factors::{self, Demand};
use crate::state::logins::{self, Begun, Device, Proven};
use crate::state::signins::Stage;
use crate::state::{Hub, admission, appearance, passwords, sessions};
use crate::store::StoreError;
use crate::words::Message;

/// How long a device stays known after the last login there: as long as browsers keep a cookie at most.
const DEVICE_AGE: CookieAge = CookieAge::days(400);

/// Somebody who proved who they are, on their way in.
pub struct Arrival<'a> {
    /// The browser that asks.
    pub visitor: &'a Visitor,
    /// The request that brought the proof.
    pub request: &'a HttpRequest,
    /// Who it is, and how they proved it.
    pub proven: Proven,
    /// Where they want to go.
    pub next: Option<String>,
}

impl Arrival<'_> {
    /// Lets them in if the rules do, after their second factor.
    ///
    /// # Errors
    /// 403 with the reason for somebody whom the rules keep out; 503 when the login cannot be kept.
    pub async fn welcome(self) -> Result<HttpResponse, Failure> {
        self.admitted().await?;
        match factors::demand(&self.visitor.hub, &self.proven).await {
            Ok(Demand::Proof) => second_factor::ask(self).await,
            Ok(_) => self.enter().await,
            Err(error) => Err(self.unkept(&error)),
        }
    }

    /// Lets them in who have proved it a second time, if the rules still do.
    ///
    /// # Errors
    /// As [`Arrival::welcome`].
    pub async fn welcome_twice(self) -> Result<HttpResponse, Failure> {
        self.admitted().await?;
        self.enter().await
    }

    /// Refuses somebody whom the rules keep out.
    async fn admitted(&self) -> Result<(), Failure> {
        let walk = admission::walk(&self.visitor.hub, &self.proven).await;
        match walk.map_err(|error| self.unkept(&error))?.decision() {
            (_, true) => Ok(()),
            (rule, false) => {
                let from = Peer::of(self.request).0.addr;
                warn!("login not allowed from={from} user={} rule={rule}", self.proven.user);
                let event = Event::new(acting_as(&self.proven.user), Action::LoginRefused, &self.proven.user);
                self.visitor.hub.audit(&event.with("why", rule.to_string()));
                let refusal = Failure::new(StatusCode::FORBIDDEN, kept_out(rule));
                Err(self.visitor.failure(refusal.remedy(Message::new("kept-out-remedy"))))
            }
        }
    }

    /// Lets them in after another password, where theirs must be changed.
    async fn enter(self) -> Result<HttpResponse, Failure> {
        match passwords::must_change(&self.visitor.hub, &self.proven).await {
            Ok(false) => self.settle().await,
            Ok(true) => new_password::ask(self, StatusCode::OK, None),
            Err(error) => Err(self.unkept(&error)),
        }
    }

    /// Lets them in whose password is their own, after the site's terms, and after setting a second factor up where the site
    /// demands one.
    ///
    /// # Errors
    /// 503 when it cannot be kept.
    pub async fn settle(self) -> Result<HttpResponse, Failure> {
        match appearance::terms_for(&self.visitor.hub, &self.proven).await {
            Ok(None) => {}
            Ok(Some(text)) => return terms::ask(self, text),
            Err(error) => return Err(self.unkept(&error)),
        }
        match factors::demand(&self.visitor.hub, &self.proven).await {
            Ok(Demand::Enrolment) => enrolment::ask(self).await,
            Ok(_) => self.begin().await,
            Err(error) => Err(self.unkept(&error)),
        }
    }

    /// Shows a page that asks for what is missing, and keeps what has been proven until it is answered.
    ///
    /// # Errors
    /// 503 when the system has no randomness to give.
    pub fn wait<T: Template>(
        self,
        status: StatusCode,
        stage: impl FnOnce(Proven) -> Stage,
        page: impl FnOnce(Frame) -> T,
    ) -> Result<HttpResponse, Failure> {
        signin::ask(&self.visitor.hub, self.request, status, (stage(self.proven), self.next), page)
    }

    /// Begins their session.
    ///
    /// # Errors
    /// 503 when it cannot be kept.
    pub async fn begin(self) -> Result<HttpResponse, Failure> {
        let Self { visitor, request, proven, next } = self;
        let hub = &visitor.hub;
        let before = match cookie::session(header_text(request, &COOKIE)) {
            cookie::Session::One(id) => Some(sessions::hash(id)),
            _ => None,
        };
        let device = Device {
            address: Peer::of(request).0.addr,
            agent: header_text(request, &USER_AGENT).to_owned(),
            before,
        };
        let target = next.unwrap_or_else(|| hub.url("/hub/"));
        let known = known_device(hub, request, &proven.user);
        let begun = logins::begin(hub, proven, device).await.map_err(|error| unkept(visitor, &error))?;
        let mut response = answer::redirect(&target);
        let age = CookieAge::hours(i64::from(hub.config.session_hours));
        set_session(&mut response, hub, request, (&begun, age));
        if let Some(known) = known {
            let mut device = hub_cookie(hub, request, cookie::DEVICE, &known, DEVICE_AGE);
            device.set_path(hub.url("/hub/"));
            set_cookie(&mut response, &device);
        }
        Ok(response)
    }

    fn unkept(&self, error: &StoreError) -> Failure {
        unkept(self.visitor, error)
    }
}

/// What somebody is told whom a rule keeps out.
fn kept_out(rule: Rule) -> Message {
    Message::new(match rule {
        Rule::UsernamePattern => "kept-out-name",
        Rule::BlockedUsers => "kept-out-blocked",
        Rule::Disabled => "kept-out-disabled",
        Rule::Expired => "kept-out-expired",
        Rule::Recycled => "kept-out-recycled",
        Rule::Account => "kept-out-account",
        _ => "kept-out-default",
    })
}

/// What makes this browser a known device of the user: what it has, or new.
fn known_device(hub: &Hub, request: &HttpRequest, user: &Username) -> Option<String> {
    let sent = cookie::value(header_text(request, &COOKIE), cookie::DEVICE).unwrap_or_default();
    if hub.key.device_of(user.as_str(), sent).is_some() {
        return Some(sent.to_owned());
    }
    hub.key.device(user.as_str(), &sessions::new_public_id().ok()?)
}

/// Adds the cookies of a session that has begun, or goes on under another id.
pub fn set_session(
    response: &mut HttpResponse,
    hub: &Hub,
    request: &HttpRequest,
    (begun, age): (&Begun, CookieAge),
) {
    set_cookie(response, &hub_cookie(hub, request, cookie::SESSION, &begun.id, age));
    let mut public = hub_cookie(hub, request, cookie::SESSION_ID, &begun.public_id, age);
    public.set_max_age(None);
    set_cookie(response, &public);
    // For scripts that log in as browsers do and send it back in X-XSRFToken; our pages have it in their forms.
    let token = hub.key.session_token(&sessions::hash(&begun.id)).unwrap_or_default();
    let mut xsrf = hub_cookie(hub, request, cookie::XSRF, &token, age);
    xsrf.set_path(hub.url("/hub/"));
    xsrf.set_max_age(None);
    set_cookie(response, &xsrf);
}

fn unkept(visitor: &Visitor, error: &StoreError) -> Failure {
    warn!("a login could not be kept: {error}");
    visitor.failure(Failure::unavailable())
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
