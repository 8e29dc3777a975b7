//! The one table of servers: what systemd or the spawner last said of each. Nothing else knows a state.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hubgate_protocol::{Phase, ServerId, ServerStatus, Username};
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::spawn::Event;

/// Servers that are not stopped, by instance name.
#[derive(Debug)]
pub struct Servers {
    known: RwLock<HashMap<String, ServerStatus>>,
    /// How often the table has changed; 0 until the first snapshot.
    changes: watch::Sender<u64>,
}

impl Default for Servers {
    fn default() -> Self {
        Self { known: RwLock::default(), changes: watch::Sender::new(0) }
    }
}

impl Servers {
    /// Takes in what a watcher said.
    pub fn apply(&self, event: Event) {
        let mut known = self.known.write();
        match event {
            Event::Snapshot(all) => {
                *known = all.into_iter().map(|status| (status.id().to_string(), status)).collect()
            }
            Event::Changed(status) if status.phase == Phase::Stopped => {
                known.remove(&status.id().to_string());
            }
            Event::Changed(status) => {
                known.insert(status.id().to_string(), status);
            }
        }
        drop(known);
        self.changes.send_modify(|count| *count = count.saturating_add(1));
    }

    /// Phase of a server; of a default one without allocation.
    #[must_use]
    pub fn phase(&self, id: &ServerId) -> Phase {
        let known = self.known.read();
        let status =
            if id.server.is_default() { known.get(id.user.as_str()) } else { known.get(&id.to_string()) };
        status.map_or(Phase::Stopped, |status| status.phase)
    }

    /// How many servers are active: starting, running or stopping.
    #[must_use]
    pub fn active(&self) -> usize {
        let active = [Phase::Starting, Phase::Running, Phase::Stopping];
        self.known.read().values().filter(|status| active.contains(&status.phase)).count()
    }

    /// How many servers beside these are starting.
    #[must_use]
    pub fn starting_beside(&self, these: &HashSet<ServerId>) -> usize {
        let known = self.known.read();
        known
            .values()
            .filter(|status| status.phase == Phase::Starting && !these.contains(&status.id()))
            .count()
    }

    /// Everything known of one server.
    #[must_use]
    pub fn status(&self, id: &ServerId) -> ServerStatus {
        self.known.read().get(&id.to_string()).cloned().unwrap_or_else(|| ServerStatus::stopped(id))
    }

    /// Servers in a phase that `accept` takes, in no order.
    #[must_use]
    pub fn those(&self, accept: impl Fn(Phase) -> bool) -> Vec<ServerId> {
        self.known.read().values().filter(|status| accept(status.phase)).map(ServerStatus::id).collect()
    }

    /// Everything known of the servers of `user` that are not stopped.
    #[must_use]
    pub fn of(&self, user: &Username) -> Vec<ServerStatus> {
        self.known.read().values().filter(|status| status.user == *user).cloned().collect()
    }

    /// How many servers are not stopped.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.read().len()
    }

    /// Wakes at every change of any server.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits for the first snapshot, at most `within`; says whether it came.
    pub async fn known(&self, within: Duration) -> bool {
        let mut changes = self.changes();
        tokio::time::timeout(within, changes.wait_for(|count| *count > 0))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }

    /// Waits until `accept` holds for that server, at most `within`; returns its state then.
    pub async fn wait(
        &self,
        id: &ServerId,
        within: Duration,
        accept: impl Fn(&ServerStatus) -> bool,
    ) -> ServerStatus {
        let mut changes = self.changes();
        let _ = tokio::time::timeout(within, async {
            while !accept(&self.status(id)) && changes.changed().await.is_ok() {}
        })
        .await;
        self.status(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(instance: &str, phase: Phase) -> ServerStatus {
        ServerStatus { phase, ..ServerStatus::stopped(&instance.parse().unwrap()) }
    }

    #[test]
    fn what_a_snapshot_does_not_name_is_stopped() {
        let servers = Servers::default();
        servers.apply(Event::Snapshot(vec![status("alice", Phase::Running), status("bob", Phase::Starting)]));
        servers.apply(Event::Snapshot(vec![status("bob", Phase::Running)]));
        assert_eq!(servers.phase(&"alice".parse().unwrap()), Phase::Stopped);
        assert_eq!(servers.phase(&"bob".parse().unwrap()), Phase::Running);
        servers.apply(Event::Changed(status("bob", Phase::Stopped)));
        assert_eq!(servers.count(), 0);
    }

    #[tokio::test]
    async fn states_are_known_from_the_first_snapshot_on_even_an_empty_one() {
        let servers = Servers::default();
        assert!(!servers.known(Duration::ZERO).await);
        servers.apply(Event::Snapshot(Vec::new()));
        assert!(servers.known(Duration::ZERO).await);
    }
}
