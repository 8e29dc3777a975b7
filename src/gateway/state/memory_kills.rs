//! Of which servers the kernel killed processes for their memory: told where their people look.

use std::collections::HashMap;

use hubgate_protocol::{Phase, ServerId};
use log::warn;
use parking_lot::Mutex;

use super::Hub;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::usage::MemoryKill;

/// For how long people are told, seconds.
const TOLD_S: i64 = 1800;

/// The last kill in each server.
#[derive(Debug, Default)]
pub struct MemoryKills(Mutex<HashMap<ServerId, Killed>>);

/// A kill, and when it was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Killed {
    /// Seconds since 1970.
    pub at_s: i64,
    /// What happened.
    pub kill: MemoryKill,
}

impl Hub {
    /// The last kill in a server that runs, while people are to be told of it.
    #[must_use]
    pub fn memory_kill(&self, id: &ServerId) -> Option<Killed> {
        let killed = self.memory_kills.0.lock().get(id).copied()?;
        (self.servers.phase(id) == Phase::Running && killed.at_s + TOLD_S > self.clock.now_s())
            .then_some(killed)
    }

    /// Takes what was noticed.
    pub fn memory_killed(&self, id: &ServerId, kill: MemoryKill) {
        let text = |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), |bytes| bytes.to_string());
        warn!(
            "out of memory server={id} kills={} used={} limit={}",
            kill.count,
            text(kill.used),
            text(kill.limit)
        );
        let event = Event::new(Actor::Hub, Action::MemoryKill, id.segments());
        self.audit(&event.with("kills", kill.count).with("used", kill.used).with("limit", kill.limit));
        self.metrics.memory_killed();
        self.memory_kills.0.lock().insert(id.clone(), Killed { at_s: self.clock.now_s(), kill });
    }

    /// Forgets those of runs that are over, and those that nobody is told any more.
    pub fn forget_memory_kills(&self) {
        let now_s = self.clock.now_s();
        let lives = |id: &ServerId| matches!(self.servers.phase(id), Phase::Running | Phase::Stopping);
        self.memory_kills.0.lock().retain(|id, killed| lives(id) && killed.at_s + TOLD_S > now_s);
    }
}
