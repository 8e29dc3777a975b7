//! Beginning, ending and reloading sessions: the database and the memory change together, behind one gate.

use hubgate_protocol::{Secret, Username};
use log::{info, warn};

use crate::domain::request_log::shown;
use crate::state::sessions::{self, Session, SessionHash};
use crate::state::{Hub, blocking};
use crate::store::{NewSession, StoreError, revision, sessions as rows, users};

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

/// Begins a session; returns its id, which is for the cookie alone. A session that the browser had before ends.
///
/// # Errors
/// When the database cannot keep it, or the password is not theirs any more: then nobody is logged in.
pub async fn begin(hub: &Hub, proven: Proven, before: Option<SessionHash>) -> Result<String, StoreError> {
    let id = sessions::new_id().map_err(|_| StoreError::Broken)?;
    let now_s = hub.clock.now_s();
    let expires_s = now_s.saturating_add(i64::from(hub.config.session_hours) * 3600);
    let hash = sessions::hash(&id);
    let ticket = proven.ticket.as_ref().map(|ticket| ticket.expose().to_owned());
    let Proven { user, password_hash, .. } = proven;
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
            let user = users::upsert_login(c, &user, now_s)?;
            if let Some(before) = before {
                rows::delete(c, &before)?;
            }
            let new = NewSession { hash, user_id: user.id, created_s: now_s, expires_s, ticket };
            rows::insert(c, &new)?;
            Ok((new.of(user), (first, revision::read(c)?)))
        })
    })
    .await?;
    follow(&mut known, span);
    if let Some(before) = before {
        end_in_memory(hub, &before).await;
    }
    hub.sessions.insert(hub.with_rights(row).into());
    Ok(id)
}

/// Ends a session: in memory at once, its websockets too, then in the database.
///
/// # Errors
/// When the database cannot forget it. Here it stays ended; after a restart with an unmended database it may be back.
pub async fn end(hub: &Hub, session: &Session) -> Result<(), StoreError> {
    let hash = session.hash;
    end_in_memory(hub, &hash).await;
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

/// Reads the sessions anew if somebody else changed them (the command line, another gateway), and cuts the websockets of
/// sessions that are not live any more, whatever ended them.
///
/// # Errors
/// When the database cannot be read; memory stays as it is.
pub async fn reload(hub: &Hub) -> Result<(), StoreError> {
    let read = reread(hub).await;
    let now_s = hub.clock.now_s();
    for hash in hub.uplinks.sessions().into_iter().filter(|hash| !hub.sessions.holds(hash, now_s)) {
        cut(hub, &hash).await;
    }
    read
}

async fn reread(hub: &Hub) -> Result<(), StoreError> {
    let mut known = hub.gate.lock().await;
    let (store, now_s, seen) = (hub.store.clone(), hub.clock.now_s(), *known);
    let fresh = blocking(move || {
        store.read(|c| {
            let revision = revision::read(c)?;
            if revision == seen { Ok(None) } else { rows::live(c, now_s).map(|rows| Some((revision, rows))) }
        })
    })
    .await?;
    if let Some((revision, rows)) = fresh {
        *known = revision;
        hub.sessions.replace(rows.into_iter().map(|row| hub.with_rights(row)).collect());
    }
    Ok(())
}

/// Writes when sessions were last used.
///
/// # Errors
/// When the database cannot be written; the times are lost, nothing else.
pub async fn save_seen(hub: &Hub) -> Result<(), StoreError> {
    let seen = hub.sessions.take_seen();
    if seen.is_empty() {
        return Ok(());
    }
    let store = hub.store.clone();
    blocking(move || store.write(|c| rows::touch(c, &seen))).await.map(drop)
}

async fn end_in_memory(hub: &Hub, hash: &SessionHash) {
    hub.sessions.end(hash);
    cut(hub, hash).await;
}

async fn cut(hub: &Hub, hash: &SessionHash) {
    let connections = hub.uplinks.take(hash);
    if connections.is_empty() {
        return;
    }
    match hub.spawner.cut(&connections).await {
        Ok(closed) => info!("cut websockets={} closed={closed}", connections.len()),
        Err(error) => {
            warn!("websockets of an ended session stay open until they close by themselves: {error}")
        }
    }
}

/// Memory keeps up with the database by our own write, unless somebody else wrote in between: then the next poll reloads.
fn follow(known: &mut i64, (first, last): (i64, i64)) {
    if *known == first {
        *known = last;
    }
}
