//! Who is in somebody else's server by a right of their own, and why.

use diesel::prelude::*;
use hubgate_protocol::{ServerId, Username};

use super::schema::{entries::dsl, users};
use super::{Conn, json, revision};

/// One who is in somebody else's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Who entered.
    pub by: Username,
    /// Which server.
    pub server: ServerId,
    /// Why, in their own words: 5 to 200 characters.
    pub reason: String,
    /// Begin, seconds since 1970.
    pub begun_s: i64,
    /// End, seconds since 1970.
    pub until_s: i64,
}

/// Those that have not ended at `now_s`.
///
/// # Errors
/// When the database fails.
pub fn live(c: &mut Conn, now_s: i64) -> QueryResult<Vec<EntryRow>> {
    let owners = diesel::alias!(users as owners);
    let rows: Vec<Row> = dsl::entries
        .inner_join(users::table.on(users::id.eq(dsl::user_id)))
        .inner_join(owners.on(owners.field(users::id).eq(dsl::owner_id)))
        .filter(dsl::until_s.gt(now_s))
        .select((
            (users::name, owners.field(users::name), dsl::server),
            (dsl::reason, dsl::begun_s, dsl::until_s),
        ))
        .load(c)?;
    rows.into_iter().map(entry).collect()
}

type Row = ((String, String, String), (String, i64, i64));

fn entry(((by, owner, server), (reason, begun_s, until_s)): Row) -> QueryResult<EntryRow> {
    let server = ServerId { user: json::parsed(&owner)?, server: json::parsed(&server)? };
    Ok(EntryRow { by: json::parsed(&by)?, server, reason, begun_s, until_s })
}

/// Lets somebody in, in the place of what they had before.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] where one of the two users is gone.
pub fn put(c: &mut Conn, entry: &EntryRow) -> QueryResult<()> {
    remove(c, &entry.by, &entry.server)?;
    let (by, owner) = (super::users::id_of(c, &entry.by)?, super::users::id_of(c, &entry.server.user)?);
    let values = (
        (dsl::user_id.eq(by), dsl::owner_id.eq(owner), dsl::server.eq(entry.server.server.as_str())),
        (dsl::reason.eq(&entry.reason), dsl::begun_s.eq(entry.begun_s), dsl::until_s.eq(entry.until_s)),
    );
    diesel::insert_into(dsl::entries).values(values).execute(c)?;
    revision::bump_rights(c)
}

/// Ends it; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn remove(c: &mut Conn, by: &Username, server: &ServerId) -> QueryResult<bool> {
    let id_of = |name: &Username| users::table.filter(users::name.eq(name.to_string())).select(users::id);
    let own = dsl::user_id
        .eq_any(id_of(by))
        .and(dsl::owner_id.eq_any(id_of(&server.user)))
        .and(dsl::server.eq(server.server.as_str()));
    let gone = diesel::delete(dsl::entries.filter(own)).execute(c)?;
    if gone > 0 {
        revision::bump_rights(c)?;
    }
    Ok(gone > 0)
}

/// Forgets what has ended by itself; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_expired(c: &mut Conn, now_s: i64) -> QueryResult<usize> {
    diesel::delete(dsl::entries.filter(dsl::until_s.le(now_s))).execute(c)
}
