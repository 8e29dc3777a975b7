//! Who is logged in: the sessions of the database, held in memory for the question that nginx asks at every request.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hubgate_protocol::{Secret, Username};
use openssl::sha::Sha256;
use parking_lot::RwLock;

use crate::store::sessions::{Origin, SessionRow};

/// SHA-256 of a session id: what is stored instead of the id.
pub type SessionHash = [u8; 32];

/// One login of one user.
#[derive(Debug)]
pub struct Session {
    /// Key of the session.
    pub hash: SessionHash,
    /// Row of the user.
    pub user_id: i64,
    /// Who it is.
    pub user: Username,
    /// Whether they administer the hub.
    pub admin: bool,
    /// End, seconds since 1970.
    pub expires_s: i64,
    /// The spawner's proof of the login, where PAM checked it.
    pub ticket: Option<Secret>,
    /// Value of the cookie `jupyterhub-session-id`: servers and services may know it, it opens nothing.
    pub public_id: String,
    /// Begin, seconds since 1970.
    pub created_s: i64,
    /// Where it came from, and how.
    pub origin: Origin,
    last_seen_s: AtomicI64,
    seen: AtomicBool,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            hash: row.hash,
            user_id: row.user_id,
            user: row.user,
            admin: row.admin,
            expires_s: row.expires_s,
            ticket: row.ticket.and_then(|ticket| Secret::try_from(ticket).ok()),
            public_id: row.public_id,
            created_s: row.created_s,
            origin: row.origin,
            last_seen_s: AtomicI64::new(row.last_seen_s),
            seen: AtomicBool::new(false),
        }
    }
}

impl Session {
    /// The session as it is stored.
    #[must_use]
    pub fn to_row(&self) -> SessionRow {
        SessionRow {
            hash: self.hash,
            user_id: self.user_id,
            user: self.user.clone(),
            admin: self.admin,
            created_s: self.created_s,
            expires_s: self.expires_s,
            last_seen_s: self.last_seen_s(),
            ticket: self.ticket.as_ref().map(|ticket| ticket.expose().to_owned()),
            public_id: self.public_id.clone(),
            origin: self.origin.clone(),
        }
    }

    /// Last use, seconds since 1970.
    #[must_use]
    pub fn last_seen_s(&self) -> i64 {
        self.last_seen_s.load(Ordering::Relaxed)
    }
}

