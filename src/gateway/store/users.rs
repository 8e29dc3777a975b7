//! Who may log in.

use diesel::prelude::*;
use diesel::result::Error;
use hubgate_protocol::Username;

use super::schema::users::dsl;
use super::{Conn, revision, sessions};

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

type Row = (i64, String, bool, Option<String>, i64, Option<i64>);

fn user(row: Row) -> QueryResult<User> {
    let (id, name, admin, password_hash, created_s, last_login_s) = row;
    Ok(User { id, name: username(&name)?, admin, password_hash, created_s, last_login_s })
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
    dsl::users.filter(dsl::name.eq(name.as_str())).first::<Row>(c).optional()?.map(user).transpose()
}

/// Adds one user; its id.
///
/// # Errors
/// A unique violation where the name is taken.
pub fn insert(c: &mut Conn, new: &NewUser) -> QueryResult<i64> {
    let id = revision::advance(c, "user_id", 1)?;
    insert_row(c, id, new)?;
    revision::bump(c)?;
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
    revision::bump(c)?;
    Ok(new.len())
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

/// Notes a login; makes the user where there is none yet, as at the first login by PAM.
///
/// # Errors
/// When the database fails.
pub fn upsert_login(c: &mut Conn, name: &Username, now_s: i64) -> QueryResult<User> {
    if by_name(c, name)?.is_none() {
        insert(c, &NewUser { name: name.clone(), admin: false, password_hash: None, created_s: now_s })?;
    }
    let row = dsl::users.filter(dsl::name.eq(name.as_str()));
    diesel::update(row).set(dsl::last_login_s.eq(now_s)).execute(c)?;
    row.first::<Row>(c).and_then(user)
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
    revision::bump(c)
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
        revision::bump(c)?;
    }
    Ok(())
}

/// Removes a user together with the sessions; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, name: &Username) -> QueryResult<bool> {
    let gone = diesel::delete(dsl::users.filter(dsl::name.eq(name.as_str()))).execute(c)?;
    if gone > 0 {
        revision::bump(c)?;
    }
    Ok(gone > 0)
}

/// Users by name, at most `limit`, those behind `after`.
///
/// # Errors
/// When the database fails.
pub fn page(c: &mut Conn, after: Option<&Username>, limit: i64) -> QueryResult<Vec<User>> {
    let after = after.map_or("", Username::as_str);
    let rows: Vec<Row> =
        dsl::users.filter(dsl::name.gt(after)).order(dsl::name.asc()).limit(limit).load(c)?;
    rows.into_iter().map(user).collect()
}

/// How many users there are.
///
/// # Errors
/// When the database fails.
pub fn count(c: &mut Conn) -> QueryResult<i64> {
    dsl::users.count().get_result(c)
}
