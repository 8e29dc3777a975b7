//! Beginning, ending and reloading sessions: the database and the memory change together, behind one gate.

use std::fmt;
use std::net::IpAddr;

use diesel::QueryResult;
use diesel::result::Error::NotFound;
use hubgate_protocol::{AccountState, LoginName, Secret, Username};
use log::info;

use crate::domain::account::Account;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::request_log::shown;
use crate::state::activity::Batch;
use crate::state::reload::{cut_ended, follow, reload};
use crate::state::sessions::{self, Session, SessionHash};
use crate::state::{Hub, blocking, tokens as live};
use crate::store::identities::{self, Identity};
use crate::store::sessions::Origin;
use crate::store::{
    Conn, Hash, Login, NewSession, SessionRow, StoreError, accounts, revision, servers, sessions as rows,
    terms, tokens, users,
};

const SECOND_US: i64 = 1_000_000;

/// Somebody who proved who they are.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Who it is.
    pub user: Username,
    /// What they typed, or what the provider calls them, after `username_map`.
    pub login: LoginName,
    /// How they proved it.
    pub method: Method,
    /// The account of the host behind them, where the spawner told.
    pub account: Option<HostAccount>,
    /// What an identity provider says of them.
    pub claims: Option<Claims>,
    /// The spawner's proof, where PAM checked the password.
    pub ticket: Option<Secret>,
    /// The hash that the password matched, where the database has it.
    pub password_hash: Option<String>,
    /// The text of the site's terms that they have accepted on their way in.
    pub terms: Option<Hash>,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// By a password of the host.
    Pam,
    /// By a password that is kept here.
    Password,
    /// By a passkey alone.
    Passkey,
    /// At this identity provider.
    Provider(String),
}

/// The host's account behind a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAccount {
    /// Its number; absent where systemd chooses one at each start.
    pub uid: Option<u32>,
    /// How it stands.
    pub state: AccountState,
}

/// What an identity provider says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Groups, as the provider calls them.
    pub groups: Vec<String>,
    /// What people call this person.
    pub display_name: Option<String>,
    /// Needed to log out at the provider.
    pub id_token: Option<String>,
    /// Who they are there.
    pub identity: Option<Identity>,
}

impl Proven {
    /// Their groups: the host's and the provider's.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        let of_account = self.account.iter().flat_map(|account| &account.state.groups);
        of_account.chain(self.claims.iter().flat_map(|claims| &claims.groups)).cloned().collect()
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pam => f.write_str("pam"),
            Self::Password => f.write_str("password"),
            Self::Passkey => f.write_str("passkey"),
            Self::Provider(name) => write!(f, "oidc:{name}"),
        }
    }
}

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// For the session cookie alone.
    pub id: String,
    /// For the cookie `jupyterhub-session-id`.
    pub public_id: String,
}

/// The browser that a session begins in.
#[derive(Debug, Clone)]
pub struct Device {
    /// The client's address.
    pub address: IpAddr,
    /// What it calls itself (`User-Agent`).
    pub agent: String,
    /// The session that it had before.
    pub before: Option<SessionHash>,
}

/// Longest text of [`Device::agent`] that is kept, bytes.
const AGENT_MAX: usize = 255;

/// Begins a session. A session that the browser had before ends, with the tokens that were issued within it.
///
/// # Errors
/// When the database cannot keep it, the password is not theirs any more, the account behind them is another one, or their
/// identity has become somebody else's: then nobody is logged in.
pub async fn begin(hub: &Hub, proven: Proven, device: Device) -> Result<Begun, StoreError> {
    if let Some(before) = device.before.and_then(|hash| hub.sessions.by_hash(&hash)) {
        end(hub, &before).await?;
    }
    let address = Some(device.address);
    let id = sessions::new_id().map_err(|_| StoreError::Broken)?;
    let public_id = sessions::new_public_id().map_err(|_| StoreError::Broken)?;
    let now_s = hub.clock.now_s();
    let new = NewSession {
        hash: sessions::hash(&id),
        user_id: 0,
        created_s: now_s,
        expires_s: now_s.saturating_add(i64::from(hub.config.session_hours) * 3600),
        ticket: proven.ticket.as_ref().map(|ticket| ticket.expose().to_owned()),
        public_id: public_id.clone(),
        origin: origin(&proven, &device, now_s),
    };
    let mut known = hub.gate.lock().await;
    let (store, groups) = (hub.store.clone(), proven.groups());
    let ((row, ended), span) = blocking(move || {
        store.write(|c| {
            let first = revision::read(c)?;
            Ok((kept(c, &proven, new)?, (first, revision::read(c)?)))
        })
    })
    .await?;
    let row = hub.with_rights(row);
    let actor = Actor::User { name: row.user.clone(), address, session: public_id.clone() };
    let event = Event::new(actor, Action::Login, &row.user).with("method", row.origin.method.as_str());
    let directory = hub.directory();
    let admin = row.admin || hub.config.admin_groups.iter().any(|group| groups.contains(group));
    let news = ended || directory.bars(&row.user, now_s) || directory.is_admin(&row.user) != admin;
    hub.sessions.insert(row.into());
    if news {
        drop(known);
        reload(hub).await?;
    } else {
        follow(&mut known, span);
        drop(known);
    }
    hub.audit_durably(&event).await?;
    Ok(Begun { id, public_id })
}

