//! Numbers that grow with every change: a process that polls them notices what others did.

use diesel::prelude::*;

use super::Conn;
use super::schema::counters::dsl::{counters, name, value};

const RIGHTS: &str = "rights";
const DIRECTORY: &str = "directory";
const NOTICES: &str = "notices";

/// What memory was read at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revisions {
    /// Of sessions, tokens and who administers.
    pub rights: i64,
    /// Of administrators, groups and their members, named servers, shares and services.
    pub directory: i64,
    /// Of announcements.
    pub notices: i64,
}

impl Revisions {
    /// Before anything was read.
    pub const NONE: Self = Self { rights: -1, directory: -1, notices: -1 };
}

/// The numbers now.
///
/// # Errors
/// When the database fails.
pub fn read(c: &mut Conn) -> QueryResult<Revisions> {
    let known = name.eq_any([RIGHTS, DIRECTORY, NOTICES]);
    let rows: Vec<(String, i64)> = counters.filter(known).select((name, value)).load(c)?;
    let of = |which: &str| rows.iter().find(|(row, _)| row == which).map_or(0, |(_, number)| *number);
    Ok(Revisions { rights: of(RIGHTS), directory: of(DIRECTORY), notices: of(NOTICES) })
}

/// Counts one change of sessions or tokens; belongs into the transaction of that change.
pub(super) fn bump_rights(c: &mut Conn) -> QueryResult<()> {
    advance(c, RIGHTS, 1).map(drop)
}

/// Counts one change of what a directory shows; belongs into the transaction of that change.
pub(super) fn bump_directory(c: &mut Conn) -> QueryResult<()> {
    advance(c, DIRECTORY, 1).map(drop)
}

/// Counts one change of the announcements; belongs into the transaction of that change.
pub(super) fn bump_notices(c: &mut Conn) -> QueryResult<()> {
    advance(c, NOTICES, 1).map(drop)
}

/// Writes something: for [`super::Store::rehearse`], to find out whether that works.
///
/// # Errors
/// When the database cannot be written.
pub fn touch(c: &mut Conn) -> QueryResult<()> {
    bump_notices(c)
}

/// Moves a counter on by `step`; its new value.
pub(super) fn advance(c: &mut Conn, counter: &str, step: i64) -> QueryResult<i64> {
    diesel::update(counters.filter(name.eq(counter))).set(value.eq(value + step)).execute(c)?;
    counters.filter(name.eq(counter)).select(value).first(c)
}
