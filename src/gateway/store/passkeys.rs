//! Passkeys: the public keys of devices that prove who somebody is.

use diesel::prelude::*;
use hubgate_protocol::Username;

use super::schema::passkeys::dsl;
use super::schema::users::dsl as owner;
use super::{Conn, users};

/// A passkey of a user.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Passkey {
    /// The credential's id in base64url, at most 1400 bytes.
    pub id: String,
    /// What its owner calls it, at most 64 characters.
    pub name: String,
    /// JSON: public key and counter.
    pub credential: String,
    /// When it was added, seconds since 1970.
    pub created_s: i64,
    /// Last use, seconds since 1970.
    pub last_used_s: Option<i64>,
}

/// The passkeys of a user, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_user(c: &mut Conn, user_id: i64) -> QueryResult<Vec<Passkey>> {
    let rows = dsl::passkeys.filter(dsl::user_id.eq(user_id)).order((dsl::created_s.asc(), dsl::id.asc()));
    rows.select((dsl::id, dsl::name, dsl::credential, dsl::created_s, dsl::last_used_s)).load(c)
}

/// How many passkeys a user has.
///
/// # Errors
/// When the database fails.
pub fn count(c: &mut Conn, user_id: i64) -> QueryResult<i64> {
    dsl::passkeys.filter(dsl::user_id.eq(user_id)).count().get_result(c)
}

/// Whose passkey that is.
///
/// # Errors
/// When the database fails.
pub fn owner_of(c: &mut Conn, id: &str) -> QueryResult<Option<users::User>> {
    let row = dsl::passkeys.inner_join(owner::users).filter(dsl::id.eq(id)).select(owner::name);
    let Some(name) = row.first::<String>(c).optional()? else { return Ok(None) };
    let name: Username = users::username(&name)?;
    users::by_name(c, &name)
}

/// Adds a passkey.
///
/// # Errors
/// A unique violation where somebody has it already.
pub fn insert(c: &mut Conn, user_id: i64, new: &Passkey) -> QueryResult<()> {
    let values = (
        dsl::id.eq(&new.id),
        dsl::user_id.eq(user_id),
        dsl::name.eq(&new.name),
        dsl::credential.eq(&new.credential),
        dsl::created_s.eq(new.created_s),
        dsl::last_used_s.eq(new.last_used_s),
    );
    diesel::insert_into(dsl::passkeys).values(values).execute(c).map(drop)
}

/// Notes a use, and what the credential is since then; whether it still was there.
///
/// # Errors
/// When the database fails.
pub fn used(c: &mut Conn, id: &str, credential: &str, now_s: i64) -> QueryResult<bool> {
    let row = dsl::passkeys.filter(dsl::id.eq(id));
    let values = (dsl::credential.eq(credential), dsl::last_used_s.eq(now_s));
    diesel::update(row).set(values).execute(c).map(|rows| rows == 1)
}

/// Gives a passkey of a user another name; whether they have it.
///
/// # Errors
/// When the database fails.
pub fn rename(c: &mut Conn, user_id: i64, id: &str, name: &str) -> QueryResult<bool> {
    let row = dsl::passkeys.filter(dsl::user_id.eq(user_id).and(dsl::id.eq(id)));
    diesel::update(row).set(dsl::name.eq(name)).execute(c).map(|rows| rows == 1)
}

/// Removes a passkey of a user; whether they had it.
///
/// # Errors
/// When the database fails.
pub fn remove(c: &mut Conn, user_id: i64, id: &str) -> QueryResult<bool> {
    let row = dsl::passkeys.filter(dsl::user_id.eq(user_id).and(dsl::id.eq(id)));
    diesel::delete(row).execute(c).map(|rows| rows == 1)
}

/// Removes all passkeys of a user; how many.
///
/// # Errors
/// When the database fails.
pub fn remove_all(c: &mut Conn, user_id: i64) -> QueryResult<usize> {
    diesel::delete(dsl::passkeys.filter(dsl::user_id.eq(user_id))).execute(c)
}
