//! When the answer to a failed login leaves: at the same time whatever failed, also while checks are slow.

use std::time::Duration;

/// The least time that a failed login takes: longer than any check on a machine that has time.
const LEAST: Duration = Duration::from_secs(1);
/// The most that slow checks stretch it to.
const MOST: Duration = Duration::from_secs(10);
/// For how long a slow check counts, seconds.
const KEPT_S: i64 = 60;

/// How slow checks have been of late.
#[derive(Debug, Default)]
pub struct Pace {
    slowest: Duration,
    since_s: i64,
}

impl Pace {
    /// Takes note of how long a check that failed took, and tells when its answer leaves, counted from the question: as late
    /// as after the slowest check of the last minute, in whole seconds, so that names without a check take as long.
    pub fn answer_after(&mut self, took: Duration, now_s: i64) -> Duration {
        let whole = Duration::from_secs(took.as_secs().saturating_add(u64::from(took.subsec_nanos() > 0)));
        if whole.min(MOST) >= self.slowest || !(0..KEPT_S).contains(&now_s.saturating_sub(self.since_s)) {
            (self.slowest, self.since_s) = (whole.min(MOST), now_s);
        }
        self.slowest.max(whole).max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(3);

    #[test]
    fn without_load_every_failure_takes_a_second() {
        let mut pace = Pace::default();
        for took in [Duration::ZERO, SHORT, Duration::from_millis(999)] {
            assert_eq!(pace.answer_after(took, 5), LEAST);
        }
    }

    #[test]
    fn while_checks_are_slow_those_without_a_check_wait_as_long() {
        let mut pace = Pace::default();
        assert_eq!(pace.answer_after(Duration::from_millis(2100), 0), Duration::from_secs(3));
        assert_eq!(pace.answer_after(SHORT, 59), Duration::from_secs(3));
        assert_eq!(pace.answer_after(SHORT, 60), LEAST);
    }

    #[test]
    fn a_check_that_hangs_stretches_the_answers_of_others_to_ten_seconds_and_no_more() {
        let mut pace = Pace::default();
        assert_eq!(pace.answer_after(Duration::from_millis(34_500), 0), Duration::from_secs(35));
        assert_eq!(pace.answer_after(SHORT, 1), MOST);
    }
}