/// A new session id in its text form: 256 random bits. It leaves once, in the cookie.
///
/// # Errors
/// When the system has no randomness to give.
pub fn new_id() -> Result<String, openssl::error::ErrorStack> {
    let mut bytes = [0; 32];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A new public id: 128 random bits in hexadecimal, as long as JupyterHub's.
///
/// # Errors
/// When the system has no randomness to give.
pub fn new_public_id() -> Result<String, openssl::error::ErrorStack> {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The key under which an id is stored.
#[must_use]
pub fn hash(id: &str) -> SessionHash {
    // Not the one-shot `sha256`: OpenSSL 3 looks the algorithm up anew for each of those, and this runs at every request.
    let mut sha = Sha256::new();
    sha.update(id.as_bytes());
    sha.finish()
}

/// All live sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    live: RwLock<HashMap<SessionHash, Arc<Session>>>,
    /// Ended here, perhaps not yet in the database: never to come back with a reload.
    ended: RwLock<HashSet<SessionHash>>,
    /// After how many seconds without use a session ends; `None`: never.
    idle_s: Option<i64>,
}

impl Sessions {
    /// No sessions yet; they end after `idle_hours` without use, 0: never.
    #[must_use]
    pub fn new(idle_hours: u32) -> Self {
        Self { idle_s: (idle_hours > 0).then(|| i64::from(idle_hours) * 3600), ..Self::default() }
    }

    fn lives(&self, session: &Session, now_s: i64) -> bool {
        let used = |idle_s: i64| now_s.saturating_sub(session.last_seen_s()) < idle_s;
        session.expires_s > now_s && self.idle_s.is_none_or(used)
    }

    /// The session with this id, if it is live at `now_s`.
    #[must_use]
    pub fn find(&self, id: &str, now_s: i64) -> Option<Arc<Session>> {
        let session = self.live.read().get(&hash(id)).cloned()?;
        if !self.lives(&session, now_s) {
            return None;
        }
        if session.last_seen_s.swap(now_s, Ordering::Relaxed) != now_s {
            session.seen.store(true, Ordering::Relaxed);
        }
        Some(session)
    }

    /// The session under that key, live or not. It does not count as a use.
    #[must_use]
    pub fn by_hash(&self, hash: &SessionHash) -> Option<Arc<Session>> {
        self.live.read().get(hash).cloned()
    }

    /// The live sessions of a user, the one used last first. It does not count as a use.
    #[must_use]
    pub fn of(&self, user: &Username, now_s: i64) -> Vec<Arc<Session>> {
        let live = self.live.read();
        let own = live.values().filter(|session| session.user == *user && self.lives(session, now_s));
        let mut own: Vec<Arc<Session>> = own.cloned().collect();
        own.sort_by_key(|session| (Reverse(session.last_seen_s()), session.hash));
        own
    }

    /// Who has a live session.
    #[must_use]
    pub fn owners(&self, now_s: i64) -> BTreeSet<Username> {
        let live = self.live.read();
        let live = live.values().filter(|session| session.expires_s > now_s);
        live.map(|session| session.user.clone()).collect()
    }

    /// Adds a session that the database has.
    pub fn insert(&self, session: Session) {
        self.live.write().insert(session.hash, Arc::new(session));
    }

    /// Ends a session here and now.
    pub fn end(&self, hash: &SessionHash) {
        self.ended.write().insert(*hash);
        self.live.write().remove(hash);
    }

    /// Whether that session is live at `now_s`. It does not count as a use.
    #[must_use]
    pub fn holds(&self, hash: &SessionHash, now_s: i64) -> bool {
        self.live.read().get(hash).is_some_and(|session| self.lives(session, now_s))
    }

    /// Whether a live session has this public id. It does not count as a use.
    #[must_use]
    pub fn is_public(&self, public_id: &str, now_s: i64) -> bool {
        self.live.read().values().any(|session| session.public_id == public_id && self.lives(session, now_s))
    }

    /// Whether a session of this public id is live at `now_s`.
    #[must_use]
    pub fn holds_public(&self, public_id: &str, now_s: i64) -> bool {
        let live = self.live.read();
        live.values().any(|session| session.public_id == public_id && self.lives(session, now_s))
    }

    /// Takes over what the database holds.
    pub fn replace(&self, rows: Vec<SessionRow>) {
        let mut ended = self.ended.write();
        let mut fresh = HashMap::with_capacity(rows.len());
        let stored: HashSet<SessionHash> = rows.iter().map(|row| row.hash).collect();
        for row in rows.into_iter().filter(|row| !ended.contains(&row.hash)) {
            fresh.insert(row.hash, Arc::new(Session::from(row)));
        }
        ended.retain(|hash| stored.contains(hash));
        let mut live = self.live.write();
        for (hash, session) in &fresh {
            if let Some(before) = live.get(hash) {
                session.last_seen_s.fetch_max(before.last_seen_s.load(Ordering::Relaxed), Ordering::Relaxed);
                session.seen.store(before.seen.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        *live = fresh;
    }

    /// Sessions used since the last call, with the time of their last use: written to the database in one batch.
    #[must_use]
    pub fn take_seen(&self) -> Vec<(Arc<Session>, i64)> {
        let live = self.live.read();
        let seen = live.values().filter(|session| session.seen.swap(false, Ordering::Relaxed));
        seen.map(|session| (session.clone(), session.last_seen_s.load(Ordering::Relaxed))).collect()
    }

    /// Takes back what could not be written.
    pub fn restore_seen(&self, seen: &[(Arc<Session>, i64)]) {
        seen.iter().for_each(|(session, _)| session.seen.store(true, Ordering::Relaxed));
    }

    /// How many sessions are held.
    #[must_use]
    pub fn count(&self) -> usize {
        self.live.read().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, user: &str) -> SessionRow {
        SessionRow {
            hash: hash(id),
            user_id: 1,
            user: user.parse().unwrap(),
            admin: false,
            created_s: 0,
            expires_s: 100,
            last_seen_s: 0,
            ticket: None,
            public_id: format!("public-{id}"),
            origin: Origin::default(),
        }
    }

    #[test]
    fn a_session_is_found_by_its_id_until_it_expires() {
        let sessions = Sessions::default();
        sessions.insert(row("id", "alice").into());
        assert_eq!(sessions.find("id", 99).unwrap().user.as_str(), "alice");
        assert!(sessions.find("id", 100).is_none());
        assert!(sessions.find("other", 1).is_none());
    }

    #[test]
    fn an_ended_session_does_not_come_back_while_the_database_still_has_it() {
        let sessions = Sessions::default();
        sessions.insert(row("id", "alice").into());
        sessions.end(&hash("id"));
        for _ in 0..2 {
            sessions.replace(vec![row("id", "alice"), row("b", "bob")]);
            assert!(sessions.find("id", 1).is_none());
        }
        assert!(sessions.find("b", 1).is_some());
    }

    #[test]
    fn what_the_database_has_lost_is_lost() {
        let sessions = Sessions::default();
        sessions.insert(row("a", "alice").into());
        sessions.insert(row("b", "bob").into());
        sessions.replace(vec![row("b", "bob")]);
        assert!(
            !sessions.holds(&hash("a"), 1)
                && sessions.holds(&hash("b"), 1)
                && !sessions.holds(&hash("b"), 100)
        );
    }

    #[test]
    fn without_use_a_session_ends_where_the_site_wants_it() {
        for (hours, at_s, lives) in [(0, 99_999, true), (1, 3599, true), (1, 3600, false)] {
            let sessions = Sessions::new(hours);
            sessions.insert(SessionRow { expires_s: 100_000, ..row("a", "alice") }.into());
            assert_eq!(sessions.holds(&hash("a"), at_s), lives);
            assert_eq!(sessions.of(&"alice".parse().unwrap(), at_s).len(), usize::from(lives));
            assert_eq!(sessions.find("a", at_s).is_some(), lives);
            assert_eq!(sessions.find("a", at_s + 3599).is_some(), lives && at_s + 3599 < 100_000);
        }
    }

    #[test]
    fn use_is_noted_once_per_batch() {
        let sessions = Sessions::default();
        sessions.insert(row("a", "alice").into());
        let _ = sessions.find("a", 7);
        let seen: Vec<_> = sessions.take_seen().iter().map(|(session, at_s)| (session.hash, *at_s)).collect();
        assert_eq!(seen, [(hash("a"), 7)]);
        assert!(sessions.take_seen().is_empty());
        sessions.find("a", 8).unwrap();
        let taken = sessions.take_seen();
        sessions.restore_seen(&taken);
        assert_eq!(sessions.take_seen().len(), 1);
    }

    #[test]
    fn a_public_id_says_whether_its_login_still_stands() {
        let sessions = Sessions::default();
        sessions.insert(row("a", "alice").into());
        assert!(sessions.is_public("public-a", 99) && !sessions.is_public("public-a", 100));
        assert!(!sessions.is_public("", 1));
        assert_eq!(new_public_id().unwrap().len(), 32);
    }

    #[test]
    fn ids_are_random_and_have_the_shape_of_the_cookie() {
        let (a, b) = (new_id().unwrap(), new_id().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), crate::domain::cookie::SESSION_LEN);
    }
}
