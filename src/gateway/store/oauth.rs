//! OAuth clients of users' servers, and codes that wait for their exchange.

use diesel::prelude::*;
use hubgate_protocol::{ServerId, Username};

use super::hash::{Hash, hex, unhex};
use super::schema::oauth_clients::dsl;
use super::schema::oauth_codes::dsl as codes;
use super::schema::servers::dsl as server;
use super::schema::tokens::dsl as tokens;
use super::schema::users::dsl as person;
use super::{Conn, json, revision, servers, users};
use crate::domain::scope::Scope;

/// The OAuth client that a server is.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerClient {
    /// The client id.
    pub identifier: String,
    /// Which server.
    pub server: ServerId,
    /// SHA-256 of the client secret, which is the server's API token.
    pub secret_hash: Hash,
    /// The one address that codes are sent to.
    pub redirect_uri: String,
    /// What people read on the consent page.
    pub description: String,
    /// What it may ask for beyond reaching the server.
    pub allowed_scopes: Vec<Scope>,
}

/// A code that waits for its exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Code {
    /// Whom it was issued to.
    pub client_id: String,
    /// Who gave it.
    pub user: Username,
    /// Public id of the login in which it was given.
    pub session_id: Option<String>,
    /// Where it was sent.
    pub redirect_uri: String,
    /// What it stands for.
    pub scopes: Vec<Scope>,
    /// PKCE: the challenge and its method.
    pub challenge: Option<(String, String)>,
    /// End, microseconds since 1970.
    pub expires_us: i64,
}

/// Makes a server's client known; one that the server had before is replaced, its tokens stay.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] where the owner of the server has just been removed.
pub fn put_client(c: &mut Conn, client: &ServerClient, now_us: i64) -> QueryResult<()> {
    let server_id = servers::ensure(c, &client.server, now_us)?.id;
    diesel::delete(dsl::oauth_clients.filter(dsl::server_id.eq(server_id))).execute(c)?;
    let values = (
        dsl::identifier.eq(&client.identifier),
        dsl::server_id.eq(server_id),
        dsl::secret_hash.eq(hex(&client.secret_hash)),
        dsl::redirect_uri.eq(&client.redirect_uri),
        dsl::description.eq(&client.description),
        dsl::allowed_scopes.eq(json::list(&client.allowed_scopes)?),
    );
    diesel::insert_into(dsl::oauth_clients).values(values).execute(c).map(drop)
}

/// The client of that identifier.
///
/// # Errors
/// When the database fails; an absent client is `None`.
pub fn client(c: &mut Conn, identifier: &str) -> QueryResult<Option<ServerClient>> {
    type Row = (String, String, String, String, String, String);
    let columns = (
        person::name,
        server::name,
        dsl::secret_hash,
        dsl::redirect_uri,
        dsl::description,
        dsl::allowed_scopes,
    );
    let row: Option<Row> = dsl::oauth_clients
        .inner_join(server::servers.inner_join(person::users))
        .filter(dsl::identifier.eq(identifier))
        .select(columns)
        .first(c)
        .optional()?;
    let Some((user, name, secret_hash, redirect_uri, description, allowed)) = row else { return Ok(None) };
    Ok(Some(ServerClient {
        identifier: identifier.to_owned(),
        server: ServerId { user: json::parsed(&user)?, server: json::parsed(&name)? },
        secret_hash: unhex(&secret_hash)?,
        redirect_uri,
        description,
        allowed_scopes: json::scopes(&allowed)?,
    }))
}

/// Forgets the client that a server is, with its codes and every token that was issued to it; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete_client(c: &mut Conn, identifier: &str) -> QueryResult<bool> {
    let gone = diesel::delete(dsl::oauth_clients.filter(dsl::identifier.eq(identifier))).execute(c)?;
    diesel::delete(codes::oauth_codes.filter(codes::client_id.eq(identifier))).execute(c)?;
    let tokens = diesel::delete(tokens::tokens.filter(tokens::client_id.eq(identifier))).execute(c)?;
    if tokens > 0 {
        revision::bump_rights(c)?;
    }
    Ok(gone > 0)
}

