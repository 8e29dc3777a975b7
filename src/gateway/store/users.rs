//! Who may log in.

use diesel::prelude::*;
use diesel::result::Error;
use hubgate_protocol::Username;

use super::schema::users::dsl;
use super::{Conn, oauth, revision, sessions};

/// A user of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never used twice.
    pub id: i64,
    /// The name.
    pub name: Username,
    /// Administrator by the database; `admin_users` of the configuration comes on top.
    pub admin: bool,
    /// argon2id in PHC form; `None` where PAM checks the password.
    pub password_hash: Option<String>,
    /// First seen, seconds since 1970.
    pub created_s: i64,
    /// Last login, seconds since 1970.
    pub last_login_s: Option<i64>,
    /// Last use of anything by this user, microseconds since 1970.
    pub last_activity_us: Option<i64>,
}

/// A user to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name.
    pub name: Username,
    /// Administrator of the hub.
    pub admin: bool,
    /// argon2id in PHC form.
    pub password_hash: Option<String>,
    /// Now, seconds since 1970.
    pub created_s: i64,
}

type Row = (i64, String, bool, Option<String>, i64, Option<i64>, Option<i64>);

type Columns = (
    dsl::id,
    dsl::name,
    dsl::admin,
    dsl::password_hash,
    dsl::created_s,
    dsl::last_login_s,
    dsl::last_activity_us,
);

pub(super) const COLUMNS: Columns = (
    dsl::id,
    dsl::name,
    dsl::admin,
    dsl::password_hash,
    dsl::created_s,
    dsl::last_login_s,
    dsl::last_activity_us,
);

pub(super) fn user(row: Row) -> QueryResult<User> {
    let (id, name, admin, password_hash, created_s, last_login_s, last_activity_us) = row;
    Ok(User { id, name: username(&name)?, admin, password_hash, created_s, last_login_s, last_activity_us })
}

/// A name as it was stored.
pub(super) fn username(stored: &str) -> QueryResult<Username> {
    stored.parse().map_err(|error| Error::DeserializationError(Box::new(error)))
}

/// The user of that name.
///
/// # Errors
/// When the database fails; an absent user is `None`.
pub fn by_name(c: &mut Conn, name: &Username) -> QueryResult<Option<User>> {
    let row = dsl::users.filter(dsl::name.eq(name.as_str())).select(COLUMNS);
    row.first::<Row>(c).optional()?.map(user).transpose()
}

/// Row of the user of that name.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn id_of(c: &mut Conn, name: &Username) -> QueryResult<i64> {
    dsl::users.filter(dsl::name.eq(name.as_str())).select(dsl::id).first(c)
}

/// Adds one user; its id.
///
/// # Errors
/// A unique violation where the name is taken.
pub fn insert(c: &mut Conn, new: &NewUser) -> QueryResult<i64> {
    let id = revision::advance(c, "user_id", 1)?;
    insert_row(c, id, new)?;
    bump(c)?;
    Ok(id)
}

/// Adds many users; how many.
///
/// # Errors
/// A unique violation where a name is taken; the caller's transaction undoes the rest.
pub fn insert_many(c: &mut Conn, new: &[NewUser]) -> QueryResult<usize> {
    let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
    let last = revision::advance(c, "user_id", count)?;
    for (id, user) in (last - count + 1..=last).zip(new) {
        insert_row(c, id, user)?;
    }
    bump(c)?;
    Ok(new.len())
}

/// Counts a change of who there is.
fn bump(c: &mut Conn) -> QueryResult<()> {
    revision::bump_rights(c)?;
    revision::bump_directory(c)
}

fn insert_row(c: &mut Conn, id: i64, new: &NewUser) -> QueryResult<()> {
    let values = (
        dsl::id.eq(id),
        dsl::name.eq(new.name.as_str()),
        dsl::admin.eq(new.admin),
        dsl::password_hash.eq(new.password_hash.as_deref()),
        dsl::created_s.eq(new.created_s),
    );
    diesel::insert_into(dsl::users).values(values).execute(c).map(drop)
}

/// Notes a login and its ticket; makes the user where there is none yet, as at the first login by PAM.
///
/// # Errors
/// When the database fails.
pub fn upsert_login(c: &mut Conn, name: &Username, now_s: i64, ticket: Option<&str>) -> QueryResult<User> {
    if by_name(c, name)?.is_none() {
        insert(c, &NewUser { name: name.clone(), admin: false, password_hash: None, created_s: now_s })?;
    }
    let row = dsl::users.filter(dsl::name.eq(name.as_str()));
    let now_us = now_s.saturating_mul(1_000_000);
    let times = (dsl::last_login_s.eq(now_s), dsl::last_activity_us.eq(now_us));
    diesel::update(row).set((times, dsl::ticket.eq(ticket))).execute(c)?;
    row.select(COLUMNS).first::<Row>(c).and_then(user)
}

