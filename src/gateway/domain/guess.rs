//! Bounds on password guesses, in memory, so that they hold with a dead database too.
//!
//! A guess counts under the account it is at (by its canonical name, whatever alias was typed), under the network it comes
//! from, and under both together. A device that its owner has logged in from counts by itself: nobody else's wrong
//! passwords keep them out. Under a storm of guesses from everywhere the bounds of networks tighten; a network that has
//! not guessed wrong is never refused for what others do.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

/// Length of the window, in which failures count, in seconds.
const WINDOW_S: i64 = 300;
/// The same for an account, whatever the network: as long as pam_faillock counts (`fail_interval`).
const ACCOUNT_WINDOW_S: i64 = 900;
/// Failures per account and network before the next try waits.
const PER_PAIR: u32 = 5;
/// Failures per account from a device that its owner has used.
const PER_DEVICE: u32 = 10;
/// Failures per account, whatever the networks; known devices are exempt.
const PER_ACCOUNT: u32 = 30;
/// Failures per network, whatever the accounts.
const PER_NETWORK: u32 = 50;
/// Failures in all, beyond which the bounds tighten.
const STORM: u32 = 1000;
/// In a storm: failures per account and network, and per network.
const TIGHT: (u32, u32) = (3, 10);
/// Most counts kept. The older half is forgotten when it is reached: 50 000 others must have been counted since.
const MAX: usize = 100_000;

/// The network an address counts under: /24 for IPv4, /64 for IPv6.
type Network = u64;

/// A try at an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// Canonical name of the account.
    pub account: String,
    /// Where it comes from.
    pub from: IpAddr,
    /// The device, where its cookie says that the owner of this very account has logged in there.
    pub device: Option<String>,
}

/// Why a try is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// Seconds until it makes sense to try again.
    pub retry_after_s: u32,
    /// How many were refused under the same count since it began. The log has the 1st, 2nd, 4th, 8th…
    pub refused: u32,
}

/// What is known of a try before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It comes from a device that the owner of the account has used.
    Known,
    /// Nothing.
    Unknown,
    /// It comes from a network with wrong guesses.
    Suspect,
}

/// Recent failures.
#[derive(Debug, Default)]
pub struct Guesses {
    hasher: RandomState,
    young: HashMap<u64, Count>,
    old: HashMap<u64, Count>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    refused: u32,
    since_s: i64,
}

#[derive(Hash)]
enum Key<'a> {
    Pair(&'a str, Network),
    Device(&'a str, &'a str),
    Account(&'a str),
    Network(Network),
    All,
}

impl Key<'_> {
    fn window_s(&self) -> i64 {
        if matches!(self, Self::Account(_)) { ACCOUNT_WINDOW_S } else { WINDOW_S }
    }
}

impl Guess {
    /// A try from no known device.
    #[must_use]
    pub fn new(account: &str, from: IpAddr) -> Self {
        Self { account: account.to_owned(), from, device: None }
    }

    fn own(&self) -> Key<'_> {
        match &self.device {
            Some(device) => Key::Device(&self.account, device),
            None => Key::Pair(&self.account, network(self.from)),
        }
    }
}

