//! How a start goes, as server-sent events in JupyterHub's form: `GET /users/NAME/server/progress` and of named servers.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use futures_util::stream;
use hubgate_protocol::{Phase, ServerId, ServerStatus};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::answer::{self, Failure, cause};
use crate::api::addressed::{Addressed, ServerPath};
use crate::api::body::bad;
use crate::api::operation::Operation;
use crate::domain::scope::{Base, Owner, Target};
use crate::extract::Caller;
use crate::spawn::client::LOG_LINES;
use crate::state::Hub;
use crate::state::servers::{Place, Wait};

/// How often a start that makes no news is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a stream may be silent before an empty line keeps it open.
const SILENCE: Duration = Duration::from_secs(8);
/// How long a start may stay without any sign.
const NOTHING_HAPPENS_S: u64 = 10;
/// How long a start that has just been asked for may take to show.
const FIRST_SIGN: Duration = Duration::from_secs(1);

/// The operations.
pub const OPERATIONS: &[Operation] =
    &[operation("/users/{name}/server/progress"), operation("/users/{name}/servers/{server_name}/progress")];

const fn operation(path: &'static str) -> Operation {
    Operation {
        method: Method::GET,
        path,
        summary: "Events of a start, until the server is ready or has failed",
        scopes: &[Base::ReadServers],
        query: &[],
        body: None,
        responses: &[200, 400, 403, 404],
        route: || web::route().to(progress),
    }
}

/// One event. Keys are JupyterHub's; `log`, `place` and `waits_for` are ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Event {
    progress: u8,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    html_message: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ready: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
    /// Place in line, the next start having 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<usize>,
    /// What it waits for there: `turn` or `gpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<&'static str>,
}

impl Event {
    fn going(progress: u8, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            progress,
            message,
            html_message: None,
            ready: false,
            failed: false,
            url: None,
            log: Vec::new(),
            place: None,
            waits_for: None,
        }
    }

    /// Both addresses are made of names that need no escapes.
    fn ready(url: String) -> Self {
        let html_message = Some(format!("Server ready at <a href=\"{url}\">{url}</a>"));
        Self {
            ready: true,
            html_message,
            url: Some(url.clone()),
            ..Self::going(100, format!("Server ready at {url}"))
        }
    }

    fn failed(message: impl Into<String>, log: Vec<String>) -> Self {
        Self { failed: true, log, ..Self::going(100, message) }
    }
}

async fn progress(caller: Caller, path: web::Path<ServerPath>) -> Result<HttpResponse, Failure> {
    let addressed = Addressed::of(&caller, &[Base::ReadServers], path.into_inner()).await?;
    let (id, _) = addressed.known().ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND))?;
    let idle = |phase| matches!(phase, Phase::Stopped | Phase::Listening | Phase::Stopping);
    let now = caller.hub.servers.wait(&id, FIRST_SIGN, |now| !idle(now.phase)).await;
    if idle(now.phase) && !caller.hub.starting.holds(&id) {
        return Err(bad(format!("{id} is not starting...")));
    }
    // What a server writes is for its owner and for those who may see its inner state.
    let own = caller.session.is_some() && caller.owner == Owner::User(id.user.clone());
    let reads_log = own || caller.may(&Base::AdminServerState, &Target::Server(&id));
    let watch = Watch {
        hub: caller.hub,
        id,
        reads_log,
        asked: Instant::now(),
        sent: Instant::now(),
        shown: None,
        last: None,
    };
    Ok(answer::events(stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) })))
}

/// What makes one event differ from the last: the phase, whether there is a process, and the place in line.
type Stage = (Phase, bool, Option<Place>);

fn stage(hub: &Hub, status: &ServerStatus) -> Stage {
    (status.phase, status.pid.is_some(), hub.servers.place(&status.id()))
}

struct Watch {
    hub: web::Data<Hub>,
    id: ServerId,
    reads_log: bool,
    asked: Instant,
    /// When something was sent last.
    sent: Instant,
    /// The last event.
    shown: Option<Event>,
    /// The stage that it was about.
    last: Option<Stage>,
}

