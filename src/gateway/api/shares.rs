//! `/shares`: what owners let others do with their servers.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use log::info;
use serde_json::{Map, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad};
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::page::{LIMIT, OFFSET, Page};
use crate::api::share_model::{fields, grantable, named, narrowed, share};
use crate::api::share_path::{ServerOf, user_row};
use crate::api::stored::{self, audited};
use crate::domain::audit::Action;
use crate::domain::scope::{Base, Target};
use crate::extract::Caller;
use crate::store::shares::{self, Wanted, With};
use crate::store::{groups, users};

const GRANT: Fields = Fields {
    of: "share",
    closed: true,
    fields: &[
        Field::new("user", Kind::Text).or_null(),
        Field::new("group", Kind::Text).or_null(),
        Field::new("scopes", Kind::Texts).or_null(),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/shares/{owner}",
        summary: "Shares of all servers of one owner",
        scopes: &[Base::ReadShares],
        query: &[OFFSET, LIMIT],
        body: None,
        responses: &[200, 400, 403, 404],
        route: || web::route().to(of_owner),
    },
    Operation {
        method: Method::GET,
        path: "/shares/{owner}/{server_name}",
        summary: "Shares of one server",
        scopes: &[Base::ReadShares],
        query: &[OFFSET, LIMIT],
        body: None,
        responses: &[200, 400, 403, 404],
        route: || web::route().to(of_server),
    },
    Operation {
        method: Method::POST,
        path: "/shares/{owner}/{server_name}",
        summary: "Share a server with a user or a group, or share more of it",
        scopes: &[Base::Shares],
        query: &[],
        body: Some(GRANT),
        responses: &[200, 400, 403, 404],
        route: || web::route().to(grant),
    },
    Operation {
        method: Method::PATCH,
        path: "/shares/{owner}/{server_name}",
        summary: "Take scopes back from a user or a group; all of them where none is named",
        scopes: &[Base::Shares],
        query: &[],
        body: Some(GRANT),
        responses: &[200, 400, 403, 404],
        route: || web::route().to(revoke),
    },
    Operation {
        method: Method::DELETE,
        path: "/shares/{owner}/{server_name}",
        summary: "Take a server back from everybody",
        scopes: &[Base::Shares],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(revoke_all),
    },
];

async fn of_owner(
    caller: Caller,
    owner: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let owner = caller.user(&[Base::ReadShares], &owner)?;
    let page = Page::of(&request, &caller.hub.config)?.always_enveloped();
    let (offset, limit) = (page.offset, page.limit);
    let found = stored::read(&caller.hub, move |c| match user_row(c, &owner)? {
        Some(id) => shares::list(c, &Wanted::Owner(id), offset, limit).map(Some),
        None => Ok(None),
    });
    Ok(list(&caller, &page, found.await?.ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND))?))
}

async fn of_server(
    caller: Caller,
    path: web::Path<ServerOf>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let id = path.allowed(&caller, &Base::ReadShares)?;
    let page = Page::of(&request, &caller.hub.config)?.always_enveloped();
    let (offset, limit) = (page.offset, page.limit);
    let number = path.row(&caller, &id).await?;
    let found = stored::read(&caller.hub, move |c| shares::list(c, &Wanted::Server(number), offset, limit));
    Ok(list(&caller, &page, found.await?))
}

fn list(caller: &Caller, page: &Page, (found, total): (Vec<shares::Share>, i64)) -> HttpResponse {
    let models: Vec<Value> = found.iter().map(|found| share(&caller.hub, found)).collect();
    page.answer(&models, total)
}

/// Whom a body names.
fn target(fields: &Map<String, Value>) -> Result<(Option<&str>, Option<&str>), Failure> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    match (text("user").filter(|name| !name.is_empty()), text("group").filter(|name| !name.is_empty())) {
        (Some(_), Some(_)) => Err(bad("share: Expected exactly one of `user` or `group`, not both.")),
        (None, None) => Err(bad("share: Specify exactly one of `user` or `group`")),
        pair => Ok(pair),
    }
}

