//! `/users/NAME/server` and `/users/NAME/servers/SERVER`: one server, read, made, started, changed and stopped.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use hubgate_protocol::ServerId;
use log::info;

use crate::answer::{self, Failure};
use crate::api::addressed::{Addressed, ServerPath};
use crate::api::body::{Body, bad, shortened};
use crate::api::model::{Reader, active};
use crate::api::operation::Operation;
use crate::api::server_body::{self, Asked, Patch};
use crate::api::server_run::{start, stop};
use crate::api::stored;
use crate::domain::scope::Base;
use crate::extract::Caller;
use crate::store::servers::{self, Change, Server};

const ONE: &str = "/users/{name}/server";
const NAMED: &str = "/users/{name}/servers/{server_name}";

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(ONE),
    get(NAMED),
    put(ONE),
    put(NAMED),
    post(ONE),
    post(NAMED),
    patch(ONE),
    patch(NAMED),
    delete(ONE),
    delete(NAMED),
];

const fn get(path: &'static str) -> Operation {
    Operation {
        method: Method::GET,
        path,
        summary: "One server",
        scopes: &[Base::ReadServers],
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(read),
    }
}

const fn put(path: &'static str) -> Operation {
    Operation {
        method: Method::PUT,
        path,
        summary: "Make a named server without starting it",
        scopes: &[Base::StartServers],
        query: &[],
        body: Some(server_body::START),
        responses: &[201, 400, 403, 404, 409],
        route: || web::route().to(create),
    }
}

const fn post(path: &'static str) -> Operation {
    Operation {
        method: Method::POST,
        path,
        summary: "Start a server: 201 when it is ready, 202 while it is starting",
        scopes: &[Base::StartServers],
        query: &[],
        body: Some(server_body::START),
        responses: &[201, 202, 400, 403, 404, 424, 429, 503],
        route: || web::route().to(start),
    }
}

const fn patch(path: &'static str) -> Operation {
    Operation {
        method: Method::PATCH,
        path,
        summary: "Change a server that does not run",
        scopes: &[Base::StartServers],
        query: &[],
        body: Some(server_body::PATCH),
        responses: &[200, 400, 403, 404, 409],
        route: || web::route().to(change),
    }
}

const fn delete(path: &'static str) -> Operation {
    Operation {
        method: Method::DELETE,
        path,
        summary: "Stop a server: 204 when it has stopped, 202 while it is stopping; `remove` forgets a named one",
        scopes: &[Base::DeleteServers],
        query: &[],
        body: Some(server_body::DELETE),
        responses: &[202, 204, 400, 403, 404, 503],
        route: || web::route().to(stop),
    }
}

async fn read(caller: Caller, path: web::Path<ServerPath>) -> Result<HttpResponse, Failure> {
    let addressed = Addressed::of(&caller, &[Base::ReadServers], path.into_inner()).await?;
    let (id, server) = addressed.known().ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND))?;
    Ok(model(&caller, StatusCode::OK, &id, &server))
}

async fn create(caller: Caller, path: web::Path<ServerPath>, body: Body) -> Result<HttpResponse, Failure> {
    let addressed = Addressed::of(&caller, &[Base::StartServers], path.into_inner()).await?;
    let (user, text) = (&addressed.user, &addressed.text);
    let taken = |what: &str| Failure::new(StatusCode::CONFLICT, format!("User {user} already has {what}"));
    if text.is_empty() {
        return Err(taken("a default server"));
    }
    if addressed.known().is_some() {
        return Err(taken(&format!("server {text}")));
    }
    let asked = Asked::read(&body)?;
    let id = addressed.admitted(&caller.hub, text, asked.display_name.as_deref(), true)?;
    let now_us = caller.hub.clock.now_us();
    let (made, change) = (id.clone(), asked.change());
    let server = stored::write(&caller.hub, move |c| {
        servers::insert(c, &made, now_us)?;
        servers::change(c, &made, &change).map(Ok)
    })
    .await?;
    info!("server made={id} by={}", caller.name());
    Ok(model(&caller, StatusCode::CREATED, &id, &server))
}

async fn change(caller: Caller, path: web::Path<ServerPath>, body: Body) -> Result<HttpResponse, Failure> {
    let addressed = Addressed::of(&caller, &[Base::StartServers], path.into_inner()).await?;
    let hub = &caller.hub;
    let Patch { name, asked } = Patch::read(&body)?;
    let display = asked.display_name.as_deref();
    let renamed = match (&name, display) {
        (Some(name), _) => Some(addressed.admitted(hub, name, display, addressed.text.is_empty())?),
        (None, Some(_)) => addressed.admitted(hub, &addressed.text, display, false).map(|_| None)?,
        (None, None) => None,
    };
    let (user, text) = (&addressed.user, shortened(&addressed.text));
    let (id, _) = addressed.known().ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("User {user} has no such server '{text}'"))
    })?;
    if active(hub.servers.status(&id).phase) {
        return Err(bad(format!("{id} is active. Please stop it before modifying it.")));
    }
    if let Some(new) = renamed.as_ref().filter(|new| exists(&addressed, new)) {
        let sentence = format!("User {user} already has server '{}'", new.server);
        return Err(Failure::new(StatusCode::CONFLICT, sentence));
    }
    let now_us = hub.clock.now_us();
    let (old, new) = (id.clone(), renamed.unwrap_or_else(|| id.clone()));
    let change = Change { name: (new != id).then(|| new.server.clone()), ..asked.change() };
    let server = stored::write(hub, move |c| {
        servers::ensure(c, &old, now_us)?;
        servers::change(c, &old, &change).map(Ok)
    })
    .await?;
    info!("server changed={new} by={}", caller.name());
    Ok(model(&caller, StatusCode::OK, &new, &server))
}

/// Whether that server is there already; a default server always is.
fn exists(addressed: &Addressed, id: &ServerId) -> bool {
    id.server.is_default() || addressed.servers.iter().any(|server| server.name == id.server)
}

fn model(caller: &Caller, status: StatusCode, id: &ServerId, server: &Server) -> HttpResponse {
    let reader = Reader { hub: &caller.hub, directory: &caller.directory, scopes: &caller.scopes };
    answer::json(status, &reader.server(id, server))
}
