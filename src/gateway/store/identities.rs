//! Who users are at identity providers.

use diesel::prelude::*;
use diesel::result::Error;
use hubgate_protocol::Username;

use super::schema::identities::dsl;
use super::schema::users::dsl as owner;
use super::users::{self, User};
use super::{Conn, revision};

/// Somebody at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's own name for them, which it never gives to somebody else; at most 255 bytes.
    pub subject: String,
}

/// The user who is that identity.
///
/// # Errors
/// When the database fails.
pub fn user(c: &mut Conn, identity: &Identity) -> QueryResult<Option<User>> {
    let row = dsl::identities.find((&identity.provider, &identity.subject));
    let id: Option<i64> = row.select(dsl::user_id).first(c).optional()?;
    let Some(id) = id else { return Ok(None) };
    let name: String = owner::users.filter(owner::id.eq(id)).select(owner::name).first(c)?;
    users::by_name(c, &users::username(&name)?)
}

/// All identities of a user.
///
/// # Errors
/// When the database fails.
pub fn of_user(c: &mut Conn, user_id: i64) -> QueryResult<Vec<Identity>> {
    let rows = dsl::identities
        .filter(dsl::user_id.eq(user_id))
        .order((dsl::provider.asc(), dsl::subject.asc()))
        .select((dsl::provider, dsl::subject))
        .load::<(String, String)>(c)?;
    Ok(rows.into_iter().map(|(provider, subject)| Identity { provider, subject }).collect())
}

/// Makes an identity that of a user, once and for all.
///
/// # Errors
/// [`Error::NotFound`] where it is another user's, or the user has another identity.
pub fn bind(c: &mut Conn, identity: &Identity, user_id: i64) -> QueryResult<()> {
    match of_user(c, user_id)? {
        known if known.contains(identity) => return Ok(()),
        known if !known.is_empty() => return Err(Error::NotFound),
        _ => {}
    }
    if user(c, identity)?.is_some() {
        return Err(Error::NotFound);
    }
    let values =
        (dsl::provider.eq(&identity.provider), dsl::subject.eq(&identity.subject), dsl::user_id.eq(user_id));
    diesel::insert_into(dsl::identities).values(values).execute(c).map(drop)
}

/// Forgets who a user is at providers; how many identities there were. Sessions that began by one end.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn forget(c: &mut Conn, name: &Username) -> QueryResult<usize> {
    let id = users::id_of(c, name)?;
    let gone = diesel::delete(dsl::identities.filter(dsl::user_id.eq(id))).execute(c)?;
    if gone > 0 {
        super::sessions::delete_of_user(c, id)?;
        revision::bump_rights(c)?;
    }
    Ok(gone)
}
