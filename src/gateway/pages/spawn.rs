//! Starting a server: the request to start it, and the page that shows how it comes up.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hubgate_protocol::{ErrorCode, Phase, ServerId, Username};
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::domain::request_log::shown;
use crate::extract::{Posted, SignedIn, hub_traits, own_server};
use crate::pages::{next_in, next_of};
use crate::spawn::SpawnError;
use crate::state::{Hub, Session};

/// How long to wait for the first sign of a start, so that the page does not show what was before it.
const FIRST_SIGN: Duration = Duration::from_millis(500);

#[derive(Template)]
#[template(path = "spawn.html")]
struct SpawnPage<'a> {
    frame: Frame,
    owner: &'a str,
    next: &'a str,
}

#[derive(Template)]
#[template(path = "pending.html")]
struct PendingPage<'a> {
    frame: Frame,
    owner: &'a str,
    next: &'a str,
}

/// `GET /hub/spawn`: for oneself.
pub async fn own(person: SignedIn, request: HttpRequest) -> HttpResponse {
    let query = request.query_string();
    let mark = if query.is_empty() { "" } else { "?" };
    answer::redirect(&person.hub.url(&format!("/hub/spawn/{}{mark}{query}", person.session.user)))
}

/// `GET /hub/spawn/NAME`: starts the server when a person comes from here or by a bookmark; asks when another site sent them.
pub async fn ask(
    person: SignedIn,
    owner: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let owner = own_server(&person.session, &owner).map_err(|failure| person.failure(failure))?;
    let hub = &person.hub;
    let next = next_of(hub, request.query_string());
    if hub.servers.phase(&owner) == Phase::Running {
        return Ok(answer::redirect(&next.unwrap_or_else(|| hub.server_url(&owner))));
    }
    if hub_traits(&request).cross_site() {
        let page = SpawnPage {
            frame: person.frame(),
            owner: owner.as_str(),
            next: next.as_deref().unwrap_or_default(),
        };
        return Ok(answer::page(StatusCode::OK, &page));
    }
    start(hub, &person.session, &owner).await.map_err(|failure| person.failure(failure))?;
    Ok(answer::redirect(&pending_url(hub, &owner, next.as_deref())))
}

/// `POST /hub/spawn` and `POST /hub/spawn/NAME`.
pub async fn submit(
    posted: Posted,
    owner: Option<web::Path<String>>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let base_url = hub.config.base_url.clone();
    let own = session.user.to_string();
    let owner = own_server(&session, owner.as_deref().unwrap_or(&own))
        .map_err(|failure| failure.as_page(true, &base_url))?;
    let next = next_of(&hub, request.query_string()).or_else(|| next_in(&hub, &form));
    start(&hub, &session, &owner).await.map_err(|failure| failure.as_page(true, &base_url))?;
    Ok(answer::redirect(&pending_url(&hub, &owner, next.as_deref())))
}

/// `GET /hub/spawn-pending/NAME`: shows progress; starts nothing.
pub async fn pending(
    person: SignedIn,
    owner: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let owner = own_server(&person.session, &owner).map_err(|failure| person.failure(failure))?;
    let next = next_of(&person.hub, request.query_string()).unwrap_or_else(|| person.hub.server_url(&owner));
    if person.hub.servers.phase(&owner) == Phase::Running {
        return Ok(answer::redirect(&next));
    }
    Ok(answer::page(
        StatusCode::OK,
        &PendingPage { frame: person.frame(), owner: owner.as_str(), next: &next },
    ))
}

fn pending_url(hub: &Hub, owner: &Username, next: Option<&str>) -> String {
    let mut url = hub.url(&format!("/hub/spawn-pending/{owner}"));
    if let Some(next) = next {
        url.push_str("?next=");
        url.extend(percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC));
    }
    url
}

async fn start(hub: &Hub, session: &Session, owner: &Username) -> Result<(), Failure> {
    let id = ServerId::default_of(owner.clone());
    let before = hub.servers.status(&id);
    if matches!(before.phase, Phase::Running | Phase::Starting) {
        return Ok(());
    }
    hub.spawner.start(&id, session.ticket.clone(), None).await.map_err(|error| told(owner, &error))?;
    info!("start user={owner}");
    hub.servers.wait(&id, FIRST_SIGN, |now| *now != before).await;
    Ok(())
}

fn told(owner: &Username, error: &SpawnError) -> Failure {
    warn!("start failed user={owner}: {}", shown(&error.to_string()));
    let code = match error {
        SpawnError::Refused { code, .. } => Some(*code),
        _ => None,
    };
    match code {
        Some(ErrorCode::Forbidden) => Failure::new(StatusCode::FORBIDDEN, "The machine does not let the hub start this server.")
            .remedy("Log out and in again: the proof of your password may have expired. If that does not help, ask the administrator to look at spawner.toml."),
        Some(ErrorCode::NoAccount) => Failure::new(StatusCode::FORBIDDEN, "There is no account on this machine that could run your server.")
            .remedy("Ask the administrator to create it."),
        Some(ErrorCode::Busy) => Failure::new(StatusCode::SERVICE_UNAVAILABLE, "Too many servers are starting at this moment.").remedy("Try again in a moment.").retry_after(5),
        Some(ErrorCode::Engine) => Failure::new(StatusCode::BAD_GATEWAY, "The machine could not start your server.")
            .remedy("Ask the administrator to look at the journal of hubgate-spawner."),
        _ => Failure::unavailable(),
    }
}
