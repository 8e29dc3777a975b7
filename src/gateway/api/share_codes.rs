//! `/share-codes`: codes that an owner hands out, and that whoever is logged in may exchange for a share.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use log::info;
use openssl::sha::sha256;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad};
use crate::api::operation::{Field, Fields, Kind, Operation, Param};
use crate::api::page::{LIMIT, OFFSET, Page};
use crate::api::share_model::{code, fields, grantable, narrowed};
use crate::api::share_path::{ServerOf, user_row};
use crate::api::stored::{self, audited};
use crate::domain::audit::Action;
use crate::domain::query::Query;
use crate::domain::scope::Base;
use crate::extract::Caller;
use crate::state::tokens;
use crate::store::share_codes::{self, NewShareCode, ShareCode, Wanted};

/// How long a code may live, seconds: a minute to a year.
const LIFE_S: std::ops::RangeInclusive<i64> = 60..=31_536_000;
/// How long a code lives where nothing is said, seconds.
const DEFAULT_LIFE_S: i64 = 86_400;

const GRANT: Fields = Fields {
    of: "share code",
    closed: true,
    fields: &[Field::new("scopes", Kind::Texts).or_null(), Field::new("expires_in", Kind::Integer)],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/share-codes/{owner}",
        summary: "Codes for all servers of one owner",
        scopes: &[Base::ReadShares],
        query: &[OFFSET, LIMIT],
        body: None,
        responses: &[200, 400, 403, 404],
        route: || web::route().to(of_owner),
    },
    Operation {
        method: Method::GET,
        path: "/share-codes/{owner}/{server_name}",
        summary: "Codes for one server",
        scopes: &[Base::ReadShares],
        query: &[OFFSET, LIMIT],
        body: None,
        responses: &[200, 400, 403, 404],
        route: || web::route().to(of_server),
    },
    Operation {
        method: Method::POST,
        path: "/share-codes/{owner}/{server_name}",
        summary: "Make a code; only this answer shows it",
        scopes: &[Base::Shares],
        query: &[],
        body: Some(GRANT),
        responses: &[200, 400, 403, 404],
        route: || web::route().to(create),
    },
    Operation {
        method: Method::DELETE,
        path: "/share-codes/{owner}/{server_name}",
        summary: "Delete one code, or all of a server",
        scopes: &[Base::Shares],
        query: &[
            Param { name: "code", kind: Kind::Text, meaning: "the code to delete" },
            Param { name: "id", kind: Kind::Text, meaning: "the id of the code to delete" },
        ],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(delete),
    },
];

