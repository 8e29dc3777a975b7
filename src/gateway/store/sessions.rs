//! Who is logged in. A session is known by the hash of its cookie; the cookie's value is stored nowhere.

use diesel::prelude::*;
use hubgate_protocol::Username;

use super::hash::{Hash, hex, unhex};
use super::schema::sessions::dsl;
use super::schema::users::dsl as owner;
use super::{Conn, revision, users};

/// Where a session came from, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address, as text.
    pub address: String,
    /// What the browser calls itself, at most 255 bytes.
    pub device: String,
    /// How its owner proved who they are.
    pub method: String,
    /// When they last did, seconds since 1970.
    pub proven_s: i64,
    /// The provider's id token, for the logout there.
    pub id_token: Option<String>,
}

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
    /// Where it came from.
    pub origin: Origin,
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
    /// Where it came from.
    pub origin: Origin,
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
            origin: self.origin,
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
        (
            dsl::address.eq(&new.origin.address),
            dsl::device.eq(&new.origin.device),
            dsl::method.eq(&new.origin.method),
            dsl::proven_s.eq(new.origin.proven_s),
            dsl::id_token.eq(new.origin.id_token.as_deref()),
        ),
    );
    diesel::insert_into(dsl::sessions).values(values).execute(c)?;
    revision::bump_rights(c)
}

/// Gives a session another hash, another time of proof and another ticket.
///
/// # Errors
/// `NotFound` where the session has ended; when the database fails.
pub fn renew(c: &mut Conn, old: &Hash, new: &SessionRow) -> QueryResult<()> {
    let values = (
        dsl::hash.eq(hex(&new.hash)),
        dsl::proven_s.eq(new.origin.proven_s),
        dsl::last_seen_s.eq(new.last_seen_s),
        dsl::ticket.eq(new.ticket.as_deref()),
    );
    match diesel::update(dsl::sessions.filter(dsl::hash.eq(hex(old)))).set(values).execute(c)? {
        0 => Err(diesel::result::Error::NotFound),
        _ => revision::bump_rights(c),
    }
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
    let rows: Vec<(Row, String, bool)> = dsl::sessions
        .inner_join(owner::users)
        .filter(dsl::expires_s.gt(now_s))
        .select((Row::as_select(), owner::name, owner::admin))
        .load(c)?;
    rows.into_iter().map(|(row, name, admin)| row.of(users::username(&name)?, admin)).collect()
}

/// A row as the database has it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = super::schema::sessions)]
struct Row {
    hash: String,
    user_id: i64,
    created_s: i64,
    expires_s: i64,
    last_seen_s: i64,
    ticket: Option<String>,
    public_id: String,
    address: String,
    device: String,
    method: String,
    proven_s: i64,
    id_token: Option<String>,
}

impl Row {
    fn of(self, user: Username, admin: bool) -> QueryResult<SessionRow> {
        let Self { address, device, method, proven_s, id_token, .. } = self;
        Ok(SessionRow {
            hash: unhex(&self.hash)?,
            user_id: self.user_id,
            user,
            admin,
            created_s: self.created_s,
            expires_s: self.expires_s,
            last_seen_s: self.last_seen_s,
            ticket: self.ticket,
            public_id: self.public_id,
            origin: Origin { address, device, method, proven_s, id_token },
        })
    }
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
