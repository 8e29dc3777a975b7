//! Tokens in memory, for the question at every request; and how one is issued and revoked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use diesel::QueryResult;
use hubgate_protocol::{Secret, ServerId, Username};
use log::info;
use openssl::sha::Sha256;
use parking_lot::RwLock;

use super::activity::Activity;
use super::service::Service;
use super::{Hub, blocking, reload};
use crate::clock::Clock;
use crate::domain::imported::ImportedHash;
use crate::domain::scope::{Base, Client, Owner, Scope};
use crate::store::tokens::{self as rows, NewToken, TokenRow};
use crate::store::{Conn, Hash, StoreError, oauth, revision, servers};

mod index;

use index::Index;

/// Longest text that is looked up, bytes; a token of ours has 64, one that a service was given may have 128.
const TEXT_MAX: usize = 128;
/// Microseconds by which a last use must be older before it is noted again.
const RESOLUTION_US: i64 = 1_000_000;
/// Ids of services' tokens, which are in no table, begin here.
const SERVICE_IDS: i64 = 1 << 62;

/// A live token.
#[derive(Debug)]
pub struct Token {
    /// Never used twice; the API writes `aID`.
    pub id: i64,
    /// SHA-256 of its text.
    pub hash: Hash,
    /// Whose rights it can use.
    pub owner: Owner,
    /// What was asked for.
    pub scopes: Vec<Scope>,
    /// Identifier of the OAuth client that it was issued to.
    pub client: Option<String>,
    /// What that client is.
    pub issued_to: Option<Client>,
    /// Public id of the login that it ends with.
    pub session_id: Option<String>,
    /// The server that acts with it.
    pub server: Option<ServerId>,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// End, microseconds since 1970; `None` for no end.
    pub expires_us: Option<i64>,
    /// What it is for.
    pub note: String,
    imported: Option<Box<ImportedHash>>,
    last_us: AtomicI64,
    used: AtomicBool,
}

impl Token {
    pub(super) fn new(row: TokenRow) -> Self {
        let (client, issued_to) = row.new.client.unzip();
        Self {
            id: row.id,
            hash: row.hash,
            owner: row.new.owner,
            scopes: row.new.scopes,
            client,
            issued_to,
            session_id: row.new.session_id,
            server: row.new.server,
            created_us: row.created_us,
            expires_us: row.new.expires_us,
            note: row.new.note,
            imported: row.imported.map(Box::new),
            last_us: AtomicI64::new(row.last_activity_us.unwrap_or(i64::MIN)),
            used: AtomicBool::new(false),
        }
    }

    /// The token that a service has by its description. Its id is made of its hash: the same after every start.
    pub(super) fn of_service(service: &Service) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = service.token_hash;
        let id = SERVICE_IDS | (i64::from_be_bytes([a, b, c, d, e, f, g, h]) & (SERVICE_IDS - 1));
        Self {
            id,
            hash: service.token_hash,
            owner: Owner::Service(service.name.clone()),
            scopes: vec![Scope::unfiltered(Base::Inherit)],
            client: None,
            issued_to: None,
            session_id: None,
            server: None,
            created_us: 0,
            expires_us: None,
            note: String::new(),
            imported: None,
            last_us: AtomicI64::new(i64::MIN),
            used: AtomicBool::new(false),
        }
    }

    /// Last use, microseconds since 1970.
    #[must_use]
    pub fn last_activity_us(&self) -> Option<i64> {
        Some(self.last_us.load(Ordering::Relaxed)).filter(|at| *at > i64::MIN)
    }

    fn is_live(&self, now_us: i64) -> bool {
        self.expires_us.is_none_or(|end| end > now_us)
    }
}

#[derive(Debug, Default)]
struct Live {
    by_text: Index,
    by_id: BTreeMap<i64, Arc<Token>>,
    services: HashMap<Hash, Arc<Token>>,
    /// Ended here, perhaps not yet in the database: never to come back with a reload.
    ended: BTreeSet<i64>,
}

/// All live tokens.
#[derive(Debug)]
pub struct Tokens {
    live: RwLock<Live>,
    clock: Clock,
    activity: Arc<Activity>,
}

impl Tokens {
    /// None yet.
    #[must_use]
    pub fn new(clock: Clock, activity: Arc<Activity>) -> Self {
        Self { live: RwLock::default(), clock, activity }
    }

