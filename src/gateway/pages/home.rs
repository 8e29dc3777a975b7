//! Home: my servers, what they do, and the buttons that go with it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use hubgate_protocol::{Phase, ServerId, ServerName};

use crate::answer::{self, Frame};
use crate::domain::activity::Activity;
use crate::domain::explain::{self, Cause};
use crate::extract::SignedIn;
use crate::state::Hub;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    user: String,
    servers: Vec<Card>,
    changing: bool,
    named: bool,
}

/// One server as the page shows it.
struct Card {
    name: String,
    /// What tells the buttons of this server from those of the others; empty for the default one.
    suffix: String,
    /// `OWNER` or `OWNER/SERVER`.
    target: String,
    url: String,
    state: &'static str,
    live: bool,
    starting: bool,
    stopping: bool,
    since_ms: u64,
    activity: Option<Activity>,
    cause: Option<Cause>,
}

impl Card {
    fn of(hub: &Hub, id: &ServerId) -> Self {
        let status = hub.servers.status(id);
        let live = status.phase == Phase::Running;
        let name = id.server.to_string();
        Self {
            suffix: if name.is_empty() { String::new() } else { format!("-{name}") },
            name,
            target: id.segments(),
            url: hub.server_path(id),
            state: phase_word(status.phase),
            live,
            starting: status.phase == Phase::Starting,
            stopping: status.phase == Phase::Stopping,
            since_ms: status.since_ms,
            activity: Activity::parse(&status.status_text).filter(|_| live),
            cause: (status.phase == Phase::Failed).then(|| explain::cause(status.exit.as_ref())),
        }
    }
}

/// A phase in one word for people.
#[must_use]
pub fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Stopped => "stopped",
        Phase::Listening => "ready to start",
        Phase::Starting => "starting",
        Phase::Running => "running",
        Phase::Stopping => "stopping",
        Phase::Failed => "failed",
    }
}

/// `GET /hub/home`.
pub async fn home(person: SignedIn) -> HttpResponse {
    let (hub, user) = (&person.hub, &person.session.user);
    let directory = hub.directory();
    let named = directory.named_servers(user);
    let names = std::iter::once(ServerName::default()).chain(named.iter().cloned());
    let servers: Vec<Card> =
        names.map(|server| Card::of(hub, &ServerId { user: user.clone(), server })).collect();
    let page = HomePage {
        frame: person.frame(),
        user: user.to_string(),
        changing: servers.iter().any(|card| card.starting || card.stopping),
        servers,
        named: hub.config.allow_named_servers,
    };
    answer::page(StatusCode::OK, &page)
}
