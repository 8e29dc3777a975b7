//! Proving anew who one is: the session goes on under another id, so that a copy of its cookie gains nothing.

use hubgate_protocol::Secret;
use log::info;

use crate::state::logins::Begun;
use crate::state::reload::follow;
use crate::state::sessions::{self, Session};
use crate::state::{Hub, blocking};
use crate::store::{StoreError, revision, sessions as rows};

/// Whether the owner of a session proved who they are within `reauthenticate_minutes`.
#[must_use]
pub fn is_fresh(hub: &Hub, session: &Session) -> bool {
    let age_s = hub.clock.now_s().saturating_sub(session.origin.proven_s);
    (0..i64::from(hub.config.reauthenticate_minutes) * 60).contains(&age_s)
}

/// Address of the page that asks for the proof and comes back to `next`.
#[must_use]
pub fn url(hub: &Hub, next: &str) -> String {
    let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
    hub.url(&format!("/hub/reauthenticate?next={next}"))
}

/// Notes the proof. The id that the session had opens nothing any more; tokens and websockets that came of it stay.
///
/// # Errors
/// When the database cannot be written, or the session has ended meanwhile: then nothing has changed.
pub async fn renew(hub: &Hub, session: &Session, ticket: Option<Secret>) -> Result<Begun, StoreError> {
    let id = sessions::new_id().map_err(|_| StoreError::Broken)?;
    let (old, new, now_s) = (session.hash, sessions::hash(&id), hub.clock.now_s());
    let mut row = session.to_row();
    row.hash = new;
    row.origin.proven_s = now_s;
    row.last_seen_s = now_s;
    row.ticket = ticket.map(|ticket| ticket.expose().to_owned()).or(row.ticket);
    let stored = row.clone();
    let mut known = hub.gate.lock().await;
    let store = hub.store.clone();
    let span = blocking(move || {
        store.write(|c| {
            let first = revision::read(c)?;
            rows::renew(c, &old, &stored)?;
            Ok((first, revision::read(c)?))
        })
    })
    .await?;
    follow(&mut known, span);
    hub.sessions.insert(row.into());
    hub.uplinks.renew(&old, new);
    hub.sessions.end(&old);
    info!("proved again user={}", session.user);
    Ok(Begun { id, public_id: session.public_id.clone() })
}
