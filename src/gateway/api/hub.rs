//! The hub itself: `GET /`, `GET /info`, `POST /shutdown`.

use actix_web::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use hubgate_protocol::ServerId;
use log::{info, warn};
use nix::sys::signal::{Signal, raise};
use serde_json::{Value, json};

use crate::answer::{self, Failure, JUPYTERHUB_VERSION};
use crate::api::body::{Body, bad};
use crate::api::model::active;
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::stored::audited;
use crate::domain::audit::Action;
use crate::domain::scope::{Base, Target};
use crate::extract::Caller;
use crate::state::{Hub, starts};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/",
        summary: "The version of JupyterHub whose API this is",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[200],
        route: || web::route().to(root),
    },
    Operation {
        method: Method::GET,
        path: "/info",
        summary: "What this hub is made of",
        scopes: &[Base::ReadHub],
        query: &[],
        body: None,
        responses: &[200, 403],
        route: || web::route().to(info_of),
    },
    Operation {
        method: Method::POST,
        path: "/shutdown",
        summary: "End the gateway, and on request all servers",
        scopes: &[Base::Shutdown],
        query: &[],
        body: Some(Fields {
            of: "shutdown",
            closed: false,
            fields: &[Field::new("proxy", Kind::Boolean), Field::new("servers", Kind::Boolean)],
        }),
        responses: &[202, 400, 403],
        route: || web::route().to(shutdown),
    },
];

/// Needs no credentials: a server asks for it before it has any.
async fn root() -> HttpResponse {
    answer::program(StatusCode::OK)
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(json!({ "version": JUPYTERHUB_VERSION }))
}

async fn info_of(caller: Caller) -> Result<HttpResponse, Failure> {
    caller.require(&[Base::ReadHub], &Target::Any)?;
    let own = env!("CARGO_PKG_VERSION");
    let part = |class: &str| json!({ "class": class, "version": own });
    let model = json!({
        "version": JUPYTERHUB_VERSION,
        "python": "",
        "sys_executable": "",
        "spawner": part("hubgate-spawner"),
        "authenticator": part(&format!("hubgate.{:?}", caller.hub.config.authenticator).to_lowercase()),
    });
    Ok(answer::json(StatusCode::OK, &model))
}

async fn shutdown(caller: Caller, body: Body) -> Result<HttpResponse, Failure> {
    caller.require(&[Base::Shutdown], &Target::Any)?;
    let fields = body.json()?.unwrap_or(Value::Null);
    let _proxy = switch(&fields, "proxy")?;
    let servers = switch(&fields, "servers")?;
    info!("shutdown by={} servers={servers}", caller.name());
    let what = json!({ "shutdown": true, "servers": servers });
    audited(&caller.hub, Action::Configuration, "gateway", what).await?;
    actix_web::rt::spawn(end(caller.hub, servers));
    Ok(answer::json(StatusCode::ACCEPTED, &json!({ "message": "Shutting down Hub" })))
}

/// A truth as JupyterHub reads it: 0 and 1 will do.
fn switch(fields: &Value, name: &str) -> Result<bool, Failure> {
    match fields.get(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(number) if number.as_f64() == Some(0.0) => Ok(false),
        Some(number) if number.as_f64() == Some(1.0) => Ok(true),
        Some(_) => Err(bad(format!("{name} must be true or false"))),
    }
}

/// systemd starts the gateway again where it is a unit; what ends it there is `systemctl stop`.
async fn end(hub: web::Data<Hub>, servers: bool) {
    if servers {
        for id in hub.servers.those(active) {
            stop(&hub, &id).await;
        }
    }
    if let Err(error) = raise(Signal::SIGTERM) {
        warn!("the gateway cannot end itself: {error}");
    }
}

async fn stop(hub: &Hub, id: &ServerId) {
    if let Err(error) = starts::stop(hub, id).await {
        warn!("server={id} was not stopped at shutdown: {error}");
    }
}
