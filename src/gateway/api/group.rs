//! One group: `/groups/NAME`, its members and its properties.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use log::info;
use serde_json::{Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad, checked};
use crate::api::group_model::{GROUP, absent, members, model, named, rows};
use crate::api::groups::insert;
use crate::api::operation::{Fields, Operation};
use crate::api::stored::{self, audited};
use crate::domain::audit::Action;
use crate::domain::entity::GroupName;
use crate::domain::scope::{Base, Target};
use crate::extract::Caller;
use crate::store::{Object, groups};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/groups/{name}",
        summary: "One group",
        scopes: READ,
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(show),
    },
    Operation {
        method: Method::POST,
        path: "/groups/{name}",
        summary: "Create a group",
        scopes: &[Base::AdminGroups],
        query: &[],
        body: Some(GROUP),
        responses: &[201, 400, 403, 404, 409],
        route: || web::route().to(create),
    },
    Operation {
        method: Method::DELETE,
        path: "/groups/{name}",
        summary: "Delete a group",
        scopes: &[Base::DeleteGroups],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(delete),
    },
    Operation {
        method: Method::POST,
        path: "/groups/{name}/users",
        summary: "Add members",
        scopes: &[Base::Groups],
        query: &[],
        body: Some(GROUP),
        responses: &[200, 400, 403, 404],
        route: || web::route().to(add),
    },
    Operation {
        method: Method::DELETE,
        path: "/groups/{name}/users",
        summary: "Remove members",
        scopes: &[Base::Groups],
        query: &[],
        body: Some(GROUP),
        responses: &[200, 400, 403, 404],
        route: || web::route().to(remove),
    },
    Operation {
        method: Method::PUT,
        path: "/groups/{name}/properties",
        summary: "Replace the properties",
        scopes: &[Base::Groups],
        query: &[],
        body: Some(Fields { of: "properties", closed: false, fields: &[] }),
        responses: &[200, 400, 403, 404],
        route: || web::route().to(set_properties),
    },
];

const READ: &[Base] = &[Base::ReadGroups, Base::ReadGroupsName, Base::ReadRolesGroups];

async fn show(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let group = read(&caller, &name).await?;
    Ok(answer::json(StatusCode::OK, &model(&caller, &group)))
}

/// The group of that name, for a caller who may read something of it.
///
/// # Errors
/// As the operation answers them.
pub async fn read(caller: &Caller, name: &str) -> Result<groups::Group, Failure> {
    find(caller, &named(caller, READ, name)?).await
}

/// The group of that name, for a caller who may change its members.
///
/// # Errors
/// As the operations answer them.
pub async fn found(caller: &Caller, name: &str) -> Result<groups::Group, Failure> {
    find(caller, &named(caller, &[Base::Groups], name)?).await
}

async fn find(caller: &Caller, name: &GroupName) -> Result<groups::Group, Failure> {
    let asked = name.clone();
    stored::read(&caller.hub, move |c| groups::by_name(c, &asked)).await?.ok_or_else(|| absent(name.as_str()))
}

async fn create(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let Ok(name) = name.parse::<GroupName>() else {
        caller.require(&[Base::AdminGroups], &Target::Any)?;
        return Err(bad("The name in the path cannot be one of a group."));
    };
    caller.require(&[Base::AdminGroups], &Target::Group(&name))?;
    let members = match body.json()? {
        None | Some(Value::Null) => Vec::new(),
        Some(given) => members(&checked(given, &GROUP)?)?.unwrap_or_default(),
    };
    let wanted = name.clone();
    let created = stored::write(&caller.hub, move |c| insert(c, &[wanted], &members)).await?;
    info!("group created={name} by={}", caller.name());
    audited(&caller.hub, Action::GroupChanged, name.as_str(), json!({ "made": true })).await?;
    let models: Vec<_> = created.iter().map(|group| model(&caller, group)).collect();
    Ok(answer::json(StatusCode::CREATED, &models.first()))
}

async fn delete(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    end(&caller, &name).await?;
    Ok(answer::program(StatusCode::NO_CONTENT).finish())
}

/// Removes a group, as far as the caller may. Its members stay users.
///
/// # Errors
/// As the operation answers them.
pub async fn end(caller: &Caller, name: &str) -> Result<(), Failure> {
    let name = named(caller, &[Base::DeleteGroups], name)?;
    let gone = name.clone();
    stored::write(&caller.hub, move |c| {
        Ok(if groups::delete(c, &gone)? { Ok(()) } else { Err(absent(gone.as_str())) })
    })
    .await?;
    info!("group deleted={name} by={}", caller.name());
    audited(&caller.hub, Action::GroupChanged, name.as_str(), json!({ "deleted": true })).await
}

async fn add(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    change(caller, &name, &body, true).await
}

async fn remove(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    change(caller, &name, &body, false).await
}

async fn change(caller: Caller, name: &str, body: &Body, add: bool) -> Result<HttpResponse, Failure> {
    found(&caller, name).await?;
    let missing = || bad(if add { "Must specify users to add" } else { "Must specify users to delete" });
    let fields = checked(body.json()?.unwrap_or(Value::Null), &GROUP)?;
    let group = enrol(&caller, name, members(&fields)?.ok_or_else(missing)?, add).await?;
    Ok(answer::json(StatusCode::OK, &model(&caller, &group)))
}

/// Makes users members, or no longer, as far as the caller may: all of them or none.
///
/// # Errors
/// As the operations answer them.
pub async fn enrol(
    caller: &Caller,
    name: &str,
    users: Vec<String>,
    add: bool,
) -> Result<groups::Group, Failure> {
    let group = found(caller, name).await?;
    let (id, count) = (group.id, users.len());
    let what = json!({ if add { "added" } else { "removed" }: users.clone() });
    stored::write(&caller.hub, move |c| {
        let users = match rows(c, &users)? {
            Ok(users) => users,
            Err(failure) => return Ok(Err(failure)),
        };
        let changed =
            if add { groups::add_members(c, id, &users) } else { groups::remove_members(c, id, &users) };
        changed.map(Ok)
    })
    .await?;
    info!(
        "group changed={} {}={count} by={}",
        group.name,
        if add { "added" } else { "removed" },
        caller.name()
    );
    audited(&caller.hub, Action::GroupChanged, group.name.as_str(), what).await?;
    Ok(group)
}

async fn set_properties(
    caller: Caller,
    name: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, Failure> {
    let Some(Value::Object(properties)) = body.json()? else {
        found(&caller, &name).await?;
        return Err(bad("Must specify properties"));
    };
    let group = describe(&caller, &name, properties).await?;
    Ok(answer::json(StatusCode::OK, &model(&caller, &group)))
}

/// Replaces the properties of a group, as far as the caller may.
///
/// # Errors
/// As the operation answers them.
pub async fn describe(caller: &Caller, name: &str, properties: Object) -> Result<groups::Group, Failure> {
    let mut group = found(caller, name).await?;
    group.properties.clone_from(&properties);
    let id = group.id;
    stored::write(&caller.hub, move |c| groups::set_properties(c, id, &properties).map(Ok)).await?;
    let what = json!({ "properties": group.properties });
    audited(&caller.hub, Action::GroupChanged, group.name.as_str(), what).await?;
    Ok(group)
}
