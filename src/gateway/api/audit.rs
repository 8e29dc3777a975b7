//! `GET /audit`: the audit log, hubgate's own operation.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::answer::{self, Failure};
use crate::api::body::bad;
use crate::api::operation::{Kind, Operation, Param};
use crate::api::stored;
use crate::domain::audit::Action;
use crate::domain::query::Query;
use crate::domain::scope::{Base, Target};
use crate::domain::timestamp;
use crate::extract::Caller;
use crate::store::audit::{AuditQuery, Line};

/// Most lines of an answer.
const MOST: i64 = 1000;

const fn param(name: &'static str, kind: Kind, meaning: &'static str) -> Param {
    Param { name, kind, meaning }
}

/// The operation.
pub const OPERATIONS: &[Operation] = &[Operation {
    method: Method::GET,
    path: "/audit",
    summary: "The audit log, the newest line first",
    scopes: &[Base::AdminUsers],
    query: &[
        param("user", Kind::Text, "what this user did, and what was done to them"),
        param("who", Kind::Text, "who did it: a user, service:NAME, operator or hub"),
        param("action", Kind::Text, "kind of event"),
        param("subject", Kind::Text, "to whom or what; a user's name finds their servers too"),
        param("address", Kind::Text, "the client's address"),
        param("since", Kind::Time, "from then on"),
        param("until", Kind::Time, "before then"),
        param("before", Kind::Integer, "only lines with a smaller id"),
        param("limit", Kind::Integer, "most lines, at most 1000"),
    ],
    body: None,
    responses: &[200, 400, 403],
    route: || web::route().to(list),
}];

/// The log is about everybody: it needs admin:users for everybody.
///
/// # Errors
/// 403.
pub fn require(caller: &Caller) -> Result<(), Failure> {
    caller.require(&[Base::AdminUsers], &Target::Any)
}

async fn list(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Failure> {
    require(&caller)?;
    let query = wanted(&Query::parse(request.query_string()), MOST)
        .map_err(|name| bad(format!("{name} must be a time, a number or a kind of event that there is")))?;
    let lines = caller.hub.audit_lines(query).await.map_err(|error| stored::told(&error))?;
    let models: Vec<_> = lines.iter().map(Line::json).collect();
    Ok(answer::json(StatusCode::OK, &models))
}

/// What a query string asks of the log.
///
/// # Errors
/// The name of the first argument that says nothing sensible.
pub fn wanted(query: &Query, most: i64) -> Result<AuditQuery, &'static str> {
    let text = |name: &str| query.get(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let time = |name: &'static str| match text(name) {
        None => Ok(None),
        Some(written) => timestamp::parse(&written).map(Some).ok_or(name),
    };
    let number = |name: &'static str| match text(name) {
        None => Ok(None),
        Some(written) => written.parse::<i64>().map(Some).map_err(|_| name),
    };
    let action = text("action");
    if action.as_deref().is_some_and(|name| Action::of_name(name).is_none()) {
        return Err("action");
    }
    let known = |who: &String| matches!(who.as_str(), "operator" | "hub") || who.contains(':');
    let actor = text("who").map(|who| if known(&who) { who } else { format!("user:{who}") });
    Ok(AuditQuery {
        of: text("user"),
        actor,
        action,
        subject: text("subject"),
        address: text("address"),
        since_us: time("since")?,
        until_us: time("until")?,
        before: number("before")?,
        after: None,
        limit: number("limit")?.unwrap_or(most).clamp(1, most),
    })
}
