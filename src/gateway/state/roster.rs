//! Lists of users, from the command line and from the administrators' page: planned, then carried out as planned.

use std::collections::BTreeMap;

use diesel::QueryResult;
use hubgate_protocol::Username;

use crate::config::Config;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::roster::{self, Entry, Planned, RowError, Step, Terms};
use crate::password;
use crate::state::{newcomers, passwords};
use crate::store::audit;
use crate::store::passwords::{self as rows, NewPassword};
use crate::store::{Conn, NewUser, Standing, Store, StoreError, roster as table, users};

/// How far a list may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Users who exist are changed.
    pub update: bool,
    /// Users who have a password here get the one of the list.
    pub passwords: bool,
    /// New users without a password get one that was made up, to be changed at the first login.
    pub one_time: bool,
}

/// Why a list is not taken. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum RosterFault {
    /// It is no such file, or rows of it are wrong.
    #[error("the list has mistakes")]
    Rows(Vec<RowError>),
    /// Users were changed between the plan and now.
    #[error("somebody changed these users meanwhile; look at it again")]
    Moved,
    /// No random bytes or no memory.
    #[error("{0}")]
    Password(#[from] password::PasswordError),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// What a file would change.
///
/// # Errors
/// See [`RosterFault`].
pub fn plan(store: &Store, config: &Config, bytes: &[u8], reach: Reach) -> Result<Vec<Planned>, RosterFault> {
    let (good, bad) = roster::read(bytes).map_err(|error| RosterFault::Rows(vec![error]))?;
    let known = store.read(table::entries)?;
    let terms = Terms {
        taken: &newcomers::taken(),
        known: &known,
        strength: passwords::strength(config),
        update: reach.update,
        passwords: reach.passwords,
    };
    let mut planned = roster::plan(good, bad, terms).map_err(RosterFault::Rows)?;
    if reach.one_time {
        for new in planned.iter_mut().filter(|one| one.before.is_none() && one.password.is_none()) {
            new.password = Some(password::generated()?);
            new.must_change = true;
            new.after.password = true;
        }
    }
    Ok(planned)
}

fn apply(c: &mut Conn, planned: &[Planned], hashes: &[Option<String>], now_s: i64) -> QueryResult<bool> {
    let known: BTreeMap<Username, Entry> = table::entries(c)?;
    if planned.iter().any(|one| known.get(&one.user) != one.before.as_ref()) {
        return Ok(false);
    }
    let new: Vec<NewUser> = planned
        .iter()
        .filter(|one| one.before.is_none())
        .map(|one| NewUser {
            name: one.user.clone(),
            admin: false,
            password_hash: None,
            created_s: now_s,
            standing: Standing::default(),
        })
        .collect();
    users::insert_many(c, &new)?;
    // First everybody whose login name goes: it may be another's in the same list.
    let (leaving, others): (Vec<_>, Vec<_>) = planned
        .iter()
        .zip(hashes)
        .filter(|(one, _)| one.step() != Step::Unchanged)
        .partition(|(one, _)| one.after.login.is_none());
    for (one, hash) in leaving.into_iter().chain(others) {
        table::put(c, &one.user, &one.before.clone().unwrap_or_default(), &one.after)?;
        if let Some(hash) = hash.clone() {
            rows::set(c, &one.user, &NewPassword { hash, must_change: one.must_change, now_s })?;
        }
    }
    Ok(true)
}

/// Carries a plan out, and keeps who did it: both or neither. All of the plan or nothing; nothing and `false` where a user is
/// not as the plan found them. `hashes` are of the passwords, in the order of the plan.
///
/// # Errors
/// When the database fails; a unique violation where somebody has taken a name meanwhile.
pub fn take(
    c: &mut Conn,
    planned: &[Planned],
    hashes: &[Option<String>],
    (actor, now_us): (&Actor, i64),
) -> QueryResult<bool> {
    let taken = apply(c, planned, hashes, now_us.div_euclid(1_000_000))?;
    if taken {
        let changed = planned.iter().filter(|one| one.step() != Step::Unchanged);
        let event = |one: &Planned| {
            let action = if one.before.is_none() { Action::UserAdded } else { Action::UserChanged };
            (now_us, Event::new(actor.clone(), action, &one.user).with("list", one.to_string()))
        };
        audit::append(c, &changed.map(event).collect::<Vec<_>>())?;
    }
    Ok(taken)
}

/// Everybody as a CSV file.
///
/// # Errors
/// When the database cannot be read.
pub fn export(store: &Store) -> Result<String, StoreError> {
    let users = store.read(table::entries)?;
    roster::write(&users).ok_or(StoreError::Broken)
}
