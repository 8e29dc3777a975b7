//! What culling asks of the database and writes there: until when servers are kept, when they were last used, which it stopped.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use hubgate_protocol::{ServerId, Username};

use super::schema::culled::dsl as culled;
use super::schema::keeps::dsl as kept;
use super::schema::servers::dsl;
use super::schema::users::dsl as person;
use super::users::username;
use super::{Conn, json, servers};
use crate::domain::cull::{Culled, Why};

/// What is remembered of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Which one.
    pub id: ServerId,
    /// Last use, microseconds since 1970.
    pub used_us: Option<i64>,
    /// Until when it is kept, seconds since 1970.
    pub until_s: Option<i64>,
}

/// What is remembered of the servers of these users, in no order.
///
/// # Errors
/// When the database fails.
pub fn of_users(c: &mut Conn, users: &[Username]) -> QueryResult<Vec<Remembered>> {
    let names = json::list(users)?;
    let listed = sql::<Bool>("users.name IN (SELECT value FROM json_each(").bind::<Text, _>(names).sql("))");
    let rows: Vec<(String, String, Option<i64>, Option<i64>)> = dsl::servers
        .inner_join(person::users)
        .left_join(kept::keeps)
        .filter(listed)
        .select((person::name, dsl::name, dsl::last_activity_us, kept::until_s.nullable()))
        .load(c)?;
    rows.into_iter()
        .map(|(user, server, used_us, until_s)| {
            let id = ServerId { user: username(&user)?, server: json::parsed(&server)? };
            Ok(Remembered { id, used_us, until_s })
        })
        .collect()
}

/// Notes until when a server is kept.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] where there is no such user.
pub fn keep(c: &mut Conn, id: &ServerId, until_s: i64, now_us: i64) -> QueryResult<()> {
    let server = servers::ensure(c, id, now_us)?;
    diesel::delete(kept::keeps.filter(kept::server_id.eq(server.id))).execute(c)?;
    let values = (kept::server_id.eq(server.id), kept::until_s.eq(until_s));
    diesel::insert_into(kept::keeps).values(values).execute(c).map(drop)
}

/// The servers that the hub stopped itself, if they have not run since.
///
/// # Errors
/// When the database fails.
pub fn culled(c: &mut Conn) -> QueryResult<Vec<(ServerId, Culled)>> {
    let rows: Vec<(String, String, i64, String)> = culled::culled
        .inner_join(dsl::servers.inner_join(person::users))
        .select((person::name, dsl::name, culled::at_s, culled::why))
        .load(c)?;
    rows.into_iter()
        .map(|(user, server, at_s, why)| {
            let id = ServerId { user: username(&user)?, server: json::parsed(&server)? };
            Ok((id, Culled { at_s, why: Why::of_word(&why) }))
        })
        .collect()
}

/// Notes that the hub stopped a server, or with `None` that it runs again.
///
/// # Errors
/// When the database fails. A server of a user who is not there is passed over.
pub fn set_culled(c: &mut Conn, id: &ServerId, end: Option<Culled>, now_us: i64) -> QueryResult<()> {
    let Some(server) = servers::ensure(c, id, now_us).optional()? else { return Ok(()) };
    diesel::delete(culled::culled.filter(culled::server_id.eq(server.id))).execute(c)?;
    let Some(Culled { at_s, why }) = end else { return Ok(()) };
    let values = (culled::server_id.eq(server.id), culled::at_s.eq(at_s), culled::why.eq(why.word()));
    diesel::insert_into(culled::culled).values(values).execute(c).map(drop)
}