    /// The live token of this text; counts as a use of it.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Arc<Token>> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let hash = hash(text);
        let token = {
            let live = self.live.read();
            let service = || live.services.get(&hash);
            live.by_text.by_hash(&hash).or_else(service).or_else(|| live.by_text.imported(text)).cloned()?
        };
        let now_us = self.clock.now_us();
        if !token.is_live(now_us) {
            return None;
        }
        let last_us = token.last_us.load(Ordering::Relaxed);
        if now_us.saturating_sub(last_us) >= RESOLUTION_US {
            token.last_us.store(now_us, Ordering::Relaxed);
            token.used.store(true, Ordering::Relaxed);
            // What a server does by itself is no activity of its owner.
            if let (Owner::User(user), None) = (&token.owner, &token.server) {
                self.activity.user(user, now_us);
            }
        }
        Some(token)
    }

    /// The live token of this id. It does not count as a use.
    #[must_use]
    pub fn by_id(&self, id: i64) -> Option<Arc<Token>> {
        let live = self.live.read();
        let service = || live.services.values().find(|token| token.id == id);
        live.by_id.get(&id).or_else(service).filter(|token| token.is_live(self.clock.now_us())).cloned()
    }

    /// The live tokens of somebody, by id.
    #[must_use]
    pub fn of(&self, owner: &Owner) -> Vec<Arc<Token>> {
        self.select(|token| token.owner == *owner)
    }

    /// Users who have a live token.
    #[must_use]
    pub fn owners(&self) -> BTreeSet<Username> {
        let all = self.select(|token| token.owner.user().is_some());
        all.iter().filter_map(|token| token.owner.user().cloned()).collect()
    }

    /// What a user has already let an OAuth client do.
    #[must_use]
    pub fn given_to(&self, user: &Username, client: &str) -> BTreeSet<Scope> {
        let by = |token: &Token| token.owner.user() == Some(user) && token.client.as_deref() == Some(client);
        self.select(by).iter().flat_map(|token| token.scopes.clone()).collect()
    }

    /// Servers that have a token to act with.
    #[must_use]
    pub fn servers(&self) -> BTreeSet<ServerId> {
        self.live.read().by_id.values().filter_map(|token| token.server.clone()).collect()
    }

    /// How many are held, those of services not counted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.live.read().by_id.len()
    }

    fn select(&self, wanted: impl Fn(&Token) -> bool) -> Vec<Arc<Token>> {
        let now_us = self.clock.now_us();
        let live = self.live.read();
        live.by_id.values().filter(|token| token.is_live(now_us) && wanted(token)).cloned().collect()
    }

    fn insert(&self, row: TokenRow) -> Arc<Token> {
        let token = Arc::new(Token::new(row));
        let mut live = self.live.write();
        live.by_text.insert(&token);
        live.by_id.insert(token.id, token.clone());
        token
    }

    fn end(&self, ids: &[i64]) {
        let mut live = self.live.write();
        for id in ids {
            live.ended.insert(*id);
            if let Some(token) = live.by_id.remove(id) {
                live.by_text.remove(&token);
            }
        }
    }

    /// Takes over what the database holds.
    pub(super) fn replace(&self, rows: Vec<TokenRow>) {
        let mut live = self.live.write();
        let stored: BTreeSet<i64> = rows.iter().map(|row| row.id).collect();
        live.ended.retain(|id| stored.contains(id));
        let mut fresh = BTreeMap::new();
        for row in rows.into_iter().filter(|row| !live.ended.contains(&row.id)) {
            let before = live.by_id.get(&row.id);
            let token = Token::new(row);
            if let Some(before) = before {
                token.last_us.fetch_max(before.last_us.load(Ordering::Relaxed), Ordering::Relaxed);
                token.used.store(before.used.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            fresh.insert(token.id, Arc::new(token));
        }
        live.by_text = fresh.values().collect();
        live.by_id = fresh;
    }

    /// Takes over the tokens that services have by their descriptions.
    pub(super) fn replace_services(&self, tokens: Vec<Token>) {
        self.live.write().services = tokens.into_iter().map(|token| (token.hash, Arc::new(token))).collect();
    }

    /// Tokens used since the last call, with the time of their last use: written to the database in one batch.
    #[must_use]
    pub fn take_used(&self) -> Vec<(i64, i64)> {
        let live = self.live.read();
        let used = live.by_id.values().filter(|token| token.used.swap(false, Ordering::Relaxed));
        used.map(|token| (token.id, token.last_us.load(Ordering::Relaxed))).collect()
    }

    /// Takes back what could not be written.
    pub fn restore_used(&self, used: &[(i64, i64)]) {
        let live = self.live.read();
        let tokens = used.iter().filter_map(|(id, _)| live.by_id.get(id));
        tokens.for_each(|token| token.used.store(true, Ordering::Relaxed));
    }

    /// Forgets tokens that have ended by themselves.
    pub fn forget_expired(&self) {
        let now_us = self.clock.now_us();
        let mut live = self.live.write();
        live.by_id.retain(|_, token| token.is_live(now_us));
        live.by_text = live.by_id.values().collect();
    }
}

/// The key under which a token is stored.
#[must_use]
pub fn hash(text: &str) -> Hash {
    // Not the one-shot `sha256`, for the reason that sessions have.
    let mut sha = Sha256::new();
    sha.update(text.as_bytes());
    sha.finish()
}

/// A new text: 256 random bits as 64 hexadecimal digits.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random() -> Result<Secret, StoreError> {
    let mut bytes = [0; 32];
    openssl::rand::rand_bytes(&mut bytes).map_err(|_| StoreError::Broken)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Secret::try_from(text).map_err(|_| StoreError::Broken)
}

