//! Time as a value: handlers ask the clock of the app, tests set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::domain::schedule::WallTime;

/// Where the app gets the time from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// Stands still until somebody sets it; for tests.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// Now, in seconds since 1970.
    #[must_use]
    pub fn now_s(&self) -> i64 {
        match self {
            Self::System => self.now_us() / 1_000_000,
            Self::Fixed(at) => at.load(Ordering::Relaxed),
        }
    }

    /// Now, in microseconds since 1970.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_micros()).ok())
                .unwrap_or(0),
            Self::Fixed(at) => at.load(Ordering::Relaxed).saturating_mul(1_000_000),
        }
    }

    /// What the clock on the wall shows where the machine stands.
    #[must_use]
    pub fn wall(&self) -> WallTime {
        match self {
            Self::System => {
                let now = chrono::Local::now();
                WallTime::of(now.timestamp().saturating_add(now.offset().local_minus_utc().into()))
            }
            Self::Fixed(_) => WallTime::of(self.now_s()),
        }
    }

    /// Seconds since some moment in the past, by a clock that nobody sets. It goes on while the machine sleeps.
    #[must_use]
    pub fn steady_s(&self) -> i64 {
        match self {
            Self::System => clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| time.tv_sec()),
            Self::Fixed(at) => at.load(Ordering::Relaxed),
        }
    }
}
