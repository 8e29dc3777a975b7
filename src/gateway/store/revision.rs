//! One number that grows with every change of rights: a process that polls it notices what others did.

use diesel::prelude::*;

use super::Conn;
use super::schema::counters::dsl::{counters, name, value};

const RIGHTS: &str = "rights";

/// The number now.
///
/// # Errors
/// When the database fails.
pub fn read(c: &mut Conn) -> QueryResult<i64> {
    counters.filter(name.eq(RIGHTS)).select(value).first(c)
}

/// Counts one change; belongs into the transaction of that change.
pub(super) fn bump(c: &mut Conn) -> QueryResult<()> {
    advance(c, RIGHTS, 1).map(drop)
}

/// Moves a counter on by `step`; its new value.
pub(super) fn advance(c: &mut Conn, counter: &str, step: i64) -> QueryResult<i64> {
    diesel::update(counters.filter(name.eq(counter))).set(value.eq(value + step)).execute(c)?;
    counters.filter(name.eq(counter)).select(value).first(c)
}
