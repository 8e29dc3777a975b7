//! Counting what is being done, so that an ending daemon finishes it.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::hold::hold;

/// The number of requests between their arrival and their answer.
#[derive(Debug, Default)]
pub struct Work {
    pieces: Mutex<u32>,
    done: Condvar,
}

/// One of them; over when it is dropped, also by a thread that panics.
#[derive(Debug)]
pub struct Piece<'a>(&'a Work);

impl Work {
    /// Begins a piece.
    pub fn begin(&self) -> Piece<'_> {
        *hold(&self.pieces) += 1;
        Piece(self)
    }

    /// Waits until every piece is done, at most for `patience`; tells whether they are.
    pub fn wait_until_done(&self, patience: Duration) -> bool {
        let waited = self.done.wait_timeout_while(hold(&self.pieces), patience, |pieces| *pieces > 0);
        waited.is_ok_and(|(pieces, _)| *pieces == 0)
    }
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        *hold(&self.0.pieces) -= 1;
        self.0.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_done_when_the_last_piece_is() {
        let work = Work::default();
        assert!(work.wait_until_done(Duration::ZERO));
        let (one, other) = (work.begin(), work.begin());
        drop(one);
        assert!(!work.wait_until_done(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| work.wait_until_done(Duration::from_secs(30)));
            drop(other);
            assert!(waiting.join().unwrap());
        });
    }
}
