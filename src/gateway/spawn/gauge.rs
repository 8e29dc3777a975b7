//! What servers and the machine use: read out of the servers' control groups, and out of /proc where there are none.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hubgate_protocol::{ServerId, ServerStatus};
use procfs::process::{Stat, all_processes};
use procfs::{Current as _, CurrentSI as _, KernelStats, Meminfo};

use crate::domain::usage::{Headroom, Usage};

/// Where the kernel shows control groups, version 2.
pub const CGROUPS: &str = "/sys/fs/cgroup";
/// The slice of the servers' units, and their templates.
pub(super) const SLICE: &str = "jupyter.slice";
const TEMPLATES: [&str; 2] = ["jupyter", "jupyter-named"];

/// Measures again and again: CPU is what was used between two measurements.
#[derive(Debug)]
pub struct Gauge {
    slice: PathBuf,
    before: HashMap<ServerId, (u64, Instant)>,
    busy: Option<(u64, u64)>,
}

/// One look at one server. CPU is all since its start, microseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    memory: Option<u64>,
    cpu_us: Option<u64>,
    tasks: Option<u64>,
}

impl Gauge {
    /// Reads control groups below this directory, [`CGROUPS`].
    #[must_use]
    pub fn new(cgroups: &Path) -> Self {
        Self { slice: cgroups.join(SLICE), before: HashMap::new(), busy: None }
    }

    /// What each of these servers uses.
    pub fn servers(&mut self, running: &[ServerStatus], now: Instant) -> HashMap<ServerId, Usage> {
        let mut looks: Vec<(&ServerStatus, Look)> =
            running.iter().map(|status| (status, self.look(&status.id()))).collect();
        if looks.iter().any(|(status, look)| look.memory.is_none() && status.pid.is_some()) {
            let processes = Processes::read();
            for (status, look) in &mut looks {
                let Some(pid) = status.pid.and_then(|pid| i32::try_from(pid).ok()) else { continue };
                let walked = processes.tree(pid);
                look.memory = look.memory.or(walked.memory);
                look.cpu_us = look.cpu_us.or(walked.cpu_us);
                look.tasks = look.tasks.or(walked.tasks);
            }
        }
        let known: HashSet<ServerId> = running.iter().map(ServerStatus::id).collect();
        self.before.retain(|id, _| known.contains(id));
        looks.into_iter().map(|(status, look)| (status.id(), self.usage(&status.id(), look, now))).collect()
    }

    fn usage(&mut self, id: &ServerId, look: Look, now: Instant) -> Usage {
        let before = look.cpu_us.and_then(|cpu_us| self.before.insert(id.clone(), (cpu_us, now)));
        let cpu_percent = before.zip(look.cpu_us).and_then(|((old, at), cpu_us)| {
            let passed = now.saturating_duration_since(at).as_micros();
            // A server that was started anew has used less than the one before it.
            let used = u128::from(cpu_us.saturating_sub(old)).saturating_mul(100);
            u32::try_from(used.checked_div(passed)?).ok()
        });
        Usage { memory: look.memory, cpu_percent, tasks: look.tasks }
    }

    fn look(&self, id: &ServerId) -> Look {
        let Some(group) = control_group(&self.slice, id) else { return Look::default() };
        let number = |file| number(&group, file);
        let cpu = fs::read_to_string(group.join("cpu.stat")).unwrap_or_default();
        let cpu_us = cpu.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok());
        Look { memory: number("memory.current"), cpu_us, tasks: number("pids.current") }
    }

    /// What the machine has left; CPU since the call before, or since the boot. `None` where it does not tell.
    pub fn machine(&mut self) -> Option<Headroom> {
        let (memory, cpu) = (Meminfo::current().ok()?, KernelStats::current().ok()?);
        let all = &cpu.total;
        let idle = all.idle.saturating_add(all.iowait.unwrap_or_default());
        let parts = [all.irq, all.softirq, all.steal].map(Option::unwrap_or_default);
        let work = [all.user, all.nice, all.system].into_iter().chain(parts).fold(0, u64::saturating_add);
        let total = idle.saturating_add(work);
        let (old_work, old_total) = self.busy.replace((work, total)).unwrap_or_default();
        let percent =
            work.saturating_sub(old_work).saturating_mul(100).checked_div(total.saturating_sub(old_total));
        Some(Headroom {
            memory_total: memory.mem_total,
            memory_available: memory.mem_available.unwrap_or(memory.mem_free),
            cores: u32::try_from(cpu.cpu_time.len()).ok()?,
            cpu_percent: u32::try_from(percent.unwrap_or(0)).ok()?,
        })
    }
}

/// Where the kernel shows the control group of a server; `None` where it has none.
pub(super) fn control_group(slice: &Path, id: &ServerId) -> Option<PathBuf> {
    let groups = TEMPLATES.map(|template| slice.join(format!("{template}@{id}.service")));
    groups.into_iter().find(|group| group.is_dir())
}

/// The number in a file of a control group; `None` for `max`, and where there is no such file.
pub(super) fn number(group: &Path, file: &str) -> Option<u64> {
    fs::read_to_string(group.join(file)).ok()?.trim().parse().ok()
}

/// All processes of the machine by their parents, for engines without control groups.
struct Processes {
    stats: HashMap<i32, Stat>,
    children: HashMap<i32, Vec<i32>>,
}

