//! What the servers of people do together at this moment: one line for each person who has any that does something.

use std::collections::BTreeMap;

use hubgate_protocol::{Phase, ServerId, Username};

use crate::state::Hub;

/// The servers of one person, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// The phase of the server that does most: running before starting before stopping before failed.
    pub phase: Phase,
    /// MiB that they use; `None` where it is not measured.
    pub memory_mib: Option<u64>,
    /// Percent of one core that they use; `None` where it is not measured.
    pub cpu_percent: Option<u32>,
}

/// How much a phase says; 0 for a server that does nothing.
#[must_use]
pub const fn rank(phase: Phase) -> i64 {
    match phase {
        Phase::Running => 4,
        Phase::Starting => 3,
        Phase::Stopping => 2,
        Phase::Failed => 1,
        Phase::Listening | Phase::Stopped => 0,
    }
}

impl Hub {
    /// What the servers that `may_see` accepts do, by their owners. Owners of whom no server does anything are not there.
    #[must_use]
    pub fn live(&self, may_see: impl Fn(&ServerId) -> bool) -> BTreeMap<Username, Live> {
        let mut live: BTreeMap<Username, Live> = BTreeMap::new();
        for (id, phase) in self.servers.phases() {
            if rank(phase) == 0 || !may_see(&id) {
                continue;
            }
            let usage = self.meters.of(&id);
            let one = live.entry(id.user).or_insert(Live { phase, memory_mib: None, cpu_percent: None });
            if rank(phase) > rank(one.phase) {
                one.phase = phase;
            }
            one.memory_mib = sum(one.memory_mib, usage.memory.map(|bytes| bytes.div_ceil(1024 * 1024)));
            one.cpu_percent = sum(one.cpu_percent.map(u64::from), usage.cpu_percent.map(u64::from))
                .map(|percent| u32::try_from(percent).unwrap_or(u32::MAX));
        }
        live
    }
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (known, None) | (None, known) => known,
    }
}
