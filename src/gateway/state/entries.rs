//! Who is in somebody else's server by a right of their own: why, and until when. Held in memory for the question that nginx
//! asks at every request.

use std::collections::HashMap;
use std::net::IpAddr;

use hubgate_protocol::{ServerId, Username};
use parking_lot::{Mutex, RwLock};

use crate::clock::Clock;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::time::iso;
use crate::state::audit::acting;
use crate::state::{Directory, Hub, blocking, reload};
use crate::store::StoreError;
use crate::store::entries::{self, EntryRow};

/// All entries that have not ended.
#[derive(Debug)]
pub struct Entries {
    clock: Clock,
    open: RwLock<HashMap<ServerId, Vec<EntryRow>>>,
    /// Whose tokens were used in somebody else's server, and until when that needs not be written down again.
    by_token: Mutex<HashMap<(Username, ServerId), i64>>,
}

impl Entries {
    /// None yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, open: RwLock::default(), by_token: Mutex::default() }
    }

    /// Who is in this server now.
    #[must_use]
    pub fn of(&self, server: &ServerId) -> Vec<EntryRow> {
        let now_s = self.clock.now_s();
        let open = self.open.read();
        open.get(server).into_iter().flatten().filter(|entry| entry.until_s > now_s).cloned().collect()
    }

    /// Whether somebody has said why they are in this server, and the time has not run out.
    #[must_use]
    pub fn holds(&self, by: &Username, server: &ServerId) -> bool {
        let now_s = self.clock.now_s();
        let open = self.open.read();
        open.get(server).into_iter().flatten().any(|entry| entry.by == *by && entry.until_s > now_s)
    }

    /// All that somebody has entered.
    #[must_use]
    pub fn by(&self, by: &Username) -> Vec<EntryRow> {
        let now_s = self.clock.now_s();
        let open = self.open.read();
        open.values().flatten().filter(|entry| entry.by == *by && entry.until_s > now_s).cloned().collect()
    }

    /// All who are in one of somebody's servers.
    #[must_use]
    pub fn with_owner(&self, owner: &Username) -> Vec<EntryRow> {
        let now_s = self.clock.now_s();
        let open = self.open.read();
        let live = |entry: &&EntryRow| entry.server.user == *owner && entry.until_s > now_s;
        open.values().flatten().filter(live).cloned().collect()
    }

    /// Takes over what the database holds.
    pub(super) fn replace(&self, rows: Vec<EntryRow>) {
        let mut fresh: HashMap<ServerId, Vec<EntryRow>> = HashMap::new();
        for row in rows {
            fresh.entry(row.server.clone()).or_default().push(row);
        }
        *self.open.write() = fresh;
    }

    fn end(&self, by: &Username, server: &ServerId) {
        if let Some(those) = self.open.write().get_mut(server) {
            those.retain(|entry| entry.by != *by);
        }
    }

    /// Whether a token comes into a server for the first time in this while.
    fn is_new(&self, by: &Username, server: &ServerId, for_s: i64) -> bool {
        let now_s = self.clock.now_s();
        let mut known = self.by_token.lock();
        let key = (by.clone(), server.clone());
        if known.get(&key).is_some_and(|until_s| *until_s > now_s) {
            return false;
        }
        known.retain(|_, until_s| *until_s > now_s);
        known.insert(key, now_s.saturating_add(for_s));
        true
    }

    /// Takes out what has run out.
    fn take_ended(&self) -> Vec<EntryRow> {
        let (now_s, mut ended) = (self.clock.now_s(), Vec::new());
        self.open.write().retain(|_, those| {
            ended.extend(those.extract_if(.., |entry| entry.until_s <= now_s));
            !those.is_empty()
        });
        ended
    }
}

/// Whether a person may use a server without saying why: their own, or one that is shared with them.
#[must_use]
pub fn is_at_home(directory: &Directory, person: &Username, server: &ServerId) -> bool {
    server.user == *person || directory.is_shared(person, server)
}

/// Writes down, once in `admin_access_minutes`, that a person's token is used in somebody else's server.
pub fn enter_by_token(hub: &Hub, (by, address): (&Username, IpAddr), server: &ServerId, token: i64) {
    let for_s = i64::from(hub.config.admin_access_minutes).saturating_mul(60);
    if is_at_home(&hub.directory(), by, server) || !hub.entries.is_new(by, server, for_s) {
        return;
    }
    let actor = Actor::User { name: by.clone(), address: Some(address), session: String::new() };
    hub.audit(&Event::new(actor, Action::Entry, server.segments()).with("token", format!("a{token}")));
}

/// Lets a person into somebody else's server for `admin_access_minutes`. Whether they may is the caller's to know.
///
/// # Errors
/// When the database cannot keep it, or the audit log: nobody is in then.
pub async fn enter(hub: &Hub, by: &Username, server: &ServerId, reason: &str) -> Result<(), StoreError> {
    let begun_s = hub.clock.now_s();
    let until_s = begun_s.saturating_add(i64::from(hub.config.admin_access_minutes).saturating_mul(60));
    let entry =
        EntryRow { by: by.clone(), server: server.clone(), reason: reason.to_owned(), begun_s, until_s };
    let event = Event::new(acting(), Action::Entry, server.segments())
        .with("reason", reason)
        .with("until", iso(until_s.saturating_mul(1_000_000)));
    hub.change(move |c| entries::put(c, &entry)).await?;
    let written = hub.audit_durably(&event).await;
    if written.is_err() {
        leave(hub, by, server).await?;
    }
    written
}

/// Ends what somebody entered, with the websockets that they have there; whether they were in.
///
/// # Errors
/// When the database cannot forget it. Here it stays ended.
pub async fn leave(hub: &Hub, by: &Username, server: &ServerId) -> Result<bool, StoreError> {
    if !hub.entries.holds(by, server) {
        return Ok(false);
    }
    hub.entries.end(by, server);
    reload::cut_rights(hub).await;
    let (who, which) = (by.clone(), server.clone());
    hub.change(move |c| entries::remove(c, &who, &which)).await?;
    hub.audit(&Event::new(acting(), Action::EntryEnded, server.segments()).with("by", by.as_str()));
    Ok(true)
}

/// Ends those whose time has run out.
///
/// # Errors
/// When the database cannot forget them; in memory they have ended.
pub async fn end_expired(hub: &Hub) -> Result<(), StoreError> {
    let ended = hub.entries.take_ended();
    if ended.is_empty() {
        return Ok(());
    }
    reload::cut_rights(hub).await;
    for entry in &ended {
        let event = Event::new(acting(), Action::EntryEnded, entry.server.segments());
        hub.audit(&event.with("by", entry.by.as_str()));
    }
    let (store, now_s) = (hub.store.clone(), hub.clock.now_s());
    blocking(move || store.write(|c| entries::delete_expired(c, now_s))).await.map(drop)
}
