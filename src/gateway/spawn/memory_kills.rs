//! Noticing that the kernel killed a process of a server for its memory: read out of the servers' control groups.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use hubgate_protocol::ServerId;

use super::gauge::{SLICE, control_group, number};
use crate::domain::usage::MemoryKill;

/// Compares the kernel's counts from one look to the next.
#[derive(Debug)]
pub struct MemoryKills {
    slice: PathBuf,
    /// What was counted at the last look; `None` before the first one, which tells nothing new.
    counted: Option<HashMap<ServerId, u64>>,
}

impl MemoryKills {
    /// Reads control groups below this directory, [`super::gauge::CGROUPS`].
    #[must_use]
    pub fn new(cgroups: &Path) -> Self {
        Self { slice: cgroups.join(SLICE), counted: None }
    }

    /// Of which of these servers processes were killed since the last look.
    pub fn look(&mut self, running: &[ServerId]) -> Vec<(ServerId, MemoryKill)> {
        let first = self.counted.is_none();
        let counted = self.counted.get_or_insert_default();
        let known: HashSet<&ServerId> = running.iter().collect();
        counted.retain(|id, _| known.contains(id));
        let mut kills = Vec::new();
        for id in running {
            let Some(group) = control_group(&self.slice, id) else { continue };
            let Some(count) = killed(&group) else { continue };
            // A server that was started anew begins at 0.
            let before = counted.insert(id.clone(), count).filter(|before| *before <= count).unwrap_or(0);
            if count > before && !first {
                let (used, limit) = (number(&group, "memory.peak"), number(&group, "memory.max"));
                kills.push((id.clone(), MemoryKill { count, used, limit }));
            }
        }
        kills
    }
}

fn killed(group: &Path) -> Option<u64> {
    let events = fs::read_to_string(group.join("memory.events")).ok()?;
    events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A control group as the kernel shows it.
    fn group(cgroups: &Path, unit: &str, kills: u64) {
        let dir = cgroups.join(SLICE).join(unit);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("memory.events"), format!("low 0\nhigh 0\nmax 9\noom 3\noom_kill {kills}\n"))
            .unwrap();
        fs::write(dir.join("memory.peak"), "67108000\n").unwrap();
        fs::write(dir.join("memory.max"), "67108864\n").unwrap();
    }

    fn id(text: &str) -> ServerId {
        text.parse().unwrap()
    }

    #[test]
    fn each_kill_is_told_once_with_what_was_used_of_how_much() {
        let dir = tempfile::tempdir().unwrap();
        let mut kills = MemoryKills::new(dir.path());
        group(dir.path(), "jupyter@alice.service", 0);
        group(dir.path(), "jupyter-named@alice:gpu.service", 0);
        let running = [id("alice"), id("alice:gpu"), id("nowhere")];
        assert_eq!(kills.look(&running), []);
        group(dir.path(), "jupyter-named@alice:gpu.service", 2);
        let kill = MemoryKill { count: 2, used: Some(67_108_000), limit: Some(67_108_864) };
        assert_eq!(kills.look(&running), [(id("alice:gpu"), kill)]);
        assert_eq!(kills.look(&running), []);
    }

    #[test]
    fn what_was_before_the_gateway_is_not_told_again_and_a_new_run_counts_from_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut kills = MemoryKills::new(dir.path());
        group(dir.path(), "jupyter@alice.service", 5);
        assert_eq!(kills.look(&[id("alice")]), []);
        // Started anew between two looks.
        group(dir.path(), "jupyter@alice.service", 1);
        assert_eq!(kills.look(&[id("alice")]).len(), 1);
        // A server that was not there at the last look.
        group(dir.path(), "jupyter@bob.service", 1);
        assert_eq!(kills.look(&[id("alice"), id("bob")]).len(), 1);
    }

    #[test]
    fn a_server_without_limit_is_told_too() {
        let dir = tempfile::tempdir().unwrap();
        let mut kills = MemoryKills::new(dir.path());
        kills.look(&[]);
        group(dir.path(), "jupyter@alice.service", 1);
        fs::write(dir.path().join(SLICE).join("jupyter@alice.service/memory.max"), "max\n").unwrap();
        fs::remove_file(dir.path().join(SLICE).join("jupyter@alice.service/memory.peak")).unwrap();
        let kill = MemoryKill { count: 1, used: None, limit: None };
        assert_eq!(kills.look(&[id("alice")]), [(id("alice"), kill)]);
    }
}
