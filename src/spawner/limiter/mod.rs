//! Bounds on password guesses: they hold even if the gateway is in other hands. Pure; time is passed in.
//!
//! Every bound is wider than the gateway's own, so that none of them is met as long as the gateway can be trusted: nobody who
//! is outside can exhaust one and so keep a right password out. A gateway that lies about addresses meets the bound of the
//! account. A network without a wrong guess is never refused for what all others do.

mod bucket;
mod memory;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hubgate_protocol::LoginName;
use serde::{Deserialize, Serialize};

use crate::prefix::Prefix;
use bucket::{Bound, Bucket};

pub use memory::Memory;

/// Wrong passwords for an account from one network: 10 at once, then 10 a minute.
const PAIR: Bound = Bound { burst: 10.0, refill_s: 6.0 };
/// For an account from everywhere: 60 at once, then 3 a minute.
const ACCOUNT: Bound = Bound { burst: 60.0, refill_s: 20.0 };
/// From one network for all accounts: 200 at once, then 30 a minute.
const PREFIX: Bound = Bound { burst: 200.0, refill_s: 2.0 };
/// From everywhere for all accounts: 1000 at once, then 10 a second.
const ALL: Bound = Bound { burst: 1000.0, refill_s: 0.1 };
/// Most buckets remembered, about 10 MiB. Beyond it the fullest is forgotten, which is worth least.
const BUCKETS_MAX: usize = 50_000;
/// How often full buckets are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// What a bucket counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Key {
    Pair(LoginName, Prefix),
    Account(LoginName),
    Prefix(Prefix),
    All,
}

impl Key {
    fn bound(&self) -> Bound {
        match self {
            Self::Pair(..) => PAIR,
            Self::Account(_) => ACCOUNT,
            Self::Prefix(_) => PREFIX,
            Self::All => ALL,
        }
    }
}

/// The state of all buckets that are not full.
#[derive(Debug)]
pub struct Limiter {
    buckets: HashMap<Key, Bucket>,
    swept: Instant,
}

/// Too many guesses; wait this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled(pub Duration);

