//! A password chosen by whoever has a link that an administrator gave them.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::Username;
use log::info;

use crate::answer::{self, Failure, Frame};
use crate::extract::posted::stale_form;
use crate::extract::{Filled, Page, Peer};
use crate::pages::one_time::{Held, held};
use crate::pages::password::{PasswordPage, told, twice};
use crate::state::{Hub, passwords};
use crate::store::links::Purpose;
use crate::words::Message;

fn refusal() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, Message::new("password-link-gone"))
        .remedy(Message::new("password-link-gone-remedy"))
}

fn page(hub: &Hub, held: &Held, user: &Username, secret: &str, message: Option<Message>) -> PasswordPage {
    let frame = Frame { xsrf: held.xsrf.clone(), ..Frame::anonymous(&hub.config) };
    let words = ("password-choose", "password-choose-text");
    let page = PasswordPage::new(hub, frame, words, "/hub/set-password");
    PasswordPage { user: user.to_string(), secret: secret.to_owned(), message, ..page }
}

/// `GET /hub/set-password/SECRET` shows the form; looking uses nothing up.
pub async fn form(
    Page(visitor): Page,
    request: HttpRequest,
    secret: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let held = held(&visitor, &request, (Purpose::Password, &secret), refusal).await?;
    let user = held.user.clone().ok_or_else(|| visitor.failure(refusal()))?;
    Ok(answer::page(StatusCode::OK, &page(&visitor.hub, &held, &user, &secret, None)))
}

/// `POST /hub/set-password`.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (hub, secret) = (&visitor.hub, form.get("secret").unwrap_or_default());
    let held = held(&visitor, &request, (Purpose::Password, secret), refusal).await?;
    let user = held.user.clone().ok_or_else(|| visitor.failure(refusal()))?;
    if !hub.key.session_token_holds(&held.hash, form.get("_xsrf").unwrap_or_default()) {
        return Err(visitor.failure(stale_form()));
    }
    let message = match twice(&form) {
        Err(message) => message,
        Ok(password) => match passwords::set_by_link(hub, &user, held.hash, password).await {
            Ok(()) => {
                info!("password set by link from={} user={user}", Peer::of(&request).0.addr);
                return Ok(answer::redirect(&hub.url("/hub/login")));
            }
            Err(fault) => told(&fault).map_err(|failure| visitor.failure(failure))?,
        },
    };
    Ok(answer::page(StatusCode::BAD_REQUEST, &page(hub, &held, &user, secret, Some(message))))
}
