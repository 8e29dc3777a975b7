//! JupyterHub's model of a group, with the keys that the reader's scopes show, and what bodies about groups hold.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use diesel::QueryResult;
use serde_json::{Map, Value, json};

use crate::answer::Failure;
use crate::api::body::bad;
use crate::api::operation::{Field, Fields, Kind};
use crate::domain::entity::GroupName;
use crate::domain::scope::{Base, Target};
use crate::extract::Caller;
use crate::store::{Conn, groups, standing};

/// Most members that one request may name.
const MEMBERS_MAX: usize = 10_000;

/// What a body about one group holds.
pub const GROUP: Fields = Fields {
    of: "group",
    closed: true,
    fields: &[
        Field::new("name", Kind::Text),
        Field::new("users", Kind::Texts),
        Field::new("roles", Kind::Texts),
    ],
};

/// Keys of a group, and the scopes of which each shows some.
const KEYS: [(Base, &[&str]); 3] = [
    (Base::ReadGroups, &["kind", "name", "properties", "users"]),
    (Base::ReadGroupsName, &["kind", "name"]),
    (Base::ReadRolesGroups, &["kind", "name", "roles"]),
];

/// A group as this caller may see it.
#[must_use]
pub fn model(caller: &Caller, group: &groups::Group) -> Map<String, Value> {
    let directory = caller.hub.directory();
    let target = Target::Group(&group.name);
    let shown: BTreeSet<&str> = KEYS
        .iter()
        .filter(|(base, _)| caller.may(base, &target))
        .flat_map(|(_, keys)| keys.iter().copied())
        .collect();
    let value = |key: &str| match key {
        "kind" => "group".into(),
        "name" => group.name.as_str().into(),
        "properties" => group.properties.clone().into(),
        "users" => json!(directory.members(&group.name)),
        _ => json!(directory.roles_of_group(&group.name)),
    };
    shown.into_iter().map(|key| (key.to_owned(), value(key))).collect()
}

/// The group that a path names, for a caller who holds one of these scopes for it.
///
/// # Errors
/// As [`Caller::require`]; 404 for what cannot be a group.
pub fn named(caller: &Caller, any_of: &[Base], name: &str) -> Result<GroupName, Failure> {
    match name.parse::<GroupName>() {
        Ok(group) => caller.require(any_of, &Target::Group(&group)).map(|()| group),
        Err(_) if any_of.iter().any(|base| caller.may(base, &Target::Any)) => Err(absent(name)),
        Err(_) => {
            caller.require_some(any_of)?;
            Err(Failure::new(StatusCode::NOT_FOUND, "No access to resources or resources not found"))
        }
    }
}

/// 404 for a group that is not there.
#[must_use]
pub fn absent(name: &str) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("No such group: {name}"))
}

/// The names in the field `users`, in the form that users have.
///
/// # Errors
/// 400 for too many.
pub fn members(fields: &Map<String, Value>) -> Result<Option<Vec<String>>, Failure> {
    let Some(list) = fields.get("users").and_then(Value::as_array) else { return Ok(None) };
    if list.len() > MEMBERS_MAX {
        return Err(bad(format!("group.users holds more than {MEMBERS_MAX} names; send them in parts")));
    }
    Ok(Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
}

/// Rows of users by their names, each once.
///
/// # Errors
/// When the database fails; inside, 400 for a name that nobody has.
pub fn rows(c: &mut Conn, names: &[String]) -> QueryResult<Result<Vec<i64>, Failure>> {
    let mut rows = Vec::new();
    for name in names {
        let user = match standing::named(c, name)? {
            None => standing::named(c, &name.to_lowercase())?,
            user => user,
        };
        let Some(user) = user else {
            let shown: String = name.to_lowercase().escape_debug().take(64).collect();
            return Ok(Err(bad(format!("No such user: {shown}"))));
        };
        if !rows.contains(&user.id) {
            rows.push(user.id);
        }
    }
    Ok(Ok(rows))
}