async fn grant(caller: Caller, path: web::Path<ServerOf>, body: Body) -> Result<HttpResponse, Failure> {
    let id = path.allowed(&caller, &Base::Shares)?;
    let fields = fields(body.json()?, &GRANT)?;
    let target = target(&fields)?;
    let scopes = narrowed(&caller, &fields, &id)?;
    path.row(&caller, &id).await?;
    grantable(&caller, &scopes, &id)?;
    let with = with(&caller, target)?;
    let (now_us, server, whom) = (caller.hub.clock.now_us(), id.clone(), with.clone());
    let granted = stored::write(&caller.hub, move |c| {
        let there = match &whom {
            With::User(name) => users::by_name(c, name)?.is_some(),
            With::Group(name) => groups::by_name(c, name)?.is_some(),
        };
        if !there {
            return Ok(Err(nobody(&whom)));
        }
        shares::grant(c, &server, &whom, &scopes, now_us).map(Ok)
    })
    .await?;
    info!("share granted server={id} with={} by={}", spoken(&with), caller.name());
    let what = json!({ "with": spoken(&with), "scopes": granted.scopes.iter().map(ToString::to_string).collect::<Vec<_>>() });
    audited(&caller.hub, Action::ShareChanged, &id.segments(), what).await?;
    Ok(answer::json(StatusCode::OK, &share(&caller.hub, &granted)))
}

/// Whom the caller shares with, and whose name they may know.
fn with(caller: &Caller, (user, group): (Option<&str>, Option<&str>)) -> Result<With, Failure> {
    let hidden = |scope: &str, kind: &str| {
        Failure::new(StatusCode::FORBIDDEN, format!("Need scope '{scope}' to share with {kind} by name"))
    };
    if let Some(name) = user {
        return match name.parse() {
            Ok(name) if caller.may(&Base::ReadUsersName, &Target::User(&name)) => Ok(With::User(name)),
            Err(_) if caller.may(&Base::ReadUsersName, &Target::Any) => Err(unknown("user", name)),
            _ => Err(hidden("read:users:name", "users")),
        };
    }
    let name = group.unwrap_or_default();
    match name.parse() {
        Ok(name) if caller.may(&Base::ReadGroupsName, &Target::Group(&name)) => Ok(With::Group(name)),
        Err(_) if caller.may(&Base::ReadGroupsName, &Target::Any) => Err(unknown("group", name)),
        _ => Err(hidden("read:groups:name", "groups")),
    }
}

fn nobody(with: &With) -> Failure {
    match with {
        With::User(name) => unknown("user", name.as_str()),
        With::Group(name) => unknown("group", name.as_str()),
    }
}

fn unknown(kind: &str, name: &str) -> Failure {
    let shown: String = name.escape_debug().take(64).collect();
    bad(format!("No such {kind}: {shown}"))
}

fn spoken(with: &With) -> String {
    match with {
        With::User(name) => format!("user:{name}"),
        With::Group(name) => format!("group:{name}"),
    }
}

async fn revoke(caller: Caller, path: web::Path<ServerOf>, body: Body) -> Result<HttpResponse, Failure> {
    let id = path.allowed(&caller, &Base::Shares)?;
    let fields = fields(body.json()?, &GRANT)?;
    let (user, group) = target(&fields)?;
    let scopes = named(&caller, &fields)?;
    path.row(&caller, &id).await?;
    // Somebody who is not there has nothing that could be taken.
    let with = match (user, group) {
        (Some(name), _) => name.parse().map(With::User).ok(),
        (None, name) => name.unwrap_or_default().parse().map(With::Group).ok(),
    };
    let Some(with) = with else { return Ok(answer::json(StatusCode::OK, &json!({}))) };
    let (server, whom) = (id.clone(), with.clone());
    let left = stored::write(&caller.hub, move |c| {
        let Some(mut share) = shares::find(c, &server, &whom)? else { return Ok(Ok(None)) };
        let before = share.scopes.len();
        share.scopes.retain(|scope| scopes.as_ref().is_some_and(|revoked| !revoked.contains(scope)));
        if share.scopes.len() != before {
            shares::set_scopes(c, &share)?;
        }
        Ok(Ok((!share.scopes.is_empty()).then_some(share)))
    })
    .await?;
    info!("share revoked server={id} from={} by={}", spoken(&with), caller.name());
    audited(&caller.hub, Action::ShareChanged, &id.segments(), json!({ "taken_from": spoken(&with) }))
        .await?;
    let model = left.map_or_else(|| json!({}), |left| share(&caller.hub, &left));
    Ok(answer::json(StatusCode::OK, &model))
}

async fn revoke_all(caller: Caller, path: web::Path<ServerOf>) -> Result<HttpResponse, Failure> {
    let id = path.allowed(&caller, &Base::Shares)?;
    let number = path.row(&caller, &id).await?;
    let gone = stored::write(&caller.hub, move |c| shares::delete_of_server(c, number).map(Ok)).await?;
    info!("shares revoked={gone} server={id} by={}", caller.name());
    audited(&caller.hub, Action::ShareChanged, &id.segments(), json!({ "all_taken": gone })).await?;
    Ok(answer::program(StatusCode::NO_CONTENT).finish())
}
