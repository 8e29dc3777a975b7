//! The one table of servers: what systemd or the spawner last said of each, and which starts wait for their turn. Nothing
//! else knows a state.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use hubgate_protocol::{Phase, ServerId, ServerStatus, Username};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::spawn::Event;

/// Servers that are not stopped.
#[derive(Debug)]
pub struct Servers {
    table: RwLock<Table>,
    /// How often the table has changed; 0 until the first snapshot.
    changes: watch::Sender<u64>,
}

/// What a start waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Its turn, while as many start as may at the same time.
    Turn,
    /// GPUs that others have.
    Gpu,
}

/// A start in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// For what it waits.
    pub wait: Wait,
    /// Which one of those who wait for the same; the next has 1.
    pub number: usize,
}

#[derive(Debug, Default)]
struct Table {
    /// By instance name.
    known: HashMap<String, ServerStatus>,
    /// Servers whose start waits for its turn, the next one first.
    line: VecDeque<ServerId>,
    /// Servers whose start waits for a GPU, the next one first.
    gpu_line: VecDeque<ServerId>,
    /// Those in line, and those whose turn has come until the engine has news of them, by instance name: they are starting,
    /// whatever else is known of them.
    lined_up: HashMap<String, ServerId>,
}

impl Table {
    fn line(&mut self, wait: Wait) -> &mut VecDeque<ServerId> {
        match wait {
            Wait::Turn => &mut self.line,
            Wait::Gpu => &mut self.gpu_line,
        }
    }

    fn phase(&self, instance: &str) -> Phase {
        if !self.lined_up.is_empty() && self.lined_up.contains_key(instance) {
            return Phase::Starting;
        }
        self.known.get(instance).map_or(Phase::Stopped, |status| status.phase)
    }

    /// Every server that is not stopped.
    fn all(&self) -> impl Iterator<Item = Cow<'_, ServerStatus>> {
        let known = self.known.iter().filter(|(instance, _)| !self.lined_up.contains_key(*instance));
        let lined_up = self.lined_up.values().map(|id| Cow::Owned(waits(id)));
        known.map(|(_, status)| Cow::Borrowed(status)).chain(lined_up)
    }
}

/// A server whose start waits for its turn.
fn waits(id: &ServerId) -> ServerStatus {
    ServerStatus { phase: Phase::Starting, ..ServerStatus::stopped(id) }
}

impl Default for Servers {
    fn default() -> Self {
        Self { table: RwLock::default(), changes: watch::Sender::new(0) }
    }
}

