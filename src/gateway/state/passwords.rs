//! Setting a password that is kept here: strong enough, hashed, and everybody who knew the old one is out.

use hubgate_protocol::{Secret, Username};

use crate::config::Config;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::strength::{Strength, Weakness, typeable};
use crate::password;
use crate::state::audit::{acting, acting_as};
use crate::state::logins::Proven;
use crate::state::{Hub, blocking};
use crate::store::passwords::{self, NewPassword};
use crate::store::{Hash, StoreError, User, links, users};

/// Why a password was not set. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFault {
    /// It is not good enough.
    #[error("{0}")]
    Weak(#[from] Weakness),
    /// The link that should allow it was used meanwhile.
    #[error("the link was used already")]
    Used,
    /// The database, or no memory for a hash.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// What the site asks of passwords.
#[must_use]
pub fn strength(config: &Config) -> Strength {
    Strength { min_length: config.password_min_length, min_score: config.password_min_score }
}

/// Whether a password is good enough for its owner.
///
/// # Errors
/// See [`Weakness`].
pub fn check(config: &Config, password: &Secret, owner: &User) -> Result<(), Weakness> {
    let standing = &owner.standing;
    let login = standing.login.as_ref().map_or("", |login| login.as_str());
    let display = standing.display_name.as_deref().unwrap_or_default();
    let own: Vec<&str> =
        [owner.name.as_str(), login, display].into_iter().chain(display.split(' ')).collect();
    strength(config).check(password, &own)
}

/// The hash of a new password of `user`, if it is good enough.
///
/// # Errors
/// See [`PasswordFault`].
pub async fn hashed(hub: &Hub, user: &Username, text: &str) -> Result<String, PasswordFault> {
    let password = typeable(text)?;
    let (store, config, name) = (hub.store.clone(), hub.config.clone(), user.clone());
    let Some(_slot) = hub.hashing.acquire().await else { return Err(StoreError::Busy.into()) };
    let made = blocking(move || {
        let owner = store.read(|c| users::by_name(c, &name))?.ok_or(StoreError::NotFound)?;
        if let Err(weakness) = check(&config, &password, &owner) {
            return Ok(Err(weakness));
        }
        password::hash(&password).map(Ok).map_err(|_| StoreError::Broken)
    });
    Ok(made.await??)
}

/// Sets somebody's password; its hash. All sessions and one-time links of the user end.
///
/// # Errors
/// See [`PasswordFault`].
pub async fn set(hub: &Hub, user: &Username, text: &str) -> Result<String, PasswordFault> {
    let hash = hashed(hub, user, text).await?;
    let (name, new) = (user.clone(), chosen(hub, hash.clone()));
    hub.change(move |c| passwords::set(c, &name, &new)).await?;
    changed(hub, user, "form").await?;
    Ok(hash)
}

/// Sets the password of whoever a one-time link is for, and uses the link up.
///
/// # Errors
/// See [`PasswordFault`]; the link stays good for another try unless it is [`PasswordFault::Used`].
pub async fn set_by_link(hub: &Hub, user: &Username, link: Hash, text: &str) -> Result<(), PasswordFault> {
    let new = chosen(hub, hashed(hub, user, text).await?);
    let name = user.clone();
    let set = hub.change(move |c| {
        let unused = links::take(c, &link)?;
        if unused {
            passwords::set(c, &name, &new)?;
        }
        Ok(unused)
    });
    if !set.await? {
        return Err(PasswordFault::Used);
    }
    Ok(changed(hub, user, "link").await?)
}

async fn changed(hub: &Hub, user: &Username, by: &str) -> Result<(), StoreError> {
    let actor = match acting() {
        // By a link, or on the way in: nobody is logged in.
        Actor::Hub => acting_as(user),
        somebody => somebody,
    };
    hub.audit_durably(&Event::new(actor, Action::PasswordChanged, user).with("by", by)).await
}

fn chosen(hub: &Hub, hash: String) -> NewPassword {
    NewPassword { hash, must_change: false, now_s: hub.clock.now_s() }
}

/// Whether somebody who proved who they are by a password here must choose another one first.
///
/// # Errors
/// When the database cannot be read.
pub async fn must_change(hub: &Hub, proven: &Proven) -> Result<bool, StoreError> {
    if proven.password_hash.is_none() {
        return Ok(false);
    }
    let (store, name) = (hub.store.clone(), proven.user.clone());
    let known = blocking(move || store.read(|c| users::by_name(c, &name))).await?;
    Ok(known.is_some_and(|user| user.standing.must_change))
}
