//! `POST /users/NAME/admin-access`: what JupyterHub before 0.8 needed for administrators to reach a server. It is always off.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};

use crate::answer::Failure;
use crate::api::operation::Operation;
use crate::domain::scope::Base;
use crate::extract::Caller;

/// The operation.
pub const OPERATIONS: &[Operation] = &[Operation {
    method: Method::POST,
    path: "/users/{name}/admin-access",
    summary: "Deprecated; access to servers is given by the scope access:servers",
    scopes: &[Base::Servers],
    query: &[],
    body: None,
    responses: &[403, 404],
    route: || web::route().to(refuse),
}];

async fn refuse(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let name = caller.user(&[Base::Servers], &name);
    name.and(Err(Failure::new(StatusCode::FORBIDDEN, "admin access to user servers disabled")))
}
