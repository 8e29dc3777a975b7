//! One user as the administrators' table shows them, and what their servers do, in words.

use hubgate_protocol::Phase;
use serde::Serialize;

use crate::domain::time::minute;
use crate::extract::Caller;
use crate::state::live::Live;
use crate::store::User;
use crate::words::Language;

/// One user.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) login: String,
    pub(super) display_name: String,
    pub(super) admin: bool,
    /// At most three of them.
    pub(super) groups: Vec<String>,
    /// How many groups there are beyond those.
    pub(super) more_groups: usize,
    pub(super) now: Now,
    pub(super) activity: String,
    pub(super) last_login: String,
    /// Key of the word for their standing; empty for the good one.
    pub(super) standing: &'static str,
    /// `2027-01-31`, empty for never.
    pub(super) expires: String,
}

/// Groups that a line shows.
const GROUPS: usize = 3;

/// What somebody's servers do, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Now {
    /// Class of the dot before the state.
    pub(super) dot: &'static str,
    /// The state in a word; empty for servers that do nothing.
    pub(super) state: String,
    /// `12 MiB`, or empty.
    pub(super) memory: String,
    /// `3 %`, or empty.
    pub(super) cpu: String,
}

impl Now {
    /// The words for it; nothing for somebody whose servers do nothing.
    pub(super) fn of(live: Option<&Live>, language: Language) -> Self {
        let Some(live) = live else { return Self::default() };
        let (dot, key) = dot(live.phase);
        Self {
            dot,
            state: language.say(key),
            memory: live.memory_mib.map(|used| format!("{used} MiB")).unwrap_or_default(),
            cpu: live.cpu_percent.map(|used| format!("{used} %")).unwrap_or_default(),
        }
    }
}

/// The class of the dot of a phase, and the key of its word.
pub(super) const fn dot(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Running => ("on", "people-running"),
        Phase::Starting => ("busy", "people-starting"),
        Phase::Stopping => ("busy", "people-stopping"),
        Phase::Failed => ("bad", "people-failed"),
        Phase::Listening | Phase::Stopped => ("", "people-stopped"),
    }
}

/// The key of the word for a user's standing; empty where nothing is to be said.
pub(super) fn standing(user: &User, now_s: i64) -> &'static str {
    let standing = &user.standing;
    match standing.expires_s {
        _ if standing.disabled => "people-disabled",
        _ if standing.refused.is_some() => "people-refused",
        Some(at_s) if at_s <= now_s => "people-expired",
        _ => "",
    }
}

/// The day of a time, `2027-01-31`, in UTC.
pub(super) fn day(at_s: i64) -> String {
    minute(at_s.saturating_mul(1_000_000)).chars().take(10).collect()
}

impl Line {
    pub(super) fn of(caller: &Caller, user: &User, live: Option<&Live>, language: Language) -> Self {
        let of_user = &user.standing;
        let groups = caller.directory.groups_of(&user.name);
        Self {
            name: user.name.to_string(),
            login: of_user.login.as_ref().map(ToString::to_string).unwrap_or_default(),
            display_name: of_user.display_name.clone().unwrap_or_default(),
            admin: caller.directory.is_admin(&user.name),
            groups: groups.iter().take(GROUPS).map(ToString::to_string).collect(),
            more_groups: groups.len().saturating_sub(GROUPS),
            now: Now::of(live, language),
            activity: user.last_activity_us.map(minute).unwrap_or_default(),
            last_login: user
                .last_login_s
                .map(|at_s| minute(at_s.saturating_mul(1_000_000)))
                .unwrap_or_default(),
            standing: standing(user, caller.hub.clock.now_s()),
            expires: of_user.expires_s.map(day).unwrap_or_default(),
        }
    }
}
