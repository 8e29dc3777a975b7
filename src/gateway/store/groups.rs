//! Groups of users, and who is in them.

use std::collections::BTreeSet;

use diesel::dsl::{AsExprOf, sql};
use diesel::expression::{SqlLiteral, UncheckedBind};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use hubgate_protocol::Username;

use super::json::{self, Object};
use super::schema::group_members::dsl as membership;
use super::schema::groups::dsl;
use super::schema::users::dsl as person;
use super::users::username;
use super::{Conn, revision};
use crate::domain::entity::GroupName;

/// A group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Never used twice.
    pub id: i64,
    /// The name.
    pub name: GroupName,
    /// What somebody noted of it: a JSON object that means nothing here.
    pub properties: Object,
}

type Row = (i64, String, String);

fn group((id, name, properties): Row) -> QueryResult<Group> {
    Ok(Group { id, name: json::parsed(&name)?, properties: json::object(&properties)? })
}

/// The group of that name.
///
/// # Errors
/// When the database fails; an absent group is `None`.
pub fn by_name(c: &mut Conn, name: &GroupName) -> QueryResult<Option<Group>> {
    dsl::groups.filter(dsl::name.eq(name.as_str())).first::<Row>(c).optional()?.map(group).transpose()
}

/// Row of the group of that name.
pub(super) fn id_of(c: &mut Conn, name: &GroupName) -> QueryResult<i64> {
    dsl::groups.filter(dsl::name.eq(name.as_str())).select(dsl::id).first(c)
}

/// Adds a group without members; its id.
///
/// # Errors
/// A unique violation where the name is taken.
pub fn insert(c: &mut Conn, name: &GroupName, properties: &Object) -> QueryResult<i64> {
    let id = revision::advance(c, "group_id", 1)?;
    let values = (dsl::id.eq(id), dsl::name.eq(name.as_str()), dsl::properties.eq(json::text(properties)?));
    diesel::insert_into(dsl::groups).values(values).execute(c)?;
    revision::bump_directory(c)?;
    Ok(id)
}

/// Removes a group with its memberships and what was shared with it; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, name: &GroupName) -> QueryResult<bool> {
    let gone = diesel::delete(dsl::groups.filter(dsl::name.eq(name.as_str()))).execute(c)?;
    if gone > 0 {
        revision::bump_directory(c)?;
    }
    Ok(gone > 0)
}

/// Replaces the properties of a group.
///
/// # Errors
/// When the database fails. A group that is not there is left so.
pub fn set_properties(c: &mut Conn, id: i64, properties: &Object) -> QueryResult<()> {
    let row = dsl::groups.filter(dsl::id.eq(id));
    diesel::update(row).set(dsl::properties.eq(json::text(properties)?)).execute(c).map(drop)
}

/// Members by the order in which they were made users.
///
/// # Errors
/// When the database fails.
pub fn members(c: &mut Conn, id: i64) -> QueryResult<Vec<Username>> {
    let names: Vec<String> = membership::group_members
        .inner_join(person::users)
        .filter(membership::group_id.eq(id))
        .order(person::id.asc())
        .select(person::name)
        .load(c)?;
    names.iter().map(|name| username(name)).collect()
}

/// Makes users, by their ids, members; those who are already stay so.
///
/// # Errors
/// A foreign-key violation where a user or the group has just been removed.
pub fn add_members(c: &mut Conn, id: i64, users: &[i64]) -> QueryResult<()> {
    let mut changed = false;
    for user in users {
        let here = membership::group_id.eq(id).and(membership::user_id.eq(user));
        let known: i64 = membership::group_members.filter(here).count().get_result(c)?;
        if known == 0 {
            let values = (membership::group_id.eq(id), membership::user_id.eq(user));
            diesel::insert_into(membership::group_members).values(values).execute(c)?;
            changed = true;
        }
    }
    if changed { revision::bump_directory(c) } else { Ok(()) }
}

/// Ends memberships, by the ids of the users.
///
/// # Errors
/// When the database fails.
pub fn remove_members(c: &mut Conn, id: i64, users: &[i64]) -> QueryResult<()> {
    for user in users {
        let here = membership::group_id.eq(id).and(membership::user_id.eq(user));
        diesel::delete(membership::group_members.filter(here)).execute(c)?;
    }
    revision::bump_directory(c)
}

type Listed = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, AsExprOf<String, Text>>>;

/// The name is one of a JSON list.
fn listed(names: &str) -> Listed {
    sql::<Bool>("name IN (SELECT value FROM json_each(").bind::<Text, _>(names.to_owned()).sql("))")
}

/// One page of the groups, by id, and how many there are in all. `only` bounds both to these names.
///
/// # Errors
/// When the database fails.
pub fn list(
    c: &mut Conn,
    only: Option<&BTreeSet<GroupName>>,
    offset: i64,
    limit: i64,
) -> QueryResult<(Vec<Group>, i64)> {
    let names = only.map(json::list).transpose()?;
    let total = match &names {
        Some(names) => dsl::groups.filter(listed(names)).count().get_result(c)?,
        None => dsl::groups.count().get_result(c)?,
    };
    let page = dsl::groups.order(dsl::id.asc()).offset(offset).limit(limit);
    let rows: Vec<Row> = match &names {
        Some(names) => page.filter(listed(names)).load(c)?,
        None => page.load(c)?,
    };
    Ok((rows.into_iter().map(group).collect::<QueryResult<_>>()?, total))
}

/// All memberships.
///
/// # Errors
/// When the database fails.
pub fn memberships(c: &mut Conn) -> QueryResult<Vec<(GroupName, Username)>> {
    let rows: Vec<(String, String)> = membership::group_members
        .inner_join(dsl::groups)
        .inner_join(person::users)
        .select((dsl::name, person::name))
        .load(c)?;
    rows.iter().map(|(group, user)| Ok((json::parsed(group)?, username(user)?))).collect()
}
