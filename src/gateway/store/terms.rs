//! Which text of the site's terms somebody has accepted.

use diesel::prelude::*;
use hubgate_protocol::Username;

use super::hash::hex;
use super::schema::{accepted_terms, users};
use super::{Conn, Hash};

/// Whether a user has accepted the text of that SHA-256.
///
/// # Errors
/// Those of the database.
pub fn accepted(c: &mut Conn, user: &Username, version: &Hash) -> QueryResult<bool> {
    let rows = accepted_terms::table.inner_join(users::table);
    let own = rows.filter(users::name.eq(user.as_str())).filter(accepted_terms::version.eq(hex(version)));
    Ok(own.count().get_result::<i64>(c)? > 0)
}

/// Notes that a user has accepted it, at `now_s` seconds since 1970. The first time counts.
///
/// # Errors
/// Those of the database.
pub fn accept(c: &mut Conn, user_id: i64, version: &Hash, now_s: i64) -> QueryResult<()> {
    let known = accepted_terms::table.find((user_id, hex(version)));
    if known.count().get_result::<i64>(c)? > 0 {
        return Ok(());
    }
    let values = (
        accepted_terms::user_id.eq(user_id),
        accepted_terms::version.eq(hex(version)),
        accepted_terms::accepted_s.eq(now_s),
    );
    diesel::insert_into(accepted_terms::table).values(values).execute(c)?;
    Ok(())
}
