//! Passwords that are kept here, as hashes.

use diesel::prelude::*;
use hubgate_protocol::Username;

use super::schema::users::dsl;
use super::{Conn, links, sessions, users};

/// A password to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassword {
    /// argon2id in PHC form.
    pub hash: String,
    /// Whether its owner must choose another one at the next login.
    pub must_change: bool,
    /// Now, seconds since 1970.
    pub now_s: i64,
}

/// Sets a password and ends the user's sessions and one-time links: whoever knew the old one is out.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] where there is no such user.
pub fn set(c: &mut Conn, name: &Username, new: &NewPassword) -> QueryResult<()> {
    let row = dsl::users.filter(dsl::name.eq(name.as_str()));
    let id: i64 = row.select(dsl::id).first(c)?;
    let values = (
        dsl::password_hash.eq(&new.hash),
        dsl::must_change.eq(new.must_change),
        dsl::password_changed_s.eq(new.now_s),
    );
    diesel::update(row).set(values).execute(c)?;
    sessions::delete_of_user(c, id)?;
    links::delete_of_user(c, id)?;
    users::bump(c)
}
