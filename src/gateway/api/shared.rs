//! `/users/NAME/shared` and `/groups/NAME/shared`: what others let a user or a group do, and leaving it.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use log::info;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{self, Failure};
use crate::api::group_model;
use crate::api::operation::Operation;
use crate::api::page::{LIMIT, OFFSET, Page};
use crate::api::share_model::share;
use crate::api::share_path::{ServerOf, user_row};
use crate::api::stored::{self, audited};
use crate::domain::audit::Action;
use crate::domain::entity::GroupName;
use crate::domain::scope::Base;
use crate::extract::Caller;
use crate::store::shares::{self, Share, Wanted, With};
use crate::store::{groups, users};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/users/{name}/shared",
        summary: "Servers shared with a user, or with a group of theirs",
        scopes: &[Base::ReadUsersShares],
        query: &[OFFSET, LIMIT],
        body: None,
        responses: &[200, 400, 403, 404],
        route: || web::route().to(with_user),
    },
    Operation {
        method: Method::GET,
        path: "/users/{name}/shared/{owner}/{server_name}",
        summary: "What a user may do with one shared server",
        scopes: &[Base::ReadUsersShares],
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(one_with_user),
    },
    Operation {
        method: Method::DELETE,
        path: "/users/{name}/shared/{owner}/{server_name}",
        summary: "Leave a shared server",
        scopes: &[Base::UsersShares],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(user_leaves),
    },
    Operation {
        method: Method::GET,
        path: "/groups/{name}/shared",
        summary: "Servers shared with a group",
        scopes: &[Base::ReadGroupsShares],
        query: &[OFFSET, LIMIT],
        body: None,
        responses: &[200, 400, 403, 404],
        route: || web::route().to(with_group),
    },
    Operation {
        method: Method::GET,
        path: "/groups/{name}/shared/{owner}/{server_name}",
        summary: "What a group may do with one shared server",
        scopes: &[Base::ReadGroupsShares],
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(one_with_group),
    },
    Operation {
        method: Method::DELETE,
        path: "/groups/{name}/shared/{owner}/{server_name}",
        summary: "Make a group leave a shared server",
        scopes: &[Base::GroupsShares],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(group_leaves),
    },
];

/// The name of the user or group in a path that goes on with a server.
#[derive(Deserialize)]
struct Who {
    name: String,
}

async fn with_user(
    caller: Caller,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let user = caller.user(&[Base::ReadUsersShares], &name)?;
    let page = Page::of(&request, &caller.hub.config)?.always_enveloped();
    let (offset, limit, wanted) = (page.offset, page.limit, user.clone());
    let found = stored::read(&caller.hub, move |c| match user_row(c, &wanted)? {
        Some(id) => shares::list(c, &Wanted::User(id), offset, limit).map(Some),
        None => Ok(None),
    });
    let absent = || Failure::new(StatusCode::NOT_FOUND, format!("No such user: {user}"));
    Ok(list(&caller, &page, found.await?.ok_or_else(absent)?))
}

async fn with_group(
    caller: Caller,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let group = group_model::named(&caller, &[Base::ReadGroupsShares], &name)?;
    let page = Page::of(&request, &caller.hub.config)?.always_enveloped();
    let (offset, limit, wanted) = (page.offset, page.limit, group.clone());
    let found = stored::read(&caller.hub, move |c| match groups::by_name(c, &wanted)? {
        Some(group) => shares::list(c, &Wanted::Group(group.id), offset, limit).map(Some),
        None => Ok(None),
    });
    Ok(list(&caller, &page, found.await?.ok_or_else(|| group_model::absent(group.as_str()))?))
}

fn list(caller: &Caller, page: &Page, (found, total): (Vec<Share>, i64)) -> HttpResponse {
    let models: Vec<Value> = found.iter().map(|found| share(&caller.hub, found)).collect();
    page.answer(&models, total)
}

async fn one_with_user(
    caller: Caller,
    who: web::Path<Who>,
    path: web::Path<ServerOf>,
) -> Result<HttpResponse, Failure> {
    let user = caller.user(&[Base::ReadUsersShares], &who.name)?;
    let found = find(&caller, &path, &With::User(user)).await?;
    Ok(answer::json(StatusCode::OK, &share(&caller.hub, &found)))
}

async fn one_with_group(
    caller: Caller,
    who: web::Path<Who>,
    path: web::Path<ServerOf>,
) -> Result<HttpResponse, Failure> {
    let group = known_group(&caller, &Base::ReadGroupsShares, &who.name).await?;
    let found = find(&caller, &path, &With::Group(group)).await?;
    Ok(answer::json(StatusCode::OK, &share(&caller.hub, &found)))
}

async fn user_leaves(
    caller: Caller,
    who: web::Path<Who>,
    path: web::Path<ServerOf>,
) -> Result<HttpResponse, Failure> {
    let user = caller.user(&[Base::UsersShares], &who.name)?;
    leave(&caller, &path, With::User(user)).await
}

async fn group_leaves(
    caller: Caller,
    who: web::Path<Who>,
    path: web::Path<ServerOf>,
) -> Result<HttpResponse, Failure> {
    let group = known_group(&caller, &Base::GroupsShares, &who.name).await?;
    leave(&caller, &path, With::Group(group)).await
}

async fn known_group(caller: &Caller, base: &Base, name: &str) -> Result<GroupName, Failure> {
    let group = group_model::named(caller, std::slice::from_ref(base), name)?;
    let wanted = group.clone();
    match stored::read(&caller.hub, move |c| groups::by_name(c, &wanted)).await? {
        Some(_) => Ok(group),
        None => Err(group_model::absent(name)),
    }
}

async fn find(caller: &Caller, path: &ServerOf, with: &With) -> Result<Share, Failure> {
    let absent = || {
        let (kind, name) = match with {
            With::User(name) => ("user", name.as_str()),
            With::Group(name) => ("group", name.as_str()),
        };
        let sentence = format!("No such share for {kind} {name} on {}/{}", path.owner, path.server);
        Failure::new(StatusCode::NOT_FOUND, sentence)
    };
    let Some(id) = path.id(&caller.directory) else { return Err(absent()) };
    let wanted = with.clone();
    let found = stored::read(&caller.hub, move |c| match &wanted {
        With::User(name) if users::by_name(c, name)?.is_none() => Ok(None),
        _ => shares::find(c, &id, &wanted),
    });
    found.await?.ok_or_else(absent)
}

async fn leave(caller: &Caller, path: &ServerOf, with: With) -> Result<HttpResponse, Failure> {
    let mut share = find(caller, path, &with).await?;
    share.scopes.clear();
    let server = share.server.clone();
    stored::write(&caller.hub, move |c| shares::set_scopes(c, &share).map(Ok)).await?;
    info!("share left server={server} by={}", caller.name());
    audited(&caller.hub, Action::ShareChanged, &server.segments(), json!({ "left": true })).await?;
    Ok(answer::program(StatusCode::NO_CONTENT).finish())
}
