//! What an owner lets one user or one group do with a server.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use hubgate_protocol::{ServerId, Username};

use super::json;
use super::schema::shares::dsl;
use super::{Conn, groups, revision, servers, users};
use crate::domain::entity::GroupName;
use crate::domain::scope::Scope;

/// Whom something is shared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum With {
    /// One user.
    User(Username),
    /// Every member of a group.
    Group(GroupName),
}

/// A share.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Never used twice.
    pub id: i64,
    /// Of which server.
    pub server: ServerId,
    /// With whom.
    pub with: With,
    /// What they may do, each filtered to the server.
    pub scopes: Vec<Scope>,
    /// Microseconds since 1970.
    pub created_us: i64,
}

/// Which shares are wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// All of them.
    All,
    /// Of the servers of one owner, by the owner's row.
    Owner(i64),
    /// Of one server, by its row.
    Server(i64),
    /// With one user, by row, or a group that the user is in.
    User(i64),
    /// With one group, by its row.
    Group(i64),
}

impl Wanted {
    fn condition(&self) -> String {
        match self {
            Self::All => "1 = 1".to_owned(),
            Self::Owner(id) => format!("s.user_id = {id}"),
            Self::Server(id) => format!("h.server_id = {id}"),
            Self::User(id) => format!(
                "(h.user_id = {id} OR h.group_id IN (SELECT group_id FROM group_members WHERE user_id = {id}))"
            ),
            Self::Group(id) => format!("h.group_id = {id}"),
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = Text)]
    server: String,
    #[diesel(sql_type = Nullable<Text>)]
    with_user: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    with_group: Option<String>,
    #[diesel(sql_type = Text)]
    scopes: String,
    #[diesel(sql_type = BigInt)]
    created_us: i64,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

const SELECT: &str = "SELECT h.id, o.name AS owner, s.name AS server, u.name AS with_user, g.name AS with_group, \
     h.scopes, h.created_us FROM shares h JOIN servers s ON s.id = h.server_id JOIN users o ON o.id = s.user_id \
     LEFT JOIN users u ON u.id = h.user_id LEFT JOIN groups g ON g.id = h.group_id";

fn share(row: Row) -> QueryResult<Share> {
    let with = match (&row.with_user, &row.with_group) {
        (Some(user), _) => With::User(json::parsed(user)?),
        (None, group) => With::Group(json::parsed(group.as_deref().unwrap_or_default())?),
    };
    let server = ServerId { user: json::parsed(&row.owner)?, server: json::parsed(&row.server)? };
    let scopes = json::scopes_of(&row.scopes, &server)?;
    Ok(Share { id: row.id, server, with, scopes, created_us: row.created_us })
}

/// One page of the wanted shares, by id, and how many there are in all.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Conn, wanted: &Wanted, offset: i64, limit: i64) -> QueryResult<(Vec<Share>, i64)> {
    let condition = wanted.condition();
    let count = format!(
        "SELECT count(*) AS number FROM shares h JOIN servers s ON s.id = h.server_id WHERE {condition}"
    );
    let total: Count = diesel::sql_query(count).get_result(c)?;
    let page = format!("{SELECT} WHERE {condition} ORDER BY h.id LIMIT {limit} OFFSET {offset}");
    let rows: Vec<Row> = diesel::sql_query(page).load(c)?;
    Ok((rows.into_iter().map(share).collect::<QueryResult<_>>()?, total.number))
}

/// The share of one server with somebody, if there is one.
///
/// # Errors
/// When the database fails.
pub fn find(c: &mut Conn, server: &ServerId, with: &With) -> QueryResult<Option<Share>> {
    let Some(known) = servers::by_id(c, server)? else { return Ok(None) };
    let query = format!("{SELECT} WHERE h.server_id = {}", known.id);
    let rows: Vec<Row> = diesel::sql_query(query).load(c)?;
    for row in rows {
        let share = share(row)?;
        if share.with == *with {
            return Ok(Some(share));
        }
    }
    Ok(None)
}

/// Adds a share, or adds scopes to the one that there is.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] where the server, the user or the group is not there.
pub fn grant(
    c: &mut Conn,
    server: &ServerId,
    with: &With,
    scopes: &[Scope],
    now_us: i64,
) -> QueryResult<Share> {
    let known = servers::by_id(c, server)?.ok_or(diesel::result::Error::NotFound)?;
    if let Some(mut share) = find(c, server, with)? {
        let fresh: Vec<Scope> =
            scopes.iter().filter(|scope| !share.scopes.contains(scope)).cloned().collect();
        if !fresh.is_empty() {
            share.scopes.extend(fresh);
            share.scopes.sort_by_key(Scope::to_string);
            set_scopes(c, &share)?;
        }
        return Ok(share);
    }
    let (user_id, group_id) = match with {
        With::User(user) => (Some(users::id_of(c, user)?), None),
        With::Group(group) => (None, Some(groups::id_of(c, group)?)),
    };
    let id = revision::advance(c, "share_id", 1)?;
    let values = (
        dsl::id.eq(id),
        dsl::server_id.eq(known.id),
        dsl::user_id.eq(user_id),
        dsl::group_id.eq(group_id),
        dsl::scopes.eq(json::bare(scopes)?),
        dsl::created_us.eq(now_us),
    );
    diesel::insert_into(dsl::shares).values(values).execute(c)?;
    revision::bump_directory(c)?;
    find(c, server, with)?.ok_or(diesel::result::Error::NotFound)
}

/// Keeps the scopes of a share as they are now. Without any the share is removed.
///
/// # Errors
/// When the database fails.
pub fn set_scopes(c: &mut Conn, share: &Share) -> QueryResult<()> {
    let row = dsl::shares.filter(dsl::id.eq(share.id));
    if share.scopes.is_empty() {
        diesel::delete(row).execute(c)?;
    } else {
        diesel::update(row).set(dsl::scopes.eq(json::bare(&share.scopes)?)).execute(c)?;
    }
    revision::bump_directory(c)
}

/// Removes every share of one server, by its row; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_of_server(c: &mut Conn, server_id: i64) -> QueryResult<usize> {
    let gone = diesel::delete(dsl::shares.filter(dsl::server_id.eq(server_id))).execute(c)?;
    if gone > 0 {
        revision::bump_directory(c)?;
    }
    Ok(gone)
}
