//! Starting a server: the request to start it, and the page that shows how it comes up.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hubgate_protocol::{ErrorCode, Phase, ServerId};
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::config::ProfileSpec;
use crate::domain::display_name::is_display_name;
use crate::domain::form::Form;
use crate::domain::limits::show_cores;
use crate::domain::options;
use crate::domain::request_log::shown;
use crate::domain::scope::Base;
use crate::extract::{Posted, ServerPath, SignedIn, hub_traits};
use crate::pages::card::size;
use crate::pages::home::machine;
use crate::pages::{next_in, next_of};
use crate::spawn::SpawnError;
use crate::state::Hub;
use crate::state::profiles::{self, Hidden};
use crate::state::servers::Wait;
use crate::state::starts::{self, StartError, StartOptions};
use crate::words::Message;

#[derive(Template)]
#[template(path = "spawn.html")]
struct SpawnPage<'a> {
    frame: Frame,
    /// `OWNER` or `OWNER/SERVER`.
    target: String,
    next: &'a str,
    /// Options that the link presets, besides the profile.
    presets: Vec<(String, String)>,
    /// Whether another site sent the visitor here.
    elsewhere: bool,
    /// Whether an exam says which profile it is.
    exam: bool,
    offers: Vec<Offer<'a>>,
    /// Whether it is a server with a name, which can have a title too.
    named: bool,
    machine: Option<Message>,
}

/// A profile as the page offers it.
struct Offer<'a> {
    profile: &'a ProfileSpec,
    checked: bool,
    facts: Vec<Message>,
}

impl<'a> Offer<'a> {
    fn of(profile: &'a ProfileSpec, chosen: Option<&ProfileSpec>) -> Self {
        let limits = &profile.limits;
        let mut facts = Vec::new();
        facts.extend(limits.memory.map(|bytes| Message::new("start-memory").with("size", size(bytes))));
        facts.extend(
            limits.cpu_percent.map(|cores| Message::new("start-cores").with("cores", show_cores(cores))),
        );
        facts.extend(
            (profile.gpus > 0).then(|| Message::new("start-gpus").with("gpus", profile.gpus.to_string())),
        );
        facts.extend((!profile.network).then(|| Message::new("start-no-network")));
        facts.extend((!profile.terminals).then(|| Message::new("start-no-terminals")));
        Self { profile, checked: chosen.is_some_and(|chosen| chosen.name == profile.name), facts }
    }
}

#[derive(Template)]
#[template(path = "pending.html")]
struct PendingPage<'a> {
    frame: Frame,
    /// `OWNER` or `OWNER/SERVER`.
    target: String,
    /// Address of its events.
    progress: String,
    /// What is said of a place in line, with `%` for the place.
    line: Message,
    /// The same for those who wait for a GPU.
    gpu_line: Message,
    /// What is said of its place in line now.
    place: Option<Message>,
    /// Address of the server, where the hub says why it failed.
    server: String,
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
/// sent them, and where there are several profiles and the query names none. The query has the options of the start.
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
    let query = Form::parse(request.query_string().as_bytes()).map_err(|error| {
        person
            .failure(Failure::new(StatusCode::BAD_REQUEST, Message::new("start-query").with("error", error)))
    })?;
    let choice = profiles::choice(hub, &id).await.map_err(|error| {
        warn!("profiles could not be read: {error}");
        person.failure(Failure::unavailable())
    })?;
    let options = options::of(&query);
    let asked = options.as_ref().and_then(profiles::named_in);
    let elsewhere = hub_traits(&request).cross_site();
    if elsewhere || (choice.offered.len() > 1 && asked.is_none()) {
        let chosen = choice.pick(asked).map_err(|hidden| person.failure(told(&id, &hidden.into())))?;
        let page = SpawnPage {
            frame: person.frame(),
            target: id.segments(),
            next: next.as_deref().unwrap_or_default(),
            presets: options::presets(options.as_ref()),
            elsewhere,
            exam: choice.forced,
            offers: choice.offered.iter().map(|profile| Offer::of(profile, chosen)).collect(),
            named: !id.server.is_default(),
            machine: machine(hub),
        };
        return Ok(answer::page(StatusCode::OK, &page));
    }
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
    let page = |failure: Failure| failure.as_page(true, &hub.config);
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
        line: in_line(Wait::Turn, "%"),
        gpu_line: in_line(Wait::Gpu, "%"),
        place: hub.servers.place(&id).map(|place| in_line(place.wait, place.number)),
        server: hub.server_path(&id),
        next: &next,
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// What is said of a place in line.
pub fn in_line(wait: Wait, place: impl ToString) -> Message {
    let sentence = match wait {
        Wait::Turn => "start-line",
        Wait::Gpu => "start-gpu-line",
    };
    Message::new(sentence).with("place", place.to_string())
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
    let display_name = form.get("display_name").filter(|title| !title.is_empty()).map(str::to_owned);
    if display_name.as_deref().is_some_and(|title| !is_display_name(title)) {
        return Err(Failure::new(StatusCode::BAD_REQUEST, Message::new("start-bad-title")));
    }
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
        StartError::AlreadyRunning => Failure::new(StatusCode::BAD_REQUEST, Message::new("start-already")),
        StartError::PendingStop => Failure::new(StatusCode::CONFLICT, Message::new("start-still-stopping"))
            .remedy(Message::new("start-still-stopping-remedy"))
            .retry_after(3),
        StartError::Throttled { retry_after_s } => {
            Failure::new(StatusCode::TOO_MANY_REQUESTS, Message::new("start-throttled"))
                .remedy(Message::new("start-throttled-remedy"))
                .retry_after(*retry_after_s)
        }
        StartError::TooMany => Failure::new(StatusCode::TOO_MANY_REQUESTS, Message::new("start-too-many"))
            .remedy(Message::new("start-too-many-remedy")),
        StartError::Name(why) => Failure::new(StatusCode::BAD_REQUEST, why.to_string()),
        StartError::NoUser => Failure::new(StatusCode::NOT_FOUND, Message::new("start-no-user")),
        StartError::Profile(Hidden) => Failure::new(StatusCode::FORBIDDEN, Message::new("start-no-profile"))
            .remedy(Message::new("start-no-profile-remedy")),
        StartError::NoSuchGpus { .. } => {
            Failure::new(StatusCode::BAD_GATEWAY, Message::new("start-unsupported"))
                .remedy(Message::new("start-no-gpus-remedy"))
        }
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
        Some(ErrorCode::Forbidden) => Failure::new(StatusCode::FORBIDDEN, Message::new("start-forbidden"))
            .remedy(Message::new("start-forbidden-remedy")),
        Some(ErrorCode::NoAccount) => Failure::new(StatusCode::FORBIDDEN, Message::new("start-no-account"))
            .remedy(Message::new("start-no-account-remedy")),
        Some(ErrorCode::Busy) => {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, Message::new("start-throttled"))
                .remedy(Message::new("start-busy-remedy"))
                .retry_after(5)
        }
        Some(ErrorCode::Engine) => Failure::new(StatusCode::BAD_GATEWAY, Message::new("start-engine"))
            .remedy(Message::new("start-engine-remedy")),
        Some(ErrorCode::Unsupported) => {
            Failure::new(StatusCode::BAD_GATEWAY, Message::new("start-unsupported"))
                .remedy(Message::new("start-no-profile-remedy"))
        }
        _ => Failure::unavailable(),
    }
}
