//! OAuth codes that were exchanged: one that comes again was stolen, on one side or the other, and its token ends.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Most codes remembered; older ones are forgotten first when they have expired anyway.
const CODES_MAX: usize = 10_000;

/// Exchanged codes, by SHA-256, until they would have expired. After a restart a second use is refused all the same, but ends no token.
#[derive(Debug, Default)]
pub struct SpentCodes(Mutex<HashMap<[u8; 32], Spent>>);

#[derive(Debug, Clone, Copy)]
struct Spent {
    token: i64,
    until_us: i64,
}

impl SpentCodes {
    /// Remembers that a code became the token of this id.
    pub fn remember(&self, code: [u8; 32], token: i64, until_us: i64, now_us: i64) {
        let mut spent = self.0.lock();
        spent.retain(|_, old| old.until_us > now_us);
        if spent.len() < CODES_MAX {
            spent.insert(code, Spent { token, until_us });
        }
    }

    /// The token that a code became, once.
    #[must_use]
    pub fn take(&self, code: &[u8; 32]) -> Option<i64> {
        self.0.lock().remove(code).map(|spent| spent.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_remembered_as_long_as_it_would_have_lived() {
        let codes = SpentCodes::default();
        codes.remember([1; 32], 7, 100, 0);
        codes.remember([2; 32], 8, 300, 50);
        assert_eq!(codes.take(&[1; 32]), Some(7));
        assert_eq!(codes.take(&[1; 32]), None);
        codes.remember([3; 32], 9, 500, 300);
        assert_eq!(codes.take(&[2; 32]), None);
        assert_eq!(codes.take(&[3; 32]), Some(9));
    }
}
