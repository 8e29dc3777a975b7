//! `hubgate user disable|enable|expire|confirm`: who may come in, as an administrator decides it, whoever checks passwords.

use std::path::Path;

use hubgate_protocol::Username;

use super::user::no_user;
use super::{Failure, audited, done, failure, instance, keep, terminal};
use crate::domain::audit::Action;
use crate::domain::time::iso;
use crate::domain::timestamp;
use crate::store::{Store, StoreError, accounts, standing};

/// Locks a user out, or lets them in again.
pub(super) fn disable(path: &Path, text: &str, disabled: bool) -> Result<(), Failure> {
    let (store, name) = found(path, text)?;
    let event = done(Action::UserChanged, &name).with("disabled", disabled);
    match audited(&store, &event, |c| standing::set_disabled(c, &name, disabled)) {
        Err(StoreError::NotFound) => no_user(text),
        other => {
            other?;
            terminal::say(&if disabled {
                format!("user {name} is locked out: sessions have ended, tokens open nothing")
            } else {
                format!("user {name} may come in again, where the rules let them: see `hubgate why {name}`")
            })
        }
    }
}

/// Says when somebody stops being a user; `None` for never.
pub(super) fn expire(path: &Path, text: &str, date: Option<&str>) -> Result<(), Failure> {
    let read = |date: &str| {
        let at_us = timestamp::parse(date);
        at_us.map(|at_us| at_us.div_euclid(1_000_000)).ok_or_else(|| {
            Failure(format!("{date:?} is no date: write it like 2027-03-31, or 2027-03-31T18:00:00Z"))
        })
    };
    let at_s = date.map(read).transpose()?;
    let (store, name) = found(path, text)?;
    let until = at_s.map(|at_s| iso(at_s.saturating_mul(1_000_000)));
    let event = done(Action::UserChanged, &name).with("expires_at", until);
    audited(&store, &event, |c| standing::set_expires(c, &name, at_s))?;
    terminal::say(&match at_s {
        Some(at_s) => format!("user {name} stops being one at {}", iso(at_s.saturating_mul(1_000_000))),
        None => format!("user {name} does not expire"),
    })
}

/// Accepts that another account of the host has a user's name now.
pub(super) fn confirm(path: &Path, text: &str) -> Result<(), Failure> {
    let (store, name) = found(path, text)?;
    let confirmed = store.write(|c| {
        let confirmed = accounts::confirm(c, &name)?;
        if confirmed {
            keep(c, &done(Action::UserChanged, &name).with("estranged", false))?;
        }
        Ok(confirmed)
    });
    if !confirmed? {
        return failure(format!(
            "the account behind {name} is the one that it was; there is nothing to confirm"
        ));
    }
    terminal::say(&format!(
        "user {name} is whoever logs in next by that name; tokens of the account before have ended"
    ))
}

fn found(path: &Path, text: &str) -> Result<(Store, Username), Failure> {
    let (_, store) = instance(path)?;
    match store.read(|c| standing::named(c, text))? {
        Some(user) => Ok((store, user.name)),
        None => no_user(text),
    }
}
