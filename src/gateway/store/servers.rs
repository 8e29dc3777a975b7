//! Servers that somebody has used or named. What they do now is systemd's to say, not this table's.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Bool, Text};
use hubgate_protocol::{ServerId, ServerName};

use super::json::{self, Object};
use super::schema::servers::dsl;
use super::schema::users::dsl as person;
use super::users::username;
use super::{Conn, revision, users};
use crate::domain::ending::Ending;

/// A server as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Never used twice.
    pub id: i64,
    /// Row of the owner.
    pub user_id: i64,
    /// Empty for the default server.
    pub name: ServerName,
    /// As people call it.
    pub display_name: Option<String>,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// Start of the run that is under way, or was asked for; `None` where it is stopped. Microseconds since 1970.
    pub started_us: Option<i64>,
    /// Last use, microseconds since 1970.
    pub last_activity_us: Option<i64>,
    /// What was last asked of it at a start: a JSON object.
    pub user_options: Object,
    /// How its last run ended; `None` where nobody saw an end.
    pub last_end: Option<Ending>,
}

/// A change of a server; `None` leaves as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// A new name. Only for a named server that is stopped.
    pub name: Option<ServerName>,
    /// Another name for people; inner `None` takes it away.
    pub display_name: Option<Option<String>>,
    /// Other options.
    pub user_options: Option<Object>,
}

type Row = (i64, i64, String, Option<String>, i64, Option<i64>, Option<i64>, String, Option<String>);

fn server(row: Row) -> QueryResult<Server> {
    let (id, user_id, name, display_name, created_us, started_us, last_activity_us, options, last_end) = row;
    let (name, user_options) = (json::parsed(&name)?, json::object(&options)?);
    // What cannot be read any more is left out: it is a remark for people.
    let last_end = last_end.and_then(|text| serde_json::from_str(&text).ok());
    Ok(Server {
        id,
        user_id,
        name,
        display_name,
        created_us,
        started_us,
        last_activity_us,
        user_options,
        last_end,
    })
}

/// The server of that id, if it is known.
///
/// # Errors
/// When the database fails.
pub fn by_id(c: &mut Conn, id: &ServerId) -> QueryResult<Option<Server>> {
    let found = dsl::servers
        .inner_join(person::users)
        .filter(person::name.eq(id.user.as_str()).and(dsl::name.eq(id.server.as_str())))
        .select(dsl::servers::all_columns())
        .first::<Row>(c);
    found.optional()?.map(server).transpose()
}

/// The servers of that user row, the default one first.
///
/// # Errors
/// When the database fails.
pub fn of_user(c: &mut Conn, user_id: i64) -> QueryResult<Vec<Server>> {
    let rows: Vec<Row> = dsl::servers.filter(dsl::user_id.eq(user_id)).order(dsl::name.asc()).load(c)?;
    rows.into_iter().map(server).collect()
}

/// The servers of these user rows, in no order among users, the default one of each first.
///
/// # Errors
/// When the database fails.
pub fn of_users(c: &mut Conn, user_ids: &[i64]) -> QueryResult<Vec<Server>> {
    let ids = serde_json::to_string(user_ids).map_err(|error| Error::SerializationError(error.into()))?;
    let listed =
        sql::<Bool>("servers.user_id IN (SELECT value FROM json_each(").bind::<Text, _>(ids).sql("))");
    let rows: Vec<Row> = dsl::servers.filter(listed).order(dsl::name.asc()).load(c)?;
    rows.into_iter().map(server).collect()
}

/// Adds a server that nobody has started yet.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user; a unique violation where the server is known.
pub fn insert(c: &mut Conn, id: &ServerId, now_us: i64) -> QueryResult<Server> {
    let user_id = users::id_of(c, &id.user)?;
    let number = revision::advance(c, "server_id", 1)?;
    let values = (
        dsl::id.eq(number),
        dsl::user_id.eq(user_id),
        dsl::name.eq(id.server.as_str()),
        dsl::created_us.eq(now_us),
        dsl::user_options.eq("{}"),
    );
    diesel::insert_into(dsl::servers).values(values).execute(c)?;
    if !id.server.is_default() {
        revision::bump_directory(c)?;
    }
    dsl::servers.filter(dsl::id.eq(number)).first::<Row>(c).and_then(server)
}

/// The server of that id; made where it is not known yet.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn ensure(c: &mut Conn, id: &ServerId, now_us: i64) -> QueryResult<Server> {
    match by_id(c, id)? {
        Some(server) => Ok(server),
        None => insert(c, id, now_us),
    }
}

