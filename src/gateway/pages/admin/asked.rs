//! What the address of the administrators' table asks for: the search, a filter for each column, the order, the page.

use std::collections::{BTreeMap, BTreeSet};

use hubgate_protocol::{Phase, Username};

use crate::domain::query::Query;
use crate::state::live::{Live, rank};
use crate::store::people::{Order, Question, STANDINGS};
use crate::store::user_list::Within;

/// Users on a page.
pub const PAGE: i64 = 50;
/// Columns by which the table is sorted, as the address names them.
pub const COLUMNS: [&str; 10] =
    ["name", "display", "groups", "admin", "state", "memory", "cpu", "activity", "login", "standing"];
/// States by which it is filtered, as the address names them.
pub const STATES: [(&str, Phase); 4] = [
    ("running", Phase::Running),
    ("starting", Phase::Starting),
    ("stopping", Phase::Stopping),
    ("failed", Phase::Failed),
];
/// The state of whose servers do nothing.
pub const STOPPED: &str = "stopped";

const DAY_S: i64 = 86_400;

/// What the address asks for. What it does not understand counts as not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Part of a name.
    pub filter: String,
    /// A group's name; empty for all.
    pub group: String,
    /// `yes`, `no` or empty.
    pub admin: String,
    /// One of [`STATES`], [`STOPPED`] or empty.
    pub state: String,
    /// At least so many MiB; empty for all.
    pub memory: Option<u64>,
    /// At least so many percent of a core.
    pub cpu: Option<u32>,
    /// Used within so many days; not for so many where it is negative.
    pub activity: Option<i64>,
    /// Logged in within so many days; not for so many where it is negative.
    pub login: Option<i64>,
    /// One of [`STANDINGS`].
    pub standing: Option<&'static str>,
    /// One of [`COLUMNS`].
    pub sort: &'static str,
    /// The other way round.
    pub descending: bool,
    /// How many users are passed over.
    pub offset: i64,
}

impl Asked {
    /// Reads a query.
    #[must_use]
    pub fn read(query: &Query) -> Self {
        let text = |name| query.get(name).unwrap_or_default().to_owned();
        let days = |name| {
            query.get(name)?.parse().ok().filter(|days: &i64| (-3650..=3650).contains(days) && *days != 0)
        };
        let sort = query.get("sort").unwrap_or_default();
        let (descending, column) = sort.strip_prefix('-').map_or((false, sort), |column| (true, column));
        let state = query.get("state").unwrap_or_default();
        let known = state == STOPPED || STATES.iter().any(|(name, _)| *name == state);
        Self {
            filter: text("filter"),
            group: text("group"),
            admin: query
                .get("admin")
                .filter(|word| ["yes", "no"].contains(word))
                .unwrap_or_default()
                .to_owned(),
            state: if known { state.to_owned() } else { String::new() },
            memory: query.get("memory").and_then(|text| text.parse().ok()),
            cpu: query.get("cpu").and_then(|text| text.parse().ok()),
            activity: days("activity"),
            login: days("login"),
            standing: query
                .get("standing")
                .and_then(|word| STANDINGS.into_iter().find(|known| *known == word)),
            sort: COLUMNS.into_iter().find(|known| *known == column).unwrap_or("name"),
            descending,
            offset: query.get("offset").and_then(|text| text.parse().ok()).unwrap_or(0_i64).max(0),
        }
    }

    /// Whether anything but the search is filtered.
    #[must_use]
    pub fn narrowed(&self) -> bool {
        let all = Self {
            filter: self.filter.clone(),
            sort: self.sort,
            descending: self.descending,
            offset: self.offset,
            ..Self::default()
        };
        *self != all
    }

    /// The question for the database, of whoever may list `within` and sees these servers, at `now_s`. A group that there
    /// cannot be has no members.
    #[must_use]
    pub fn question(
        &self,
        within: Within,
        live: &BTreeMap<Username, Live>,
        admins: BTreeSet<Username>,
        now_s: i64,
    ) -> Question {
        let ago_s = |days: i64| now_s.saturating_sub(days.saturating_abs().saturating_mul(DAY_S));
        let (recent, old) = (|days: &i64| *days > 0, |days: &i64| *days < 0);
        let us = |at_s: i64| at_s.saturating_mul(1_000_000);
        let group = Some(&self.group).filter(|group| !group.is_empty()).map(|group| group.parse());
        let (mut among, mut except) = self.live_filter(live);
        match self.admin.as_str() {
            "yes" => narrow(&mut among, admins.clone()),
            "no" => except.extend(admins.iter().cloned()),
            _ => {}
        }
        if matches!(group, Some(Err(_))) {
            among = Some(BTreeSet::new());
        }
        Question {
            within,
            text: self.filter.clone(),
            group: group.and_then(Result::ok),
            among,
            except: Some(except).filter(|except| !except.is_empty()),
            active_since_us: self.activity.filter(recent).map(ago_s).map(us),
            idle_since_us: self.activity.filter(old).map(ago_s).map(us),
            login_since_s: self.login.filter(recent).map(ago_s),
            login_before_s: self.login.filter(old).map(ago_s),
            standing: self.standing,
            now_s,
            order: self.order(live, admins),
            descending: self.descending,
            offset: self.offset,
            limit: PAGE,
        }
    }

