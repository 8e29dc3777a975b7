//! API tokens and OAuth access tokens. A token is known by its hash; its text is stored nowhere.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use hubgate_protocol::ServerId;
use openssl::sha::sha256;

use super::hash::{Hash, hex, unhex};
use super::json;
use super::schema::tokens::dsl;
use super::{Conn, revision, servers, users};
use crate::domain::imported::ImportedHash;
use crate::domain::scope::{Client, Owner, Scope};

/// A token as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenRow {
    /// Never used twice.
    pub id: i64,
    /// Of the token's text.
    pub hash: Hash,
    /// What it was made from.
    pub new: NewToken,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// Last use, microseconds since 1970.
    pub last_activity_us: Option<i64>,
    /// How it is recognized where it came from a JupyterHub; `hash` is of no use then.
    pub imported: Option<ImportedHash>,
}

/// A token to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewToken {
    /// Whose rights it can use.
    pub owner: Owner,
    /// The OAuth client that it is issued to: its identifier and what it is; `None` for a plain token.
    pub client: Option<(String, Client)>,
    /// The server that acts with it, where it is a server's own.
    pub server: Option<ServerId>,
    /// Public id of the login that it ends with.
    pub session_id: Option<String>,
    /// End, microseconds since 1970; `None` for no end.
    pub expires_us: Option<i64>,
    /// What it is for, at most 1023 characters.
    pub note: String,
    /// What was asked for. The owner's own rights bound them at every use.
    pub scopes: Vec<Scope>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    hash: String,
    #[diesel(sql_type = Nullable<Text>)]
    user_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    service: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    client_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    client_user: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    client_server: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    client_service: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    server_user: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    server_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    session_id: Option<String>,
    #[diesel(sql_type = BigInt)]
    created_us: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    expires_us: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_activity_us: Option<i64>,
    #[diesel(sql_type = Text)]
    note: String,
    #[diesel(sql_type = Text)]
    scopes: String,
    #[diesel(sql_type = Nullable<Text>)]
    imported: Option<String>,
}

const SELECT: &str = "SELECT t.id, t.hash, u.name AS user_name, t.service, t.client_id, cu.name AS client_user, \
     cs.name AS client_server, t.client_service, su.name AS server_user, s.name AS server_name, t.session_id, \
     t.created_us, t.expires_us, t.last_activity_us, t.note, t.scopes, t.imported FROM tokens t \
     LEFT JOIN users u ON u.id = t.user_id \
     LEFT JOIN servers cs ON cs.id = t.client_server_id LEFT JOIN users cu ON cu.id = cs.user_id \
     LEFT JOIN servers s ON s.id = t.server_id LEFT JOIN users su ON su.id = s.user_id";

fn server_id(user: Option<&String>, name: Option<&String>) -> QueryResult<Option<ServerId>> {
    let (Some(user), Some(name)) = (user, name) else { return Ok(None) };
    Ok(Some(ServerId { user: json::parsed(user)?, server: json::parsed(name)? }))
}

fn token(row: Row) -> QueryResult<TokenRow> {
    let owner = match (&row.user_name, &row.service) {
        (Some(user), _) => Owner::User(json::parsed(user)?),
        (None, service) => Owner::Service(json::parsed(service.as_deref().unwrap_or_default())?),
    };
    let issued_to =
        match (server_id(row.client_user.as_ref(), row.client_server.as_ref())?, &row.client_service) {
            (Some(server), _) => Some(Client::Server(server)),
            (None, Some(service)) => Some(Client::Service(json::parsed(service)?)),
            (None, None) => None,
        };
    let new = NewToken {
        owner,
        client: row.client_id.zip(issued_to),
        server: server_id(row.server_user.as_ref(), row.server_name.as_ref())?,
        session_id: row.session_id,
        expires_us: row.expires_us,
        note: row.note,
        scopes: json::scopes(&row.scopes)?,
    };
    let imported = row.imported.as_deref().map(json::parsed).transpose()?;
    let (hash, created_us, last_activity_us) = (unhex(&row.hash)?, row.created_us, row.last_activity_us);
    Ok(TokenRow { id: row.id, hash, new, created_us, last_activity_us, imported })
}

