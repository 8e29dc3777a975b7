//! Users as lists show them: all of them at once, and one of them made so.

use std::collections::BTreeMap;

use diesel::prelude::*;
use hubgate_protocol::Username;

use super::schema::users::dsl;
use super::{Conn, groups, spellings, standing, users};
use crate::domain::roster::Entry;
use crate::store::json::Object;

type Row = (String, bool, Option<String>, Option<String>, Option<String>, Option<i64>);

/// Everybody.
///
/// # Errors
/// When the database fails.
pub fn entries(c: &mut Conn) -> QueryResult<BTreeMap<Username, Entry>> {
    let columns = (dsl::name, dsl::admin, dsl::password_hash, dsl::display_name, dsl::login, dsl::expires_s);
    let rows: Vec<Row> = dsl::users.select(columns).load(c)?;
    let mut entries = BTreeMap::new();
    for (name, admin, hash, display_name, login, expires_s) in rows {
        let broken = |error| diesel::result::Error::DeserializationError(Box::new(error));
        let login = login.map(|login| login.parse()).transpose();
        let login = login.map_err(|error: hubgate_protocol::NameError| broken(error))?;
        let (groups, password) = (std::collections::BTreeSet::new(), hash.is_some());
        let entry = Entry { admin, groups, display_name, login, expires_s, password };
        entries.insert(users::username(&name)?, entry);
    }
    for (group, user) in groups::memberships(c)? {
        if let Some(entry) = entries.get_mut(&user) {
            entry.groups.insert(group);
        }
    }
    Ok(entries)
}

/// Makes a user's row and groups say what `after` says; groups that are missing are made. Passwords are set elsewhere.
///
/// # Errors
/// [`diesel::result::Error::NotFound`] where there is no such user; a unique violation where the login name is taken.
pub fn put(c: &mut Conn, name: &Username, before: &Entry, after: &Entry) -> QueryResult<()> {
    let id = users::id_of(c, name)?;
    let values = (
        dsl::admin.eq(after.admin),
        dsl::display_name.eq(after.display_name.as_deref()),
        dsl::expires_s.eq(after.expires_s),
    );
    diesel::update(dsl::users.find(id)).set(values).execute(c)?;
    spellings::note(c, id, after.display_name.as_deref())?;
    if before.login != after.login {
        standing::set_login(c, name, after.login.as_ref())?;
    }
    for group in after.groups.difference(&before.groups) {
        let known = groups::by_name(c, group)?;
        let group = match known {
            Some(group) => group.id,
            None => groups::insert(c, group, &Object::new())?,
        };
        groups::add_members(c, group, &[id])?;
    }
    for group in before.groups.difference(&after.groups) {
        if let Some(group) = groups::by_name(c, group)? {
            groups::remove_members(c, group.id, &[id])?;
        }
    }
    users::bump(c)
}
