//! Which servers are to be stopped because nobody uses them, when, and how they are kept.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hubgate_protocol::{Phase, ServerId, ServerStatus, Username};
use log::{info, warn};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Mutex as Gate;

use super::{Hub, blocking, starts};
use crate::domain::activity::Activity as Report;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::cull::{Culled, Due, PerMinute, Rules, Sight, Verdict, Why};
use crate::store::{StoreError, keeps};

/// From how many percent of a core on a server counts as computing, whatever it says of itself: a terminal, a thread of an
/// idle kernel, an application that reports nothing. Open pages that poll use less.
const COMPUTES_PERCENT: u32 = 10;

/// When a server is to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// When, seconds since 1970.
    pub at_s: i64,
    /// The rule that says so.
    pub why: Why,
    /// Whether it is so soon that its owner is warned.
    pub soon: bool,
    /// For how long it can be kept from now on, seconds; 0: not at all.
    pub keep_s: i64,
}

/// What was seen at the last look.
#[derive(Debug, Default)]
pub struct Culling {
    ahead: RwLock<Arc<HashMap<ServerId, At>>>,
    /// Since when owners have been warned, by the steady clock.
    warned: Mutex<HashMap<ServerId, i64>>,
    computing: Mutex<HashMap<ServerId, Computing>>,
    ended: Mutex<HashMap<ServerId, Culled>>,
    pace: Mutex<PerMinute>,
    /// Held by who looks.
    looking: Gate<()>,
}

/// That a server used the processor.
#[derive(Debug, Clone, Copy, Default)]
struct Computing {
    /// How many looks in a row have seen it.
    looks: u32,
    /// When it was last seen more than once in a row, seconds since 1970: once alone is a moment's work of a page that polls.
    last_s: Option<i64>,
}

impl Computing {
    fn next(self, computes: bool, now_s: i64) -> Self {
        let looks = if computes { self.looks.saturating_add(1) } else { 0 };
        Self { looks, last_s: if looks > 1 { Some(now_s) } else { self.last_s } }
    }
}

impl Culling {
    /// When a running server is to be stopped, if nothing changes; `None`: not at all.
    #[must_use]
    pub fn of(&self, server: &ServerId) -> Option<At> {
        self.ahead.read().get(server).copied()
    }

    /// When and why the hub stopped a server that does not run; `None` where something else ended its
    /// last run.
    #[must_use]
    pub fn ended(&self, server: &ServerId) -> Option<Culled> {
        self.ended.lock().get(server).copied()
    }
}

impl Hub {
    /// What holds for a server.
    #[must_use]
    pub fn culling_rules(&self, server: &ServerId) -> Rules {
        let (config, directory) = (&self.config, self.directory());
        let groups = directory.groups_of(&server.user);
        let in_group = |name: &str| groups.iter().any(|group| group.as_str() == name);
        let rule = config.cull_rules.of(in_group, self.clock.wall());
        let idle_minutes = rule.map_or(config.cull_idle_minutes, |rule| rule.idle_minutes);
        let max_age_hours = rule.map_or(config.cull_max_age_hours, |rule| rule.max_age_hours);
        let some = |number: u32, unit_s: i64| (number > 0).then(|| i64::from(number) * unit_s);
        Rules {
            idle_s: some(idle_minutes, 60),
            age_s: some(max_age_hours, 3600),
            warning_s: i64::from(config.cull_warning_minutes) * 60,
            keep_s: i64::from(config.cull_keep_hours_max) * 3600,
        }
    }

    /// Whether the configuration has servers stopped at all.
    #[must_use]
    pub fn culls(&self) -> bool {
        let by_rule =
            self.config.cull_rules.0.iter().any(|rule| rule.idle_minutes > 0 || rule.max_age_hours > 0);
        by_rule || self.config.cull_idle_minutes > 0 || self.config.cull_max_age_hours > 0
    }
}

/// Looks at every running server, warns, and stops those whose time has come: at most `cull_per_minute_max` within a minute.
///
/// # Errors
/// When the database cannot say what was used and kept; nothing is stopped then.
pub async fn look(hub: &Hub) -> Result<(), StoreError> {
    let _alone = hub.culling.looking.lock().await;
    let running = hub.servers.statuses(|phase| phase == Phase::Running);
    let sights = sights(hub, running).await?;
    let again: Vec<ServerId> = {
        let ended = hub.culling.ended.lock();
        ended.keys().filter(|id| sights.contains_key(*id)).cloned().collect()
    };
    for id in again {
        note(hub, &id, None).await?;
    }
    let steady_s = hub.clock.steady_s();
    for (id, why) in judge(hub, &sights, steady_s) {
        if !hub.culling.pace.lock().admits(hub.config.cull_per_minute_max, steady_s) {
            break;
        }
        end(hub, &id, why).await;
    }
    Ok(())
}

/// Notes when each server is to be stopped and who is warned of it; those whose time has come, the longest overdue first.
fn judge(hub: &Hub, sights: &HashMap<ServerId, Sight>, steady_s: i64) -> Vec<(ServerId, Why)> {
    let (now_s, mut ahead, mut ends) = (hub.clock.now_s(), HashMap::new(), Vec::new());
    let mut warned = hub.culling.warned.lock();
    warned.retain(|id, _| sights.contains_key(id));
    for (id, sight) in sights {
        let rules = hub.culling_rules(id);
        let warned_s = warned.get(id).map(|since_s| steady_s.saturating_sub(*since_s));
        let verdict = rules.judge(sight, warned_s, now_s);
        if verdict.warns() {
            warned.entry(id.clone()).or_insert(steady_s);
        } else {
            warned.remove(id);
        }
        if let Some(Due { at_s, why }) = verdict.due() {
            let keep_s = if rules.keeping_helps(sight, now_s) { rules.keep_s } else { 0 };
            ahead.insert(id.clone(), At { at_s, why, soon: verdict.warns(), keep_s });
        }
        if let Verdict::Ends(due) = verdict {
            ends.push((rules.due(sight, now_s).map_or(now_s, |due| due.at_s), id.clone(), due.why));
        }
    }
    *hub.culling.ahead.write() = Arc::new(ahead);
    ends.sort_by_key(|(at_s, ..)| *at_s);
    ends.into_iter().map(|(_, id, why)| (id, why)).collect()
}

