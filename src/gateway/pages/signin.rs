//! A login under way, from one page to the next: its cookie, and the token of its form.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::answer::{self, Failure, Frame};
use crate::domain::cookie;
use crate::domain::form::Form;
use crate::extract::header_text;
use crate::oauth::client;
use crate::pages::welcome::{hub_cookie, set_cookie};
use crate::state::signins::{STEP_S, Signin, Stage};
use crate::state::{Hub, sessions};

/// Keeps what has been proven, and shows the page that asks for what is missing. The page posts below `/hub/login/`.
///
/// # Errors
/// 503 when the system has no randomness to give.
pub fn ask<T: Template>(
    hub: &Hub,
    request: &HttpRequest,
    status: StatusCode,
    (stage, next): (Stage, Option<String>),
    page: impl FnOnce(Frame) -> T,
) -> Result<HttpResponse, Failure> {
    let other_site = client::other_site(hub, next.as_deref().unwrap_or_default());
    let unavailable = |_| Failure::unavailable().as_page(true, &hub.config);
    let id = hub.signins.put(stage, next, hub.clock.now_s()).map_err(unavailable)?;
    let xsrf = hub.key.session_token(&sessions::hash(&id)).unwrap_or_default();
    let page = page(Frame { xsrf, ..Frame::anonymous(&hub.config) });
    let mut response = answer::page_that_leads_to(status, &page, &other_site);
    let mut continued = hub_cookie(hub, request, cookie::SIGNIN, &id, CookieAge::seconds(STEP_S));
    continued.set_path(hub.url("/hub/login"));
    set_cookie(&mut response, &continued);
    Ok(response)
}

/// The login that this form goes on with.
///
/// # Errors
/// To the login page, where it took too long or is not this browser's.
pub fn resume(hub: &Hub, request: &HttpRequest, form: &Form) -> Result<Signin, Failure> {
    let id = cookie::value(header_text(request, &COOKIE), cookie::SIGNIN).unwrap_or_default();
    let token = form.get("_xsrf").unwrap_or_default();
    let ours = hub.key.session_token_holds(&sessions::hash(id), token);
    let signin = ours.then(|| hub.signins.take(id, hub.clock.now_s())).flatten();
    signin.ok_or_else(|| Failure::see(hub.url("/hub/login?late=1")))
}
