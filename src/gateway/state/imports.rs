//! Lists of users that an administrator has looked at in the browser and not taken yet. In memory: they may hold passwords.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::roster::Planned;
use crate::state::sessions::SessionHash;

/// How long a list waits, seconds.
pub const WAIT_S: i64 = 900;
/// Most lists that wait; the oldest gives way.
const MAX: usize = 16;

struct Waiting {
    planned: Vec<Planned>,
    until_s: i64,
}

/// One list for each session.
#[derive(Default)]
pub struct Imports(Mutex<HashMap<SessionHash, Waiting>>);

impl Imports {
    /// Keeps what a list would change.
    pub fn put(&self, session: SessionHash, planned: Vec<Planned>, now_s: i64) {
        let mut all = self.0.lock();
        all.retain(|_, waiting| waiting.until_s > now_s);
        if all.len() >= MAX
            && let Some(oldest) = all.iter().min_by_key(|(_, waiting)| waiting.until_s).map(|(hash, _)| *hash)
        {
            all.remove(&oldest);
        }
        all.insert(session, Waiting { planned, until_s: now_s.saturating_add(WAIT_S) });
    }

    /// Takes the list of a session out.
    #[must_use]
    pub fn take(&self, session: &SessionHash, now_s: i64) -> Option<Vec<Planned>> {
        let waiting = self.0.lock().remove(session)?;
        (waiting.until_s > now_s).then_some(waiting.planned)
    }
}