/// Changes a password and ends the user's sessions: whoever knew the old one is out.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn set_password(c: &mut Conn, name: &Username, hash: &str) -> QueryResult<()> {
    let row = dsl::users.filter(dsl::name.eq(name.as_str()));
    let id: i64 = row.select(dsl::id).first(c)?;
    diesel::update(row).set(dsl::password_hash.eq(hash)).execute(c)?;
    sessions::delete_of_user(c, id)?;
    bump(c)
}

/// Makes somebody an administrator, or no longer one.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn set_admin(c: &mut Conn, name: &Username, admin: bool) -> QueryResult<()> {
    let row = dsl::users.filter(dsl::name.eq(name.as_str()));
    let now: bool = row.select(dsl::admin).first(c)?;
    if now != admin {
        diesel::update(row).set(dsl::admin.eq(admin)).execute(c)?;
        bump(c)?;
    }
    Ok(())
}

/// The spawner's ticket of the user's last login.
///
/// # Errors
/// When the database fails; a user who is absent or came without a ticket has `None`.
pub fn ticket(c: &mut Conn, name: &Username) -> QueryResult<Option<String>> {
    let row = dsl::users.filter(dsl::name.eq(name.as_str())).select(dsl::ticket);
    Ok(row.first::<Option<String>>(c).optional()?.flatten())
}

/// Gives a user another name. Sessions and tokens stay; OAuth clients of the user's servers, whose names hold the old
/// one, end with the tokens that were issued to them.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user; a unique violation where the new name is taken.
pub fn rename(c: &mut Conn, name: &Username, new: &Username) -> QueryResult<()> {
    let id = id_of(c, name)?;
    oauth::delete_clients_of(c, id)?;
    diesel::update(dsl::users.filter(dsl::id.eq(id))).set(dsl::name.eq(new.as_str())).execute(c)?;
    bump(c)
}

/// Notes when users last did something; never moves a time back.
///
/// # Errors
/// When the database fails. Users who are not there are passed over.
pub fn touch(c: &mut Conn, seen: &[(Username, i64)]) -> QueryResult<()> {
    for (name, at_us) in seen {
        let older = dsl::last_activity_us.is_null().or(dsl::last_activity_us.lt(*at_us));
        let row = dsl::users.filter(dsl::name.eq(name.as_str())).filter(older);
        diesel::update(row).set(dsl::last_activity_us.eq(at_us)).execute(c)?;
    }
    Ok(())
}

/// Removes a user together with everything that is theirs: sessions, tokens, servers, memberships, shares. Whether there
/// was one.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, name: &Username) -> QueryResult<bool> {
    let Some(id) = id_of(c, name).optional()? else { return Ok(false) };
    oauth::delete_clients_of(c, id)?;
    diesel::delete(dsl::users.filter(dsl::id.eq(id))).execute(c)?;
    bump(c)?;
    Ok(true)
}

/// Users by name, at most `limit`, those behind `after`.
///
/// # Errors
/// When the database fails.
pub fn page(c: &mut Conn, after: Option<&Username>, limit: i64) -> QueryResult<Vec<User>> {
    let after = after.map_or("", Username::as_str);
    let rows: Vec<Row> =
        dsl::users.filter(dsl::name.gt(after)).order(dsl::name.asc()).limit(limit).select(COLUMNS).load(c)?;
    rows.into_iter().map(user).collect()
}

/// The users of these names who exist.
///
/// # Errors
/// When the database fails.
pub fn by_names(c: &mut Conn, names: &[Username]) -> QueryResult<Vec<User>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.extend(by_name(c, name)?);
    }
    Ok(found)
}

/// Names of the administrators by the database.
///
/// # Errors
/// When the database fails.
pub fn admins(c: &mut Conn) -> QueryResult<Vec<Username>> {
    let names: Vec<String> = dsl::users.filter(dsl::admin.eq(true)).select(dsl::name).load(c)?;
    names.iter().map(|name| username(name)).collect()
}

/// How many users did something after `since_us`, microseconds since 1970.
///
/// # Errors
/// When the database fails.
pub fn active_since(c: &mut Conn, since_us: i64) -> QueryResult<i64> {
    dsl::users.filter(dsl::last_activity_us.gt(since_us)).count().get_result(c)
}

/// How many users there are.
///
/// # Errors
/// When the database fails.
pub fn count(c: &mut Conn) -> QueryResult<i64> {
    dsl::users.count().get_result(c)
}
