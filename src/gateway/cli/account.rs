//! `hubgate user add|lock|unlock|del` where users are accounts of the host that hubgate makes: the spawner's work, by root's
//! policy.

use std::path::Path;

use clap::ValueEnum;
use hubgate_protocol::{ErrorCode, Home, Username};
use tokio::runtime::Builder;

use super::{Failure, audited, done, failure, instance, keep, prompt, terminal};
use crate::clock::Clock;
use crate::config::{Authenticator, Config};
use crate::domain::audit::Action;
use crate::spawn::{SpawnClient, SpawnError};
use crate::state::newcomers;
use crate::store::{NewUser, Standing, StoreError, users};

/// What becomes of the home of an account that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum HomeChoice {
    /// It stays where it is.
    Keep,
    /// It is packed into an archive that root alone can read, and removed.
    Archive,
}

/// Makes the account, and the user of the hub.
pub(super) fn add(path: &Path, name: &str, admin: bool, password_stdin: bool) -> Result<(), Failure> {
    let name: Username =
        newcomers::taken().parse(name, admin).map_err(|error| Failure(format!("{name:?}: {error}")))?;
    let given = if password_stdin { Some(prompt::new_password(true, name.as_str())?) } else { None };
    let config = Config::load(path)?;
    // Before this process becomes the database's owner: the spawner lets root and the gateway in.
    let made =
        ask(
            &config,
            |spawner| async move { spawner.create_account(&name, given).await.map(|made| (name, made)) },
        );
    let (name, (_, once)) = made?;
    let (_, store) = instance(path)?;
    let new = NewUser {
        name: name.clone(),
        admin,
        password_hash: None,
        created_s: Clock::System.now_s(),
        standing: Standing::default(),
    };
    let event = done(Action::UserAdded, &name).with("account", "made").with("admin", admin);
    match audited(&store, &event, |c| users::insert(c, &new)) {
        Ok(_) => {}
        // They were a user before they had an account.
        Err(StoreError::Exists) => {
            store.write(|c| keep(c, &done(Action::UserChanged, &name).with("account", "made")))?;
        }
        Err(error) => return Err(error.into()),
    }
    terminal::say(&format!("account {name} made{}", if admin { ", administrator of the hub" } else { "" }))?;
    match once {
        Some(password) => terminal::say(&format!("one-time password: {}", password.expose())),
        None => Ok(()),
    }
}

/// Locks the account, or unlocks it.
pub(super) fn lock(path: &Path, name: &str, locked: bool) -> Result<(), Failure> {
    let user = super::user::existing(name)?;
    let config = Config::load(path)?;
    if config.authenticator == Authenticator::File {
        return failure("users are the hub's own here: `hubgate user disable NAME` keeps somebody out");
    }
    let event = done(Action::UserChanged, &user).with("locked", locked);
    ask(&config, |spawner| async move { spawner.lock_account(&user, locked).await })?;
    instance(path)?.1.write(|c| keep(c, &event))?;
    terminal::say(&format!("account {name} {}", if locked { "locked" } else { "unlocked" }))
}

/// Removes the account that hubgate made, before the user of the hub is forgotten.
pub(super) fn remove(path: &Path, user: &Username, home: HomeChoice) -> Result<(), Failure> {
    let config = Config::load(path)?;
    if config.authenticator == Authenticator::File {
        return failure("--home is for accounts of the host that hubgate made; users are the hub's own here");
    }
    let home = match home {
        HomeChoice::Keep => Home::Keep,
        HomeChoice::Archive => Home::Archive,
    };
    let name = user.clone();
    ask(&config, |spawner| async move { spawner.delete_account(&name, home).await })?;
    terminal::say(&format!("account {user} removed"))
}

/// Asks the spawner, and says in a sentence what it refused.
fn ask<T, F>(config: &Config, act: impl FnOnce(SpawnClient) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, SpawnError>>,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(act(SpawnClient::new(config.spawner_socket.clone())));
    outcome.map_err(|error| match error {
        SpawnError::Refused { code: ErrorCode::Forbidden, message } => Failure(format!(
            "{message}: accounts are made and changed by hubgate only where spawner.toml says accounts = \"create\", and \
             only those that it made; the others are the host's (useradd, usermod, userdel)"
        )),
        SpawnError::Refused { message, .. } => Failure(message),
        error => error.into(),
    })
}
