//! Bounds on password guesses: they hold even if the gateway is in other hands. Pure; time is passed in.
//!
//! Two buckets of tokens, one a user and one for all. A guess takes one from each; a right password gives both back.
//! The daemon does not exit from idleness before every bucket is full again, so that an exit forgets nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hubgate_protocol::Username;

/// Wrong passwords a user may give at once.
const USER_BURST: u32 = 10;
/// Then one in so many seconds: 10 a minute.
const USER_REFILL_S: f64 = 6.0;
/// Wrong passwords of all users together at once.
const ALL_BURST: u32 = 200;
/// Then one in so many seconds: 5 a second.
const ALL_REFILL_S: f64 = 0.2;

/// The state of all buckets.
#[derive(Debug)]
pub struct Limiter {
    all: Bucket,
    users: HashMap<Username, Bucket>,
}

/// Too many guesses; wait this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled(pub Duration);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
    burst: f64,
    refill_s: f64,
}

impl Limiter {
    /// With every bucket full.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { all: Bucket::full(ALL_BURST, ALL_REFILL_S, now), users: HashMap::new() }
    }

    /// Asks for a guess at the password of `user`.
    ///
    /// # Errors
    /// [`Throttled`] with the time after which a guess is possible.
    pub fn take(&mut self, user: &Username, now: Instant) -> Result<(), Throttled> {
        self.forget_full(now);
        let fresh = || Bucket::full(USER_BURST, USER_REFILL_S, now);
        let mut own = self.users.get(user).copied().unwrap_or_else(fresh);
        // The user's own bucket goes first: a user who has none left takes nothing from the others.
        own.take(now)?;
        self.all.take(now)?;
        self.users.insert(user.clone(), own);
        Ok(())
    }

    /// Gives a guess back: the password was right.
    pub fn give_back(&mut self, user: &Username, now: Instant) {
        self.all.give(now);
        if let Some(own) = self.users.get_mut(user) {
            own.give(now);
        }
    }

    /// Whether it remembers nothing that a new one would not.
    pub fn is_idle(&mut self, now: Instant) -> bool {
        self.forget_full(now);
        self.users.is_empty() && self.all.is_full(now)
    }

    fn forget_full(&mut self, now: Instant) {
        self.users.retain(|_, bucket| !bucket.is_full(now));
    }
}

impl Bucket {
    fn full(burst: u32, refill_s: f64, now: Instant) -> Self {
        let burst = f64::from(burst);
        Self { tokens: burst, at: now, burst, refill_s }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed / self.refill_s).min(self.burst);
        self.at = self.at.max(now);
    }

    fn take(&mut self, now: Instant) -> Result<(), Throttled> {
        self.refill(now);
        if self.tokens < 1.0 {
            return Err(Throttled(Duration::from_secs_f64((1.0 - self.tokens) * self.refill_s)));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    fn give(&mut self, now: Instant) {
        self.refill(now);
        self.tokens = (self.tokens + 1.0).min(self.burst);
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= self.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Username {
        name.parse().unwrap()
    }

    #[test]
    fn ten_guesses_then_one_in_six_seconds() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        for _ in 0..10 {
            limiter.take(&user("alice"), start).unwrap();
        }
        let Throttled(wait) = limiter.take(&user("alice"), start).unwrap_err();
        assert!((5..=6).contains(&wait.as_secs()), "{wait:?}");
        limiter.take(&user("bob"), start).unwrap();
        limiter.take(&user("alice"), start + Duration::from_millis(6001)).unwrap();
        limiter.take(&user("alice"), start + Duration::from_millis(6002)).unwrap_err();
    }

    #[test]
    fn all_users_together_are_bounded_and_a_refusal_costs_nothing() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        for n in 0..200 {
            limiter.take(&user(&format!("u{n}")), start).unwrap();
        }
        for n in 0..1000 {
            limiter.take(&user(&format!("v{n}")), start).unwrap_err();
        }
        assert_eq!(limiter.users.len(), 200);
        limiter.take(&user("w"), start + Duration::from_secs(1)).unwrap();
    }

    #[test]
    fn a_right_password_costs_nothing() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        for _ in 0..1000 {
            limiter.take(&user("alice"), start).unwrap();
            limiter.give_back(&user("alice"), start);
        }
        assert!(limiter.is_idle(start));
    }

    #[test]
    fn it_is_idle_only_after_every_bucket_is_full_again() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        for _ in 0..10 {
            limiter.take(&user("alice"), start).unwrap();
        }
        assert!(!limiter.is_idle(start + Duration::from_secs(59)));
        assert!(limiter.is_idle(start + Duration::from_secs(61)));
    }
}
