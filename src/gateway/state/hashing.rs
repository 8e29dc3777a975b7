//! Who checks a password next: each check takes 19 MiB and a core, so few run at a time, and a storm of guesses must not
//! stand before those who guess nothing.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::guess::Trust;

/// Checks at a time.
const SLOTS: usize = 2;
/// Most that wait: a class of 500 that logs in at once, twice.
const QUEUE: usize = 1000;

/// The slots and the queues before them.
#[derive(Debug)]
pub struct Hashing {
    queue: Semaphore,
    slots: Semaphore,
    suspects: Semaphore,
    known: Semaphore,
}

/// The right to check one password now.
#[derive(Debug)]
#[must_use]
pub struct Turn<'h> {
    _queued: Option<SemaphorePermit<'h>>,
    _suspect: Option<SemaphorePermit<'h>>,
    _slot: SemaphorePermit<'h>,
}

impl Default for Hashing {
    fn default() -> Self {
        let of = Semaphore::new;
        Self { queue: of(QUEUE), slots: of(SLOTS), suspects: of(1), known: of(1) }
    }
}

impl Hashing {
    /// Waits for a slot. Networks that have guessed wrong lately share one slot; a device that its owner has used has one
    /// that nobody else can fill.
    ///
    /// `None` where too many wait already.
    pub async fn turn(&self, trust: Trust) -> Option<Turn<'_>> {
        if trust == Trust::Known {
            return Some(Turn { _queued: None, _suspect: None, _slot: self.known.acquire().await.ok()? });
        }
        let queued = self.queue.try_acquire().ok()?;
        let suspect = match trust {
            Trust::Suspect => Some(self.suspects.acquire().await.ok()?),
            Trust::Known | Trust::Unknown => None,
        };
        let slot = self.slots.acquire().await.ok()?;
        Some(Turn { _queued: Some(queued), _suspect: suspect, _slot: slot })
    }

    /// Waits for a slot to make a hash, for somebody who is known already.
    pub async fn acquire(&self) -> Option<Turn<'_>> {
        self.turn(Trust::Known).await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_storm_waits_behind_those_who_guess_nothing() {
        let hashing = Hashing::default();
        let first = hashing.turn(Trust::Suspect).await.unwrap();
        let mut storm: Vec<_> = (0..QUEUE - 2).map(|_| Box::pin(hashing.turn(Trust::Suspect))).collect();
        for waiting in &mut storm {
            assert!(waiting.now_or_never().is_none());
        }
        let stranger = hashing.turn(Trust::Unknown).await.unwrap();
        assert!(hashing.turn(Trust::Unknown).now_or_never().is_none_or(|turn| turn.is_none()));
        assert!(hashing.turn(Trust::Known).now_or_never().flatten().is_some());
        drop((first, stranger));
    }

    #[tokio::test]
    async fn whoever_finds_the_queue_full_is_sent_away_at_once() {
        let hashing = Hashing::default();
        let _all = hashing.queue.acquire_many(u32::try_from(QUEUE).unwrap()).await.unwrap();
        assert!(hashing.turn(Trust::Unknown).await.is_none());
        assert!(hashing.turn(Trust::Suspect).await.is_none());
        assert!(hashing.turn(Trust::Known).await.is_some());
    }
}
