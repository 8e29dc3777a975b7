//! Home: my server, what it does, and the buttons that go with it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use hubgate_protocol::{Phase, ServerId, ServerStatus};

use crate::answer::{self, Frame};
use crate::domain::activity::Activity;
use crate::domain::explain::{self, Cause};
use crate::extract::SignedIn;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    user: String,
    state: &'static str,
    live: bool,
    starting: bool,
    stopping: bool,
    since_ms: u64,
    activity: Option<Activity>,
    cause: Option<Cause>,
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
    let status: ServerStatus = person.hub.servers.status(&ServerId::default_of(person.session.user.clone()));
    let live = status.phase == Phase::Running;
    let page = HomePage {
        frame: person.frame(),
        user: person.session.user.to_string(),
        state: phase_word(status.phase),
        live,
        starting: status.phase == Phase::Starting,
        stopping: status.phase == Phase::Stopping,
        since_ms: status.since_ms,
        activity: Activity::parse(&status.status_text).filter(|_| live),
        cause: (status.phase == Phase::Failed).then(|| explain::cause(status.exit.as_ref())),
    };
    answer::page(StatusCode::OK, &page)
}
