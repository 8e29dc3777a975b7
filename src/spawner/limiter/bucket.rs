//! A bucket of tokens: so many at once, then one in so many seconds. Pure; time is passed in.

use std::time::{Duration, Instant};

/// How large a bucket is, and how fast it fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// Tokens of a full one.
    pub(super) burst: f64,
    /// Seconds until the next token.
    pub(super) refill_s: f64,
}

/// One bucket at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) tokens: f64,
    pub(super) at: Instant,
}

impl Bucket {
    pub(super) fn full(bound: Bound, now: Instant) -> Self {
        Self { tokens: bound.burst, at: now }
    }

    pub(super) fn refill(&mut self, bound: Bound, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed / bound.refill_s).clamp(0.0, bound.burst);
        self.at = self.at.max(now);
    }

    /// How long until there is a token; `None` where there is one.
    pub(super) fn wait(&mut self, bound: Bound, now: Instant) -> Option<Duration> {
        self.refill(bound, now);
        let missing = 1.0 - self.tokens;
        (missing > 0.0).then(|| Duration::from_secs_f64(missing * bound.refill_s))
    }

    pub(super) fn take(&mut self, bound: Bound, now: Instant) {
        self.refill(bound, now);
        self.tokens = (self.tokens - 1.0).max(0.0);
    }

    pub(super) fn give(&mut self, bound: Bound, now: Instant) {
        self.refill(bound, now);
        self.tokens = (self.tokens + 1.0).min(bound.burst);
    }

    pub(super) fn is_full(&mut self, bound: Bound, now: Instant) -> bool {
        self.refill(bound, now);
        self.tokens >= bound.burst
    }
}