fn origin(proven: &Proven, device: &Device, now_s: i64) -> Origin {
    Origin {
        address: device.address.to_string(),
        device: cut(&device.agent, AGENT_MAX).to_owned(),
        method: proven.method.to_string(),
        proven_s: now_s,
        id_token: proven.claims.as_ref().and_then(|claims| claims.id_token.clone()),
    }
}

/// Writes a login down: its user, the account behind them, the session; and whether other sessions ended by it.
fn kept(c: &mut Conn, proven: &Proven, new: NewSession) -> QueryResult<(SessionRow, bool)> {
    // Deleted, or given another password, while this one was being checked.
    if proven.password_hash.is_some()
        && users::by_name(c, &proven.user)?.and_then(|user| user.password_hash) != proven.password_hash
    {
        return Err(NotFound);
    }
    let claims = proven.claims.as_ref();
    let user = users::note_login(
        c,
        &Login {
            user: &proven.user,
            login: &proven.login,
            display_name: claims.and_then(|claims| claims.display_name.as_deref()),
            claimed_groups: claims.map_or(&[], |claims| &claims.groups),
            ticket: new.ticket.as_deref(),
            now_s: new.created_s,
        },
    )?;
    if let Some(identity) = claims.and_then(|claims| claims.identity.as_ref()) {
        identities::bind(c, identity, user.id)?;
    }
    let ended = match &proven.account {
        Some(account) => accounts::see(c, user.id, &Account::seen(account.uid, &account.state))?,
        None => false,
    };
    if let Some(version) = &proven.terms {
        terms::accept(c, user.id, version, new.created_s)?;
    }
    let new = NewSession { user_id: user.id, ..new };
    rows::insert(c, &new)?;
    Ok((new.of(user), ended))
}

/// The beginning of a text, at most so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

/// Ends a session and the tokens that were issued within it: in memory at once, its websockets too, then in the database.
///
/// # Errors
/// When the database cannot forget it. Here it stays ended; after a restart with an unmended database it may be back.
pub async fn end(hub: &Hub, session: &Session) -> Result<(), StoreError> {
    let hash = session.hash;
    hub.sessions.end(&hash);
    cut_ended(hub).await;
    live::revoke_session(hub, &session.user, &session.public_id).await?;
    let mut known = hub.gate.lock().await;
    let store = hub.store.clone();
    let span = blocking(move || {
        store.write(|c| {
            let first = revision::read(c)?;
            rows::delete(c, &hash)?;
            Ok((first, revision::read(c)?))
        })
    })
    .await?;
    follow(&mut known, span);
    info!("logout user={}", shown(session.user.as_str()));
    Ok(())
}

/// Writes when sessions, tokens, users and servers were last used.
///
/// # Errors
/// When the database cannot be written; the next call writes what this one could not.
pub async fn save_seen(hub: &Hub) -> Result<(), StoreError> {
    let (seen, used) = (hub.sessions.take_seen(), hub.tokens.take_used());
    for (session, at_s) in &seen {
        hub.activity.user(&session.user, at_s.saturating_mul(SECOND_US));
    }
    let batch = hub.activity.take();
    if used.is_empty() && batch == Batch::default() {
        return Ok(());
    }
    let sessions: Vec<_> = seen.iter().map(|(session, at_s)| (session.hash, *at_s)).collect();
    let (store, people, places) = (hub.store.clone(), batch.users.clone(), batch.servers.clone());
    let written_tokens = used.clone();
    let written = blocking(move || {
        store.write(|c| {
            rows::touch(c, &sessions)?;
            tokens::touch(c, &written_tokens)?;
            users::touch(c, &people)?;
            servers::touch(c, &places)
        })
    });
    written.await.inspect_err(|_| {
        hub.activity.restore(batch);
        hub.sessions.restore_seen(&seen);
        hub.tokens.restore_used(&used);
    })
}
