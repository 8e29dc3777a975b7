//! What the gateway counts while it runs: how long answers, logins, starts and stops take.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hubgate_protocol::{Phase, ServerStatus};
use parking_lot::Mutex;

use crate::domain::exposition::{Exposition, Histogram, SHORT_S, STARTS_S};

/// Most series of one family: methods, routes and statuses are ours, so this is never reached by good faith.
const SERIES_MAX: usize = 2000;

/// Which answers are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Answered {
    method: String,
    route: String,
    code: u16,
}

/// The counts. Nothing of it outlives the process.
#[derive(Debug, Default)]
pub struct Metrics {
    answers: Mutex<BTreeMap<Answered, Histogram>>,
    logins: Mutex<BTreeMap<&'static str, Histogram>>,
    starts: Mutex<BTreeMap<&'static str, Histogram>>,
    stops: Mutex<BTreeMap<&'static str, Histogram>>,
    memory_kills: AtomicU64,
    culled: Mutex<BTreeMap<&'static str, u64>>,
    /// Since when a server is on its way, by instance name.
    moving: Mutex<HashMap<String, (Phase, Instant)>>,
}

impl Metrics {
    /// One answer went out. `route` is the pattern of its path, never the path.
    pub fn answered(&self, method: &str, route: &str, code: u16, took: Duration) {
        let mut answers = self.answers.lock();
        let series = Answered { method: method.to_owned(), route: route.to_owned(), code };
        if answers.len() < SERIES_MAX || answers.contains_key(&series) {
            answers.entry(series).or_insert_with(|| Histogram::new(SHORT_S)).observe(took.as_secs_f64());
        }
    }

    /// A password was checked.
    pub fn login(&self, success: bool, took: Duration) {
        observe(&self.logins, outcome(success), SHORT_S, took);
    }

    /// A server changed from one phase to the next.
    pub fn moved(&self, status: &ServerStatus) {
        let now = Instant::now();
        let instance = status.id().to_string();
        let mut moving = self.moving.lock();
        let before = moving.get(&instance).copied();
        match status.phase {
            Phase::Starting | Phase::Stopping if before.is_none_or(|(phase, _)| phase != status.phase) => {
                moving.insert(instance, (status.phase, now));
            }
            Phase::Starting | Phase::Stopping => {}
            Phase::Listening | Phase::Running | Phase::Stopped | Phase::Failed => {
                moving.remove(&instance);
            }
        }
        drop(moving);
        let Some((from, since)) = before else { return };
        match (from, status.phase) {
            (Phase::Starting, Phase::Running) => observe(&self.starts, outcome(true), STARTS_S, now - since),
            (Phase::Starting, Phase::Failed) => observe(&self.starts, outcome(false), STARTS_S, now - since),
            (Phase::Stopping, Phase::Stopped | Phase::Listening) => {
                observe(&self.stops, outcome(true), SHORT_S, now - since)
            }
            (Phase::Stopping, Phase::Failed) => observe(&self.stops, outcome(false), SHORT_S, now - since),
            _ => {}
        }
    }

    /// The kernel killed processes of a server.
    pub fn memory_killed(&self) {
        self.memory_kills.fetch_add(1, Ordering::Relaxed);
    }

    /// A server was stopped by a rule.
    pub fn culled(&self, why: &'static str) {
        let mut culled = self.culled.lock();
        let count = culled.entry(why).or_default();
        *count = count.saturating_add(1);
    }

    /// Writes everything counted so far.
    pub fn write(&self, page: &mut Exposition) {
        let name = "jupyterhub_request_duration_seconds";
        page.family(name, "histogram", "Request duration for all HTTP requests");
        for (series, took) in self.answers.lock().iter() {
            let code = series.code.to_string();
            page.histogram(
                name,
                &[("method", &series.method), ("handler", &series.route), ("code", &code)],
                took,
            );
        }
        let by_status = [
            ("jupyterhub_login_duration_seconds", "duration for all authentication attempts", &self.logins),
            (
                "jupyterhub_server_spawn_duration_seconds",
                "Time taken for server spawning operation",
                &self.starts,
            ),
            ("jupyterhub_server_stop_seconds", "Time taken for server stopping operation", &self.stops),
        ];
        for (name, help, family) in by_status {
            page.family(name, "histogram", help);
            for (status, took) in family.lock().iter() {
                page.histogram(name, &[("status", status)], took);
            }
        }
        let name = "hubgate_memory_kills_total";
        page.family(name, "counter", "Times that the kernel ended programs of a server for its memory");
        page.value(name, &[], self.memory_kills.load(Ordering::Relaxed));
        let name = "hubgate_culled_servers_total";
        page.family(name, "counter", "Servers that were stopped by a rule");
        for (why, count) in self.culled.lock().iter() {
            page.value(name, &[("why", why)], count);
        }
    }
}

fn outcome(success: bool) -> &'static str {
    if success { "success" } else { "failure" }
}

fn observe(
    family: &Mutex<BTreeMap<&'static str, Histogram>>,
    status: &'static str,
    bounds: &'static [f64],
    took: Duration,
) {
    family.lock().entry(status).or_insert_with(|| Histogram::new(bounds)).observe(took.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_counted_once_by_how_it_ends() {
        let metrics = Metrics::default();
        let status =
            |name: &str, phase| ServerStatus { phase, ..ServerStatus::stopped(&name.parse().unwrap()) };
        for (name, phase) in [
            ("alice", Phase::Starting),
            ("alice", Phase::Starting),
            ("alice", Phase::Running),
            ("alice", Phase::Running),
            ("bob", Phase::Starting),
            ("bob", Phase::Failed),
            ("alice", Phase::Stopping),
            ("alice", Phase::Stopped),
        ] {
            metrics.moved(&status(name, phase));
        }
        let mut page = Exposition::default();
        metrics.write(&mut page);
        let text = page.into_text();
        for line in [
            "jupyterhub_server_spawn_duration_seconds_count{status=\"success\"} 1",
            "jupyterhub_server_spawn_duration_seconds_count{status=\"failure\"} 1",
            "jupyterhub_server_stop_seconds_count{status=\"success\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(metrics.moving.lock().is_empty());
    }
}
