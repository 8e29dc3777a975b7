//! The first administrator: by a link that works once, which only the console of the host shows.

use hubgate_protocol::Username;
use log::warn;

use crate::config::Config;
use crate::domain::audit::{Action, Event};
use crate::state::audit::acting_as;
use crate::state::{Hub, blocking, links};
use crate::store::links::Purpose;
use crate::store::passwords::{self, NewPassword};
use crate::store::{Conn, Hash, NewUser, Standing, Store, StoreError, links as rows, users};

/// Whether nobody administers the hub, by the configuration or by the database.
///
/// # Errors
/// When the database fails.
pub fn needed(c: &mut Conn, config: &Config) -> diesel::QueryResult<bool> {
    let named = !config.admin_users.is_empty() || !config.admin_groups.is_empty();
    Ok(!named && users::admins(c)?.is_empty())
}

/// A new link to become the first administrator, which ends the one before; `None` where there is one.
///
/// # Errors
/// When the database cannot be written.
pub fn offer(store: &Store, config: &Config, now_s: i64) -> Result<Option<String>, StoreError> {
    let (secret, new) = links::fresh(Purpose::Setup, None, now_s).map_err(|_| StoreError::Broken)?;
    let kept = store.write(|c| {
        let needed = needed(c, config)?;
        if needed {
            rows::insert(c, &new)?;
        } else {
            rows::delete_all(c, Purpose::Setup)?;
        }
        Ok(needed)
    })?;
    Ok(kept.then(|| links::address(config, &links::site(config), Purpose::Setup, &secret)))
}

/// Tells the console of the host how to become the first administrator, where there is none.
pub async fn announce(hub: &Hub) {
    let (store, config, now_s) = (hub.store.clone(), hub.config.clone(), hub.clock.now_s());
    match blocking(move || offer(&store, &config, now_s)).await {
        Ok(Some(address)) => warn!(
            "there is no administrator yet. Become the first one here, within a day and once: {address} (a new link: hubgate setup-link)"
        ),
        Ok(None) => {}
        Err(error) => warn!("no link for the first administrator could be made: {error}"),
    }
}

/// Makes the first administrator and uses the link up; whether it was there to be used.
///
/// # Errors
/// When the database cannot be written.
pub async fn found(
    hub: &Hub,
    link: Hash,
    name: Username,
    password: Option<String>,
) -> Result<bool, StoreError> {
    let (config, now_s) = (hub.config.clone(), hub.clock.now_s());
    let event = Event::new(acting_as(&name), Action::UserChanged, &name);
    let founded = hub.change(move |c| {
        if !needed(c, &config)? || !rows::take(c, &link)? {
            return Ok(false);
        }
        if users::by_name(c, &name)?.is_none() {
            let new = NewUser {
                name: name.clone(),
                admin: true,
                password_hash: None,
                created_s: now_s,
                standing: Standing::default(),
            };
            users::insert(c, &new)?;
        }
        users::set_admin(c, &name, true)?;
        if let Some(hash) = password {
            passwords::set(c, &name, &NewPassword { hash, must_change: false, now_s })?;
        }
        rows::delete_all(c, Purpose::Setup)?;
        Ok(true)
    });
    let founded = founded.await?;
    if founded {
        hub.audit(&event.with("admin", true).with("by", "setup link"));
    }
    Ok(founded)
}
