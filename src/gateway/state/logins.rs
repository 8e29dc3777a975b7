//! Beginning, ending and reloading sessions: the database and the memory change together, behind one gate.

use hubgate_protocol::{Secret, Username};
use log::info;

use crate::domain::request_log::shown;
use crate::state::activity::Batch;
use crate::state::reload::{cut_ended, follow};
use crate::state::sessions::{self, Session, SessionHash};
use crate::state::{Hub, blocking, tokens as live};
use crate::store::{NewSession, StoreError, revision, servers, sessions as rows, tokens, users};

const SECOND_US: i64 = 1_000_000;

/// Somebody who proved who they are.
#[derive(Debug)]
pub struct Proven {
    /// Who it is.
    pub user: Username,
    /// The spawner's proof, where PAM checked the password.
    pub ticket: Option<Secret>,
    /// The hash that the password matched, where the database has it.
    pub password_hash: Option<String>,
}

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// For the session cookie alone.
    pub id: String,
    /// For the cookie `jupyterhub-session-id`.
    pub public_id: String,
}

/// Begins a session. A session that the browser had before ends, with the tokens that were issued within it.
///
/// # Errors
/// When the database cannot keep it, or the password is not theirs any more: then nobody is logged in.
pub async fn begin(hub: &Hub, proven: Proven, before: Option<SessionHash>) -> Result<Begun, StoreError> {
    if let Some(before) = before.and_then(|hash| hub.sessions.by_hash(&hash)) {
        end(hub, &before).await?;
    }
    let id = sessions::new_id().map_err(|_| StoreError::Broken)?;
    let public_id = sessions::new_public_id().map_err(|_| StoreError::Broken)?;
    let now_s = hub.clock.now_s();
    let expires_s = now_s.saturating_add(i64::from(hub.config.session_hours) * 3600);
    let hash = sessions::hash(&id);
    let ticket = proven.ticket.as_ref().map(|ticket| ticket.expose().to_owned());
    let Proven { user, password_hash, .. } = proven;
    let public = public_id.clone();
    let mut known = hub.gate.lock().await;
    let store = hub.store.clone();
    let (row, span) = blocking(move || {
        store.write(|c| {
            let first = revision::read(c)?;
            // Deleted, or given another password, while this one was being checked.
            if password_hash.is_some()
                && users::by_name(c, &user)?.and_then(|user| user.password_hash) != password_hash
            {
                return Err(diesel::result::Error::NotFound);
            }
            let user = users::upsert_login(c, &user, now_s, ticket.as_deref())?;
            let public_id = public.clone();
            let new = NewSession { hash, user_id: user.id, created_s: now_s, expires_s, ticket, public_id };
            rows::insert(c, &new)?;
            Ok((new.of(user), (first, revision::read(c)?)))
        })
    })
    .await?;
    follow(&mut known, span);
    hub.sessions.insert(hub.with_rights(row).into());
    Ok(Begun { id, public_id })
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
/// When the database cannot be written; times of sessions and tokens are lost then, nothing else.
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
    let written = blocking(move || {
        store.write(|c| {
            rows::touch(c, &sessions)?;
            tokens::touch(c, &used)?;
            users::touch(c, &people)?;
            servers::touch(c, &places)
        })
    });
    written.await.inspect_err(|_| hub.activity.restore(batch))
}
