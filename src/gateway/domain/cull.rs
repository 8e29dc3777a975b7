//! When a server that nobody uses is stopped, and what comes before: a warning that its owner can answer.

use std::collections::VecDeque;

/// What holds for one server. Times in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// How long nobody may use it; `None`: for ever.
    pub idle_s: Option<i64>,
    /// How long it may run, used or not; `None`: for ever.
    pub age_s: Option<i64>,
    /// How long its owner is warned before.
    pub warning_s: i64,
    /// How long it can be kept; 0: not at all.
    pub keep_s: i64,
}

/// What is seen of one running server. Times in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sight {
    /// Since when it runs; `None` where nobody says so.
    pub since_s: Option<i64>,
    /// Last human input, or output that a human waits for; `None` where nothing is known: then it counts as used.
    pub used_s: Option<i64>,
    /// Whether it computes now.
    pub busy: bool,
    /// Until when somebody asked to keep it.
    pub kept_until_s: Option<i64>,
}

/// Why a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody used it for long.
    Idle,
    /// It ran for as long as a server may.
    Age,
}

impl Why {
    /// Its word in logs and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Age => "age",
        }
    }

    /// The reason of that word; a word that is none means that nobody used it.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        if word == "age" { Self::Age } else { Self::Idle }
    }
}

/// The end of a server that the hub stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Culled {
    /// When, seconds since 1970.
    pub at_s: i64,
    /// The rule that said so.
    pub why: Why,
}

/// When a server is to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Seconds since 1970.
    pub at_s: i64,
    /// The rule that says so.
    pub why: Why,
}

/// What is to happen to a server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No rule ends it.
    Stays,
    /// It ends later; nobody needs to be told yet.
    Later(Due),
    /// It ends soon: its owner is warned.
    Warned(Due),
    /// Its time has come, and its owner was warned for long enough.
    Ends(Due),
}

impl Verdict {
    /// When it ends, if it does.
    #[must_use]
    pub fn due(self) -> Option<Due> {
        match self {
            Self::Stays => None,
            Self::Later(due) | Self::Warned(due) | Self::Ends(due) => Some(due),
        }
    }

    /// Whether its owner is warned.
    #[must_use]
    pub fn warns(self) -> bool {
        matches!(self, Self::Warned(_) | Self::Ends(_))
    }
}

impl Rules {
    /// Whether any server ends by them.
    #[must_use]
    pub fn end_some(&self) -> bool {
        self.idle_s.is_some() || self.age_s.is_some()
    }

    /// When a server ends if nothing changes, whoever was warned: the earlier of what the rules say.
    #[must_use]
    pub fn due(&self, sight: &Sight, now_s: i64) -> Option<Due> {
        let used_s = if sight.busy { Some(now_s) } else { sight.used_s.map(|used_s| used_s.min(now_s)) };
        let idle = self.idle_s.zip(used_s).map(|(idle_s, used_s)| used_s.saturating_add(idle_s));
        let age = self.age_s.zip(sight.since_s).map(|(age_s, since_s)| since_s.saturating_add(age_s));
        let kept_s = sight.kept_until_s.unwrap_or(i64::MIN);
        // Who keeps an old server again and again gains no more than the longest keeping.
        let aged = age.map(|at_s| at_s.max(kept_s.min(at_s.saturating_add(self.keep_s))));
        let idle = idle.map(|at_s| Due { at_s: at_s.max(kept_s), why: Why::Idle });
        let aged = aged.map(|at_s| Due { at_s, why: Why::Age });
        idle.into_iter().chain(aged).min_by_key(|due| due.at_s)
    }

    /// What is to happen. `warned_s`: for how long its owner has been warned, by a clock that nobody sets; `None`: not yet.
    #[must_use]
    pub fn judge(&self, sight: &Sight, warned_s: Option<i64>, now_s: i64) -> Verdict {
        let Some(due) = self.due(sight, now_s) else { return Verdict::Stays };
        if due.at_s.saturating_sub(now_s) > self.warning_s {
            return Verdict::Later(due);
        }
        let left_s = self.warning_s.saturating_sub(warned_s.unwrap_or(0)).max(0);
        let due = Due { at_s: due.at_s.max(now_s.saturating_add(left_s)), ..due };
        if due.at_s <= now_s { Verdict::Ends(due) } else { Verdict::Warned(due) }
    }

    /// Whether the server would live longer if somebody kept it now for as long as they may.
    #[must_use]
    pub fn keeping_helps(&self, sight: &Sight, now_s: i64) -> bool {
        let kept = Sight { kept_until_s: self.kept_until(self.keep_s, now_s), ..*sight };
        let at_s = |sight: &Sight| self.due(sight, now_s).map(|due| due.at_s.max(now_s));
        at_s(&kept) > at_s(sight)
    }

    /// Until when a server is kept that somebody asks to keep for `asked_s`; `None` where none may be kept.
    #[must_use]
    pub fn kept_until(&self, asked_s: i64, now_s: i64) -> Option<i64> {
        (self.keep_s > 0).then(|| now_s.saturating_add(asked_s.clamp(0, self.keep_s)))
    }
}

/// At most so many ends within a minute of a clock that nobody sets.
#[derive(Debug, Default)]
pub struct PerMinute(VecDeque<i64>);

