//! Whether and as whom users may come in: login name, name for people, locked out, day of expiry.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use hubgate_protocol::{LoginName, Username};

use super::schema::users::dsl;
use super::users::{Row, User, bump, by_name, id_of, user, username};
use super::{Conn, json, sessions, spellings};

/// Whom a login name means: whoever has it, otherwise the user of that name who has no other.
///
/// # Errors
/// When the database fails; nobody is `None`.
pub fn by_login(c: &mut Conn, login: &LoginName) -> QueryResult<Option<User>> {
    let own = dsl::login.is_null().and(dsl::name.eq(login.id().as_str().to_owned()));
    let row = dsl::users.filter(dsl::login.eq(login.as_str()).or(own.assume_not_null()));
    row.select(Row::as_select()).first::<Row>(c).optional()?.map(user).transpose()
}

/// Whom a text means that somebody wrote for a user: the one of that name, or the one who logs in by it.
///
/// # Errors
/// When the database fails; nobody is `None`.
pub fn named(c: &mut Conn, text: &str) -> QueryResult<Option<User>> {
    match (text.parse::<Username>(), text.parse::<LoginName>()) {
        (Ok(name), _) => by_name(c, &name),
        (_, Ok(login)) => by_login(c, &login),
        _ => Ok(None),
    }
}

/// Users whose login name is not that of which their name is worked out: see [`LoginName::id`].
///
/// # Errors
/// When the database fails.
pub fn given_logins(c: &mut Conn) -> QueryResult<Vec<(LoginName, Username)>> {
    let rows: Vec<(Option<String>, String)> =
        dsl::users.filter(dsl::login.is_not_null()).select((dsl::login, dsl::name)).load(c)?;
    let mut given = Vec::new();
    for (login, name) in rows {
        let (login, name) = (json::parsed::<LoginName>(&login.unwrap_or_default())?, username(&name)?);
        if login.id() != name {
            given.push((login, name));
        }
    }
    Ok(given)
}

/// Refuses a name or login name that somebody else has as the other: nobody logs in as two.
pub(super) fn free(c: &mut Conn, text: &str, but: Option<i64>) -> QueryResult<()> {
    let taken = dsl::users.filter(dsl::login.eq(text).assume_not_null().or(dsl::name.eq(text)));
    let taken: Vec<i64> = taken.select(dsl::id).load(c)?;
    if taken.iter().all(|id| Some(*id) == but) {
        return Ok(());
    }
    let told = Box::new("another user has this name or login name".to_owned());
    Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, told))
}

/// Takes over the login name that a user's own name is worked out of, where none is known yet.
pub(super) fn adopt_login(c: &mut Conn, known: &User, login: Option<&LoginName>) -> QueryResult<()> {
    let Some(login) = login.filter(|login| login.as_str() != known.name.as_str()) else { return Ok(()) };
    match &known.standing.login {
        None => set_login(c, &known.name, Some(login)),
        Some(other) if other != login && other.id() == known.name => Err(Error::NotFound),
        Some(_) => Ok(()),
    }
}

/// Says what a user types to log in; `None` for their name.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user; a unique violation where somebody else has that login name or name.
pub fn set_login(c: &mut Conn, name: &Username, login: Option<&LoginName>) -> QueryResult<()> {
    let id = id_of(c, name)?;
    let login = login.map(LoginName::as_str).filter(|login| *login != name.as_str());
    if let Some(login) = login {
        free(c, login, Some(id))?;
    }
    diesel::update(dsl::users.find(id)).set(dsl::login.eq(login)).execute(c)?;
    bump(c)
}

/// Says what people call a user, at most 255 characters; `None` for their name.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn set_display_name(c: &mut Conn, name: &Username, display_name: Option<&str>) -> QueryResult<()> {
    let id = id_of(c, name)?;
    diesel::update(dsl::users.find(id)).set(dsl::display_name.eq(display_name)).execute(c)?;
    spellings::note(c, id, display_name)
}

/// Locks a user out, or no longer. Their sessions end; their tokens open nothing until they may come in again.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn set_disabled(c: &mut Conn, name: &Username, disabled: bool) -> QueryResult<()> {
    let id = id_of(c, name)?;
    diesel::update(dsl::users.find(id)).set(dsl::disabled.eq(disabled)).execute(c)?;
    if disabled {
        sessions::delete_of_user(c, id)?;
    }
    bump(c)
}

/// Says when a user stops being one, seconds since 1970; `None` for never.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn set_expires(c: &mut Conn, name: &Username, expires_s: Option<i64>) -> QueryResult<()> {
    let id = id_of(c, name)?;
    diesel::update(dsl::users.find(id)).set(dsl::expires_s.eq(expires_s)).execute(c)?;
    bump(c)
}

/// Notes the rule that keeps a user out, or that none does any more. Kept out, their sessions end.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn set_refused(c: &mut Conn, name: &Username, rule: Option<&str>) -> QueryResult<()> {
    let id = id_of(c, name)?;
    diesel::update(dsl::users.find(id)).set(dsl::refused.eq(rule)).execute(c)?;
    if rule.is_some() {
        sessions::delete_of_user(c, id)?;
    }
    bump(c)
}

/// Users who are locked out or kept out, and those who will stop being users with the time of it (seconds since 1970).
///
/// # Errors
/// When the database fails.
pub fn barred(c: &mut Conn) -> QueryResult<Vec<(Username, Option<i64>)>> {
    use super::schema::accounts::dsl as account;
    let out = dsl::disabled.eq(true).or(dsl::refused.is_not_null());
    let now: Vec<String> = dsl::users.filter(out).select(dsl::name).load(c)?;
    let estranged = account::accounts.inner_join(dsl::users).filter(account::estranged.eq(true));
    let estranged: Vec<String> = estranged.select(dsl::name).load(c)?;
    let later: Vec<(String, Option<i64>)> =
        dsl::users.filter(dsl::expires_s.is_not_null()).select((dsl::name, dsl::expires_s)).load(c)?;
    let now = now.into_iter().chain(estranged).map(|name| (name, None));
    now.chain(later).map(|(name, at_s)| Ok((username(&name)?, at_s))).collect()
}
