//! Columns that hold JSON or a name: what was written by this program reads back, anything else is a broken row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use diesel::QueryResult;
use diesel::result::Error;
use hubgate_protocol::ServerId;
use serde_json::{Map, Value};

use crate::domain::scope::{Filter, Scope, ScopeFilter};

/// A JSON object, as `properties`, `user_options` and a service's description are.
pub type Object = Map<String, Value>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The value that a text column holds.
pub(super) fn parsed<T: FromStr<Err: Into<Cause>>>(text: &str) -> QueryResult<T> {
    text.parse().map_err(|error: T::Err| Error::DeserializationError(error.into()))
}

/// The object that a column holds.
pub(super) fn object(text: &str) -> QueryResult<Object> {
    serde_json::from_str(text).map_err(|error| Error::DeserializationError(error.into()))
}

/// An object as text.
pub(super) fn text(object: &Object) -> QueryResult<String> {
    serde_json::to_string(object).map_err(|error| Error::SerializationError(error.into()))
}

/// The texts that a column holds.
pub(super) fn texts(text: &str) -> QueryResult<Vec<String>> {
    serde_json::from_str(text).map_err(|error| Error::DeserializationError(error.into()))
}

/// The scopes that a column holds.
pub(super) fn scopes(text: &str) -> QueryResult<Vec<Scope>> {
    texts(text)?.iter().map(|text| parsed(text)).collect()
}

/// Things that have a text form, as a JSON list.
pub(super) fn list<T: Display>(all: impl IntoIterator<Item = T>) -> QueryResult<String> {
    let texts: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    serde_json::to_string(&texts).map_err(|error| Error::SerializationError(error.into()))
}

/// Numbers by name, as a JSON object.
pub(super) fn pairs<K: Display>(all: &BTreeMap<K, i64>) -> QueryResult<String> {
    let pairs: BTreeMap<String, i64> = all.iter().map(|(key, value)| (key.to_string(), *value)).collect();
    serde_json::to_string(&pairs).map_err(|error| Error::SerializationError(error.into()))
}

/// Scopes without their filters: that of a share is its server, whatever the server is called later.
pub(super) fn bare(scopes: &[Scope]) -> QueryResult<String> {
    let bases: BTreeSet<String> = scopes.iter().map(|scope| scope.base.to_string()).collect();
    list(bases)
}

/// Scopes that were kept without filter, filtered to `server`.
pub(super) fn scopes_of(text: &str, server: &ServerId) -> QueryResult<Vec<Scope>> {
    let filter = || Some(ScopeFilter::Of(Filter::Server(server.clone())));
    Ok(scopes(text)?.into_iter().map(|scope| Scope { filter: filter(), ..scope }).collect())
}