impl Watch {
    /// The next piece of the stream: at once for the first, then at every change and every tick that brings news; an empty
    /// line after silence; `None` after the last event.
    async fn next(&mut self) -> Option<String> {
        if self.shown.as_ref().is_some_and(|shown| shown.ready || shown.failed) {
            return None;
        }
        loop {
            if self.shown.is_some() && !self.wait().await {
                return None;
            }
            let status = self.hub.servers.status(&self.id);
            let event = self.event(&status).await;
            // The first event says that somebody asked; what is going on follows at once.
            self.last = self.shown.is_some().then(|| stage(&self.hub, &status));
            if self.shown.as_ref() != Some(&event) {
                self.sent = Instant::now();
                let json = serde_json::to_string(&event).ok()?;
                self.shown = Some(event);
                return Some(format!("data: {json}\n\n"));
            }
            if self.sent.elapsed() >= SILENCE {
                self.sent = Instant::now();
                return Some("\n\n".to_owned());
            }
        }
    }

    /// Waits for a change or a tick; whether the gateway goes on.
    async fn wait(&self) -> bool {
        let (last, mut closing) = (self.last, self.hub.closing.subscribe());
        tokio::select! {
            _ = self.hub.servers.wait(&self.id, TICK, |now| Some(stage(&self.hub, now)) != last) => true,
            _ = closing.wait_for(|closing| *closing) => false,
        }
    }

    async fn event(&self, status: &ServerStatus) -> Event {
        let waited_s = self.asked.elapsed().as_secs();
        let asked_for = || self.hub.starting.holds(&self.id) || waited_s < NOTHING_HAPPENS_S;
        match status.phase {
            Phase::Running => Event::ready(self.hub.server_path(&self.id)),
            Phase::Stopped | Phase::Listening | Phase::Failed
                if let Some(why) = self.hub.starting.refusal(&self.id) =>
            {
                Event::failed(format!("Spawn failed: {why}"), Vec::new())
            }
            Phase::Failed => {
                let log = self.log().await;
                let cause = cause::told(status.exit.as_ref(), &log).english();
                Event::failed(format!("Spawn failed: {cause}"), log)
            }
            _ if self.shown.is_none() => Event::going(0, "Server requested"),
            Phase::Starting if let Some(place) = self.hub.servers.place(&self.id) => {
                let (waits_for, line) = match place.wait {
                    Wait::Turn => ("turn", "in line"),
                    Wait::Gpu => ("gpu", "for a GPU"),
                };
                let message = format!("Waiting {line}: place {}", place.number);
                Event { place: Some(place.number), waits_for: Some(waits_for), ..Event::going(0, message) }
            }
            Phase::Starting => {
                // The engine prepares account, limits and home; from the first process on it is the program that takes its time.
                let waited = u8::try_from(waited_s).unwrap_or(u8::MAX).min(30);
                let progress = if status.pid.is_some() { 60 + waited } else { 50 };
                Event { log: self.log().await, ..Event::going(progress, "Spawning server...") }
            }
            Phase::Stopping if self.hub.endings.is_asked(&self.id) => {
                Event::failed("Spawn cancelled", Vec::new())
            }
            // It has failed, and the engine clears up behind it: the next state says how it ended.
            Phase::Stopping => Event::going(50, "Spawning server..."),
            Phase::Stopped | Phase::Listening
                if self.last.is_some_and(|(phase, ..)| phase == Phase::Starting) =>
            {
                Event::failed("Spawn cancelled", self.log().await)
            }
            Phase::Stopped | Phase::Listening if asked_for() => Event::going(0, "Server requested"),
            Phase::Stopped | Phase::Listening => {
                Event::failed("Spawn failed: the server is not starting. Start it again.", self.log().await)
            }
        }
    }

    /// The server's own words, for those who may read them; nothing when they are slow to come.
    async fn log(&self) -> Vec<String> {
        if !self.reads_log {
            return Vec::new();
        }
        let journal = timeout(TICK, self.hub.spawner.journal(&self.id, LOG_LINES)).await;
        journal.ok().and_then(Result::ok).unwrap_or_default()
    }
}
