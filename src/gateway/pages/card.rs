//! A server as its owner's home shows it: state, figures, when it ends, how it ended.

use hubgate_protocol::{Exit, Phase, ServerId};

use crate::answer::Frame;
use crate::answer::cause::{self, Told};
use crate::domain::activity::Activity;
use crate::domain::cull;
use crate::domain::ending::Why;
use crate::domain::explain::Cause;
use crate::domain::limits::{Source, Stated};
use crate::domain::time::minute;
use crate::pages::spawn::in_line;
use crate::state::Hub;
use crate::state::memory_kills::Killed;
use crate::store::servers::Server;
use crate::words::Message;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What a server uses of something.
pub(super) struct Gauge {
    /// Key of its name.
    pub(super) name: &'static str,
    pub(super) used: String,
    /// The limit and who states it.
    pub(super) limit: Option<Message>,
    /// Percent of the limit.
    pub(super) percent: Option<u64>,
}

/// A rule that stops servers, and when it does or did.
pub(super) struct Culling {
    pub(super) why: Message,
    pub(super) at_ms: i64,
    /// The same for those without scripts, UTC.
    pub(super) at: String,
    pub(super) keep: bool,
}

/// One server as the page shows it.
pub(super) struct Card {
    pub(super) name: String,
    /// What its owner calls it.
    pub(super) title: String,
    /// The title of the profile that it runs as; empty: none.
    pub(super) profile: String,
    /// What tells the buttons of this server from those of the others; empty for the default one.
    pub(super) suffix: String,
    /// `OWNER` or `OWNER/SERVER`.
    pub(super) target: String,
    pub(super) url: String,
    pub(super) state: Message,
    pub(super) live: bool,
    pub(super) starting: bool,
    /// Its place in line.
    pub(super) place: Option<Message>,
    pub(super) stopping: bool,
    pub(super) since_ms: u64,
    /// The same for those without scripts, UTC.
    pub(super) since: String,
    pub(super) activity: Option<Activity>,
    /// When it was used last, and the same for those without scripts.
    pub(super) used: Option<(i64, String)>,
    pub(super) cause: Option<Told>,
    pub(super) gauges: Vec<Gauge>,
    /// That the kernel killed a process of it.
    pub(super) killed: Option<Message>,
    /// When it will be stopped.
    pub(super) ahead: Option<Culling>,
    /// When the hub stopped it.
    pub(super) ended: Option<Culling>,
    /// How its last run ended otherwise.
    pub(super) last_end: Option<LastEnd>,
}

/// How a run ended.
pub(super) struct LastEnd {
    pub(super) sentences: Vec<Message>,
    pub(super) at_ms: i64,
    /// The same for those without scripts, UTC.
    pub(super) at: String,
}

impl LastEnd {
    /// Of the last run; `None` where its end was not seen.
    fn of(row: &Server) -> Option<Self> {
        let ending = row.last_end.as_ref().filter(|ending| Some(ending.at_us) > row.started_us)?;
        let sentences = match &ending.why {
            Why::Asked => vec![Message::new("home-ended-asked")],
            Why::Itself => vec![Message::new("home-ended-itself")],
            Why::Failed { exit, cause } => {
                let told = cause::of(cause.unwrap_or(Cause::Unknown), exit.as_ref());
                vec![told.sentence, told.remedy]
            }
        };
        Some(Self {
            sentences,
            at_ms: ending.at_us.div_euclid(1000),
            at: utc(ending.at_us.div_euclid(1_000_000)),
        })
    }
}

impl Card {
    /// The server of that id, with what is written down of it.
    pub(super) fn of(hub: &Hub, frame: &Frame, id: &ServerId, row: Option<&Server>) -> Self {
        let status = hub.servers.status(id);
        let live = status.phase == Phase::Running;
        let activity = Activity::parse(&status.status_text).filter(|_| live);
        let name = id.server.to_string();
        let title = row.and_then(|row| row.display_name.clone()).filter(|title| !title.is_empty());
        let used_us = hub.activity.of_server(id, row.and_then(|row| row.last_activity_us));
        Self {
            title: title.unwrap_or_else(|| name.clone()),
            profile: hub
                .profile_of(id)
                .filter(|_| live)
                .map(|profile| profile.title.clone())
                .unwrap_or_default(),
            used: used_us.map(|at_us| (at_us.div_euclid(1000), utc(at_us.div_euclid(1_000_000)))),
            suffix: if name.is_empty() { String::new() } else { format!("-{name}") },
            name,
            target: id.segments(),
            url: hub.server_path(id),
            state: phase_word(status.phase),
            live,
            starting: status.phase == Phase::Starting,
            place: hub.servers.place(id).map(|place| in_line(place.wait, place.number)),
            stopping: status.phase == Phase::Stopping,
            since_ms: status.since_ms,
            since: utc(i64::try_from(status.since_ms / 1000).unwrap_or_default()),
            cause: (status.phase == Phase::Failed).then(|| failure(status.exit.as_ref(), row)),
            gauges: if live { gauges(hub, frame, id, activity.as_ref()) } else { Vec::new() },
            activity,
            killed: hub.memory_kill(id).map(memory_kill),
            ahead: hub.culling.of(id).filter(|_| live).map(|at| Culling {
                why: Message::new(match at.why {
                    cull::Why::Idle => "home-stops-idle",
                    cull::Why::Age => "home-stops-age",
                }),
                at_ms: at.at_s.saturating_mul(1000),
                at: utc(at.at_s),
                keep: at.keep_s > 0,
            }),
            last_end: row
                .filter(|_| matches!(status.phase, Phase::Stopped | Phase::Listening))
                .filter(|_| hub.culling.ended(id).is_none())
                .and_then(LastEnd::of),
            ended: hub.culling.ended(id).filter(|_| status.phase == Phase::Stopped).map(|culled| Culling {
                why: Message::new(match culled.why {
                    cull::Why::Idle => "home-ended-idle",
                    cull::Why::Age => "home-ended-age",
                }),
                at_ms: culled.at_s.saturating_mul(1000),
                at: utc(culled.at_s),
                keep: false,
            }),
        }
    }
}

