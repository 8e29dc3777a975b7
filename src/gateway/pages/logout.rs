//! Logout: asked for by a page, done by a form, in force at once.

use actix_web::cookie::time::Duration;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::domain::audit::{Action, Event};
use crate::domain::cookie;
use crate::extract::{Page, Posted};
use crate::pages::provider;
use crate::pages::welcome::{hub_cookie, set_cookie};
use crate::state::audit::acting_in;
use crate::state::{Hub, logins, starts};
use crate::words::Message;

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage {
    frame: Frame,
}

/// `GET /hub/logout` asks: a link on another site must not log anybody out.
pub async fn ask(Page(visitor): Page) -> HttpResponse {
    let Some(session) = visitor.session else { return answer::redirect(&login_page(&visitor.hub)) };
    let frame = Frame::of(&visitor.hub, &session);
    answer::page(actix_web::http::StatusCode::OK, &LogoutPage { frame })
}

/// The login page, which does not log in by itself whoever has just logged out.
fn login_page(hub: &Hub) -> String {
    hub.url(if hub.providers.automatic().is_some() { "/hub/login?auto=0" } else { "/hub/login" })
}

/// `POST /hub/logout`.
pub async fn submit(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    if let Err(error) = logins::end(&hub, &session).await {
        warn!("a logout is in force but not written down: {error}");
        return Err(Failure::unavailable().remedy(Message::new("logout-unkept")).as_page(true, &hub.config));
    }
    hub.audit(&Event::new(acting_in(&session), Action::Logout, &session.user));
    if hub.config.shutdown_on_logout {
        for status in hub.servers.of(&session.user) {
            if let Err(error) = starts::stop(&hub, &status.id()).await {
                warn!("a server was to stop at a logout and did not: {error}");
            }
        }
    }
    let mut response =
        provider::farewell(&hub, &session).unwrap_or_else(|| answer::redirect(&login_page(&hub)));
    set_cookie(&mut response, &hub_cookie(&hub, &request, cookie::SESSION, "", Duration::ZERO));
    set_cookie(&mut response, &hub_cookie(&hub, &request, cookie::SESSION_ID, "", Duration::ZERO));
    let mut xsrf = hub_cookie(&hub, &request, cookie::XSRF, "", Duration::ZERO);
    xsrf.set_path(hub.url("/hub/"));
    set_cookie(&mut response, &xsrf);
    Ok(response)
}