impl Servers {
    /// Takes in what a watcher said.
    pub fn apply(&self, event: Event) {
        let mut table = self.table.write();
        match event {
            Event::Snapshot(all) => {
                table.known = all.into_iter().map(|status| (status.id().to_string(), status)).collect()
            }
            Event::Changed(status) if status.phase == Phase::Stopped => {
                table.known.remove(&status.id().to_string());
            }
            Event::Changed(status) => {
                table.known.insert(status.id().to_string(), status);
            }
        }
        drop(table);
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.saturating_add(1));
    }

    /// Puts a start at the end of a line; one that waits already stays where it is.
    pub fn line_up(&self, id: &ServerId, wait: Wait) {
        let mut table = self.table.write();
        if table.lined_up.insert(id.to_string(), id.clone()).is_none() {
            table.line(wait).push_back(id.clone());
        }
        drop(table);
        self.changed();
    }

    /// The start whose turn had come finds that others have its GPUs: it is the next one to get some.
    pub fn back_to_gpus(&self, id: &ServerId) {
        self.table.write().gpu_line.push_front(id.clone());
        self.changed();
    }

    /// Takes a start out of its line; whether it waited there.
    pub fn leave_line(&self, id: &ServerId) -> bool {
        let mut table = self.table.write();
        let mut waited = false;
        for wait in [Wait::Turn, Wait::Gpu] {
            table.line(wait).retain(|other| {
                waited |= other == id;
                other != id
            });
        }
        if waited {
            table.lined_up.remove(&id.to_string());
        }
        drop(table);
        if waited {
            self.changed();
        }
        waited
    }

    /// The start whose turn it is goes from the line to the engine.
    pub fn next_in_line(&self, wait: Wait) -> Option<ServerId> {
        let next = self.table.write().line(wait).pop_front();
        self.changed();
        next
    }

    /// The start that gets the next GPU.
    #[must_use]
    pub fn first_for_gpu(&self) -> Option<ServerId> {
        self.table.read().gpu_line.front().cloned()
    }

    /// The engine has news of a server whose turn had come, or never will.
    pub fn arrived(&self, id: &ServerId) {
        self.table.write().lined_up.remove(&id.to_string());
        self.changed();
    }

    /// How many starts wait for that.
    #[must_use]
    pub fn in_line(&self, wait: Wait) -> usize {
        let table = self.table.read();
        match wait {
            Wait::Turn => table.line.len(),
            Wait::Gpu => table.gpu_line.len(),
        }
    }

    /// Those whose turn has come and of whom the engine has no news yet, then all who wait, in their order.
    #[must_use]
    pub fn waiting(&self) -> Vec<(ServerId, Wait)> {
        let table = self.table.read();
        let (turn, gpu) = (table.line.iter(), table.gpu_line.iter());
        let in_line: Vec<_> = turn.map(|id| (id, Wait::Turn)).chain(gpu.map(|id| (id, Wait::Gpu))).collect();
        let called = table.lined_up.values().filter(|id| !in_line.iter().any(|(other, _)| other == id));
        let all = called.map(|id| (id, Wait::Turn)).chain(in_line.iter().copied());
        all.map(|(id, wait)| (id.clone(), wait)).collect()
    }

    /// Where a start waits; `None`: it does not.
    #[must_use]
    pub fn place(&self, id: &ServerId) -> Option<Place> {
        let table = self.table.read();
        let place = |line: &VecDeque<ServerId>, wait| {
            let before = line.iter().position(|other| other == id)?;
            Some(Place { wait, number: before + 1 })
        };
        place(&table.line, Wait::Turn).or_else(|| place(&table.gpu_line, Wait::Gpu))
    }

    /// Phase of a server; of a default one without allocation.
    #[must_use]
    pub fn phase(&self, id: &ServerId) -> Phase {
        let table = self.table.read();
        if id.server.is_default() { table.phase(id.user.as_str()) } else { table.phase(&id.to_string()) }
    }

    /// How many servers are active: waiting for their start, starting, running or stopping.
    #[must_use]
    pub fn active(&self) -> usize {
        let active = [Phase::Starting, Phase::Running, Phase::Stopping];
        self.table.read().all().filter(|status| active.contains(&status.phase)).count()
    }

    /// How many servers beside these are starting; those that wait for their turn are not.
    #[must_use]
    pub fn starting_beside(&self, these: &HashSet<ServerId>) -> usize {
        let table = self.table.read();
        table
            .known
            .values()
            .filter(|status| status.phase == Phase::Starting && !these.contains(&status.id()))
            .count()
    }

    /// Everything known of one server.
    #[must_use]
    pub fn status(&self, id: &ServerId) -> ServerStatus {
        let (table, instance) = (self.table.read(), id.to_string());
        if table.lined_up.contains_key(&instance) {
            return waits(id);
        }
        drop(table);
        self.told(id)
    }

    /// What the engine said last of a server.
    fn told(&self, id: &ServerId) -> ServerStatus {
        self.table.read().known.get(&id.to_string()).cloned().unwrap_or_else(|| ServerStatus::stopped(id))
    }

    /// Servers in a phase that `accept` takes, in no order.
    #[must_use]
    pub fn those(&self, accept: impl Fn(Phase) -> bool) -> Vec<ServerId> {
        self.table.read().all().filter(|status| accept(status.phase)).map(|status| status.id()).collect()
    }

    /// Everything known of the servers in a phase that `accept` takes, in no order.
    #[must_use]
    pub fn statuses(&self, accept: impl Fn(Phase) -> bool) -> Vec<ServerStatus> {
        self.table.read().all().filter(|status| accept(status.phase)).map(Cow::into_owned).collect()
    }

    /// All servers that are known, with their phases, in no order.
    #[must_use]
    pub fn phases(&self) -> Vec<(ServerId, Phase)> {
        self.table.read().all().map(|status| (status.id(), status.phase)).collect()
    }

    /// Everything known of the servers of `user` that are not stopped.
    #[must_use]
    pub fn of(&self, user: &Username) -> Vec<ServerStatus> {
        self.table.read().all().filter(|status| status.user == *user).map(Cow::into_owned).collect()
    }

    /// How many servers are not stopped.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table.read().all().count()
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

    /// Does `work`, then waits until the engine has news of that server, at most `within`. That its socket listens is none.
    pub async fn until_news<T, E>(
        &self,
        id: &ServerId,
        within: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let (mut changes, before) = (self.changes(), self.told(id));
        let done = work.await?;
        let _ = tokio::time::timeout(within, async {
            let idle = |now: &ServerStatus| matches!(now.phase, Phase::Stopped | Phase::Listening);
            let none = |now: &ServerStatus| *now == before || idle(now);
            while none(&self.told(id)) && changes.changed().await.is_ok() {}
        })
        .await;
        Ok(done)
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

    #[test]
    fn a_start_in_line_is_starting_whatever_else_is_known_and_knows_its_place() {
        let servers = Servers::default();
        let [alice, bob]: [ServerId; 2] = ["alice", "bob:gpu"].map(|name| name.parse().unwrap());
        servers.apply(Event::Snapshot(vec![status("alice", Phase::Failed)]));
        for id in [&alice, &bob, &alice] {
            servers.line_up(id, Wait::Turn);
        }
        let at = |number| Some(Place { wait: Wait::Turn, number });
        servers.apply(Event::Snapshot(vec![status("alice", Phase::Listening)]));
        assert_eq!(
            [&alice, &bob].map(|id| (servers.phase(id), servers.place(id))),
            [(Phase::Starting, at(1)), (Phase::Starting, at(2))]
        );
        assert_eq!((servers.count(), servers.active(), servers.starting_beside(&HashSet::new())), (2, 2, 0));
        assert!(servers.leave_line(&alice) && !servers.leave_line(&alice));
        assert_eq!((servers.phase(&alice), servers.place(&bob)), (Phase::Listening, at(1)));
        assert_eq!(servers.next_in_line(Wait::Turn).as_ref(), Some(&bob));
        assert_eq!(
            (servers.phase(&bob), servers.place(&bob), servers.in_line(Wait::Turn)),
            (Phase::Starting, None, 0)
        );
        assert!(!servers.leave_line(&bob), "it is with the engine");
        servers.arrived(&bob);
        assert_eq!(servers.phase(&bob), Phase::Stopped);
    }
}