async fn of_owner(
    caller: Caller,
    owner: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let owner = caller.user(&[Base::ReadShares], &owner)?;
    let page = Page::of(&request, &caller.hub.config)?.always_enveloped();
    let (part, now_us) = ((page.offset, page.limit), caller.hub.clock.now_us());
    let found = stored::read(&caller.hub, move |c| match user_row(c, &owner)? {
        Some(id) => share_codes::list(c, Wanted::Owner(id), now_us, part).map(Some),
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
    let (part, now_us) = ((page.offset, page.limit), caller.hub.clock.now_us());
    let number = path.row(&caller, &id).await?;
    let found =
        stored::read(&caller.hub, move |c| share_codes::list(c, Wanted::Server(number), now_us, part))
            .await?;
    Ok(list(&caller, &page, found))
}

fn list(caller: &Caller, page: &Page, (found, total): (Vec<ShareCode>, i64)) -> HttpResponse {
    let models: Vec<Value> = found.iter().map(|found| code(&caller.hub, found)).collect();
    page.answer(&models, total)
}

/// A number of seconds, or its digits in a text, as JupyterHub takes both.
fn life(given: Option<&mut Value>) -> Result<i64, Failure> {
    let given = given.and_then(Value::as_object_mut).and_then(|given| given.remove("expires_in"));
    let Some(value) = given else { return Ok(DEFAULT_LIFE_S) };
    let seconds = match &value {
        Value::String(digits) => digits.trim().parse().ok(),
        other => other.as_i64(),
    };
    let wrong = || {
        bad(format!("share code.expires_in must be an integer from {} to {}", LIFE_S.start(), LIFE_S.end()))
    };
    seconds.filter(|seconds| LIFE_S.contains(seconds)).ok_or_else(wrong)
}

async fn create(caller: Caller, path: web::Path<ServerOf>, body: Body) -> Result<HttpResponse, Failure> {
    let id = path.allowed(&caller, &Base::Shares)?;
    let mut given = body.json()?;
    let life_s = life(given.as_mut())?;
    let scopes = narrowed(&caller, &fields(given, &GRANT)?, &id)?;
    grantable(&caller, &scopes, &id)?;
    let server_id = path.row(&caller, &id).await?;
    let text = tokens::random().map_err(|error| stored::told(&error))?;
    let created_us = caller.hub.clock.now_us();
    let expires_us = created_us.saturating_add(life_s.saturating_mul(1_000_000));
    let hash = sha256(text.expose().as_bytes());
    let new = NewShareCode { hash, server_id, scopes, created_us, expires_us };
    let made = stored::write(&caller.hub, move |c| share_codes::insert(c, &new).map(Ok)).await?;
    info!("share code made=sc_{} server={id} by={}", made.id, caller.name());
    let what = json!({ "code_made": format!("sc_{}", made.id) });
    audited(&caller.hub, Action::ShareChanged, &id.segments(), what).await?;
    let mut model = code(&caller.hub, &made);
    if let Some(model) = model.as_object_mut() {
        let query = utf8_percent_encode(text.expose(), NON_ALPHANUMERIC);
        let accept = caller.hub.url(&format!("/hub/accept-share?code={query}"));
        model.insert("code".to_owned(), text.expose().into());
        model.insert("full_accept_url".to_owned(), caller.hub.public(&accept).into());
        model.insert("accept_url".to_owned(), accept.into());
    }
    Ok(answer::json(StatusCode::OK, &model))
}

async fn delete(
    caller: Caller,
    path: web::Path<ServerOf>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let id = path.allowed(&caller, &Base::Shares)?;
    let server_id = path.row(&caller, &id).await?;
    let query = Query::parse(request.query_string());
    let (by_text, by_id) =
        (query.get("code").filter(|text| !text.is_empty()), query.get("id").filter(|id| !id.is_empty()));
    let absent = |sentence: String| Failure::new(StatusCode::NOT_FOUND, sentence);
    let gone = if let Some(text) = by_text {
        let hash = sha256(text.as_bytes());
        let now_us = caller.hub.clock.now_us();
        let gone = stored::write(&caller.hub, move |c| match share_codes::by_hash(c, &hash, now_us)? {
            Some(code) => share_codes::delete(c, server_id, code.id).map(Ok),
            None => Ok(Ok(false)),
        });
        gone.await?.then_some(1).ok_or_else(|| absent("No matching code found".to_owned()))?
    } else if let Some(name) = by_id {
        let missing = || {
            absent(format!("No code found matching id={}", name.escape_debug().take(64).collect::<String>()))
        };
        let number: i64 =
            name.strip_prefix("sc_").and_then(|number| number.parse().ok()).ok_or_else(missing)?;
        let gone =
            stored::write(&caller.hub, move |c| share_codes::delete(c, server_id, number).map(Ok)).await?;
        gone.then_some(1).ok_or_else(missing)?
    } else {
        stored::write(&caller.hub, move |c| share_codes::delete_of_server(c, server_id).map(Ok)).await?
    };
    info!("share codes deleted={gone} server={id} by={}", caller.name());
    audited(&caller.hub, Action::ShareChanged, &id.segments(), json!({ "codes_deleted": gone })).await?;
    Ok(answer::program(StatusCode::NO_CONTENT).finish())
}