/// Issues a token: its text, which nobody can ask for again, and the token.
///
/// # Errors
/// When the database cannot keep it: then it opens nothing. [`StoreError::NotFound`] where its owner has just been removed.
pub async fn issue(hub: &Hub, new: NewToken) -> Result<(Secret, Arc<Token>), StoreError> {
    let text = random()?;
    let (hash, now_us, store) = (hash(text.expose()), hub.clock.now_us(), hub.store.clone());
    let mut known = hub.gate.lock().await;
    let (row, span) = blocking(move || {
        store.write(|c| {
            let first = revision::read(c)?;
            let id = rows::insert(c, &hash, &new, now_us)?;
            let row = TokenRow { id, hash, new, created_us: now_us, last_activity_us: None, imported: None };
            Ok((row, (first, revision::read(c)?)))
        })
    })
    .await?;
    reload::follow(&mut known, span);
    Ok((text, hub.tokens.insert(row)))
}

/// Ends tokens: in memory at once, what was opened with them too, then in the database.
///
/// # Errors
/// When the database cannot forget them. Here they stay ended.
pub async fn revoke(hub: &Hub, ids: &[i64]) -> Result<(), StoreError> {
    let gone = ids.to_vec();
    revoke_and(hub, ids, move |c| rows::delete(c, &gone).map(drop)).await
}

/// Ends the tokens that were issued within a login.
///
/// # Errors
/// As [`revoke`].
pub async fn revoke_session(hub: &Hub, user: &Username, public_id: &str) -> Result<(), StoreError> {
    let of =
        |token: &Token| token.owner.user() == Some(user) && token.session_id.as_deref() == Some(public_id);
    let ids: Vec<i64> = hub.tokens.select(of).iter().map(|token| token.id).collect();
    if ids.is_empty() { Ok(()) } else { revoke(hub, &ids).await }
}

/// Takes from a server what it had to act with: its token, its OAuth client, and the tokens that were issued to that.
///
/// # Errors
/// As [`revoke`].
pub async fn revoke_server(hub: &Hub, id: &ServerId) -> Result<(), StoreError> {
    let client = Client::Server(id.clone());
    let of = |token: &Token| token.server.as_ref() == Some(id) || token.issued_to.as_ref() == Some(&client);
    let ids: Vec<i64> = hub.tokens.select(of).iter().map(|token| token.id).collect();
    let (gone, server) = (ids.clone(), id.clone());
    revoke_and(hub, &ids, move |c| {
        rows::delete(c, &gone)?;
        match servers::by_id(c, &server)? {
            Some(server) => oauth::delete_client_of(c, server.id),
            None => Ok(()),
        }
    })
    .await
}

async fn revoke_and(
    hub: &Hub,
    ids: &[i64],
    forget: impl FnOnce(&mut Conn) -> QueryResult<()> + Send + 'static,
) -> Result<(), StoreError> {
    hub.tokens.end(ids);
    reload::cut_ended(hub).await;
    let mut known = hub.gate.lock().await;
    let store = hub.store.clone();
    let span = blocking(move || {
        store.write(|c| {
            let first = revision::read(c)?;
            forget(c)?;
            Ok((first, revision::read(c)?))
        })
    })
    .await?;
    reload::follow(&mut known, span);
    info!("tokens revoked={}", ids.len());
    Ok(())
}

#[cfg(test)]
mod tests;
