//! Logout: asked for by a page, done by a form, in force at once.

use actix_web::cookie::time::Duration;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::domain::cookie;
use crate::extract::{Page, Posted};
use crate::pages::login::{hub_cookie, set_cookie};
use crate::state::{logins, starts};

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage {
    frame: Frame,
}

/// `GET /hub/logout` asks: a link on another site must not log anybody out.
pub async fn ask(Page(visitor): Page) -> HttpResponse {
    let Some(session) = visitor.session else { return answer::redirect(&visitor.hub.url("/hub/login")) };
    let frame = Frame::of(&visitor.hub, &session);
    answer::page(actix_web::http::StatusCode::OK, &LogoutPage { frame })
}

/// `POST /hub/logout`.
pub async fn submit(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    if let Err(error) = logins::end(&hub, &session).await {
        warn!("a logout is in force but not written down: {error}");
        return Err(Failure::unavailable()
            .remedy(
                "You are logged out for now, but the hub could not write it down. Tell the administrator.",
            )
            .as_page(true, &hub.config.base_url));
    }
    if hub.config.shutdown_on_logout {
        for status in hub.servers.of(&session.user) {
            if let Err(error) = starts::stop(&hub, &status.id()).await {
                warn!("a server was to stop at a logout and did not: {error}");
            }
        }
    }
    let mut response = answer::redirect(&hub.url("/hub/login"));
    set_cookie(&mut response, &hub_cookie(&hub, &request, cookie::SESSION, "", Duration::ZERO));
    set_cookie(&mut response, &hub_cookie(&hub, &request, cookie::SESSION_ID, "", Duration::ZERO));
    let mut xsrf = hub_cookie(&hub, &request, cookie::XSRF, "", Duration::ZERO);
    xsrf.set_path(hub.url("/hub/"));
    set_cookie(&mut response, &xsrf);
    Ok(response)
}