/// What is known of these servers, by name.
async fn sights(hub: &Hub, running: Vec<ServerStatus>) -> Result<HashMap<ServerId, Sight>, StoreError> {
    let owners: BTreeSet<Username> = running.iter().map(|status| status.user.clone()).collect();
    let (store, owners) = (hub.store.clone(), owners.into_iter().collect::<Vec<_>>());
    let known = blocking(move || store.read(|c| keeps::of_users(c, &owners))).await?;
    let known: HashMap<ServerId, (Option<i64>, Option<i64>)> =
        known.into_iter().map(|row| (row.id, (row.used_us, row.until_s))).collect();
    let now_s = hub.clock.now_s();
    let mut computing = hub.culling.computing.lock();
    let run: HashSet<ServerId> = running.iter().map(ServerStatus::id).collect();
    computing.retain(|id, _| run.contains(id));
    Ok(running
        .into_iter()
        .map(|status| {
            let id = status.id();
            let (stored_us, kept_until_s) = known.get(&id).copied().unwrap_or_default();
            let used_us = hub.activity.of_server(&id, stored_us);
            let computes = hub.meters.of(&id).cpu_percent.is_some_and(|percent| percent >= COMPUTES_PERCENT);
            let seen = computing.entry(id.clone()).or_default();
            *seen = seen.next(computes, now_s);
            let sight = sight(&status, used_us, computes);
            // Its time without use begins when it has computed. Of whom nothing is known, nothing is known still.
            let used_s = sight.used_s.map(|used_s| used_s.max(seen.last_s.unwrap_or(used_s)));
            (id, Sight { kept_until_s, used_s, ..sight })
        })
        .collect())
}

/// What a server says of itself, what the hub was told of it, and what the machine measures.
fn sight(status: &ServerStatus, used_us: Option<i64>, computes: bool) -> Sight {
    let since_s = i64::try_from(status.since_ms / 1000).ok().filter(|since_s| *since_s > 0);
    let told_s = used_us.map(|used_us| used_us.div_euclid(1_000_000));
    let report = Report::parse(&status.status_text);
    let used_s = match report {
        Some(report) => told_s.max(Some(report.last_s).filter(|last_s| *last_s > 0)),
        // The hub itself notes the start: whoever has told it nothing since then says nothing.
        None => told_s.filter(|told_s| since_s.is_some_and(|since_s| *told_s > since_s)),
    };
    let busy = computes || report.is_some_and(|report| report.busy > 0 || report.working > 0);
    Sight { since_s, used_s, busy, kept_until_s: None }
}

/// Remembers what the hub stopped before it was started anew.
///
/// # Errors
/// When the database cannot be read.
pub async fn recall(hub: &Hub) -> Result<(), StoreError> {
    let store = hub.store.clone();
    let known = blocking(move || store.read(keeps::culled)).await?;
    hub.culling.ended.lock().extend(known);
    Ok(())
}

/// Stops one server. It never goes with its user, its name or its files.
async fn end(hub: &Hub, id: &ServerId, why: Why) {
    if let Err(error) = starts::stop(hub, id).await {
        warn!("a server could not be culled server={id}: {error}");
        return;
    }
    info!("culled server={id} why={}", why.word());
    hub.metrics.culled(why.word());
    hub.audit(&Event::new(Actor::Hub, Action::ServerCull, id.segments()).with("why", why.word()));
    if let Err(error) = note(hub, id, Some(Culled { at_s: hub.clock.now_s(), why })).await {
        warn!("why a server was culled could not be written down server={id}: {error}");
    }
}

/// Remembers that the hub stopped a server, or that it runs again.
async fn note(hub: &Hub, id: &ServerId, end: Option<Culled>) -> Result<(), StoreError> {
    match end {
        Some(culled) => hub.culling.ended.lock().insert(id.clone(), culled),
        None => hub.culling.ended.lock().remove(id),
    };
    let (store, server, now_us) = (hub.store.clone(), id.clone(), hub.clock.now_us());
    blocking(move || store.write(|c| keeps::set_culled(c, &server, end, now_us))).await
}

/// Why a server cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The configuration says so.
    #[error("servers cannot be kept here")]
    Off,
    /// It does not run.
    #[error("the server does not run")]
    NotRunning,
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Keeps a running server for `asked_s` seconds from now, or for as long as the configuration allows; returns until when,
/// seconds since 1970.
///
/// # Errors
/// See [`KeepError`].
pub async fn keep(hub: &Hub, id: &ServerId, asked_s: i64, by: Actor) -> Result<i64, KeepError> {
    if hub.servers.phase(id) != Phase::Running {
        return Err(KeepError::NotRunning);
    }
    let until_s = hub.culling_rules(id).kept_until(asked_s, hub.clock.now_s()).ok_or(KeepError::Off)?;
    let (store, server, now_us) = (hub.store.clone(), id.clone(), hub.clock.now_us());
    blocking(move || store.write(|c| keeps::keep(c, &server, until_s, now_us))).await?;
    info!("kept server={id} until_s={until_s}");
    hub.audit(&Event::new(by, Action::ServerKept, id.segments()).with("until_s", until_s));
    if hub.culls() {
        look(hub).await?;
    }
    Ok(until_s)
}
