//! Where the provider answers, as part of the API's table.

use actix_web::http::Method;
use actix_web::web;

use super::{authorize, token};
use crate::api::operation::{Kind, Operation, Param};

const QUERY: &[Param] = &[
    Param { name: "client_id", kind: Kind::Text, meaning: "who asks" },
    Param { name: "response_type", kind: Kind::Word(&["code"]), meaning: "what is asked for" },
    Param { name: "state", kind: Kind::Text, meaning: "comes back with the code" },
    Param {
        name: "redirect_uri",
        kind: Kind::Text,
        meaning: "where the code goes; exactly as it was registered",
    },
    Param {
        name: "scope",
        kind: Kind::Text,
        meaning: "scopes with a space between; all that the client may have",
    },
    Param { name: "code_challenge", kind: Kind::Text, meaning: "proof key (RFC 7636)" },
    Param { name: "code_challenge_method", kind: Kind::Word(&["plain", "S256"]), meaning: "how it was made" },
];

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/oauth2/authorize",
        summary: "A person lets a client know who they are: a page, or a redirect to the client",
        scopes: &[],
        query: QUERY,
        body: None,
        responses: &[200, 302, 400, 403],
        route: || web::route().to(authorize::ask),
    },
    Operation {
        method: Method::POST,
        path: "/oauth2/authorize",
        summary: "The form of that page",
        scopes: &[],
        query: QUERY,
        body: None,
        responses: &[302, 400, 403],
        route: || web::route().to(authorize::agree),
    },
    Operation {
        method: Method::POST,
        path: "/oauth2/token",
        summary: "A client exchanges a code for a token; the body is a form",
        scopes: &[],
        query: &[],
        body: None,
        responses: &[200, 400, 401],
        route: || web::route().to(token::exchange),
    },
];