/// Forgets the client that one server, by row, is.
///
/// # Errors
/// When the database fails.
pub fn delete_client_of(c: &mut Conn, server_id: i64) -> QueryResult<()> {
    let own = dsl::oauth_clients.filter(dsl::server_id.eq(server_id)).select(dsl::identifier);
    match own.first::<String>(c).optional()? {
        Some(identifier) => delete_client(c, &identifier).map(drop),
        None => Ok(()),
    }
}

/// Forgets the clients that the servers of one user, by row, are.
pub(super) fn delete_clients_of(c: &mut Conn, user_id: i64) -> QueryResult<()> {
    let joined = dsl::oauth_clients.inner_join(server::servers).filter(server::user_id.eq(user_id));
    let all: Vec<String> = joined.select(dsl::identifier).load(c)?;
    all.iter().try_for_each(|identifier| delete_client(c, identifier).map(drop))
}

/// Keeps a code.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] where the user has just been removed.
pub fn insert_code(c: &mut Conn, hash: &Hash, code: &Code) -> QueryResult<()> {
    let user_id = users::id_of(c, &code.user)?;
    let challenge = code.challenge.as_ref();
    let values = (
        codes::hash.eq(hex(hash)),
        codes::client_id.eq(&code.client_id),
        codes::user_id.eq(user_id),
        codes::session_id.eq(code.session_id.as_deref()),
        codes::redirect_uri.eq(&code.redirect_uri),
        codes::scopes.eq(json::list(&code.scopes)?),
        codes::code_challenge.eq(challenge.map(|(challenge, _)| challenge)),
        codes::code_challenge_method.eq(challenge.map(|(_, method)| method)),
        codes::expires_us.eq(code.expires_us),
    );
    diesel::insert_into(codes::oauth_codes).values(values).execute(c).map(drop)
}

/// Reads a code that has not ended, and leaves it: a client that gives wrong proof does not use it up.
///
/// # Errors
/// When the database fails; an absent code is `None`.
pub fn code(c: &mut Conn, hash: &Hash, now_us: i64) -> QueryResult<Option<Code>> {
    type Row = (String, String, Option<String>, String, String, Option<String>, Option<String>, i64);
    let columns = (
        codes::client_id,
        person::name,
        codes::session_id,
        codes::redirect_uri,
        codes::scopes,
        codes::code_challenge,
        codes::code_challenge_method,
        codes::expires_us,
    );
    let row: Option<Row> = codes::oauth_codes
        .inner_join(person::users)
        .filter(codes::hash.eq(hex(hash)).and(codes::expires_us.gt(now_us)))
        .select(columns)
        .first(c)
        .optional()?;
    let Some((client_id, user, session_id, redirect_uri, scopes, challenge, method, expires_us)) = row else {
        return Ok(None);
    };
    Ok(Some(Code {
        client_id,
        user: json::parsed(&user)?,
        session_id,
        redirect_uri,
        scopes: json::scopes(&scopes)?,
        challenge: challenge.zip(method),
        expires_us,
    }))
}

/// Uses a code up; whether it was still there. Only the one who gets `true` may exchange it.
///
/// # Errors
/// When the database fails.
pub fn delete_code(c: &mut Conn, hash: &Hash) -> QueryResult<bool> {
    let gone = diesel::delete(codes::oauth_codes.filter(codes::hash.eq(hex(hash)))).execute(c)?;
    Ok(gone > 0)
}

/// Removes codes that nobody exchanged in time; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_expired_codes(c: &mut Conn, now_us: i64) -> QueryResult<usize> {
    diesel::delete(codes::oauth_codes.filter(codes::expires_us.le(now_us))).execute(c)
}
