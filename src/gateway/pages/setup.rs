//! The first administrator, made by whoever has the link that the console of the host shows. Everybody else gets 403.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::Username;
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::config::Authenticator;
use crate::domain::form::Form;
use crate::domain::newcomer::NewcomerError;
use crate::domain::strength::typeable;
use crate::extract::posted::stale_form;
use crate::extract::{Filled, Page, Peer};
use crate::pages::one_time::{Held, held};
use crate::pages::password::{PasswordPage, twice, weak};
use crate::state::{Hub, blocking, newcomers, passwords, setup};
use crate::store::StoreError;
use crate::store::links::Purpose;
use crate::words::Message;

fn refusal() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, Message::new("setup-refused"))
        .remedy(Message::new("setup-refused-remedy"))
}

fn page(hub: &Hub, held: &Held, secret: &str, message: Option<Message>) -> PasswordPage {
    let frame = Frame { xsrf: held.xsrf.clone(), ..Frame::anonymous(&hub.config) };
    let password = hub.config.authenticator == Authenticator::File;
    let text = if password { "setup-with-password" } else { "setup-without-password" };
    let page = PasswordPage::new(hub, frame, ("setup-title", text), "/hub/setup");
    PasswordPage { secret: secret.to_owned(), message, password, ..page }
}

/// `GET /hub/setup` without a link.
///
/// # Errors
/// 403, always.
pub async fn refused(Page(visitor): Page) -> Result<HttpResponse, Failure> {
    Err(visitor.failure(refusal()))
}

/// `GET /hub/setup/SECRET`.
pub async fn form(
    Page(visitor): Page,
    request: HttpRequest,
    secret: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let held = held(&visitor, &request, (Purpose::Setup, &secret), refusal).await?;
    Ok(answer::page(StatusCode::OK, &page(&visitor.hub, &held, &secret, None)))
}

/// `POST /hub/setup`.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (hub, secret) = (&visitor.hub, form.get("secret").unwrap_or_default());
    let held = held(&visitor, &request, (Purpose::Setup, secret), refusal).await?;
    if !hub.key.session_token_holds(&held.hash, form.get("_xsrf").unwrap_or_default()) {
        return Err(visitor.failure(stale_form()));
    }
    let unavailable = |error: StoreError| {
        warn!("the first administrator could not be made: {error}");
        visitor.failure(Failure::unavailable())
    };
    let (name, hash) = match read(hub, &form).await.map_err(unavailable)? {
        Ok(wanted) => wanted,
        Err(message) => {
            return Ok(answer::page(StatusCode::BAD_REQUEST, &page(hub, &held, secret, Some(message))));
        }
    };
    if !setup::found(hub, held.hash, name.clone(), hash).await.map_err(unavailable)? {
        return Err(visitor.failure(refusal()));
    }
    info!("first administrator from={} user={name}", Peer::of(&request).0.addr);
    Ok(answer::redirect(&hub.url("/hub/login")))
}

/// A user name, and the hash of the password where it is kept here.
type Wanted = (Username, Option<String>);

/// What was asked for, or what is wrong with them.
async fn read(hub: &Hub, form: &Form) -> Result<Result<Wanted, Message>, StoreError> {
    let typed = form.get("username").unwrap_or_default();
    if hub.config.authenticator != Authenticator::File {
        let login = hub.rules.login(typed).map(|login| login.id());
        let name = login.filter(|name| !newcomers::taken().has(name));
        return Ok(name.map(|name| (name, None)).ok_or_else(|| Message::new("setup-no-login")));
    }
    let name = match newcomers::taken().parse(typed, true) {
        Ok(name) => name,
        Err(error) => return Ok(Err(bad_name(error))),
    };
    let password = match twice(form).map(typeable) {
        Ok(Ok(password)) => password,
        Ok(Err(weakness)) => return Ok(Err(weak(&weakness))),
        Err(message) => return Ok(Err(message)),
    };
    if let Err(weakness) = passwords::strength(&hub.config).check(&password, &[name.as_str()]) {
        return Ok(Err(weak(&weakness)));
    }
    let Some(_slot) = hub.hashing.acquire().await else { return Err(StoreError::Busy) };
    let hash = blocking(move || crate::password::hash(&password).map_err(|_| StoreError::Broken)).await?;
    Ok(Ok((name, Some(hash))))
}

fn bad_name(error: NewcomerError) -> Message {
    Message::new(match error {
        NewcomerError::Form(_) => "setup-name-form",
        NewcomerError::Reserved | NewcomerError::Administrator => "setup-name-reserved",
    })
}