/// Adds a token; its id. Servers that it names are made known.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] where the owner has just been removed.
pub fn insert(c: &mut Conn, hash: &Hash, new: &NewToken, now_us: i64) -> QueryResult<i64> {
    let (user_id, service) = match &new.owner {
        Owner::User(user) => (Some(users::id_of(c, user)?), None),
        Owner::Service(service) => (None, Some(service.as_str())),
    };
    let (client_server, client_service) = match &new.client {
        Some((_, Client::Server(server))) => (Some(servers::ensure(c, server, now_us)?.id), None),
        Some((_, Client::Service(service))) => (None, Some(service.as_str())),
        None => (None, None),
    };
    let server = match &new.server {
        Some(server) => Some(servers::ensure(c, server, now_us)?.id),
        None => None,
    };
    let id = revision::advance(c, "token_id", 1)?;
    let values = (
        (dsl::id.eq(id), dsl::hash.eq(hex(hash)), dsl::user_id.eq(user_id), dsl::service.eq(service)),
        dsl::client_id.eq(new.client.as_ref().map(|(id, _)| id.as_str())),
        dsl::client_server_id.eq(client_server),
        dsl::client_service.eq(client_service),
        dsl::server_id.eq(server),
        dsl::session_id.eq(new.session_id.as_deref()),
        (dsl::created_us.eq(now_us), dsl::expires_us.eq(new.expires_us)),
        (dsl::note.eq(&new.note), dsl::scopes.eq(json::list(&new.scopes)?)),
    );
    diesel::insert_into(dsl::tokens).values(values).execute(c)?;
    revision::bump_rights(c)?;
    Ok(id)
}

/// Adds a token that came from a JupyterHub, with the times of its making and its last use; `None` where it is known
/// already.
///
/// # Errors
/// As [`insert`].
pub fn adopt(
    c: &mut Conn,
    imported: &ImportedHash,
    new: &NewToken,
    (created_us, last_activity_us): (i64, Option<i64>),
) -> QueryResult<Option<i64>> {
    let text = imported.to_string();
    let hash = sha256(text.as_bytes());
    let known: i64 = dsl::tokens.filter(dsl::hash.eq(hex(&hash))).count().get_result(c)?;
    if known > 0 {
        return Ok(None);
    }
    let id = insert(c, &hash, new, created_us)?;
    let row = dsl::tokens.filter(dsl::id.eq(id));
    let values = (dsl::imported.eq(text), dsl::last_activity_us.eq(last_activity_us));
    diesel::update(row).set(values).execute(c)?;
    Ok(Some(id))
}

/// Ends tokens by their ids; how many there were.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, ids: &[i64]) -> QueryResult<usize> {
    let mut gone = 0;
    for id in ids {
        gone += diesel::delete(dsl::tokens.filter(dsl::id.eq(id))).execute(c)?;
    }
    if gone > 0 {
        revision::bump_rights(c)?;
    }
    Ok(gone)
}

/// Ends all tokens of a user; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_of_user(c: &mut Conn, user_id: i64) -> QueryResult<usize> {
    let gone = diesel::delete(dsl::tokens.filter(dsl::user_id.eq(user_id))).execute(c)?;
    if gone > 0 {
        revision::bump_rights(c)?;
    }
    Ok(gone)
}

/// Removes tokens that have ended by themselves; how many. Nobody's rights change by that.
///
/// # Errors
/// When the database fails.
pub fn delete_expired(c: &mut Conn, now_us: i64) -> QueryResult<usize> {
    diesel::delete(dsl::tokens.filter(dsl::expires_us.le(now_us))).execute(c)
}

/// All tokens that have not ended. One that cannot be read (by a scope that is not known any more) opens nothing and is
/// left out.
///
/// # Errors
/// When the database fails.
pub fn live(c: &mut Conn, now_us: i64) -> QueryResult<Vec<TokenRow>> {
    let query = format!("{SELECT} WHERE t.expires_us IS NULL OR t.expires_us > {now_us}");
    let rows: Vec<Row> = diesel::sql_query(query).load(c)?;
    let read = |row: Row| {
        let id = row.id;
        token(row).inspect_err(|error| log::warn!("token a{id} is left out: {error}")).ok()
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Notes when tokens were last used, by id; never moves a time back.
///
/// # Errors
/// When the database fails.
pub fn touch(c: &mut Conn, seen: &[(i64, i64)]) -> QueryResult<()> {
    for (id, at_us) in seen {
        let older = dsl::last_activity_us.is_null().or(dsl::last_activity_us.lt(*at_us));
        let row = dsl::tokens.filter(dsl::id.eq(id)).filter(older);
        diesel::update(row).set(dsl::last_activity_us.eq(at_us)).execute(c)?;
    }
    Ok(())
}
