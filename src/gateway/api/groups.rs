//! `GET /groups` and `POST /groups`: the groups that the caller may list, a page at a time; and new ones.

use std::collections::BTreeSet;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use diesel::QueryResult;
use log::info;
use serde_json::{Map, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad, checked};
use crate::api::group_model::{members, model, rows};
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::page::{LIMIT, OFFSET, Page};
use crate::api::stored::{self, audited};
use crate::domain::audit::Action;
use crate::domain::entity::GroupName;
use crate::domain::scope::{Access, Base, Target};
use crate::extract::Caller;
use crate::store::{Conn, groups};

/// Most groups that one request may create.
const CREATE_MAX: usize = 1000;

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/groups",
        summary: "Groups, a page at a time",
        scopes: &[Base::ListGroups],
        query: &[OFFSET, LIMIT],
        body: None,
        responses: &[200, 400, 403],
        route: || web::route().to(list),
    },
    Operation {
        method: Method::POST,
        path: "/groups",
        summary: "Create groups, all of them or none",
        scopes: &[Base::AdminGroups],
        query: &[],
        body: Some(CREATE),
        responses: &[201, 400, 403, 409],
        route: || web::route().to(create),
    },
];

const CREATE: Fields = Fields {
    of: "groups",
    closed: true,
    fields: &[
        Field::new("groups", Kind::Texts).required(),
        Field::new("name", Kind::Text),
        Field::new("users", Kind::Texts),
        Field::new("roles", Kind::Texts),
    ],
};

async fn list(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let only = listed(&caller)?;
    let page = Page::of(&request, &caller.hub.config)?;
    let (offset, limit) = (page.offset, page.limit);
    let (found, total) =
        stored::read(&caller.hub, move |c| groups::list(c, only.as_ref(), offset, limit)).await?;
    let models: Vec<_> = found.iter().map(|group| model(&caller, group)).collect();
    Ok(page.answer(&models, total))
}

/// The groups that the caller may list; `None` for all.
///
/// # Errors
/// 403 for who may list none.
pub fn listed(caller: &Caller) -> Result<Option<BTreeSet<GroupName>>, Failure> {
    caller.require_some(&[Base::ListGroups])?;
    match caller.scopes.access(&Base::ListGroups) {
        Access::All => Ok(None),
        Access::Only(filters)
            if filters.users.is_empty() && filters.servers.is_empty() && filters.services.is_empty() =>
        {
            Ok(Some(filters.groups.clone()))
        }
        Access::Only(_) | Access::None => Err(Failure::bare(StatusCode::FORBIDDEN)),
    }
}

async fn create(caller: Caller, body: Body) -> Result<HttpResponse, Failure> {
    caller.require(&[Base::AdminGroups], &Target::Any)?;
    let none = || bad("Must specify at least one group to create");
    let given = body.json()?.filter(|body| body.get("groups").is_some()).ok_or_else(none)?;
    let fields = checked(given, &CREATE)?;
    let names = names(&fields)?;
    if names.is_empty() {
        return Err(none());
    }
    let members = members(&fields)?.unwrap_or_default();
    let count = names.len();
    let created = stored::write(&caller.hub, move |c| insert(c, &names, &members)).await?;
    info!("groups created={count} by={}", caller.name());
    for group in &created {
        audited(&caller.hub, Action::GroupChanged, group.name.as_str(), json!({ "made": true })).await?;
    }
    let models: Vec<_> = created.iter().map(|group| model(&caller, group)).collect();
    Ok(answer::json(StatusCode::CREATED, &models))
}

fn names(fields: &Map<String, Value>) -> Result<Vec<GroupName>, Failure> {
    let list = fields.get("groups").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if list.len() > CREATE_MAX {
        return Err(bad(format!("groups.groups holds more than {CREATE_MAX} names; send them in parts")));
    }
    list.iter()
        .filter_map(Value::as_str)
        .map(|name| name.parse().map_err(|error| bad(format!("groups.groups: {error}"))))
        .collect()
}

/// Adds groups with the same members. Nothing is written when one of them exists or a member does not.
///
/// # Errors
/// When the database fails; inside, 409 and 400.
pub fn insert(
    c: &mut Conn,
    names: &[GroupName],
    members: &[String],
) -> QueryResult<Result<Vec<groups::Group>, Failure>> {
    let members = match rows(c, members)? {
        Ok(members) => members,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) || groups::by_name(c, name)?.is_some() {
            return Ok(Err(Failure::new(StatusCode::CONFLICT, format!("Group {name} already exists"))));
        }
    }
    let mut created = Vec::new();
    for name in names {
        let id = groups::insert(c, name, &Map::new())?;
        groups::add_members(c, id, &members)?;
        created.push(groups::Group { id, name: name.clone(), properties: Map::new() });
    }
    Ok(Ok(created))
}
