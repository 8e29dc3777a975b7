//! The spellings of names for people, beside the names: see [`spelled`].

use diesel::prelude::*;

use super::Conn;
use super::schema::spellings::dsl;
use super::schema::users::dsl as person;
use crate::domain::spelling::spelled;

/// Notes how a user's name for people is spelled; `None` where they have none.
///
/// # Errors
/// When the database fails.
pub(super) fn note(c: &mut Conn, user_id: i64, display_name: Option<&str>) -> QueryResult<()> {
    diesel::delete(dsl::spellings.find(user_id)).execute(c)?;
    let Some(name) = display_name else { return Ok(()) };
    let values = (dsl::user_id.eq(user_id), dsl::spelled.eq(spelled(name)));
    diesel::insert_into(dsl::spellings).values(values).execute(c).map(drop)
}

/// Notes the spellings of users who came from a release that kept none; how many there were.
///
/// # Errors
/// When the database fails.
pub fn fill(c: &mut Conn) -> QueryResult<usize> {
    let rows: Vec<(i64, Option<String>)> = person::users
        .left_join(dsl::spellings)
        .filter(person::display_name.is_not_null().and(dsl::user_id.is_null()))
        .select((person::id, person::display_name))
        .load(c)?;
    for (id, name) in &rows {
        note(c, *id, name.as_deref())?;
    }
    Ok(rows.len())
}
