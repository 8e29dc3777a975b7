//! How many conversations with PAM there are at once, and whose turn is next.
//!
//! Few work, so that a storm of logins takes turns and not the whole machine; the turns go round among the networks that
//! wait, and every second one goes to the network that had none for longest. Who has no answer after two seconds, or waits for a person, costs no processor: it is moved aside, where there is
//! room for many. So a module that hangs holds up those who use it, and a person who looks for a telephone holds up nobody.

mod book;

use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use hubgate_protocol::LoginName;

use crate::hold::hold;
use crate::prefix::Prefix;
use book::{Book, Place};

/// How long a login waits for its turn.
pub(super) const TURN: Duration = Duration::from_secs(25);

/// All places.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Book>);

/// Whose place it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Who {
    pub(super) account: LoginName,
    pub(super) prefix: Prefix,
}

/// A place in the pool; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pool: &'a Pool,
    who: Who,
    place: Option<Place>,
}

impl Pool {
    /// Waits for a turn, until [`TURN`] is over; `None` where there is none in that time, or too many wait.
    pub(super) fn seat(&self, who: Who) -> Option<Seat<'_>> {
        let place = self.turn(&who)?;
        Some(Seat { pool: self, who, place: Some(place) })
    }

    fn turn(&self, who: &Who) -> Option<Place> {
        let (call, called) = sync_channel(1);
        let number = hold(&self.0).wait(who, call)?;
        match called.recv_timeout(TURN) {
            Ok(()) => Some(Place::Working),
            // Somebody with a better claim waits in this place.
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let waited = hold(&self.0).forget(who, number);
                // Called at the last moment: then the number does not wait any more.
                (!waited && called.try_recv().is_ok()).then_some(Place::Working)
            }
        }
    }
}

impl Seat<'_> {
    /// Lets somebody else work, because this one's modules do nothing but take time. Where too many do, it stays.
    pub(super) fn step_aside(&mut self) {
        self.move_to(Place::Slow);
    }

    /// Lets somebody else work while a person thinks; tells whether there is room for that.
    #[must_use]
    pub(super) fn wait_for_person(&mut self) -> bool {
        self.move_to(Place::Person)
    }

    /// Waits for a turn again, after a person answered; tells whether there was one.
    #[must_use]
    pub(super) fn go_on(&mut self) -> bool {
        self.leave();
        self.place = self.pool.turn(&self.who);
        self.place.is_some()
    }

    fn move_to(&mut self, place: Place) -> bool {
        if self.place == Some(place) {
            return true;
        }
        let Some(now) = self.place else { return false };
        let moved = hold(&self.pool.0).move_to(&self.who, now, place);
        if moved {
            self.place = Some(place);
        }
        moved
    }

    fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            hold(&self.pool.0).leave(&self.who, place);
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(account: &str, address: [u8; 4]) -> Who {
        Who { account: account.parse().unwrap(), prefix: std::net::IpAddr::from(address).into() }
    }

    #[test]
    fn a_place_that_is_given_back_goes_to_whoever_waits() {
        let pool = Pool::default();
        let mut seats: Vec<_> = (0..book::WORKING_MAX)
            .map(|n| pool.seat(who(&format!("u{n}"), [10, 0, u8::try_from(n).unwrap(), 1])).unwrap())
            .collect();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.seat(who("late", [10, 9, 9, 9])).is_some());
            while !hold(&pool.0).anybody_waits() {
                std::thread::yield_now();
            }
            drop(seats.pop());
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn whoever_steps_aside_or_waits_for_a_person_makes_room() {
        let pool = Pool::default();
        let seats: Vec<_> = (0..book::WORKING_MAX * 4)
            .map(|n| {
                let mut seat =
                    pool.seat(who(&format!("u{n}"), [10, 0, u8::try_from(n).unwrap(), 1])).unwrap();
                if n % 2 == 0 {
                    seat.step_aside();
                } else {
                    assert!(seat.wait_for_person());
                }
                seat
            })
            .collect();
        let mut last = seats.into_iter().last().unwrap();
        assert!(last.go_on());
        drop(last);
        assert!(hold(&pool.0).is_empty());
    }
}
