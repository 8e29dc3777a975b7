//! `/proxy`: the routes that nginx takes, as JupyterHub lists those of its proxy. There is no table to keep in step:
//! each request is routed by the state of its server.

use std::collections::BTreeMap;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::{Phase, ServerId};
use serde_json::{Map, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad};
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::page::{LIMIT, OFFSET, Page};
use crate::api::stored;
use crate::domain::scope::{Base, Target};
use crate::domain::time::iso;
use crate::extract::Caller;
use crate::store::servers;

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/proxy",
        summary: "Routes to the hub, to ready servers and to services",
        scopes: &[Base::Proxy],
        query: &[OFFSET, LIMIT],
        body: None,
        responses: &[200, 400, 403],
        route: || web::route().to(list),
    },
    Operation {
        method: Method::POST,
        path: "/proxy",
        summary: "Check the routes; they are always right here",
        scopes: &[Base::Proxy],
        query: &[],
        body: None,
        responses: &[200, 403],
        route: || web::route().to(check),
    },
    Operation {
        method: Method::PATCH,
        path: "/proxy",
        summary: "Tell of another proxy; nothing changes, nginx is configured by its own file",
        scopes: &[Base::Proxy],
        query: &[],
        body: Some(Fields {
            of: "proxy",
            closed: false,
            fields: &[
                Field::new("ip", Kind::Text),
                Field::new("port", Kind::Text),
                Field::new("protocol", Kind::Text),
                Field::new("auth_token", Kind::Text),
                Field::new("api_url", Kind::Text),
            ],
        }),
        responses: &[200, 400, 403],
        route: || web::route().to(replace),
    },
];

async fn list(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Failure> {
    caller.require(&[Base::Proxy], &Target::Any)?;
    let page = Page::of(&request, &caller.hub.config)?;
    let mut routes = BTreeMap::new();
    let mut put = |spec: String, target: String, data: Value| {
        let route = json!({ "routespec": spec, "target": target, "data": data });
        routes.insert(spec, route);
    };
    let hub = &caller.hub;
    put(
        hub.url("/"),
        format!("unix:{}", hub.config.listen.display()),
        json!({ "hub": true, "last_activity": iso(hub.clock.now_us()) }),
    );
    for service in caller.directory.services() {
        if let Some(url) = &service.url {
            put(
                hub.url(&format!("/services/{}/", service.name)),
                url.clone(),
                json!({ "service": service.name }),
            );
        }
    }
    let ready: Vec<ServerId> = hub.servers.those(|phase| phase == Phase::Running);
    let wanted = ready.clone();
    let used = stored::read(hub, move |c| {
        wanted.iter().map(|id| servers::by_id(c, id)).collect::<Result<Vec<_>, _>>()
    })
    .await?;
    for (id, known) in ready.iter().zip(used) {
        let target = format!("{}{}", hub.upstreams, id.socket_name());
        let used_us = known.as_ref().and_then(|server| server.last_activity_us.or(server.started_us));
        let last = hub.activity.of_server(id, used_us).map(iso);
        let data = json!({ "user": id.user, "server_name": id.server, "last_activity": last });
        put(hub.server_path(id), target, data);
    }
    let total = i64::try_from(routes.len()).unwrap_or(i64::MAX);
    let (skip, take) =
        (usize::try_from(page.offset).unwrap_or(usize::MAX), usize::try_from(page.limit).unwrap_or(1));
    let shown: Map<String, Value> = routes.into_iter().skip(skip).take(take).collect();
    Ok(page.answer(&shown, total))
}

async fn check(caller: Caller) -> Result<HttpResponse, Failure> {
    caller.require(&[Base::Proxy], &Target::Any)?;
    Ok(answer::program(StatusCode::OK).content_type("application/json").finish())
}

async fn replace(caller: Caller, body: Body) -> Result<HttpResponse, Failure> {
    caller.require(&[Base::Proxy], &Target::Any)?;
    match body.json().map_err(|_| bad("Request body must be JSON dict"))? {
        None => Err(bad("need JSON body")),
        Some(Value::Object(_)) => {
            Ok(answer::program(StatusCode::OK).content_type("application/json").finish())
        }
        Some(_) => Err(bad("Request body must be JSON dict")),
    }
}
