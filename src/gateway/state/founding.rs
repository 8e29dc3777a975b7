//! What the configuration wants to exist: groups and users that roles and groups name are made at start.

use diesel::QueryResult;
use hubgate_protocol::Username;

use crate::config::Config;
use crate::domain::entity::GroupName;
use crate::store::{Conn, NewUser, Standing, groups, users};

/// Makes what is missing; what is there keeps its members and gains those that are named.
///
/// # Errors
/// When the database fails.
pub fn lay(c: &mut Conn, config: &Config, now_s: i64) -> QueryResult<()> {
    for role in &config.load_roles.0 {
        for name in &role.users {
            user(c, name, now_s)?;
        }
        for name in &role.groups {
            group(c, name)?;
        }
    }
    for spec in &config.load_groups.0 {
        let id = group(c, &spec.name)?;
        let known = groups::by_name(c, &spec.name)?.is_some_and(|group| group.properties == spec.properties);
        if !known && !spec.properties.is_empty() {
            groups::set_properties(c, id, &spec.properties)?;
        }
        let members: Vec<i64> =
            spec.users.iter().map(|name| user(c, name, now_s)).collect::<QueryResult<_>>()?;
        groups::add_members(c, id, &members)?;
    }
    Ok(())
}

fn user(c: &mut Conn, name: &Username, now_s: i64) -> QueryResult<i64> {
    if let Some(user) = users::by_name(c, name)? {
        return Ok(user.id);
    }
    let (name, standing) = (name.clone(), Standing::default());
    users::insert(c, &NewUser { name, admin: false, password_hash: None, created_s: now_s, standing })
}

fn group(c: &mut Conn, name: &GroupName) -> QueryResult<i64> {
    match groups::by_name(c, name)? {
        Some(group) => Ok(group.id),
        None => groups::insert(c, name, &serde_json::Map::new()),
    }
}