impl PerMinute {
    /// Whether one more may end at `steady_s`, when `most` may within a minute; it is counted then.
    #[must_use]
    pub fn admits(&mut self, most: u32, steady_s: i64) -> bool {
        self.0.retain(|at_s| steady_s.saturating_sub(*at_s) < 60);
        let admitted = usize::try_from(most).is_ok_and(|most| self.0.len() < most);
        if admitted {
            self.0.push_back(steady_s);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const NOW: i64 = 1_800_000_000;
    const RULES: Rules =
        Rules { idle_s: Some(HOUR), age_s: Some(24 * HOUR), warning_s: 600, keep_s: 8 * HOUR };

    /// A server that runs for that long and was used so long ago.
    fn sight(runs_s: i64, unused_s: i64) -> Sight {
        Sight { since_s: Some(NOW - runs_s), used_s: Some(NOW - unused_s), ..Sight::default() }
    }

    fn idle(in_s: i64) -> Due {
        Due { at_s: NOW + in_s, why: Why::Idle }
    }

    fn age(in_s: i64) -> Due {
        Due { at_s: NOW + in_s, why: Why::Age }
    }

    #[test]
    fn a_server_ends_when_nobody_has_used_it_and_its_owner_was_warned() {
        for (what, sight, warned_s, verdict) in [
            ("in use", sight(HOUR, 0), None, Verdict::Later(idle(HOUR))),
            ("just before the warning", sight(2 * HOUR, HOUR - 601), None, Verdict::Later(idle(601))),
            ("the warning begins", sight(2 * HOUR, HOUR - 600), None, Verdict::Warned(idle(600))),
            ("the warning goes on", sight(2 * HOUR, HOUR - 5), Some(595), Verdict::Warned(idle(5))),
            ("its time has come", sight(2 * HOUR, HOUR), Some(600), Verdict::Ends(idle(0))),
            ("overdue, and nobody was warned", sight(9 * HOUR, 5 * HOUR), None, Verdict::Warned(idle(600))),
            ("overdue, warned in part", sight(9 * HOUR, 5 * HOUR), Some(400), Verdict::Warned(idle(200))),
            ("overdue, warned", sight(9 * HOUR, 5 * HOUR), Some(700), Verdict::Ends(idle(0))),
            ("used in a time to come", sight(HOUR, -9 * HOUR), None, Verdict::Later(idle(HOUR))),
            ("old though used", sight(24 * HOUR - 60, 0), Some(540), Verdict::Warned(age(60))),
            ("too old though used", sight(24 * HOUR, 0), Some(600), Verdict::Ends(age(0))),
        ] {
            assert_eq!(RULES.judge(&sight, warned_s, NOW), verdict, "{what}");
        }
    }

    #[test]
    fn what_is_not_known_counts_as_use_and_so_does_computing() {
        let silent = Sight { since_s: None, used_s: None, ..Sight::default() };
        assert_eq!(RULES.judge(&silent, Some(9999), NOW), Verdict::Stays);
        let busy = Sight { busy: true, ..sight(2 * HOUR, 2 * HOUR) };
        assert_eq!(RULES.judge(&busy, Some(9999), NOW), Verdict::Later(idle(HOUR)));
        let never = Rules { idle_s: None, age_s: None, ..RULES };
        assert_eq!(never.judge(&sight(99 * HOUR, 99 * HOUR), Some(9999), NOW), Verdict::Stays);
        assert!(!never.end_some());
    }

    #[test]
    fn a_server_that_is_kept_ends_when_the_keeping_ends() {
        let kept = |sight: Sight, in_s: i64| Sight { kept_until_s: Some(NOW + in_s), ..sight };
        for (what, sight, verdict) in [
            ("idle", kept(sight(2 * HOUR, HOUR), 2 * HOUR), Verdict::Later(idle(2 * HOUR))),
            ("the keeping ends", kept(sight(2 * HOUR, HOUR), 300), Verdict::Warned(idle(600))),
            ("kept before, used since", kept(sight(2 * HOUR, 0), -5), Verdict::Later(idle(HOUR))),
            ("old", kept(sight(24 * HOUR, 0), HOUR), Verdict::Later(idle(HOUR))),
            ("kept too often", kept(sight(32 * HOUR, 0), 8 * HOUR), Verdict::Ends(age(0))),
        ] {
            assert_eq!(
                RULES.judge(&sight, Some(600).filter(|_| what != "the keeping ends"), NOW),
                verdict,
                "{what}"
            );
        }
    }

    #[test]
    fn a_keeping_has_a_bound() {
        assert_eq!(RULES.kept_until(HOUR, NOW), Some(NOW + HOUR));
        assert_eq!(RULES.kept_until(i64::MAX, NOW), Some(NOW + 8 * HOUR));
        assert_eq!(RULES.kept_until(-5, NOW), Some(NOW));
        let never = Rules { keep_s: 0, ..RULES };
        assert_eq!(never.kept_until(HOUR, NOW), None);
        assert!(!never.keeping_helps(&sight(2 * HOUR, HOUR), NOW));
        assert!(RULES.keeping_helps(&sight(2 * HOUR, HOUR), NOW));
        assert!(
            !RULES.keeping_helps(&sight(33 * HOUR, 0), NOW),
            "it is kept no longer, however often one asks"
        );
    }

    #[test]
    fn only_so_many_end_within_a_minute() {
        let mut ends = PerMinute::default();
        let admitted = [100, 130, 159, 160, 161, 190, 190].map(|steady_s| ends.admits(2, steady_s));
        assert_eq!(admitted, [true, true, false, true, false, true, false]);
    }
}
