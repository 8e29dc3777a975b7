//! Database and memory change together, behind one gate; what others changed is noticed by numbers that grow.

use diesel::QueryResult;
use log::{info, warn};

use super::directory::{Directory, Facts};
use super::entries::is_at_home;
use super::uplinks::{Uplink, Via};
use super::{Hub, blocking};
use crate::domain::notice::Notice;
use crate::domain::scope::{Base, Client, Owner, Target, Verdict};
use crate::store::{Conn, Revisions, StoreError, entries, notices, revision, sessions, tokens};

impl Hub {
    /// Writes, and makes what was written hold in memory before it returns: rights that were taken away are gone then,
    /// and websockets that nobody may have any more are cut.
    ///
    /// # Errors
    /// When the database cannot be written: nothing has changed then.
    pub async fn change<T: Send + 'static>(
        &self,
        queries: impl FnOnce(&mut Conn) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut known = self.gate.lock().await;
        let store = self.store.clone();
        let result = blocking(move || store.write(queries)).await?;
        let changed = catch_up(self, &mut known).await;
        drop(known);
        match changed {
            Ok(true) => cut(self, true).await,
            Ok(false) => {}
            Err(error) => warn!("a change could not be read back yet: {error}"),
        }
        Ok(result)
    }
}

/// Takes over what others changed (the command line, another gateway), and cuts the websockets of sessions and tokens
/// that are not live any more, and of visitors who may not be there any more.
///
/// # Errors
/// When the database cannot be read; memory stays as it is.
pub async fn reload(hub: &Hub) -> Result<(), StoreError> {
    let read = catch_up(hub, &mut *hub.gate.lock().await).await;
    cut(hub, matches!(read, Ok(true))).await;
    read.map(drop)
}

type Rights = (Vec<sessions::SessionRow>, Vec<tokens::TokenRow>, Vec<entries::EntryRow>);

/// What is newer than memory; `None` for what is not.
struct Fresh {
    now: Revisions,
    rights: Option<Rights>,
    facts: Option<Facts>,
    notices: Option<Vec<Notice>>,
}

/// Reads what is newer than `known`; whether rights were.
async fn catch_up(hub: &Hub, known: &mut Revisions) -> Result<bool, StoreError> {
    let (store, now_s, now_us, seen) = (hub.store.clone(), hub.clock.now_s(), hub.clock.now_us(), *known);
    let site = hub.site.clone();
    let fresh = blocking(move || {
        store.read(|c| {
            let now = revision::read(c)?;
            let rights = if now.rights == seen.rights {
                None
            } else {
                Some((sessions::live(c, now_s)?, tokens::live(c, now_us)?, entries::live(c, now_s)?))
            };
            let facts = if now.directory == seen.directory {
                None
            } else {
                Some(Facts::read(c, &site.admin_groups)?)
            };
            let notices = if now.notices == seen.notices { None } else { Some(notices::all(c)?) };
            Ok(Fresh { now, rights, facts, notices })
        })
    })
    .await?;
    let Fresh { now, rights, facts, notices } = fresh;
    if let Some(all) = notices {
        hub.notices.replace(all);
    }
    let changed = rights.is_some() || facts.is_some();
    if let Some((sessions, tokens, entries)) = rights {
        hub.sessions.replace(sessions.into_iter().map(|row| hub.with_rights(row)).collect());
        hub.tokens.replace(tokens);
        // Where nobody may enter any more, who was in is out.
        hub.entries.replace(if hub.config.admin_access { entries } else { Vec::new() });
    }
    if let Some(facts) = facts {
        let directory = Directory::new(hub.site.clone(), facts);
        hub.tokens.replace_services(directory.service_tokens());
        hub.show(directory);
    }
    *known = now;
    Ok(changed)
}

/// Memory keeps up with the database by our own write of sessions or tokens, unless somebody else wrote in between: then
/// the next poll reloads. A directory is never kept up so.
pub(super) fn follow(known: &mut Revisions, (first, last): (Revisions, Revisions)) {
    if known.rights == first.rights {
        known.rights = last.rights;
    }
}

/// Cuts the websockets of sessions and tokens that are not live any more, or whose owner is kept out.
pub(super) async fn cut_ended(hub: &Hub) {
    cut(hub, false).await;
}

/// Cuts also those whose visitor has lost the right to be there.
pub(super) async fn cut_rights(hub: &Hub) {
    cut(hub, true).await;
}

/// `rights`: also those whose visitor has lost the right to be there.
async fn cut(hub: &Hub, rights: bool) {
    let directory = hub.directory();
    let now_s = hub.clock.now_s();
    let kept_out = |owner: &Owner| owner.user().is_some_and(|user| directory.bars(user, now_s));
    let stands = |uplink: &Uplink| {
        lives(hub, uplink) && !kept_out(&uplink.visitor) && (!rights || allowed(hub, &directory, uplink))
    };
    for uplink in hub.uplinks.all().into_iter().filter(|uplink| !stands(uplink)) {
        let connections = hub.uplinks.take(&uplink);
        if connections.is_empty() {
            continue;
        }
        match hub.spawner.cut(&connections).await {
            Ok(closed) => info!("cut websockets={} closed={closed}", connections.len()),
            Err(error) => {
                warn!("websockets without a right stay open until they close by themselves: {error}")
            }
        }
    }
}

fn lives(hub: &Hub, uplink: &Uplink) -> bool {
    match &uplink.via {
        Via::Session(hash) => hub.sessions.holds(hash, hub.clock.now_s()),
        Via::Token(id) => hub.tokens.by_id(*id).is_some(),
    }
}

fn allowed(hub: &Hub, directory: &Directory, uplink: &Uplink) -> bool {
    let scopes = match (&uplink.via, &uplink.visitor) {
        (Via::Token(id), _) => hub.tokens.by_id(*id).map(|token| directory.scopes_of_token(&token)),
        (Via::Session(_), visitor) => Some(directory.scopes_of(visitor)),
    };
    let (base, target) = match &uplink.place {
        Client::Server(id) => (Base::AccessServers, Target::Server(id)),
        Client::Service(name) => (Base::AccessServices, Target::Service(name)),
    };
    scopes.is_some_and(|scopes| scopes.check(&base, &target, directory) == Verdict::Held)
        && entered(hub, directory, uplink)
}

/// A person in somebody else's server must have said why; what tokens open asks for no reason.
fn entered(hub: &Hub, directory: &Directory, uplink: &Uplink) -> bool {
    match (&uplink.via, &uplink.visitor, &uplink.place) {
        (Via::Session(_), Owner::User(person), Client::Server(server)) => {
            is_at_home(directory, person, server) || hub.entries.holds(person, server)
        }
        (Via::Token(_), Owner::User(person), Client::Server(server)) => {
            hub.config.admin_access || is_at_home(directory, person, server)
        }
        _ => true,
    }
}
