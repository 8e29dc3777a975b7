//! Who may come in, asked of what the database and the host say of somebody.

use hubgate_protocol::{AccountState, LoginName, Username};
use log::warn;

use crate::config::{Authenticator, Config};
use crate::domain::account::Account;
use crate::domain::admission::{AccountTrouble, Candidate, Rules, Walk, login_pattern};
use crate::state::logins::Proven;
use crate::state::{Hub, blocking};
use crate::store::{StoreError, User, accounts, users};

/// The site's rules. A pattern that could not be read was refused with the configuration.
#[must_use]
pub fn rules(config: &Config) -> Rules {
    Rules {
        pattern: login_pattern(&config.username_pattern).ok().flatten(),
        blocked_users: config.blocked_users.clone(),
        admin_groups: config.admin_groups.clone(),
        allow_all: config.allow_all,
        allowed_users: config.allowed_users.clone(),
        allow_existing_users: config.allow_existing_users,
        allowed_groups: config.allowed_groups.clone(),
        names: config.username_map.0.clone(),
    }
}

/// What is to be said of a site whose rules let nobody in but administrators, or nobody at all.
#[must_use]
pub fn closed(config: &Config) -> Option<&'static str> {
    let open = config.allow_all
        || config.allow_existing_users
        || !(config.allowed_users.is_empty() && config.allowed_groups.is_empty());
    if open || config.authenticator == Authenticator::File {
        return None;
    }
    Some(if config.admin_users.is_empty() && config.admin_groups.is_empty() {
        "nobody can log in: set allow_all, allowed_users or allowed_groups in hubgate.toml"
    } else {
        "nobody but administrators can log in: set allow_all, allowed_users or allowed_groups in hubgate.toml"
    })
}

/// What the rules say of somebody who has just proved who they are. An account that took the name of another one is written
/// down: until an administrator confirms it, nobody comes in as that user.
///
/// # Errors
/// When the database cannot be read, or written where it has to be.
pub async fn walk(hub: &Hub, proven: &Proven) -> Result<Walk, StoreError> {
    let (store, name) = (hub.store.clone(), proven.user.clone());
    let (known, behind) = blocking(move || {
        store.read(|c| {
            let known = users::by_name(c, &name)?;
            let behind = known.as_ref().map(|user| accounts::of_user(c, user.id)).transpose()?.flatten();
            Ok((known, behind))
        })
    })
    .await?;
    let now = proven.account.as_ref().map(|account| Account::seen(account.uid, &account.state));
    let replaced = behind.as_ref().zip(now).is_some_and(|(known, now)| known.account.was_replaced_by(&now));
    let estranged = replaced || behind.is_some_and(|known| known.estranged);
    if let (true, Some(user)) = (replaced, &known) {
        warn!(
            "account of user={} is another one than before: nobody comes in until it is confirmed",
            user.name
        );
        let id = user.id;
        hub.change(move |c| accounts::estrange(c, id)).await?;
    }
    let mut who = candidate(&hub.config, known.as_ref(), &proven.user, hub.clock.now_s());
    who.login = proven.login.as_str();
    who.estranged = estranged;
    who.has_password |= proven.password_hash.is_some();
    // Who has just proven the password by PAM has one, whatever the shadow file says.
    who.account = proven.account.as_ref().and_then(|account| trouble(&account.state, true));
    who.groups = proven.groups();
    Ok(hub.rules.walk(&who))
}

/// What configuration and database say of a user. Login name, account and groups are the caller's to add.
#[must_use]
pub fn candidate<'a>(
    config: &Config,
    known: Option<&'a User>,
    name: &'a Username,
    now_s: i64,
) -> Candidate<'a> {
    let standing = known.map(|user| &user.standing);
    let kept_here = config.authenticator == Authenticator::File;
    Candidate {
        user: name.as_str(),
        login: standing.and_then(|standing| standing.login.as_ref()).map_or(name.as_str(), LoginName::as_str),
        admin: known.is_some_and(|user| user.admin) || administers(config, name),
        added: known.is_some(),
        has_password: kept_here && known.is_some_and(|user| user.password_hash.is_some()),
        disabled: standing.is_some_and(|standing| standing.disabled),
        expired: standing.and_then(|standing| standing.expires_s).is_some_and(|at_s| at_s <= now_s),
        estranged: false,
        account: None,
        groups: Vec::new(),
    }
}

/// Whether the configuration makes somebody an administrator: `admin_users`, or the role.
fn administers(config: &Config, name: &Username) -> bool {
    let mut roles = config.load_roles.0.iter().filter(|role| role.name.as_str() == "admin");
    config.admin_users.contains(name) || roles.any(|role| role.users.contains(name))
}

/// What the host says against an account that it has. `keyless`: its password is known elsewhere than to the shadow file, so
/// that a lock there says nothing.
#[must_use]
pub fn trouble(state: &AccountState, keyless: bool) -> Option<AccountTrouble> {
    match state {
        state if state.locked && !keyless => Some(AccountTrouble::Locked),
        state if state.expired => Some(AccountTrouble::Expired),
        _ => None,
    }
}
