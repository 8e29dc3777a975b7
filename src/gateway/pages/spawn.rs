//! Starting a server: the request to start it, and the page that shows how it comes up.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hubgate_protocol::{ErrorCode, Phase, ServerId};
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::domain::form::Form;
use crate::domain::options;
use crate::domain::request_log::shown;
use crate::domain::scope::Base;
use crate::extract::{Posted, ServerPath, SignedIn, hub_traits};
use crate::pages::{next_in, next_of};
use crate::spawn::SpawnError;
use crate::state::Hub;
use crate::state::starts::{self, StartError, StartOptions};

#[derive(Template)]
#[template(path = "spawn.html")]
struct SpawnPage<'a> {
    frame: Frame,
    /// `OWNER` or `OWNER/SERVER`, and the query of the link.
    target: String,
    next: &'a str,
}

#[derive(Template)]
#[template(path = "pending.html")]
struct PendingPage<'a> {
    frame: Frame,
    /// `OWNER` or `OWNER/SERVER`.
    target: String,
    /// Address of its events.
    progress: String,
    next: &'a str,
}

/// `GET /hub/spawn`: for oneself.
pub async fn own(person: SignedIn, request: HttpRequest) -> HttpResponse {
    let query = request.query_string();
    let mark = if query.is_empty() { "" } else { "?" };
    let own = person.hub.first_server(&person.session.user);
    answer::redirect(&person.hub.url(&format!("/hub/spawn/{}{mark}{query}", own.segments())))
}

/// `GET /hub/spawn/NAME[/SERVER]`: starts the server when a person comes from here or by a bookmark; asks when another site
/// sent them. The query presets the options of the start.
pub async fn ask(
    person: SignedIn,
    path: web::Path<ServerPath>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let hub = &person.hub;
    let id = path.allowed(hub, &person.session, &Base::Servers).map_err(|failure| person.failure(failure))?;
    let next = next_of(hub, request.query_string());
    if hub.servers.phase(&id) == Phase::Running {
        return Ok(answer::redirect(&next.unwrap_or_else(|| hub.server_url(&id))));
    }
    if hub_traits(&request).cross_site() {
        let query = request.query_string();
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{mark}{query}", id.segments());
        let page = SpawnPage { frame: person.frame(), target, next: next.as_deref().unwrap_or_default() };
        return Ok(answer::page(StatusCode::OK, &page));
    }
    let query = Form::parse(request.query_string().as_bytes()).map_err(|error| {
        person.failure(Failure::new(StatusCode::BAD_REQUEST, format!("Bad query: {error}.")))
    })?;
    begin(hub, &id, &query).await.map_err(|failure| person.failure(failure))?;
    Ok(answer::redirect(&pending_url(hub, &id, next.as_deref())))
}

/// `POST /hub/spawn` for oneself.
pub async fn submit_own(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let own = ServerPath::new(posted.session.user.as_str(), "");
    submit(posted, web::Path::from(own), request).await
}

/// `POST /hub/spawn/NAME/`: a server whose name is in the form.
pub async fn submit_new(
    posted: Posted,
    owner: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let named = ServerPath::new(&owner, posted.form.get("server").unwrap_or_default());
    submit(posted, web::Path::from(named), request).await
}

/// `POST /hub/spawn/NAME[/SERVER]`.
pub async fn submit(
    posted: Posted,
    path: web::Path<ServerPath>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let page = |failure: Failure| failure.as_page(true, &hub.config.base_url);
    let id = path.allowed(&hub, &session, &Base::Servers).map_err(page)?;
    let next = next_of(&hub, request.query_string()).or_else(|| next_in(&hub, &form));
    begin(&hub, &id, &form).await.map_err(page)?;
    Ok(answer::redirect(&pending_url(&hub, &id, next.as_deref())))
}

/// `GET /hub/spawn-pending/NAME[/SERVER]`: shows progress; starts nothing.
pub async fn pending(
    person: SignedIn,
    path: web::Path<ServerPath>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let hub = &person.hub;
    let id = path.allowed(hub, &person.session, &Base::Servers).map_err(|failure| person.failure(failure))?;
    let next = next_of(hub, request.query_string()).unwrap_or_else(|| hub.server_url(&id));
    if hub.servers.phase(&id) == Phase::Running {
        return Ok(answer::redirect(&next));
    }
    let page = PendingPage {
        frame: person.frame(),
        target: id.segments(),
        progress: hub.progress_url(&id),
        next: &next,
    };
    Ok(answer::page(StatusCode::OK, &page))
}

fn pending_url(hub: &Hub, id: &ServerId, next: Option<&str>) -> String {
    let mut url = hub.url(&format!("/hub/spawn-pending/{}", id.segments()));
    if let Some(next) = next {
        url.push_str("?next=");
        url.extend(percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC));
    }
    url
}

/// Starts it with the options of a query or a form; one that is up already is as good.
async fn begin(hub: &Hub, id: &ServerId, form: &Form) -> Result<(), Failure> {
    let display_name = form.get("display_name").map(str::to_owned);
    let options = StartOptions { display_name, user_options: options::of(form) };
    match starts::start(hub, id, options).await {
        Ok(()) | Err(StartError::AlreadyRunning) => Ok(()),
        Err(error) => Err(told(id, &error)),
    }
}

/// What a person is told when their server was not started.
#[must_use]
pub fn told(id: &ServerId, error: &StartError) -> Failure {
    warn!("start failed server={id}: {}", shown(&error.to_string()));
    match error {
        StartError::AlreadyRunning => Failure::new(StatusCode::BAD_REQUEST, "The server is already running."),
        StartError::PendingStop => {
            Failure::new(StatusCode::CONFLICT, "The server that ran before is still stopping.")
                .remedy("Wait a moment and start it again.")
                .retry_after(3)
        }
        StartError::Throttled { retry_after_s } => {
            Failure::new(StatusCode::TOO_MANY_REQUESTS, "Too many servers are starting at this moment.")
                .remedy("Try again in half a minute.")
                .retry_after(*retry_after_s)
        }
        StartError::TooMany => {
            Failure::new(StatusCode::TOO_MANY_REQUESTS, "As many servers are running as this hub allows.")
                .remedy("Try again in a few minutes, or ask the administrator.")
        }
        StartError::Name(why) => Failure::new(StatusCode::BAD_REQUEST, why.to_string()),
        StartError::NoUser => Failure::new(StatusCode::NOT_FOUND, "There is no such user."),
        StartError::Spawner(error) => refused(error),
        StartError::Store(_) => Failure::unavailable(),
    }
}

fn refused(error: &SpawnError) -> Failure {
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
