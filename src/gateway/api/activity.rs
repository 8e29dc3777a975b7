//! `POST /users/NAME/activity`: servers tell when they and their owner were last active.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use hubgate_protocol::{ServerId, ServerName, Username};
use serde_json::Value;

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad, empty, object_or, shortened};
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::user::found;
use crate::domain::scope::Base;
use crate::domain::{time, timestamp};
use crate::extract::Caller;
use crate::store::servers::Server;

/// How far ahead of ours a clock may be: less than the hour that a wrong time zone makes.
const AHEAD_US: i64 = 59 * 60 * 1_000_000;

/// The operation.
pub const OPERATIONS: &[Operation] = &[Operation {
    method: Method::POST,
    path: "/users/{name}/activity",
    summary: "Tell when a user and their servers were last active; a time never moves back",
    scopes: &[Base::UsersActivity],
    query: &[],
    body: Some(FIELDS),
    responses: &[200, 400, 403, 404],
    route: || web::route().to(report),
}];

const FIELDS: Fields = Fields {
    of: "activity",
    closed: false,
    fields: &[
        Field::new("last_activity", Kind::Time).or_null(),
        Field::new("servers", Kind::Object).or_null(),
    ],
};

async fn report(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let name = caller.user(&[Base::UsersActivity], &name)?;
    let unknown = |_| Failure::new(StatusCode::NOT_FOUND, format!("No such user: '{name}'"));
    let (_, known) = found(&caller.hub, &name).await.map_err(unknown)?;
    let body = object_or(body.json()?.unwrap_or_default(), "body must be a json dict")?;
    let given = |key| body.get(key).filter(|value| !says_nothing(value));
    let (at, servers) = (given("last_activity"), given("servers"));
    if at.is_none() && servers.is_none() {
        return Err(bad("body must contain at least one of `last_activity` or `servers`"));
    }
    let now_us = caller.hub.clock.now_us();
    let of_servers =
        servers.map(|servers| seen(servers, &name, &known, now_us)).transpose()?.unwrap_or_default();
    let of_user = at.map(|at| moment(at, now_us)).transpose()?;
    let activity = &caller.hub.activity;
    of_servers.iter().for_each(|(id, at_us)| activity.server(id, *at_us));
    if let Some(at_us) = of_user {
        activity.user(&name, at_us);
    }
    Ok(answer::program(StatusCode::OK).content_type("application/json").finish())
}

/// When each server was last active; nothing is taken of a report of which any part is wrong.
fn seen(
    servers: &Value,
    user: &Username,
    known: &[Server],
    now_us: i64,
) -> Result<Vec<(ServerId, i64)>, Failure> {
    let form = || bad("servers must be a dict of the form {server_name: {last_activity: timestamp}}");
    let mut all = Vec::new();
    for (name, value) in servers.as_object().ok_or_else(form)? {
        let known = known.iter().map(|server| &server.name).find(|known| known.as_str() == name);
        let server = known.cloned().or_else(|| name.is_empty().then(ServerName::default));
        let server =
            server.ok_or_else(|| bad(format!("No such server '{}' for user {user}", shortened(name))))?;
        let at_us = moment(value.get("last_activity").ok_or_else(form)?, now_us)?;
        all.push((ServerId { user: user.clone(), server }, at_us));
    }
    Ok(all)
}

fn moment(value: &Value, now_us: i64) -> Result<i64, Failure> {
    let at_us = value.as_str().and_then(timestamp::parse).ok_or_else(|| {
        let shown = value.as_str().map_or_else(|| value.to_string(), |text| format!("'{text}'"));
        bad(format!("Not a valid timestamp: {}", shown.chars().take(64).collect::<String>()))
    })?;
    if at_us.saturating_sub(now_us) > AHEAD_US {
        let at = time::iso(at_us);
        return Err(bad(format!("Rejecting activity from more than an hour in the future: {at}")));
    }
    Ok(at_us)
}

/// Whether a value is as good as left out, as Python sees it.
fn says_nothing(value: &Value) -> bool {
    empty(value) || value == "" || value == 0 || value == false
}
