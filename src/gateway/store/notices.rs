//! Announcements: what administrators tell people.

use diesel::prelude::*;

use super::schema::announcements::dsl;
use super::{Conn, json, revision};
use crate::domain::notice::{Announcement, Level, Notice};

type Row = (i64, String, String, String, Option<i64>, Option<i64>, String);

fn notice((id, text, level, groups, starts_s, ends_s, author): Row) -> QueryResult<Notice> {
    let groups = json::texts(&groups)?.iter().map(|name| json::parsed(name)).collect::<QueryResult<_>>()?;
    let level = Level::of_word(&level).unwrap_or_default();
    Ok(Notice { id, said: Announcement { text, level, groups, starts_s, ends_s }, author })
}

/// All of them, the newest first.
///
/// # Errors
/// When the database fails.
pub fn all(c: &mut Conn) -> QueryResult<Vec<Notice>> {
    let rows: Vec<Row> = dsl::announcements.order(dsl::id.desc()).load(c)?;
    rows.into_iter().map(notice).collect()
}

/// The one of that id.
///
/// # Errors
/// When the database fails; an absent one is `None`.
pub fn by_id(c: &mut Conn, id: i64) -> QueryResult<Option<Notice>> {
    dsl::announcements.filter(dsl::id.eq(id)).first::<Row>(c).optional()?.map(notice).transpose()
}

/// Adds one.
///
/// # Errors
/// When the database fails.
pub fn insert(c: &mut Conn, said: &Announcement, author: &str) -> QueryResult<Notice> {
    let id = revision::advance(c, "announcement_id", 1)?;
    let values = (
        dsl::id.eq(id),
        dsl::text.eq(&said.text),
        dsl::level.eq(said.level.word()),
        dsl::groups.eq(json::list(&said.groups)?),
        dsl::starts_s.eq(said.starts_s),
        dsl::ends_s.eq(said.ends_s),
        dsl::author.eq(author),
    );
    diesel::insert_into(dsl::announcements).values(values).execute(c)?;
    revision::bump_notices(c)?;
    Ok(Notice { id, said: said.clone(), author: author.to_owned() })
}

/// Puts something else in the place of what is announced. One that is not there is left so.
///
/// # Errors
/// When the database fails.
pub fn change(c: &mut Conn, id: i64, said: &Announcement) -> QueryResult<()> {
    let values = (
        dsl::text.eq(&said.text),
        dsl::level.eq(said.level.word()),
        dsl::groups.eq(json::list(&said.groups)?),
        dsl::starts_s.eq(said.starts_s),
        dsl::ends_s.eq(said.ends_s),
    );
    diesel::update(dsl::announcements.filter(dsl::id.eq(id))).set(values).execute(c)?;
    revision::bump_notices(c)
}

/// Removes one.
///
/// # Errors
/// When the database fails. One that is not there is left so.
pub fn delete(c: &mut Conn, id: i64) -> QueryResult<()> {
    diesel::delete(dsl::announcements.filter(dsl::id.eq(id))).execute(c)?;
    revision::bump_notices(c)
}