impl Processes {
    fn read() -> Self {
        let found = all_processes().into_iter().flatten().flatten();
        let stats: HashMap<i32, Stat> =
            found.filter_map(|process| process.stat().ok()).map(|stat| (stat.pid, stat)).collect();
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for stat in stats.values() {
            children.entry(stat.ppid).or_default().push(stat.pid);
        }
        Self { stats, children }
    }

    /// A process with all that descends from it. Pages that they share count for each.
    fn tree(&self, root: i32) -> Look {
        let (page, ticks) = (procfs::page_size(), procfs::ticks_per_second().max(1));
        let (mut seen, mut left, mut look) = (HashSet::new(), vec![root], Look::default());
        while let Some(pid) = left.pop() {
            let Some(stat) = self.stats.get(&pid).filter(|_| seen.insert(pid)) else { continue };
            let tasks = u64::try_from(stat.num_threads).unwrap_or(0);
            // What children that have ended used is in their parents' sums.
            let ended = [stat.cutime, stat.cstime].map(|ticks| u64::try_from(ticks).unwrap_or(0));
            let used = [stat.utime, stat.stime].into_iter().chain(ended).fold(0, u64::saturating_add);
            let add = |sum: Option<u64>, more: u64| Some(sum.unwrap_or(0).saturating_add(more));
            look.memory = add(look.memory, stat.rss.saturating_mul(page));
            look.cpu_us = add(look.cpu_us, used.saturating_mul(1_000_000) / ticks);
            look.tasks = add(look.tasks, tasks);
            left.extend(self.children.get(&pid).into_iter().flatten());
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hubgate_protocol::Phase;

    use super::*;

    fn status(instance: &str) -> ServerStatus {
        ServerStatus { phase: Phase::Running, ..ServerStatus::stopped(&instance.parse().unwrap()) }
    }

    /// A control group as the kernel shows it.
    fn group(cgroups: &Path, unit: &str, cpu_us: u64) {
        let dir = cgroups.join(SLICE).join(unit);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("memory.current"), "1048576\n").unwrap();
        fs::write(dir.join("pids.current"), "17\n").unwrap();
        fs::write(dir.join("cpu.stat"), format!("usage_usec {cpu_us}\nuser_usec 1\nsystem_usec 1\n"))
            .unwrap();
    }

    #[test]
    fn a_control_group_tells_memory_tasks_and_what_cpu_was_used_between_two_looks() {
        let dir = tempfile::tempdir().unwrap();
        let (mut gauge, start) = (Gauge::new(dir.path()), Instant::now());
        let running = [status("alice"), status("alice:gpu"), status("bob")];
        group(dir.path(), "jupyter@alice.service", 1_000_000);
        group(dir.path(), "jupyter-named@alice:gpu.service", 0);
        let first = gauge.servers(&running, start);
        let of = |all: &HashMap<ServerId, Usage>, id: &str| all[&id.parse().unwrap()];
        let expected = Usage { memory: Some(1 << 20), cpu_percent: None, tasks: Some(17) };
        assert_eq!((of(&first, "alice"), of(&first, "alice:gpu")), (expected, expected));
        assert_eq!(of(&first, "bob"), Usage::default());
        group(dir.path(), "jupyter@alice.service", 8_500_000);
        let second = gauge.servers(&running, start + Duration::from_secs(5));
        assert_eq!(of(&second, "alice").cpu_percent, Some(150));
        // Started anew.
        group(dir.path(), "jupyter@alice.service", 10);
        let third = gauge.servers(&running, start + Duration::from_secs(10));
        assert_eq!(of(&third, "alice").cpu_percent, Some(0));
    }

    #[test]
    fn without_control_groups_a_process_counts_with_its_descendants() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let own = ServerStatus { pid: Some(std::process::id()), ..status("alice") };
        let used = Gauge::new(dir.path()).servers(&[own], Instant::now())[&"alice".parse().unwrap()];
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used.memory.unwrap() > 1 << 20, "{used:?}");
        assert!(used.tasks.unwrap() >= 2, "{used:?}");
    }

    #[test]
    fn the_machine_tells_what_it_has_left() {
        let left = Gauge::new(Path::new(CGROUPS)).machine().unwrap();
        assert!(left.memory_available <= left.memory_total && left.memory_total > 1 << 20, "{left:?}");
        assert!(left.cores >= 1 && left.cpu_percent <= 100, "{left:?}");
    }

    #[test]
    fn a_thousand_servers_cost_less_than_a_fiftieth_of_a_core() {
        const ROUNDS: u64 = 5;
        let dir = tempfile::tempdir().unwrap();
        let running: Vec<ServerStatus> = (0..1000).map(|n| status(&format!("u{n}"))).collect();
        for n in 0..1000 {
            group(dir.path(), &format!("jupyter@u{n}.service"), n);
        }
        let mut gauge = Gauge::new(dir.path());
        let used_ns = || -> u64 {
            let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            stat.split(' ').next().unwrap().parse().unwrap()
        };
        gauge.servers(&running, Instant::now());
        let before = used_ns();
        for _ in 0..ROUNDS {
            assert_eq!(gauge.servers(&running, Instant::now()).len(), 1000);
        }
        let each_us = (used_ns() - before) / ROUNDS / 1000;
        // 5 s are 5,000,000 µs.
        println!("1,000 servers: {each_us} µs of CPU every 5 s, {} ‰ of a core", each_us / 5_000);
        assert!(each_us < 100_000, "{each_us} µs");
    }
}