impl Limiter {
    /// With every bucket full.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { buckets: HashMap::new(), swept: now }
    }

    /// Asks for a guess at the password of `user` from a network. It counts against the account at once, so that parallel
    /// guesses cannot outrun the bound; against the network, from which a whole class may log in, only when it was wrong.
    ///
    /// # Errors
    /// [`Throttled`] with the time after which a guess is possible.
    pub fn take(&mut self, user: &LoginName, from: Prefix, now: Instant) -> Result<(), Throttled> {
        self.sweep(now);
        let own = [Key::Pair(user.clone(), from), Key::Account(user.clone())];
        let prefix = Key::Prefix(from);
        let guessed_wrong = self.buckets.contains_key(&prefix);
        let shared = [Some(prefix), guessed_wrong.then_some(Key::All)];
        for key in own.iter().chain(shared.iter().flatten()) {
            let waits = self.buckets.get_mut(key).and_then(|bucket| bucket.wait(key.bound(), now));
            waits.map_or(Ok(()), |wait| Err(Throttled(wait)))?;
        }
        for key in own {
            self.change(key, now, Bucket::take);
        }
        Ok(())
    }

    /// Gives a guess back: the password was right.
    pub fn give_back(&mut self, user: &LoginName, from: Prefix, now: Instant) {
        for key in [Key::Pair(user.clone(), from), Key::Account(user.clone())] {
            self.change(key, now, Bucket::give);
        }
    }

    /// A guess was wrong.
    pub fn wrong(&mut self, from: Prefix, now: Instant) {
        self.change(Key::Prefix(from), now, Bucket::take);
        self.change(Key::All, now, Bucket::take);
    }

    fn change(&mut self, key: Key, now: Instant, how: fn(&mut Bucket, Bound, Instant)) {
        let bound = key.bound();
        if self.buckets.len() >= BUCKETS_MAX && !self.buckets.contains_key(&key) {
            self.forget_fullest(now);
        }
        how(self.buckets.entry(key).or_insert_with(|| Bucket::full(bound, now)), bound, now);
    }

    fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept) >= SWEEP {
            self.buckets.retain(|key, bucket| !bucket.is_full(key.bound(), now));
            self.swept = now;
        }
    }

    fn forget_fullest(&mut self, now: Instant) {
        let missing = |(key, bucket): (&Key, &mut Bucket)| {
            bucket.refill(key.bound(), now);
            (1.0 - bucket.tokens / key.bound().burst, key.clone())
        };
        let all = self.buckets.iter_mut().map(missing);
        if let Some((_, fullest)) = all.min_by(|one, other| one.0.total_cmp(&other.0)) {
            self.buckets.remove(&fullest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn user(name: &str) -> LoginName {
        name.parse().unwrap()
    }

    fn network(n: u16) -> Prefix {
        let [high, low] = n.to_be_bytes();
        IpAddr::from([10, high, low, 1]).into()
    }

    fn guess(limiter: &mut Limiter, name: &str, n: u16, now: Instant) -> Result<(), Throttled> {
        limiter.take(&user(name), network(n), now)?;
        limiter.wrong(network(n), now);
        Ok(())
    }

    #[test]
    fn ten_guesses_from_one_network_then_one_in_six_seconds() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        for _ in 0..10 {
            guess(&mut limiter, "alice", 1, start).unwrap();
        }
        let Throttled(wait) = guess(&mut limiter, "alice", 1, start).unwrap_err();
        assert!((5..=6).contains(&wait.as_secs()), "{wait:?}");
        guess(&mut limiter, "bob", 1, start).unwrap();
        guess(&mut limiter, "alice", 2, start).unwrap();
        guess(&mut limiter, "alice", 1, start + Duration::from_millis(6001)).unwrap();
        guess(&mut limiter, "alice", 1, start + Duration::from_millis(6002)).unwrap_err();
    }

    #[test]
    fn an_account_is_bounded_whatever_addresses_are_invented() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        let tried = (0..1000).filter(|n| guess(&mut limiter, "alice", *n, start).is_ok()).count();
        assert_eq!(tried, 60);
        let later = start + Duration::from_secs(60);
        assert_eq!((1000..1100).filter(|n| guess(&mut limiter, "alice", *n, later).is_ok()).count(), 3);
    }

    #[test]
    fn a_network_is_bounded_whatever_accounts_it_tries() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        let tried = (0..1000).filter(|n| guess(&mut limiter, &format!("u{n}"), 1, start).is_ok()).count();
        assert_eq!(tried, 200);
        guess(&mut limiter, "u1", 2, start).unwrap();
    }

    #[test]
    fn in_a_storm_a_network_without_a_wrong_guess_is_let_try() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        for n in 0..2000 {
            guess(&mut limiter, &format!("u{n}"), n, start).unwrap();
        }
        guess(&mut limiter, "v", 7, start).unwrap_err();
        limiter.take(&user("good"), network(5000), start).unwrap();
        guess(&mut limiter, "v", 7, start + Duration::from_secs(1)).unwrap();
    }

    #[test]
    fn a_class_that_logs_in_at_once_from_one_network_is_not_refused() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        for n in 0..500 {
            limiter.take(&user(&format!("u{n}")), network(1), start).unwrap();
        }
        for n in 0..500 {
            limiter.give_back(&user(&format!("u{n}")), network(1), start);
        }
        limiter.sweep(start + SWEEP);
        assert!(limiter.buckets.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_emptiest_buckets_are_kept() {
        let start = Instant::now();
        let mut limiter = Limiter::new(start);
        for _ in 0..10 {
            guess(&mut limiter, "alice", 1, start).unwrap();
        }
        for n in 0..BUCKETS_MAX {
            limiter.buckets.insert(Key::Account(user(&format!("u{n}"))), Bucket::full(ACCOUNT, start));
        }
        for n in 0..20 {
            guess(&mut limiter, &format!("v{n}"), 2, start).unwrap();
        }
        assert!(limiter.buckets.len() <= BUCKETS_MAX + 24, "{}", limiter.buckets.len());
        guess(&mut limiter, "alice", 1, start).unwrap_err();
    }
}
