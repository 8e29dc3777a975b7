//! A bound on guessed codes: whoever guesses them knows the password already, so it counts per account, wherever they are.
//!
//! A code of six digits is right by chance three times in a million tries (the step before and after hold too). Five tries
//! are free; from then on each costs twice the wait of the one before, up to an hour: 30 tries on the first day, 24 on each
//! that follows, a chance of one in 14,000 a day. Recovery codes and passkeys cannot be guessed and do not wait.

use std::collections::HashMap;

use hubgate_protocol::Username;

/// Wrong codes in a row that cost no wait.
const FREE: u32 = 5;
/// The first wait, seconds.
const FIRST_S: i64 = 60;
/// The longest wait, seconds.
const LONGEST_S: i64 = 3600;
/// Wrong codes are forgotten after so many seconds without one.
const FORGET_S: i64 = 24 * 3600;

/// Wrong codes in a row, by account. There are no more entries than there are accounts whose password somebody knows.
#[derive(Debug, Default)]
pub struct CodeGuesses(HashMap<Username, Wrong>);

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    last_s: i64,
}

impl CodeGuesses {
    /// Counts a try before it is made, so that parallel tries cannot outrun the count.
    ///
    /// # Errors
    /// Seconds to wait, when there were too many wrong ones.
    pub fn admit(&mut self, user: &Username, now_s: i64) -> Result<(), u32> {
        self.0.retain(|_, wrong| now_s.saturating_sub(wrong.last_s) < FORGET_S);
        let wrong = self.0.entry(user.clone()).or_insert(Wrong { count: 0, last_s: now_s });
        let left_s = wrong.last_s.saturating_add(wait_s(wrong.count)).saturating_sub(now_s);
        if left_s > 0 {
            return Err(u32::try_from(left_s).unwrap_or(u32::MAX));
        }
        *wrong = Wrong { count: wrong.count.saturating_add(1), last_s: now_s };
        Ok(())
    }

    /// Forgets the wrong ones of somebody whose code was right.
    pub fn forgive(&mut self, user: &Username) {
        self.0.remove(user);
    }
}

/// How long the try after so many wrong ones waits.
fn wait_s(count: u32) -> i64 {
    match count.checked_sub(FREE) {
        None => 0,
        Some(beyond) => {
            FIRST_S.saturating_mul(1_i64.checked_shl(beyond.min(6)).unwrap_or(i64::MAX)).min(LONGEST_S)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Username {
        "alice".parse().unwrap()
    }

    #[test]
    fn five_codes_are_free_and_the_next_ones_wait_longer_each_time() {
        let mut guesses = CodeGuesses::default();
        for _ in 0..5 {
            assert_eq!(guesses.admit(&alice(), 100), Ok(()));
        }
        assert_eq!(guesses.admit(&alice(), 100), Err(60));
        assert_eq!(guesses.admit(&alice(), 160), Ok(()));
        assert_eq!(guesses.admit(&alice(), 170), Err(110));
        assert_eq!(guesses.admit(&"bob".parse().unwrap(), 170), Ok(()));
    }

    #[test]
    fn a_day_of_guessing_is_thirty_tries() {
        let mut guesses = CodeGuesses::default();
        let admitted = (0..86_400).filter(|now_s| guesses.admit(&alice(), *now_s).is_ok()).count();
        assert!(admitted <= 35, "{admitted}");
    }

    #[test]
    fn a_right_code_and_a_quiet_day_forgive() {
        let mut guesses = CodeGuesses::default();
        for _ in 0..5 {
            let _ = guesses.admit(&alice(), 100);
        }
        guesses.forgive(&alice());
        assert_eq!(guesses.admit(&alice(), 100), Ok(()));
        for _ in 0..9 {
            let _ = guesses.admit(&alice(), 100);
        }
        assert_eq!(guesses.admit(&alice(), 100 + FORGET_S), Ok(()));
    }
}
