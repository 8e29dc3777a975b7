//! The audit log: what happened, in order. Events wait in memory for the moment that their line takes to be written; all
//! that wait are written together.

use std::net::IpAddr;

use hubgate_protocol::Username;
use log::{error, info};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::{Mutex as Gate, Notify};

use crate::config::Config;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::request_log::shown;
use crate::state::{Hub, Session, blocking};
use crate::store::StoreError;
use crate::store::audit::{self, AuditQuery, Line};

/// Most events that wait for a database that cannot be written; those beyond are in the journal alone.
const WAITING_MAX: usize = 10_000;

tokio::task_local! {
    static ACTING: Acting;
}

/// Who sent the request under way, set around each request by the room `extract`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acting {
    /// Who, where the request proves it.
    pub actor: Option<Actor>,
    /// From where.
    pub address: Option<IpAddr>,
}

impl Acting {
    /// Does `work` for the one whom this describes.
    pub fn around<T: Future>(self, work: T) -> impl Future<Output = T::Output> {
        ACTING.scope(self, work)
    }

    /// Who acts now.
    #[must_use]
    pub fn now() -> Self {
        ACTING.try_with(Clone::clone).unwrap_or_default()
    }
}

/// Who acts now: whoever sent the request under way, and the hub itself outside of requests.
#[must_use]
pub fn acting() -> Actor {
    Acting::now().actor.unwrap_or(Actor::Hub)
}

/// A person who acts now without a session: while they log in, or by a link.
#[must_use]
pub fn acting_as(name: &Username) -> Actor {
    Actor::User { name: name.clone(), address: Acting::now().address, session: String::new() }
}

/// A person who acts now in their session.
#[must_use]
pub fn acting_in(session: &Session) -> Actor {
    let (name, session) = (session.user.clone(), session.public_id.clone());
    Actor::User { name, address: Acting::now().address, session }
}

/// Somebody who was not let in. `subject` is the name of a user, or empty: what else was typed may be a password.
#[must_use]
pub fn login_refused(subject: impl ToString, from: IpAddr, why: &str) -> Event {
    Event::new(Actor::Hub, Action::LoginRefused, subject).with("address", from.to_string()).with("why", why)
}

/// The start of the gateway, with what its configuration says beyond the defaults. Secrets stand in files of their own.
#[must_use]
pub fn started(config: &Config) -> Event {
    let usual = Config::default().values();
    let own = config.values().into_iter().zip(usual).filter(|((_, value), (_, usual))| value != usual);
    let set: Map<String, Value> = own.map(|((key, value), _)| (key.to_owned(), value.into())).collect();
    let start = Event::new(Actor::Hub, Action::Configuration, "gateway");
    start.with("version", env!("CARGO_PKG_VERSION")).with("set", set)
}

/// Events on their way into the database.
#[derive(Debug, Default)]
pub struct Ledger {
    waiting: Mutex<Vec<(i64, Event)>>,
    /// Held by whoever writes: one at a time, so that the order stays.
    writing: Gate<()>,
    came: Notify,
}

impl Hub {
    /// Writes an event down, behind the request.
    pub fn audit(&self, event: &Event) {
        let details = serde_json::Value::Object(event.details.clone()).to_string();
        let (actor, subject) = (event.actor.to_string(), shown(&event.subject));
        info!(
            "audit action={} actor={} subject={subject} details={}",
            event.action.name(),
            shown(&actor),
            shown(&details)
        );
        let mut waiting = self.ledger.waiting.lock();
        if waiting.len() >= WAITING_MAX {
            error!("the audit log cannot be written: this event is in the journal alone");
            return;
        }
        waiting.push((self.clock.now_us(), event.clone()));
        drop(waiting);
        self.ledger.came.notify_one();
    }

    /// Writes an event down and returns when it lasts.
    ///
    /// # Errors
    /// When the database cannot be written; the event waits then and is written later.
    pub async fn audit_durably(&self, event: &Event) -> Result<(), StoreError> {
        self.audit(event);
        self.audit_written().await
    }

    /// Returns when all that happened until now is written.
    ///
    /// # Errors
    /// When the database cannot be written; what waits is written later.
    pub async fn audit_written(&self) -> Result<(), StoreError> {
        let _order = self.ledger.writing.lock().await;
        let events = std::mem::take(&mut *self.ledger.waiting.lock());
        if events.is_empty() {
            return Ok(());
        }
        let (store, copy) = (self.store.clone(), events.clone());
        let written = blocking(move || store.write(|c| audit::append(c, &copy))).await;
        match written {
            Ok(last) => {
                if let Some((id, hash)) = last {
                    info!("audit written={id} hash={hash}");
                }
                Ok(())
            }
            Err(error) => {
                self.ledger.waiting.lock().splice(0..0, events);
                Err(error)
            }
        }
    }

    /// Whether something happened that is not written yet.
    #[must_use]
    pub fn audit_waits(&self) -> bool {
        !self.ledger.waiting.lock().is_empty()
    }

    /// Returns when there is something to write.
    pub async fn audit_came(&self) {
        self.ledger.came.notified().await;
    }

    /// Lines of the log, the newest first; those of this moment among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_lines(&self, query: AuditQuery) -> Result<Vec<Line>, StoreError> {
        self.audit_written().await?;
        let store = self.store.clone();
        blocking(move || store.read(|c| audit::list(c, &query))).await
    }

    /// The newest lines that a user may see: what they did, and what was done to them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_of(&self, user: &Username, limit: i64) -> Result<Vec<Line>, StoreError> {
        self.audit_lines(AuditQuery { of: Some(user.to_string()), limit, ..AuditQuery::default() }).await
    }
}