    /// Whom the filters of state, memory and processor let through, and whom they do not.
    fn live_filter(
        &self,
        live: &BTreeMap<Username, Live>,
    ) -> (Option<BTreeSet<Username>>, BTreeSet<Username>) {
        let those = |accept: &dyn Fn(&Live) -> bool| -> BTreeSet<Username> {
            live.iter().filter(|(_, one)| accept(one)).map(|(user, _)| user.clone()).collect()
        };
        let (mut among, mut except) = (None, BTreeSet::new());
        if let Some((_, phase)) = STATES.iter().find(|(name, _)| *name == self.state) {
            narrow(&mut among, those(&|one| one.phase == *phase));
        }
        if self.state == STOPPED {
            except = those(&|_| true);
        }
        if let Some(least) = self.memory {
            narrow(&mut among, those(&|one| one.memory_mib.is_some_and(|used| used >= least)));
        }
        if let Some(least) = self.cpu {
            narrow(&mut among, those(&|one| one.cpu_percent.is_some_and(|used| used >= least)));
        }
        (among, except)
    }

    fn order(&self, live: &BTreeMap<Username, Live>, admins: BTreeSet<Username>) -> Order {
        let values = |value: &dyn Fn(&Live) -> Option<i64>| {
            Order::Values(live.iter().filter_map(|(user, one)| Some((user.clone(), value(one)?))).collect())
        };
        match self.sort {
            "display" => Order::DisplayName,
            "groups" => Order::Groups,
            "admin" => Order::Values(admins.into_iter().map(|user| (user, 1)).collect()),
            "state" => values(&|one| Some(rank(one.phase))),
            "memory" => values(&|one| one.memory_mib.and_then(|used| i64::try_from(used).ok())),
            "cpu" => values(&|one| one.cpu_percent.map(i64::from)),
            "activity" => Order::Activity,
            "login" => Order::Login,
            "standing" => Order::Standing,
            _ => Order::Name,
        }
    }
}

fn narrow(among: &mut Option<BTreeSet<Username>>, to: BTreeSet<Username>) {
    *among = Some(match among.take() {
        Some(before) => before.intersection(&to).cloned().collect(),
        None => to,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        Asked::read(&Query::parse(query))
    }

    #[test]
    fn what_is_not_understood_counts_as_not_asked_for() {
        let nothing = asked("");
        for odd in [
            "offset=-1",
            "offset=x",
            "sort=password_hash",
            "state=gone",
            "memory=-1",
            "cpu=1e3",
            "activity=0",
            "login=x",
            "standing=bad",
            "admin=maybe",
        ] {
            assert_eq!(asked(odd), nothing, "{odd}");
        }
        assert!(
            !nothing.narrowed()
                && asked("state=running").narrowed()
                && !asked("filter=a&sort=-cpu&offset=50").narrowed()
        );
    }

    #[test]
    fn filters_of_what_only_memory_knows_become_names() {
        let one = |phase, memory_mib| Live { phase, memory_mib, cpu_percent: Some(7) };
        let live: BTreeMap<Username, Live> = BTreeMap::from([
            ("ada".parse().unwrap(), one(Phase::Running, Some(900))),
            ("bob".parse().unwrap(), one(Phase::Starting, None)),
        ]);
        let admins: BTreeSet<Username> = BTreeSet::from(["ada".parse().unwrap()]);
        let of = |query: &str| {
            let found = asked(query).question(Within::All, &live, admins.clone(), 0);
            (found.among.map(|names| names.len()), found.except.map(|names| names.len()))
        };
        for (query, expected) in [
            ("", (None, None)),
            ("state=running", (Some(1), None)),
            ("state=stopped", (None, Some(2))),
            ("memory=900", (Some(1), None)),
            ("memory=901", (Some(0), None)),
            ("cpu=7&admin=yes", (Some(1), None)),
            ("admin=no&state=starting", (Some(1), Some(1))),
            ("group=a/b", (Some(0), None)),
        ] {
            assert_eq!(of(query), expected, "{query}");
        }
        assert!(
            matches!(asked("sort=-memory").question(Within::All, &live, admins, 0).order, Order::Values(values) if values.len() == 1)
        );
    }
}
