//! Which client connections carry websockets of which session: what has to be cut when the session ends.
//!
//! nginx keeps websockets open over a restart of the gateway, so what is remembered here is kept in a file: written in
//! batches, behind the requests, and read at the next start. A file that cannot be read is an empty one.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use hubgate_protocol::Connection;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::files::{self, NewFile, PlaceError};
use crate::state::sessions::SessionHash;

/// Most connections remembered per session; Lab opens a handful per tab. The oldest are forgotten first.
const PER_SESSION: usize = 256;

/// Upgraded connections by session.
#[derive(Debug, Default)]
pub struct Uplinks {
    open: Mutex<HashMap<SessionHash, VecDeque<Connection>>>,
    changed: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Line {
    session: SessionHash,
    connections: VecDeque<Connection>,
}

impl Uplinks {
    /// What a gateway before this one wrote down.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let lines: Vec<Line> = std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let open = lines.into_iter().map(|line| (line.session, line.connections)).collect();
        Self { open: Mutex::new(open), changed: AtomicBool::new(false) }
    }

    /// Writes down what has changed since the last call. It blocks.
    ///
    /// # Errors
    /// When the file cannot be written; the next call tries again.
    pub fn save(&self, path: &Path) -> Result<(), PlaceError> {
        if !self.changed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let lines: Vec<Line> = {
            let open = self.open.lock();
            open.iter().map(|(session, open)| Line { session: *session, connections: open.clone() }).collect()
        };
        let bytes = serde_json::to_vec(&lines).unwrap_or_default();
        let file = NewFile { path: path.to_owned(), mode: 0o600, bytes: bytes.into(), owner: None };
        files::replace(&file).inspect_err(|_| self.changed.store(true, Ordering::Relaxed))
    }

    /// Remembers a connection that was granted an upgrade.
    pub fn add(&self, session: SessionHash, connection: Connection) {
        let mut all = self.open.lock();
        let own = all.entry(session).or_default();
        own.retain(|known| *known != connection);
        if own.len() == PER_SESSION {
            own.pop_front();
        }
        own.push_back(connection);
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Sessions that have, or had, websockets.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionHash> {
        self.open.lock().keys().copied().collect()
    }

    /// Forgets and returns the connections of a session.
    #[must_use]
    pub fn take(&self, session: &SessionHash) -> Vec<Connection> {
        let taken = self.open.lock().remove(session);
        self.changed.fetch_or(taken.is_some(), Ordering::Relaxed);
        taken.unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(port: u16) -> Connection {
        Connection { addr: "192.0.2.1".parse().unwrap(), port }
    }

    #[test]
    fn a_session_takes_its_own_connections_only_and_once() {
        let uplinks = Uplinks::default();
        uplinks.add([1; 32], connection(1));
        uplinks.add([1; 32], connection(1));
        uplinks.add([2; 32], connection(2));
        assert_eq!(uplinks.take(&[1; 32]), [connection(1)]);
        assert!(uplinks.take(&[1; 32]).is_empty());
    }

    #[test]
    fn a_session_cannot_fill_the_memory() {
        let uplinks = Uplinks::default();
        for port in 0..10_000 {
            uplinks.add([1; 32], connection(port));
        }
        assert_eq!(uplinks.take(&[1; 32]).len(), PER_SESSION);
    }

    #[test]
    fn a_gateway_knows_the_websockets_of_the_one_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("websockets.json");
        let before = Uplinks::read(&path);
        before.add([1; 32], connection(1));
        before.save(&path).unwrap();
        assert_eq!(Uplinks::read(&path).take(&[1; 32]), [connection(1)]);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(Uplinks::read(&path).take(&[1; 32]).is_empty());
    }

    #[test]
    fn nothing_is_written_when_nothing_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("websockets.json");
        let uplinks = Uplinks::default();
        uplinks.save(&path).unwrap();
        assert!(!path.exists());
        let _ = uplinks.take(&[1; 32]);
        uplinks.save(&path).unwrap();
        assert!(!path.exists());
    }
}