/// Why a server has failed: as it was written down with its last lines, else as far as the engine knows.
fn failure(exit: Option<&Exit>, row: Option<&Server>) -> Told {
    let ending =
        row.and_then(|row| row.last_end.as_ref().filter(|ending| Some(ending.at_us) > row.started_us));
    match ending.map(|ending| &ending.why) {
        Some(Why::Failed { cause: Some(named), .. }) => cause::of(*named, exit),
        _ => cause::told(exit, &[]),
    }
}

/// A phase in one word for people.
#[must_use]
pub fn phase_word(phase: Phase) -> Message {
    Message::new(match phase {
        Phase::Stopped => "state-stopped",
        Phase::Listening => "state-listening",
        Phase::Starting => "state-starting",
        Phase::Running => "state-running",
        Phase::Stopping => "state-stopping",
        Phase::Failed => "state-failed",
    })
}

/// A time without scripts, from seconds since 1970.
fn utc(at_s: i64) -> String {
    format!("{} UTC", minute(at_s.saturating_mul(1_000_000)))
}

/// What a server uses, as far as it was measured, against what it may.
fn gauges(hub: &Hub, frame: &Frame, id: &ServerId, activity: Option<&Activity>) -> Vec<Gauge> {
    let (usage, limits) = (hub.meters.of(id), hub.limits_of(id));
    let cpu = limits.cpu_percent.map(|limit| Stated { value: limit.value.into(), source: limit.source });
    let gauge = |name, used: Option<u64>, limit: Option<Stated<u64>>, shown: fn(u64) -> String| {
        used.map(|used| Gauge {
            name,
            used: shown(used),
            percent: limit.as_ref().and_then(|limit| used.saturating_mul(100).checked_div(limit.value)),
            limit: limit.map(|limit| {
                let source = frame.say(&source(limit.source));
                Message::new("home-of").with("limit", shown(limit.value)).with("source", source)
            }),
        })
    };
    let all = [
        gauge("home-memory", usage.memory, limits.memory, size),
        gauge("home-cpu", usage.cpu_percent.map(u64::from), cpu, |percent| format!("{percent} %")),
        gauge("home-tasks", usage.tasks, limits.tasks, |tasks| tasks.to_string()),
    ];
    all.into_iter().flatten().chain(activity.and_then(disk)).collect()
}

/// What was killed in a server, when, and at how much of how much.
#[must_use]
pub fn memory_kill(killed: Killed) -> Message {
    let kill = killed.kill;
    let message = match (kill.used, kill.limit) {
        (Some(used), Some(limit)) => {
            Message::new("memory-kill-limit").with("used", size(used)).with("limit", size(limit))
        }
        (None, Some(limit)) => {
            Message::new("memory-kill-limit").with("used", size(limit)).with("limit", size(limit))
        }
        (_, None) => Message::new("memory-kill-machine"),
    };
    message.with("at", utc(killed.at_s))
}

/// What a server may use, each limit with who states it, for administrators.
#[must_use]
pub fn in_force(hub: &Hub, frame: &Frame, id: &ServerId) -> Vec<(&'static str, Message)> {
    let limits = hub.limits_of(id);
    let stated = |limit: String, by: Source| {
        let by = if by == Source::User { Message::new("limits-source-user") } else { source(by) };
        Message::new("limits-in-force").with("limit", limit).with("source", frame.say(&by))
    };
    let memory = limits.memory.map(|limit| ("home-memory", stated(size(limit.value), limit.source)));
    let cpu =
        limits.cpu_percent.map(|limit| ("home-cpu", stated(format!("{} %", limit.value), limit.source)));
    let tasks = limits.tasks.map(|limit| ("home-tasks", stated(limit.value.to_string(), limit.source)));
    let disk = limits.disk.map(|limit| ("home-disk", stated(size(limit.value), limit.source)));
    [memory, cpu, tasks, disk].into_iter().flatten().collect()
}

/// The disk where the notebooks are, as the server reports it.
fn disk(activity: &Activity) -> Option<Gauge> {
    let (used, total) = (activity.disk_used?, activity.disk_total?);
    Some(Gauge {
        name: "home-disk",
        used: size(used),
        percent: used.saturating_mul(100).checked_div(total),
        limit: Some(Message::new("home-of-all").with("limit", size(total))),
    })
}

fn source(source: Source) -> Message {
    match source {
        Source::Site => Message::new("home-source-site"),
        Source::Profile(name) => Message::new("home-source-profile").with("name", name),
        Source::Group(name) => Message::new("home-source-group").with("name", name),
        Source::User => Message::new("home-source-user"),
    }
}

/// Bytes for people: `412 MiB`, `1.5 GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes < GIB {
        return format!("{} MiB", bytes / MIB);
    }
    format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
}
