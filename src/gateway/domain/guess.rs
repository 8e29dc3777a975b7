//! Bounds on password guesses, in memory, so that they hold with a dead database too.

use std::collections::HashMap;
use std::net::IpAddr;

/// Length of the window, in which failures count, in seconds.
const WINDOW_S: i64 = 300;
/// Failures per name and network before the next try waits.
const PER_NAME: u32 = 5;
/// Failures per network, whatever the names.
const PER_NETWORK: u32 = 50;
/// Most entries kept; the table is emptied of old ones first, then refuses everybody until the window has passed.
const MAX_ENTRIES: usize = 100_000;

/// The network an address counts under: /24 for IPv4, /64 for IPv6.
type Network = u64;

/// Recent failures.
#[derive(Debug, Default)]
pub struct Guesses {
    names: HashMap<(String, Network), Failures>,
    networks: HashMap<Network, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since_s: i64,
}

impl Guesses {
    /// Counts a try at a name before it is made, so that parallel tries cannot outrun the count.
    ///
    /// # Errors
    /// Seconds to wait, when there were too many.
    pub fn admit(&mut self, name: &str, from: IpAddr, now_s: i64) -> Result<(), u32> {
        let network = network(from);
        if self.names.len().max(self.networks.len()) >= MAX_ENTRIES {
            self.names.retain(|_, failures| !failures.old(now_s));
            self.networks.retain(|_, failures| !failures.old(now_s));
        }
        if self.names.len() >= MAX_ENTRIES {
            return Err(wait(now_s, now_s));
        }
        let by_name =
            fresh(self.names.entry((name.to_owned(), network)).or_insert(Failures::none(now_s)), now_s);
        let by_network = fresh(self.networks.entry(network).or_insert(Failures::none(now_s)), now_s);
        if by_name.count >= PER_NAME {
            return Err(wait(by_name.since_s, now_s));
        }
        if by_network.count >= PER_NETWORK {
            return Err(wait(by_network.since_s, now_s));
        }
        by_name.count += 1;
        Ok(())
    }

    /// Counts a try that was a wrong guess against its network. Only now, not before: a class that logs in at once from
    /// behind one address has many tries under way and few wrong ones.
    pub fn failed(&mut self, from: IpAddr, now_s: i64) {
        let failures = self.networks.entry(network(from)).or_insert(Failures::none(now_s));
        fresh(failures, now_s).count += 1;
    }

    /// Takes a try back that turned out to be no guess: the password was right.
    pub fn forgive(&mut self, name: &str, from: IpAddr) {
        self.names.remove(&(name.to_owned(), network(from)));
    }
}

impl Failures {
    fn none(now_s: i64) -> Self {
        Self { count: 0, since_s: now_s }
    }

    fn old(&self, now_s: i64) -> bool {
        now_s.saturating_sub(self.since_s) >= WINDOW_S || now_s < self.since_s
    }
}

fn fresh(failures: &mut Failures, now_s: i64) -> &mut Failures {
    if failures.old(now_s) {
        *failures = Failures::none(now_s);
    }
    failures
}

fn wait(since_s: i64, now_s: i64) -> u32 {
    u32::try_from(since_s + WINDOW_S - now_s).unwrap_or(1).max(1)
}

fn network(addr: IpAddr) -> Network {
    match addr.to_canonical() {
        IpAddr::V4(v4) => u64::from(u32::from(v4) >> 8),
        IpAddr::V6(v6) => u64::try_from(u128::from(v6) >> 64).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn the_sixth_guess_waits_and_so_does_the_right_password() {
        let mut guesses = Guesses::default();
        for _ in 0..5 {
            assert_eq!(guesses.admit("alice", HERE, 100), Ok(()));
        }
        assert_eq!(guesses.admit("alice", HERE, 160), Err(240));
        assert_eq!(guesses.admit("alice", HERE, 400), Ok(()));
    }

    #[test]
    fn another_network_and_another_name_are_not_held_up() {
        let mut guesses = Guesses::default();
        for _ in 0..6 {
            let _ = guesses.admit("alice", HERE, 100);
        }
        assert_eq!(guesses.admit("alice", "198.51.100.1".parse().unwrap(), 100), Ok(()));
        assert_eq!(guesses.admit("bob", HERE, 100), Ok(()));
    }

    #[test]
    fn a_network_is_bounded_whatever_names_it_tries() {
        let mut guesses = Guesses::default();
        let admitted = (0..200).filter(|n| {
            let admitted = guesses.admit(&format!("u{n}"), HERE, 100).is_ok();
            guesses.failed(HERE, 100);
            admitted
        });
        assert_eq!(admitted.count(), 50);
    }

    #[test]
    fn right_passwords_do_not_add_up() {
        let mut guesses = Guesses::default();
        for _ in 0..1000 {
            assert_eq!(guesses.admit("alice", HERE, 100), Ok(()));
            guesses.forgive("alice", HERE);
        }
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        assert_eq!(network("2001:db8::1".parse().unwrap()), network("2001:db8::ffff".parse().unwrap()));
        assert_ne!(network("2001:db8::1".parse().unwrap()), network("2001:db8:0:1::1".parse().unwrap()));
    }
}
