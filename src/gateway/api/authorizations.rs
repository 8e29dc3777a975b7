//! `/authorizations`: whose a token or a cookie is. JupyterHub keeps both for programs of before 2.0.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};

use crate::answer::{self, Failure};
use crate::api::me::owner_model;
use crate::api::operation::Operation;
use crate::domain::scope::identify_scopes;
use crate::extract::{Asker, Caller};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/authorizations/token/{token}",
        summary: "Whose a token is; ask /user with the token instead",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(token),
    },
    Operation {
        method: Method::POST,
        path: "/authorizations/token/{token}",
        summary: "Gone since JupyterHub 2.0",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[404],
        route: || web::route().to(gone),
    },
    Operation {
        method: Method::POST,
        path: "/authorizations/token",
        summary: "Gone since JupyterHub 2.0",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[404],
        route: || web::route().to(gone),
    },
    Operation {
        method: Method::GET,
        path: "/authorizations/cookie/{cookie_name}",
        summary: "Whose a cookie of the hub is: nobody's, the hub tells no program",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[403, 404],
        route: || web::route().to(cookie),
    },
    Operation {
        method: Method::GET,
        path: "/authorizations/cookie/{cookie_name}/{cookie_value}",
        summary: "Whose a cookie of the hub is: nobody's, the hub tells no program",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[403, 404],
        route: || web::route().to(cookie),
    },
];

/// Whoever knows a token may know whose it is, as with `/user`.
async fn token(asker: Asker, text: web::Path<String>) -> Result<HttpResponse, Failure> {
    let caller = by_token(asker)?;
    let found = caller.hub.tokens.find(&text);
    let token = found.ok_or_else(|| Failure::bare(StatusCode::NOT_FOUND))?;
    let mut scopes = (*caller.scopes).clone();
    scopes.union(&identify_scopes(&token.owner));
    let model = owner_model(&caller, &token.owner, &scopes, false).await?;
    Ok(answer::json(StatusCode::OK, &model))
}

/// Sessions are no business of programs: a service learns of its visitors by OAuth.
async fn cookie(asker: Asker) -> Result<HttpResponse, Failure> {
    by_token(asker)?;
    Err(Failure::bare(StatusCode::NOT_FOUND))
}

async fn gone() -> Result<HttpResponse, Failure> {
    let sentence = "Deprecated endpoint /hub/api/authorizations/token is removed in JupyterHub 2.0. \
                    Use /hub/api/users/:user/tokens instead.";
    Err(Failure::new(StatusCode::NOT_FOUND, sentence))
}

fn by_token(Asker(caller): Asker) -> Result<Caller, Failure> {
    caller.filter(|caller| caller.token.is_some()).ok_or_else(|| Failure::bare(StatusCode::FORBIDDEN))
}
