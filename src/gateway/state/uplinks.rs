//! Which client connections carry websockets of which session: what has to be cut when the session ends.

use std::collections::{HashMap, VecDeque};

use hubgate_protocol::Connection;
use parking_lot::Mutex;

use crate::state::sessions::SessionHash;

/// Most connections remembered per session; Lab opens a handful per tab. The oldest are forgotten first.
const PER_SESSION: usize = 256;

/// Upgraded connections by session.
#[derive(Debug, Default)]
pub struct Uplinks(Mutex<HashMap<SessionHash, VecDeque<Connection>>>);

impl Uplinks {
    /// Remembers a connection that was granted an upgrade.
    pub fn add(&self, session: SessionHash, connection: Connection) {
        let mut all = self.0.lock();
        let own = all.entry(session).or_default();
        own.retain(|known| *known != connection);
        if own.len() == PER_SESSION {
            own.pop_front();
        }
        own.push_back(connection);
    }

    /// Forgets and returns the connections of a session.
    #[must_use]
    pub fn take(&self, session: &SessionHash) -> Vec<Connection> {
        self.0.lock().remove(session).unwrap_or_default().into()
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
}
