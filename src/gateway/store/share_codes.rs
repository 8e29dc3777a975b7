//! Codes that whoever is logged in may exchange for a share.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use hubgate_protocol::ServerId;

use super::hash::{Hash, hex};
use super::schema::servers::dsl as server;
use super::schema::share_codes::dsl;
use super::schema::users::dsl as person;
use super::{Conn, json, revision};
use crate::domain::scope::Scope;

/// A code, less its text.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareCode {
    /// Never used twice; the API writes `sc_ID`.
    pub id: i64,
    /// Of which server.
    pub server: ServerId,
    /// What it gives, each filtered to the server.
    pub scopes: Vec<Scope>,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// End, microseconds since 1970.
    pub expires_us: i64,
    /// How often it was exchanged.
    pub exchange_count: i64,
    /// Microseconds since 1970.
    pub last_exchanged_us: Option<i64>,
}

/// A code to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewShareCode {
    /// Of the code's text.
    pub hash: Hash,
    /// Row of the server.
    pub server_id: i64,
    /// What it gives.
    pub scopes: Vec<Scope>,
    /// Now, microseconds since 1970.
    pub created_us: i64,
    /// End, microseconds since 1970.
    pub expires_us: i64,
}

/// Which codes are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Of the servers of one owner, by the owner's row.
    Owner(i64),
    /// Of one server, by its row.
    Server(i64),
}

type Row = (i64, String, String, String, i64, i64, i64, Option<i64>);

const COLUMNS: (
    dsl::id,
    person::name,
    server::name,
    dsl::scopes,
    dsl::created_us,
    dsl::expires_us,
    dsl::exchange_count,
    dsl::last_exchanged_us,
) = (
    dsl::id,
    person::name,
    server::name,
    dsl::scopes,
    dsl::created_us,
    dsl::expires_us,
    dsl::exchange_count,
    dsl::last_exchanged_us,
);

fn code(row: Row) -> QueryResult<ShareCode> {
    let (id, user, name, scopes, created_us, expires_us, exchange_count, last_exchanged_us) = row;
    let server = ServerId { user: json::parsed(&user)?, server: json::parsed(&name)? };
    let scopes = json::scopes_of(&scopes, &server)?;
    Ok(ShareCode { id, server, scopes, created_us, expires_us, exchange_count, last_exchanged_us })
}

/// Adds a code.
///
/// # Errors
/// A foreign-key violation where the server has just been removed.
pub fn insert(c: &mut Conn, new: &NewShareCode) -> QueryResult<ShareCode> {
    let id = revision::advance(c, "share_code_id", 1)?;
    let values = (
        dsl::id.eq(id),
        dsl::hash.eq(hex(&new.hash)),
        dsl::server_id.eq(new.server_id),
        dsl::scopes.eq(json::bare(&new.scopes)?),
        dsl::created_us.eq(new.created_us),
        dsl::expires_us.eq(new.expires_us),
        dsl::exchange_count.eq(0),
    );
    diesel::insert_into(dsl::share_codes).values(values).execute(c)?;
    let joined = dsl::share_codes.inner_join(server::servers.inner_join(person::users));
    joined.filter(dsl::id.eq(id)).select(COLUMNS).first::<Row>(c).and_then(code)
}

/// The code of that hash that has not ended.
///
/// # Errors
/// When the database fails; an absent code is `None`.
pub fn by_hash(c: &mut Conn, hash: &Hash, now_us: i64) -> QueryResult<Option<ShareCode>> {
    let joined = dsl::share_codes.inner_join(server::servers.inner_join(person::users));
    let found = joined.filter(dsl::hash.eq(hex(hash)).and(dsl::expires_us.gt(now_us)));
    found.select(COLUMNS).first::<Row>(c).optional()?.map(code).transpose()
}

/// One page of the wanted codes that have not ended, by id, and how many there are in all.
///
/// # Errors
/// When the database fails.
pub fn list(
    c: &mut Conn,
    wanted: Wanted,
    now_us: i64,
    (offset, limit): (i64, i64),
) -> QueryResult<(Vec<ShareCode>, i64)> {
    let which = match wanted {
        Wanted::Owner(id) => format!("servers.user_id = {id}"),
        Wanted::Server(id) => format!("servers.id = {id}"),
    };
    let live = || {
        let joined = dsl::share_codes.inner_join(server::servers.inner_join(person::users));
        joined.filter(dsl::expires_us.gt(now_us).and(diesel::dsl::sql::<Bool>(&which)))
    };
    let total = live().count().get_result(c)?;
    let rows: Vec<Row> = live().select(COLUMNS).order(dsl::id.asc()).offset(offset).limit(limit).load(c)?;
    Ok((rows.into_iter().map(code).collect::<QueryResult<_>>()?, total))
}

/// Counts one exchange.
///
/// # Errors
/// When the database fails.
pub fn exchanged(c: &mut Conn, id: i64, now_us: i64) -> QueryResult<()> {
    let row = dsl::share_codes.filter(dsl::id.eq(id));
    let change = (dsl::exchange_count.eq(dsl::exchange_count + 1), dsl::last_exchanged_us.eq(now_us));
    diesel::update(row).set(change).execute(c).map(drop)
}

/// Removes one code of a server, by its id; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, server_id: i64, id: i64) -> QueryResult<bool> {
    let row = dsl::share_codes.filter(dsl::id.eq(id).and(dsl::server_id.eq(server_id)));
    Ok(diesel::delete(row).execute(c)? > 0)
}

/// Removes every code of a server; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_of_server(c: &mut Conn, server_id: i64) -> QueryResult<usize> {
    diesel::delete(dsl::share_codes.filter(dsl::server_id.eq(server_id))).execute(c)
}

/// Removes codes that have ended; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_expired(c: &mut Conn, now_us: i64) -> QueryResult<usize> {
    diesel::delete(dsl::share_codes.filter(dsl::expires_us.le(now_us))).execute(c)
}
