//! `GET /hub/api/users/NAME/server/progress`: how a start goes, as server-sent events in JupyterHub's form.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use hubgate_protocol::{Phase, ServerId, ServerStatus};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::answer::{self, Failure};
use crate::domain::explain;
use crate::domain::scope::Base;
use crate::extract::{ServerPath, Visitor, header_text, names};
use crate::spawn::client::LOG_LINES;
use crate::state::Hub;

/// How often a start that makes no news is reported.
const TICK: Duration = Duration::from_secs(1);
/// How long a server may stay stopped before the page says that nothing happens.
const NOTHING_HAPPENS: Duration = Duration::from_secs(10);

/// One event. Keys are JupyterHub's; `log` is ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Event {
    progress: u8,
    message: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ready: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
}

/// The handler. The page sends its token in `X-XSRFToken`, so that no other page on this origin can listen.
pub async fn progress(
    visitor: Visitor,
    owner: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let Some(session) = visitor.session else {
        return Err(Failure::new(StatusCode::FORBIDDEN, "Log in first."));
    };
    if !visitor.hub.key.session_token_holds(&session.hash, header_text(&request, &names::XSRF)) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "XSRF token missing or stale; reload the page."));
    }
    let id = ServerPath::new(&owner, "").allowed(&visitor.hub, &session, &Base::ReadServers)?;
    let watch = Watch { hub: visitor.hub, id, started: Instant::now(), last: None, over: false };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        let json = serde_json::to_string(&event).ok()?;
        Some((Ok::<_, Infallible>(Bytes::from(format!("data: {json}\n\n"))), watch))
    });
    Ok(answer::guarded(StatusCode::OK)
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")))
        .streaming(events))
}

struct Watch {
    hub: web::Data<Hub>,
    id: ServerId,
    started: Instant,
    last: Option<Phase>,
    over: bool,
}

impl Watch {
    /// The next event: at once for the first, then at every change and at every tick; `None` after the last.
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        if let Some(last) = self.last {
            let mut closing = self.hub.closing.subscribe();
            tokio::select! {
                _ = self.hub.servers.wait(&self.id, TICK, |now| now.phase != last) => {}
                _ = closing.wait_for(|closing| *closing) => return None,
            }
        }
        let status = self.hub.servers.status(&self.id);
        let event = self.event(&status).await;
        self.last = Some(status.phase);
        self.over = event.ready || event.failed;
        Some(event)
    }

    async fn event(&self, status: &ServerStatus) -> Event {
        let waited = self.started.elapsed();
        let going = |progress, message: &str| Event {
            progress,
            message: message.to_owned(),
            ready: false,
            failed: false,
            url: None,
            log: Vec::new(),
        };
        match status.phase {
            Phase::Running => {
                let url = Some(self.hub.server_url(&self.id));
                Event { ready: true, url, ..going(100, "Your server is ready.") }
            }
            Phase::Failed => {
                let cause = explain::cause(status.exit.as_ref());
                let message = format!("{} {}", cause.sentence, cause.remedy);
                Event { failed: true, log: self.log().await, ..going(100, &message) }
            }
            Phase::Stopped | Phase::Listening if waited > NOTHING_HAPPENS => Event {
                failed: true,
                log: self.log().await,
                ..going(100, "Your server is not starting. Press Start to try again.")
            },
            Phase::Stopped => going(0, "Your start is waiting for its turn."),
            Phase::Listening => going(10, "The socket of your server is open."),
            Phase::Stopping => going(0, "The server that ran before is still stopping."),
            Phase::Starting => {
                let share = u8::try_from(waited.as_secs().saturating_mul(2)).unwrap_or(u8::MAX).min(60);
                let log = if self.last.is_some() { self.log().await } else { Vec::new() };
                Event { log, ..going(30 + share, "Jupyter is starting.") }
            }
        }
    }

    /// The server's own words; nothing when they are slow to come.
    async fn log(&self) -> Vec<String> {
        timeout(TICK, self.hub.spawner.journal(&self.id, LOG_LINES))
            .await
            .ok()
            .and_then(Result::ok)
            .unwrap_or_default()
    }
}