/// Changes a server.
///
/// # Errors
/// [`Error::NotFound`] where it is not known; a unique violation where the new name is taken.
pub fn change(c: &mut Conn, id: &ServerId, change: &Change) -> QueryResult<Server> {
    let number = by_id(c, id)?.ok_or(Error::NotFound)?.id;
    let row = dsl::servers.filter(dsl::id.eq(number));
    if let Some(name) = &change.name {
        diesel::update(row).set(dsl::name.eq(name.as_str())).execute(c)?;
        revision::bump_directory(c)?;
    }
    if let Some(display_name) = &change.display_name {
        diesel::update(row).set(dsl::display_name.eq(display_name.as_deref())).execute(c)?;
    }
    if let Some(options) = &change.user_options {
        diesel::update(row).set(dsl::user_options.eq(json::text(options)?)).execute(c)?;
    }
    row.first::<Row>(c).and_then(server)
}

/// Notes a start, or with `None` that the server is stopped.
///
/// # Errors
/// When the database fails. A server that is not known is left so.
pub fn set_started(c: &mut Conn, number: i64, started_us: Option<i64>) -> QueryResult<()> {
    let row = dsl::servers.filter(dsl::id.eq(number));
    diesel::update(row).set(dsl::started_us.eq(started_us)).execute(c).map(drop)
}

/// Notes how a run ended. A server that is not known is left so.
///
/// # Errors
/// When the database fails.
pub fn set_ended(c: &mut Conn, id: &ServerId, ending: &Ending) -> QueryResult<()> {
    let owner = person::users.filter(person::name.eq(id.user.as_str())).select(person::id);
    let row = dsl::servers.filter(dsl::name.eq(id.server.as_str()).and(dsl::user_id.eq_any(owner)));
    let text = serde_json::to_string(ending).map_err(|error| Error::SerializationError(error.into()))?;
    diesel::update(row).set(dsl::last_end.eq(text)).execute(c).map(drop)
}

/// The servers whose last start did not end yet, as far as is known, with the options of it.
///
/// # Errors
/// When the database fails.
pub fn started(c: &mut Conn) -> QueryResult<Vec<(ServerId, Object)>> {
    let rows: Vec<(String, String, String)> = dsl::servers
        .inner_join(person::users)
        .filter(dsl::started_us.is_not_null())
        .select((person::name, dsl::name, dsl::user_options))
        .load(c)?;
    rows.iter()
        .map(|(user, name, options)| {
            let id = ServerId { user: username(user)?, server: json::parsed(name)? };
            Ok((id, json::object(options)?))
        })
        .collect()
}

/// Notes when servers were last used; never moves a time back. A default server that was started by hand is known from
/// now on; a named one that somebody has just removed does not come back.
///
/// # Errors
/// When the database fails. Servers of users who are not there are passed over.
pub fn touch(c: &mut Conn, seen: &[(ServerId, i64)]) -> QueryResult<()> {
    for (id, at_us) in seen {
        let owner = person::users.filter(person::name.eq(id.user.as_str())).select(person::id);
        let row = dsl::servers.filter(dsl::name.eq(id.server.as_str()).and(dsl::user_id.eq_any(owner)));
        let older = dsl::last_activity_us.is_null().or(dsl::last_activity_us.lt(*at_us));
        let update = diesel::update(row.filter(older)).set(dsl::last_activity_us.eq(at_us));
        if update.execute(c)? == 0
            && id.server.is_default()
            && by_id(c, id)?.is_none()
            && let Some(made) = insert(c, id, *at_us).optional()?
        {
            let row = dsl::servers.filter(dsl::id.eq(made.id));
            diesel::update(row).set(dsl::last_activity_us.eq(at_us)).execute(c)?;
        }
    }
    Ok(())
}

/// Forgets a server with its shares, tokens and OAuth client; whether it was known.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, id: &ServerId) -> QueryResult<bool> {
    let Some(server) = by_id(c, id)? else { return Ok(false) };
    diesel::delete(dsl::servers.filter(dsl::id.eq(server.id))).execute(c)?;
    revision::bump_directory(c)?;
    revision::bump_rights(c)?;
    Ok(true)
}

/// All named servers.
///
/// # Errors
/// When the database fails.
pub fn named(c: &mut Conn) -> QueryResult<Vec<ServerId>> {
    let rows: Vec<(String, String)> = dsl::servers
        .inner_join(person::users)
        .filter(dsl::name.ne(""))
        .select((person::name, dsl::name))
        .load(c)?;
    rows.iter()
        .map(|(user, name)| Ok(ServerId { user: username(user)?, server: json::parsed(name)? }))
        .collect()
}
