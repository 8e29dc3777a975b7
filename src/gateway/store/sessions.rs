//! Who is logged in. A session is known by the hash of its cookie; the cookie's value is stored nowhere.

use diesel::prelude::*;
use hubgate_protocol::Username;

use super::hash::{Hash, hex, unhex};
use super::schema::sessions::dsl;
use super::schema::users::dsl as owner;
use super::{Conn, revision, users};

/// A session together with whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Of the cookie's value.
    pub hash: Hash,
    /// Whose session.
    pub user_id: i64,
    /// Whose session.
    pub user: Username,
    /// Whether the database calls the user an administrator.
    pub admin: bool,
    /// Login, seconds since 1970.
    pub created_s: i64,
    /// End, seconds since 1970.
    pub expires_s: i64,
    /// Last use, seconds since 1970.
    pub last_seen_s: i64,
    /// The spawner's ticket of this login.
    pub ticket: Option<String>,
    /// Value of the cookie `jupyterhub-session-id`: servers and services may know it, it opens nothing.
    pub public_id: String,
}

/// A session to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Of the cookie's value.
    pub hash: Hash,
    /// Whose session.
    pub user_id: i64,
    /// Now, seconds since 1970.
    pub created_s: i64,
    /// End, seconds since 1970.
    pub expires_s: i64,
    /// The spawner's ticket of this login.
    pub ticket: Option<String>,
    /// Value of the cookie `jupyterhub-session-id`: servers and services may know it, it opens nothing.
    pub public_id: String,
}

impl NewSession {
    /// The session as it is stored, of `user`.
    #[must_use]
    pub fn of(self, user: users::User) -> SessionRow {
        SessionRow {
            hash: self.hash,
            user_id: user.id,
            user: user.name,
            admin: user.admin,
            created_s: self.created_s,
            expires_s: self.expires_s,
            last_seen_s: self.created_s,
            ticket: self.ticket,
            public_id: self.public_id,
        }
    }
}

/// Adds a session.
///
/// # Errors
/// A foreign-key violation where the user has just been removed.
pub fn insert(c: &mut Conn, new: &NewSession) -> QueryResult<()> {
    let values = (
        dsl::hash.eq(hex(&new.hash)),
        dsl::user_id.eq(new.user_id),
        dsl::created_s.eq(new.created_s),
        dsl::expires_s.eq(new.expires_s),
        dsl::last_seen_s.eq(new.created_s),
        dsl::ticket.eq(new.ticket.as_deref()),
        dsl::public_id.eq(&new.public_id),
    );
    diesel::insert_into(dsl::sessions).values(values).execute(c)?;
    revision::bump_rights(c)
}

/// Ends one session; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, hash: &Hash) -> QueryResult<bool> {
    let gone = diesel::delete(dsl::sessions.filter(dsl::hash.eq(hex(hash)))).execute(c)?;
    if gone > 0 {
        revision::bump_rights(c)?;
    }
    Ok(gone > 0)
}

/// Ends all sessions of a user; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_of_user(c: &mut Conn, user_id: i64) -> QueryResult<usize> {
    let gone = diesel::delete(dsl::sessions.filter(dsl::user_id.eq(user_id))).execute(c)?;
    if gone > 0 {
        revision::bump_rights(c)?;
    }
    Ok(gone)
}

/// Removes sessions that have ended by themselves; how many. Nobody's rights change by that.
///
/// # Errors
/// When the database fails.
pub fn delete_expired(c: &mut Conn, now_s: i64) -> QueryResult<usize> {
    diesel::delete(dsl::sessions.filter(dsl::expires_s.le(now_s))).execute(c)
}

/// All sessions that have not ended.
///
/// # Errors
/// When the database fails.
pub fn live(c: &mut Conn, now_s: i64) -> QueryResult<Vec<SessionRow>> {
    type Row = (String, i64, String, bool, i64, i64, i64, Option<String>, String);
    let columns = (
        dsl::hash,
        dsl::user_id,
        owner::name,
        owner::admin,
        dsl::created_s,
        dsl::expires_s,
        dsl::last_seen_s,
        dsl::ticket,
        dsl::public_id,
    );
    let rows: Vec<Row> =
        dsl::sessions.inner_join(owner::users).filter(dsl::expires_s.gt(now_s)).select(columns).load(c)?;
    rows.into_iter()
        .map(|(hash, user_id, name, admin, created_s, expires_s, last_seen_s, ticket, public_id)| {
            let (hash, user) = (unhex(&hash)?, users::username(&name)?);
            Ok(SessionRow {
                hash,
                user_id,
                user,
                admin,
                created_s,
                expires_s,
                last_seen_s,
                ticket,
                public_id,
            })
        })
        .collect()
}

/// Notes when sessions were last used; never moves a time back.
///
/// # Errors
/// When the database fails.
pub fn touch(c: &mut Conn, seen: &[(Hash, i64)]) -> QueryResult<()> {
    for (hash, at_s) in seen {
        let row = dsl::sessions.filter(dsl::hash.eq(hex(hash)).and(dsl::last_seen_s.lt(*at_s)));
        diesel::update(row).set(dsl::last_seen_s.eq(*at_s)).execute(c)?;
    }
    Ok(())
}