impl Guesses {
    /// Counts a try before it is made, so that parallel tries cannot outrun the count.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn admit(&mut self, guess: &Guess, now_s: i64) -> Result<(), TooMany> {
        let storm = self.count(&Key::All, now_s).failures >= STORM;
        let (per_pair, per_network) = if storm { TIGHT } else { (PER_PAIR, PER_NETWORK) };
        if guess.device.is_some() {
            self.bound(&guess.own(), PER_DEVICE, now_s)?;
        } else {
            self.bound(&guess.own(), per_pair, now_s)?;
            self.bound(&Key::Network(network(guess.from)), per_network, now_s)?;
            self.bound(&Key::Account(&guess.account), PER_ACCOUNT, now_s)?;
        }
        self.count(&guess.own(), now_s).failures += 1;
        self.count(&Key::Account(&guess.account), now_s).failures += 1;
        Ok(())
    }

    /// What is known of a try.
    #[must_use]
    pub fn trust(&mut self, guess: &Guess, now_s: i64) -> Trust {
        match guess.device {
            Some(_) => Trust::Known,
            None if self.count(&Key::Network(network(guess.from)), now_s).failures > 0 => Trust::Suspect,
            None => Trust::Unknown,
        }
    }

    /// Counts a try that was a wrong guess against its network. Only now, not before: a class that logs in at once from
    /// behind one address has many tries under way and few wrong ones.
    pub fn failed(&mut self, guess: &Guess, now_s: i64) {
        self.count(&Key::Network(network(guess.from)), now_s).failures += 1;
        self.count(&Key::All, now_s).failures += 1;
    }

    /// Takes a try back that turned out to be none: nobody could say whether the password was right.
    pub fn take_back(&mut self, guess: &Guess, now_s: i64) {
        for key in [guess.own(), Key::Account(&guess.account)] {
            let count = self.count(&key, now_s);
            count.failures = count.failures.saturating_sub(1);
        }
    }

    /// The password was right: what was typed wrong before it, at the same place, is forgotten.
    pub fn forgive(&mut self, guess: &Guess, now_s: i64) {
        self.take_back(guess, now_s);
        self.count(&guess.own(), now_s).failures = 0;
    }

    /// Tries at an account that were not right, from everywhere, those under way too.
    #[must_use]
    pub fn at(&mut self, account: &str, now_s: i64) -> u32 {
        self.count(&Key::Account(account), now_s).failures
    }

    /// How many counts are kept, at most 100 000.
    #[must_use]
    pub fn counts(&self) -> usize {
        self.young.len() + self.old.len()
    }

    fn bound(&mut self, key: &Key<'_>, most: u32, now_s: i64) -> Result<(), TooMany> {
        let count = self.count(key, now_s);
        if count.failures < most {
            return Ok(());
        }
        count.refused = count.refused.saturating_add(1);
        let (left_s, refused) = (count.since_s + key.window_s() - now_s, count.refused);
        Err(TooMany { retry_after_s: u32::try_from(left_s).unwrap_or(1).max(1), refused })
    }

    fn count(&mut self, key: &Key<'_>, now_s: i64) -> &mut Count {
        let window_s = key.window_s();
        let key = self.hasher.hash_one(key);
        if self.young.len() >= MAX / 2 && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let fresh = Count { failures: 0, refused: 0, since_s: now_s };
        let count = self.young.entry(key).or_insert_with(|| self.old.remove(&key).unwrap_or(fresh));
        if now_s.saturating_sub(count.since_s) >= window_s || now_s < count.since_s {
            *count = fresh;
        }
        count
    }
}

