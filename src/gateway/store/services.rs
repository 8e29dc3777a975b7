//! Services that were made at run time; those of the services file are nowhere in the database.

use diesel::prelude::*;

use super::hash::{Hash, hex, unhex};
use super::json::{self, Object};
use super::schema::services::dsl;
use super::schema::tokens::dsl as tokens;
use super::{Conn, revision};
use crate::domain::entity::ServiceName;

/// A service as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRow {
    /// The name.
    pub name: ServiceName,
    /// Its description, without its token.
    pub spec: Object,
    /// SHA-256 of its token; `None` for the token that the hub derives.
    pub token_hash: Option<Hash>,
    /// Microseconds since 1970.
    pub created_us: i64,
}

/// Adds a service.
///
/// # Errors
/// A unique violation where the name is taken.
pub fn insert(c: &mut Conn, new: &ServiceRow) -> QueryResult<()> {
    let values = (
        dsl::name.eq(new.name.as_str()),
        dsl::spec.eq(json::text(&new.spec)?),
        dsl::token_hash.eq(new.token_hash.as_ref().map(hex)),
        dsl::created_us.eq(new.created_us),
    );
    diesel::insert_into(dsl::services).values(values).execute(c)?;
    revision::bump_directory(c)
}

/// Removes a service with its tokens, and those that were issued to it; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, name: &ServiceName) -> QueryResult<bool> {
    let gone = diesel::delete(dsl::services.filter(dsl::name.eq(name.as_str()))).execute(c)?;
    let own = tokens::service.eq(name.as_str()).or(tokens::client_service.eq(name.as_str()));
    diesel::delete(tokens::tokens.filter(own)).execute(c)?;
    revision::bump_rights(c)?;
    revision::bump_directory(c)?;
    Ok(gone > 0)
}

/// All of them.
///
/// # Errors
/// When the database fails.
pub fn all(c: &mut Conn) -> QueryResult<Vec<ServiceRow>> {
    let rows: Vec<(String, String, Option<String>, i64)> = dsl::services.order(dsl::name.asc()).load(c)?;
    let read = |(name, spec, hash, created_us): (String, String, Option<String>, i64)| {
        let token_hash = hash.as_deref().map(unhex).transpose()?;
        Ok(ServiceRow { name: json::parsed(&name)?, spec: json::object(&spec)?, token_hash, created_us })
    };
    rows.into_iter().map(read).collect()
}
