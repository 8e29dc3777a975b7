//! `/users/NAME/tokens`: tokens of a user, listed, issued and revoked.

use std::sync::Arc;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::Username;
use log::info;
use serde_json::json;

use crate::answer::{self, Failure};
use crate::api::body::{Body, checked, empty, object_or, shortened};
use crate::api::model::{Reader, api_id};
use crate::api::operation::Operation;
use crate::api::stored::{self, audited};
use crate::api::token_request::{self, Wish};
use crate::api::user::found;
use crate::domain::audit::Action;
use crate::domain::scope::{Base, Owner, Target};
use crate::extract::{Asker, Caller, Peer};
use crate::state::tokens::{self, Token};
use crate::store::tokens::NewToken;

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/users/{name}/tokens",
        summary: "Tokens of a user",
        scopes: &[Base::ReadTokens],
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(list),
    },
    Operation {
        method: Method::POST,
        path: "/users/{name}/tokens",
        summary: "Issue a token; its text is in this answer and nowhere else",
        scopes: &[Base::Tokens],
        query: &[],
        body: Some(token_request::FIELDS),
        responses: &[201, 400, 403, 429],
        route: || web::route().to(issue),
    },
    Operation {
        method: Method::GET,
        path: "/users/{name}/tokens/{token_id}",
        summary: "One token, without its text",
        scopes: &[Base::ReadTokens],
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(read),
    },
    Operation {
        method: Method::DELETE,
        path: "/users/{name}/tokens/{token_id}",
        summary: "Revoke a token; one that an OAuth client got takes the client's others of that user along",
        scopes: &[Base::Tokens],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(revoke),
    },
];

async fn list(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let name = owner(&caller, &[Base::ReadTokens], &name).await?;
    let mut all = caller.hub.tokens.of(&Owner::User(name));
    all.sort_by_key(|token| token.last_activity_us().unwrap_or(token.created_us));
    let models: Vec<_> = all.iter().map(|token| reader(&caller).token(token)).collect();
    Ok(answer::json(StatusCode::OK, &json!({ "api_tokens": models })))
}

async fn issue(
    asker: Asker,
    name: web::Path<String>,
    body: Body,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let body = body.json()?.filter(|body| !empty(body)).unwrap_or_else(|| json!({}));
    let body = object_or(body, "Body must be a JSON dict or empty")?;
    let caller = match asker.0 {
        Some(caller) => {
            caller.require_proof()?;
            caller
        }
        None => token_request::by_password(&request, body.get("auth"), Peer::of(&request)).await?,
    };
    let kind = caller.owner.kind();
    let owner = permitted(&caller, &name).await.ok_or_else(|| {
        let title = if kind == "user" { "User" } else { "Service" };
        let sentence = format!("{title} {} not found or no permissions to generate tokens", shortened(&name));
        Failure::new(StatusCode::FORBIDDEN, sentence)
    })?;
    let own = caller.owner == Owner::User(owner.clone());
    let by = if own { String::new() } else { format!(" by {kind} {}", caller.name()) };
    let wish = Wish::read(&caller, &owner, &checked(body, &token_request::FIELDS)?)?;
    let new = NewToken { note: wish.note.unwrap_or_else(|| format!("Requested via api{by}")), ..wish.new };
    let (text, token) = tokens::issue(&caller.hub, new).await.map_err(|error| stored::told(&error))?;
    info!("token {} issued for user={owner}{by}", api_id(&token));
    let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).collect();
    let what = json!({ "id": api_id(&token), "scopes": scopes, "by": caller.name() });
    audited(&caller.hub, Action::TokenMade, owner.as_str(), what).await?;
    let mut model = reader(&caller).token(&token);
    model.insert("token".to_owned(), text.expose().into());
    Ok(answer::json(StatusCode::CREATED, &model))
}

/// The user whom the path names, if there is one for whom the caller may make tokens.
async fn permitted(caller: &Caller, name: &str) -> Option<Username> {
    let name = caller.directory.user_named(name)?;
    let held = caller.may(&Base::Tokens, &Target::User(&name));
    (held && found(&caller.hub, &name).await.is_ok()).then_some(name)
}

async fn read(caller: Caller, path: web::Path<(String, String)>) -> Result<HttpResponse, Failure> {
    let name = owner(&caller, &[Base::ReadTokens], &path.0).await?;
    let token = token(&caller, name, &path.1)?;
    Ok(answer::json(StatusCode::OK, &reader(&caller).token(&token)))
}

async fn revoke(caller: Caller, path: web::Path<(String, String)>) -> Result<HttpResponse, Failure> {
    let name = owner(&caller, &[Base::Tokens], &path.0).await?;
    let owner = Owner::User(name.clone());
    let token = token(&caller, name, &path.1)?;
    let mut ids = vec![token.id];
    if token.client.is_some() {
        let same = caller.hub.tokens.of(&owner).into_iter().filter(|other| other.client == token.client);
        ids = same.map(|token| token.id).collect();
    }
    tokens::revoke(&caller.hub, &ids).await.map_err(|error| stored::told(&error))?;
    info!("tokens revoked={} of={} by={}", ids.len(), owner.name(), caller.name());
    audited(&caller.hub, Action::TokenRevoked, owner.name(), json!({ "ids": ids })).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// The user whose tokens they are.
async fn owner(caller: &Caller, any_of: &[Base], name: &str) -> Result<Username, Failure> {
    let name = caller.user(any_of, name)?;
    match found(&caller.hub, &name).await {
        Err(_) => Err(Failure::new(StatusCode::NOT_FOUND, format!("No such user: {name}"))),
        Ok(_) => Ok(name),
    }
}

fn token(caller: &Caller, name: Username, id: &str) -> Result<Arc<Token>, Failure> {
    let number = id.strip_prefix('a').and_then(|number| number.parse::<i64>().ok());
    let owner = Owner::User(name);
    let token = number.and_then(|number| caller.hub.tokens.by_id(number));
    token.filter(|token| token.owner == owner).ok_or_else(|| {
        let sentence = format!("No such token {} for user {}", shortened(id), owner.name());
        Failure::new(StatusCode::NOT_FOUND, sentence)
    })
}

fn reader(caller: &Caller) -> Reader<'_> {
    Reader { hub: &caller.hub, directory: &caller.directory, scopes: &caller.scopes }
}
