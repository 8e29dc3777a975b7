//! When a refusal is told: at a time that does not depend on what PAM found out. Pure; time is passed in.
//!
//! A password is hashed for an account that exists, and for others it is not. So a refusal takes as long as the slowest one
//! of the last minute took, rounded up to half a second.

use std::time::{Duration, Instant};

/// Refused logins are told at multiples of this.
const STEP: Duration = Duration::from_millis(500);
/// How long a slow one is remembered.
const MEMORY: Duration = Duration::from_secs(60);
/// A module that takes longer hangs: that is no news about a password, and the others do not wait for it.
const HANGS: Duration = Duration::from_secs(3);

/// What refusals have taken lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    slowest: Option<(Duration, Instant)>,
}

impl Pace {
    /// How long the work on a refusal is to seem to take, which took `own`.
    pub(super) fn until(&mut self, own: Duration, now: Instant) -> Duration {
        let (slowest, at) =
            self.slowest.filter(|(_, at)| now.saturating_duration_since(*at) < MEMORY).unwrap_or((own, now));
        // The time of a slower one is kept; one that is about as slow keeps it fresh.
        self.slowest = match own {
            own if own >= HANGS => Some((slowest, at)).filter(|(slowest, _)| *slowest < HANGS),
            own if steps(own) >= steps(slowest) => Some((own, now)),
            _ => Some((slowest, at)),
        };
        let shown = if own >= HANGS { own } else { own.max(slowest) };
        STEP.saturating_mul(steps(shown))
    }
}

/// Whole steps after which `passed` is over.
fn steps(passed: Duration) -> u32 {
    u32::try_from(passed.as_millis() / STEP.as_millis() + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_refusal_is_told_at_the_next_half_second() {
        let now = Instant::now();
        for (own, expected) in [(0, 500), (3, 500), (499, 500), (500, 1000), (1200, 1500), (30_000, 30_500)] {
            assert_eq!(Pace::default().until(ms(own), now), ms(expected), "{own}");
        }
    }

    #[test]
    fn under_load_an_unknown_account_takes_as_long_as_one_that_exists() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert_eq!(pace.until(ms(1700), now), ms(2000));
        assert_eq!(pace.until(ms(20), now + ms(100)), ms(2000));
        assert_eq!(pace.until(ms(20), now + MEMORY), ms(500));
    }

    #[test]
    fn a_module_that_hangs_slows_nobody_else() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert_eq!(pace.until(ms(30_000), now), ms(30_500));
        assert_eq!(pace.until(ms(20), now), ms(500));
    }
}
