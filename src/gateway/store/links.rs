//! Links that work once. A link is known by the hash of its secret; the secret itself is stored nowhere.

use diesel::prelude::*;
use hubgate_protocol::Username;

use super::hash::{Hash, hex};
use super::schema::one_time_links::dsl;
use super::schema::users::dsl as owner;
use super::{Conn, users};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To choose a password.
    Password,
    /// To become the first administrator.
    Setup,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Setup => "setup",
        }
    }
}

/// A link to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// Of its secret.
    pub hash: Hash,
    /// What it is for.
    pub purpose: Purpose,
    /// Row of the user it is for.
    pub user_id: Option<i64>,
    /// Now, seconds since 1970.
    pub created_s: i64,
    /// End, seconds since 1970.
    pub expires_s: i64,
}

/// Keeps a link. Older ones of the same purpose for the same user end: the last one given out counts.
///
/// # Errors
/// When the database fails.
pub fn insert(c: &mut Conn, new: &NewLink) -> QueryResult<()> {
    diesel::delete(dsl::one_time_links.filter(dsl::expires_s.le(new.created_s))).execute(c)?;
    let same = dsl::one_time_links.filter(dsl::purpose.eq(new.purpose.word()));
    match new.user_id {
        Some(id) => diesel::delete(same.filter(dsl::user_id.eq(id))).execute(c)?,
        None => diesel::delete(same.filter(dsl::user_id.is_null())).execute(c)?,
    };
    let values = (
        dsl::hash.eq(hex(&new.hash)),
        dsl::purpose.eq(new.purpose.word()),
        dsl::user_id.eq(new.user_id),
        dsl::created_s.eq(new.created_s),
        dsl::expires_s.eq(new.expires_s),
    );
    diesel::insert_into(dsl::one_time_links).values(values).execute(c).map(drop)
}

/// Whether a link holds, and for whom it is.
///
/// # Errors
/// When the database fails; a link that is unknown, used or over is `None`.
pub fn find(
    c: &mut Conn,
    hash: &Hash,
    purpose: Purpose,
    now_s: i64,
) -> QueryResult<Option<Option<Username>>> {
    let here = dsl::hash.eq(hex(hash)).and(dsl::purpose.eq(purpose.word())).and(dsl::expires_s.gt(now_s));
    let row = dsl::one_time_links.left_join(owner::users).filter(here).select(owner::name.nullable());
    let found: Option<Option<String>> = row.first(c).optional()?;
    found.map(|name| name.map(|name| users::username(&name)).transpose()).transpose()
}

/// Uses a link up; whether it was there to be used.
///
/// # Errors
/// When the database fails.
pub fn take(c: &mut Conn, hash: &Hash) -> QueryResult<bool> {
    let gone = diesel::delete(dsl::one_time_links.filter(dsl::hash.eq(hex(hash)))).execute(c)?;
    Ok(gone > 0)
}

/// Ends all links of a purpose; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_all(c: &mut Conn, purpose: Purpose) -> QueryResult<usize> {
    diesel::delete(dsl::one_time_links.filter(dsl::purpose.eq(purpose.word()))).execute(c)
}

/// Ends all links for a user.
///
/// # Errors
/// When the database fails.
pub(super) fn delete_of_user(c: &mut Conn, user_id: i64) -> QueryResult<()> {
    diesel::delete(dsl::one_time_links.filter(dsl::user_id.eq(user_id))).execute(c).map(drop)
}
