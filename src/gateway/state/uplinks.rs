//! Which client connections carry websockets of whom, to where: what has to be cut when a right ends.
//!
//! nginx keeps websockets open over a restart of the gateway, so what is remembered here is kept in a file: written in
//! batches, behind the requests, and read at the next start. A file that cannot be read is an empty one.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use hubgate_protocol::Connection;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::domain::scope::{Client, Owner, server_from_text, server_text};
use crate::files::{self, NewFile, PlaceError};
use crate::state::sessions::SessionHash;

/// Most connections remembered per session and server; Lab opens a handful per tab. The oldest are forgotten first.
const PER_UPLINK: usize = 256;

/// By what right a websocket was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// A session of a browser.
    Session(SessionHash),
    /// A token, by its id.
    Token(i64),
}

/// What websockets have in common that end together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uplink {
    /// By what right they were opened.
    pub via: Via,
    /// Who opened them.
    pub visitor: Owner,
    /// Where they lead: a server or a service.
    pub place: Client,
}

/// Upgraded connections.
#[derive(Debug, Default)]
pub struct Uplinks {
    open: Mutex<HashMap<Uplink, VecDeque<Connection>>>,
    changed: AtomicBool,
}

/// An uplink in the file: of each pair of fields one is there.
#[derive(Serialize, Deserialize)]
struct Line {
    session: Option<SessionHash>,
    token: Option<i64>,
    user: Option<String>,
    by_service: Option<String>,
    server: Option<String>,
    service: Option<String>,
    connections: VecDeque<Connection>,
}

impl Line {
    fn new(uplink: &Uplink, connections: &VecDeque<Connection>) -> Self {
        let (session, token) = match uplink.via {
            Via::Session(hash) => (Some(hash), None),
            Via::Token(id) => (None, Some(id)),
        };
        let (server, service) = match &uplink.place {
            Client::Server(id) => (Some(server_text(id)), None),
            Client::Service(name) => (None, Some(name.to_string())),
        };
        let user = uplink.visitor.user().map(ToString::to_string);
        let by_service = uplink.visitor.service().map(ToString::to_string);
        Self { session, token, user, by_service, server, service, connections: connections.clone() }
    }

    fn read(self) -> Option<(Uplink, VecDeque<Connection>)> {
        let via = match (self.session, self.token) {
            (Some(hash), _) => Via::Session(hash),
            (None, token) => Via::Token(token?),
        };
        let visitor = match (self.user, self.by_service) {
            (Some(user), _) => Owner::User(user.parse().ok()?),
            (None, service) => Owner::Service(service?.parse().ok()?),
        };
        let place = match (self.server, self.service) {
            (Some(server), _) => Client::Server(server_from_text(&server)?),
            (None, service) => Client::Service(service?.parse().ok()?),
        };
        Some((Uplink { via, visitor, place }, self.connections))
    }
}

impl Uplinks {
    /// What a gateway before this one wrote down.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let lines: Vec<Line> = std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let open = lines.into_iter().filter_map(Line::read).collect();
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
        let lines: Vec<Line> =
            self.open.lock().iter().map(|(uplink, connections)| Line::new(uplink, connections)).collect();
        let bytes = serde_json::to_vec(&lines).unwrap_or_default();
        let file = NewFile { path: path.to_owned(), mode: 0o600, bytes: bytes.into(), owner: None };
        files::replace(&file).inspect_err(|_| self.changed.store(true, Ordering::Relaxed))
    }

    /// Remembers a connection that was granted an upgrade.
    pub fn add(&self, uplink: Uplink, connection: Connection) {
        let mut all = self.open.lock();
        let own = all.entry(uplink).or_default();
        own.retain(|known| *known != connection);
        if own.len() == PER_UPLINK {
            own.pop_front();
        }
        own.push_back(connection);
        self.changed.store(true, Ordering::Relaxed);
    }

    /// A session goes on under another hash, and its websockets with it.
    pub fn renew(&self, old: &SessionHash, new: SessionHash) {
        let mut all = self.open.lock();
        let of_old: Vec<Uplink> =
            all.keys().filter(|uplink| uplink.via == Via::Session(*old)).cloned().collect();
        for uplink in of_old {
            let connections = all.remove(&uplink).unwrap_or_default();
            all.entry(Uplink { via: Via::Session(new), ..uplink }).or_default().extend(connections);
            self.changed.store(true, Ordering::Relaxed);
        }
    }

    /// What has, or had, websockets.
    #[must_use]
    pub fn all(&self) -> Vec<Uplink> {
        self.open.lock().keys().cloned().collect()
    }

    /// Forgets and returns the connections of one of them.
    #[must_use]
    pub fn take(&self, uplink: &Uplink) -> Vec<Connection> {
        let taken = self.open.lock().remove(uplink);
        self.changed.fetch_or(taken.is_some(), Ordering::Relaxed);
        taken.unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uplink(byte: u8) -> Uplink {
        Uplink {
            via: Via::Session([byte; 32]),
            visitor: Owner::User("ada".parse().unwrap()),
            place: Client::Server(server_from_text("ada/gpu").unwrap()),
        }
    }

    fn connection(port: u16) -> Connection {
        Connection { addr: "192.0.2.1".parse().unwrap(), port }
    }

    #[test]
    fn a_session_takes_its_own_connections_only_and_once() {
        let uplinks = Uplinks::default();
        uplinks.add(uplink(1), connection(1));
        uplinks.add(uplink(1), connection(1));
        uplinks.add(uplink(2), connection(2));
        assert_eq!(uplinks.take(&uplink(1)), [connection(1)]);
        assert!(uplinks.take(&uplink(1)).is_empty());
    }

    #[test]
    fn a_session_cannot_fill_the_memory() {
        let uplinks = Uplinks::default();
        for port in 0..10_000 {
            uplinks.add(uplink(1), connection(port));
        }
        assert_eq!(uplinks.take(&uplink(1)).len(), PER_UPLINK);
    }

    #[test]
    fn a_gateway_knows_the_websockets_of_the_one_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("websockets.json");
        let before = Uplinks::read(&path);
        before.add(uplink(1), connection(1));
        before.save(&path).unwrap();
        assert_eq!(Uplinks::read(&path).take(&uplink(1)), [connection(1)]);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(Uplinks::read(&path).take(&uplink(1)).is_empty());
    }

    #[test]
    fn every_kind_of_uplink_reads_back() {
        let by_token = Uplink {
            via: Via::Token(7),
            visitor: Owner::Service("culler".parse().unwrap()),
            place: Client::Service("grader".parse().unwrap()),
        };
        for uplink in [uplink(1), by_token] {
            let line = Line::new(&uplink, &[connection(1)].into());
            let text = serde_json::to_string(&line).unwrap();
            assert_eq!(serde_json::from_str::<Line>(&text).unwrap().read().unwrap().0, uplink);
        }
    }

    #[test]
    fn nothing_is_written_when_nothing_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("websockets.json");
        let uplinks = Uplinks::default();
        uplinks.save(&path).unwrap();
        assert!(!path.exists());
        let _ = uplinks.take(&uplink(1));
        uplinks.save(&path).unwrap();
        assert!(!path.exists());
    }
}