fn network(addr: IpAddr) -> Network {
    match addr.to_canonical() {
        IpAddr::V4(v4) => u64::from(u32::from(v4) >> 8),
        IpAddr::V6(v6) => u64::try_from(u128::from(v6) >> 64).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    fn alice(from: IpAddr) -> Guess {
        Guess::new("alice", from)
    }

    fn network_no(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(n << 8))
    }

    /// Makes a wrong guess, if it is let.
    fn wrong(guesses: &mut Guesses, guess: &Guess) -> bool {
        let admitted = guesses.admit(guess, 100).is_ok();
        if admitted {
            guesses.failed(guess, 100);
        }
        admitted
    }

    #[test]
    fn the_sixth_guess_waits_and_so_does_the_right_password() {
        let mut guesses = Guesses::default();
        for _ in 0..5 {
            assert_eq!(guesses.admit(&alice(HERE), 100), Ok(()));
        }
        for refused in 1..4 {
            assert_eq!(guesses.admit(&alice(HERE), 160), Err(TooMany { retry_after_s: 240, refused }));
        }
        assert_eq!(guesses.admit(&alice(HERE), 400), Ok(()));
    }

    #[test]
    fn another_network_and_another_name_are_not_held_up() {
        let mut guesses = Guesses::default();
        for _ in 0..6 {
            wrong(&mut guesses, &alice(HERE));
        }
        assert_eq!(guesses.admit(&alice("198.51.100.1".parse().unwrap()), 100), Ok(()));
        assert_eq!(guesses.admit(&Guess::new("bob", HERE), 100), Ok(()));
    }

    #[test]
    fn a_network_is_bounded_whatever_names_it_tries() {
        let mut guesses = Guesses::default();
        let admitted = (0..200).filter(|n| wrong(&mut guesses, &Guess::new(&format!("u{n}"), HERE)));
        assert_eq!(admitted.count(), 50);
    }

    #[test]
    fn an_account_is_bounded_whatever_the_networks_but_not_on_a_device_of_its_owner() {
        let mut guesses = Guesses::default();
        let admitted = (0..200).filter(|n| wrong(&mut guesses, &alice(network_no(*n)))).count();
        assert_eq!(admitted, 30);
        let owner = Guess { device: Some("laptop".to_owned()), ..alice(network_no(0)) };
        assert_eq!(guesses.admit(&owner, 100), Ok(()));
        assert_eq!(guesses.admit(&Guess::new("bob", network_no(0)), 100), Ok(()));
        let tries = (0..50).filter(|_| wrong(&mut guesses, &owner)).count();
        assert_eq!(tries, 9, "a stolen device guesses no faster than others");
    }

    #[test]
    fn in_a_storm_only_those_who_guess_wait_sooner() {
        let mut guesses = Guesses::default();
        for n in 0..2000 {
            wrong(&mut guesses, &Guess::new(&format!("u{n}"), network_no(n)));
        }
        let inside = (0..20).filter(|n| wrong(&mut guesses, &Guess::new(&format!("v{n}"), network_no(7))));
        assert_eq!(inside.count(), 9);
        assert_eq!(guesses.admit(&alice(HERE), 100), Ok(()));
    }

    #[test]
    fn a_network_that_guessed_wrong_is_suspect_until_the_window_has_passed() {
        let mut guesses = Guesses::default();
        assert_eq!(guesses.trust(&alice(HERE), 100), Trust::Unknown);
        wrong(&mut guesses, &Guess::new("bob", HERE));
        assert_eq!(guesses.trust(&alice(HERE), 100), Trust::Suspect);
        assert_eq!(
            guesses.trust(&Guess { device: Some("laptop".to_owned()), ..alice(HERE) }, 100),
            Trust::Known
        );
        assert_eq!(guesses.trust(&alice(HERE), 400), Trust::Unknown);
    }

    #[test]
    fn right_passwords_do_not_add_up() {
        let mut guesses = Guesses::default();
        for _ in 0..1000 {
            assert_eq!(guesses.admit(&alice(HERE), 100), Ok(()));
            guesses.forgive(&alice(HERE), 100);
        }
        assert_eq!(guesses.at("alice", 100), 0);
    }

    #[test]
    fn what_nobody_could_check_does_not_count() {
        let mut guesses = Guesses::default();
        for _ in 0..100 {
            assert_eq!(guesses.admit(&alice(HERE), 100), Ok(()));
            guesses.take_back(&alice(HERE), 100);
        }
    }

    #[test]
    fn memory_is_bounded_and_a_refusal_outlasts_many_other_names() {
        let mut guesses = Guesses::default();
        for _ in 0..5 {
            wrong(&mut guesses, &alice(HERE));
        }
        for n in 0..20_000 {
            wrong(&mut guesses, &Guess::new(&format!("u{n}"), network_no(n)));
        }
        assert!(guesses.admit(&alice(HERE), 100).is_err());
        for n in 0..200_000 {
            wrong(&mut guesses, &Guess::new(&format!("u{n}"), network_no(n)));
        }
        assert!(guesses.counts() <= MAX);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        assert_eq!(network("2001:db8::1".parse().unwrap()), network("2001:db8::ffff".parse().unwrap()));
        assert_ne!(network("2001:db8::1".parse().unwrap()), network("2001:db8:0:1::1".parse().unwrap()));
    }
}
