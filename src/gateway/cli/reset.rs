//! `hubgate user reset`, `reset-factor` and `hubgate setup-link`: ways in for people who have none. Links work once and are
//! printed for the person who asked and nobody else.

use std::path::Path;

use super::user::{existing, no_user, with_passwords};
use super::{Failure, audited, done, failure, instance, keep, terminal};
use crate::clock::Clock;
use crate::domain::audit::Action;
use crate::state::{links, setup};
use crate::store::links::{self as rows, Purpose};
use crate::store::{StoreError, factors, sessions, users};

pub(super) fn run(path: &Path, name: &str) -> Result<(), Failure> {
    let known = existing(name)?;
    let (config, store) = with_passwords(path)?;
    let Some(user) = store.read(|c| users::by_name(c, &known))? else { return no_user(name) };
    let (secret, new) = links::fresh(Purpose::Password, Some(user.id), Clock::System.now_s())?;
    audited(&store, &done(Action::LinkMade, &known), |c| rows::insert(c, &new))?;
    terminal::say(&links::address(&config, &links::site(&config), Purpose::Password, &secret))
}

/// `hubgate user reset-factor`.
pub(super) fn factor(path: &Path, name: &str) -> Result<(), Failure> {
    let known = existing(name)?;
    let (_, store) = instance(path)?;
    let had = audited(&store, &done(Action::FactorChanged, &known), |c| {
        let id = users::id_of(c, &known)?;
        sessions::delete_of_user(c, id)?;
        factors::reset(c, id)
    });
    match had {
        Err(StoreError::NotFound) => no_user(name),
        Ok(false) => {
            terminal::say(&format!("{name} had no second factor; all sessions of {name} have ended"))
        }
        had => {
            had?;
            terminal::say(&format!("{name} has no second factor any more; all sessions of {name} have ended"))
        }
    }
}

/// `hubgate setup-link`.
pub(super) fn setup(path: &Path) -> Result<(), Failure> {
    let (config, store) = instance(path)?;
    match setup::offer(&store, &config, Clock::System.now_s())? {
        Some(address) => {
            store.write(|c| keep(c, &done(Action::LinkMade, "").with("of", "setup")))?;
            terminal::say(&address)
        }
        None => failure("there is an administrator already; `hubgate user list` shows who"),
    }
}
