//! How runs of servers end, written down for those who come back later.

use std::collections::HashSet;

use hubgate_protocol::{ServerId, ServerStatus};
use log::info;
use parking_lot::Mutex;

use crate::domain::ending::{Ending, Why};
use crate::domain::explain;
use crate::spawn::client::LOG_LINES;
use crate::state::{Hub, blocking};
use crate::store::{StoreError, servers};

/// Servers that the hub has asked to stop.
#[derive(Debug, Default)]
pub struct Endings(Mutex<HashSet<ServerId>>);

impl Endings {
    /// Notes that a server is asked to stop, or that asking has failed.
    pub fn asked(&self, id: &ServerId, asked: bool) {
        if asked {
            self.0.lock().insert(id.clone());
        } else {
            self.0.lock().remove(id);
        }
    }

    /// Whether a server has been asked to stop.
    #[must_use]
    pub fn is_asked(&self, id: &ServerId) -> bool {
        self.0.lock().contains(id)
    }
}

/// The end of a run, if that is what `now` tells beside what the table shows.
#[must_use]
pub fn of(hub: &Hub, now: &ServerStatus) -> Option<Ending> {
    let id = now.id();
    let asked = hub.endings.0.lock().contains(&id);
    let why = Why::of(hub.servers.phase(&id), now.phase, now.exit.as_ref(), asked)?;
    hub.endings.asked(&id, false);
    Some(Ending { at_us: hub.clock.now_us(), why })
}

/// Writes it down; where it is a failure, with the cause that the server's last lines name.
///
/// # Errors
/// When the database cannot be written.
pub async fn write(hub: &Hub, id: ServerId, mut ending: Ending) -> Result<(), StoreError> {
    if let Why::Failed { exit, cause } = &mut ending.why {
        let log = hub.spawner.journal(&id, LOG_LINES).await.unwrap_or_default();
        let named = explain::cause(exit.as_ref(), &log);
        info!("server failed server={id} cause={}", named.word());
        *cause = Some(named);
    }
    let store = hub.store.clone();
    blocking(move || store.write(|c| servers::set_ended(c, &id, &ending))).await
}
