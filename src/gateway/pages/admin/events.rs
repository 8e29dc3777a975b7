//! What servers do, as server-sent events: only changes, and only of those whom the viewer may see. `GET /hub/admin/events`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use futures_util::stream;
use hubgate_protocol::{Phase, Username};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::line::{Now, dot};
use super::{administers, live};
use crate::answer::{self, Failure, Telling};
use crate::extract::Caller;
use crate::state::live::Live;
use crate::state::{Hub, Session};
use crate::words::Language;

/// How often the usage of servers is looked at, and whether the viewer may still look.
const TICK: Duration = Duration::from_secs(1);
/// Changes within that time go together, so that a thousand starts are no thousand looks at a thousand servers.
const TOGETHER: Duration = Duration::from_millis(50);
/// How long the stream may be silent before an empty line keeps it open.
const SILENCE: Duration = Duration::from_secs(8);

/// What somebody's servers do now.
#[derive(Serialize)]
struct Change<'a> {
    user: &'a Username,
    #[serde(flatten)]
    now: Now,
}

/// The changes since the event before.
#[derive(Serialize)]
struct Event<'a> {
    /// How many people have a server that runs.
    running: usize,
    changes: Vec<Change<'a>>,
}

/// `GET /hub/admin/events`, for the page's script, which sends the session's token.
pub async fn stream(caller: Caller) -> Result<HttpResponse, Failure> {
    administers(&caller)?;
    let session = caller.session.clone().ok_or_else(|| Failure::bare(StatusCode::FORBIDDEN))?;
    let watch = Watch {
        changes: caller.hub.servers.changes(),
        known: live(&caller),
        hub: caller.hub,
        session,
        language: Telling::now().language,
        sent: None,
    };
    Ok(answer::events(stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) })))
}

struct Watch {
    hub: Data<Hub>,
    session: Arc<Session>,
    language: Language,
    changes: watch::Receiver<u64>,
    /// What the viewer knows.
    known: BTreeMap<Username, Live>,
    /// When something was sent last.
    sent: Option<Instant>,
}

impl Watch {
    /// The next piece of the stream; `None` when the viewer may look no longer, or the gateway ends.
    async fn next(&mut self) -> Option<String> {
        let Some(sent) = self.sent else {
            // From here on nothing is missed: the page asks for its rows once more.
            self.sent = Some(Instant::now());
            return Some(self.event(&self.known, &BTreeMap::new(), true));
        };
        loop {
            if !self.wait().await {
                return None;
            }
            let caller = self.viewer()?;
            let now = live(&caller);
            if now != self.known {
                let before = std::mem::replace(&mut self.known, now);
                self.sent = Some(Instant::now());
                return Some(self.event(&self.known, &before, false));
            }
            if sent.elapsed() >= SILENCE {
                self.sent = Some(Instant::now());
                return Some("\n\n".to_owned());
            }
        }
    }

    /// Waits for a change or a tick; whether the gateway goes on.
    async fn wait(&mut self) -> bool {
        let mut closing = self.hub.closing.subscribe();
        tokio::select! {
            changed = self.changes.changed() => {
                if changed.is_ok() {
                    sleep(TOGETHER).await;
                    self.changes.mark_unchanged();
                }
                changed.is_ok()
            }
            () = sleep(TICK) => true,
            _ = closing.wait_for(|closing| *closing) => false,
        }
    }

    /// The viewer with the rights of this moment, while their session lives.
    fn viewer(&self) -> Option<Caller> {
        let hub = &self.hub;
        let lives = hub.sessions.holds_public(&self.session.public_id, hub.clock.now_s())
            && !hub.bars(&self.session.user);
        let caller = Caller::of_session(&self.hub, &self.session);
        (lives && administers(&caller).is_ok()).then_some(caller)
    }

    /// What is different from `before`; nothing but the sum where `bare`.
    fn event(&self, now: &BTreeMap<Username, Live>, before: &BTreeMap<Username, Live>, bare: bool) -> String {
        let said = |live: Option<&Live>| match Now::of(live, self.language) {
            now if now.state.is_empty() => {
                let (dot, key) = dot(Phase::Stopped);
                Now { dot, state: self.language.say(key), ..now }
            }
            now => now,
        };
        let changed = now.iter().filter(|(user, live)| before.get(*user) != Some(*live));
        let gone = before.keys().filter(|user| !now.contains_key(*user)).map(|user| (user, None));
        let all = changed.map(|(user, live)| (user, Some(live))).chain(gone);
        let changes = if bare {
            Vec::new()
        } else {
            all.map(|(user, live)| Change { user, now: said(live) }).collect()
        };
        let event =
            Event { running: now.values().filter(|one| one.phase == Phase::Running).count(), changes };
        serde_json::to_string(&event).map(|json| format!("data: {json}\n\n")).unwrap_or_default()
    }
}
