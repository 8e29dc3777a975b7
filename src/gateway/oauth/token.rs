//! `POST /hub/api/oauth2/token`: a client exchanges a code for a token.

use actix_web::http::StatusCode;
use actix_web::http::header::{PRAGMA, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use log::{info, warn};
use openssl::memcmp;
use openssl::sha::sha256;
use serde_json::json;

use super::client::{self, OAuthClient};
use crate::answer::{self, Failure};
use crate::domain::oauth::{Challenge, Fault, Method, TokenRequest};
use crate::domain::request_log::shown;
use crate::domain::scope::{Owner, Scope};
use crate::state::{Hub, blocking, tokens};
use crate::store::StoreError;
use crate::store::oauth::{self, Code};
use crate::store::tokens::NewToken;

/// Microseconds of one second.
const SECOND_US: i64 = 1_000_000;

/// Why there is no token.
enum Refused {
    /// The client asked wrongly.
    Fault(Fault),
    /// The hub cannot do its part.
    Failure(Failure),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The handler. The client proves itself by its secret: neither cookie nor `Authorization` is looked at.
pub async fn exchange(
    hub: web::Data<Hub>,
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, Failure> {
    let body = body.map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "The form could not be read."))?;
    match redeem(&hub, request.query_string(), &body).await {
        Ok(model) => Ok(answer::program(StatusCode::OK).insert_header((PRAGMA, "no-cache")).json(model)),
        Err(Refused::Fault(fault)) => Ok(refusal(&fault)),
        Err(Refused::Failure(failure)) => Err(failure),
    }
}

async fn redeem(hub: &Hub, query: &str, body: &[u8]) -> Result<serde_json::Value, Refused> {
    let request = TokenRequest::read(query, body)?;
    let client = authenticated(hub, &request).await?;
    let hash = sha256(request.code.expose().as_bytes());
    let code = valid(hub, &client, hash).await?;
    request.proves(challenge(&code)?.as_ref(), hub.config.oauth_require_pkce)?;
    request.came_back_to(&code.redirect_uri)?;
    use_up(hub, hash).await?;
    issue(hub, &client, code, hash).await
}

async fn authenticated(hub: &Hub, request: &TokenRequest) -> Result<OAuthClient, Refused> {
    let client = client::find(hub, &request.client_id).await?;
    let secret = request.client_secret.as_ref().map(|secret| sha256(secret.expose().as_bytes()));
    match (client, secret) {
        (Some(client), Some(secret)) if memcmp::eq(&client.secret_hash, &secret) => Ok(client),
        _ => {
            warn!("OAuth client refused client={}", shown(&request.client_id));
            Err(Fault::InvalidClient.into())
        }
    }
}

/// The code, if it is this client's, has not been used and the login that gave it still stands.
async fn valid(hub: &Hub, client: &OAuthClient, hash: [u8; 32]) -> Result<Code, Refused> {
    let (store, now_us) = (hub.store.clone(), hub.clock.now_us());
    let found = blocking(move || store.read(|c| oauth::code(c, &hash, now_us))).await.map_err(broken)?;
    let Some(code) = found.filter(|code| code.client_id == client.identifier) else {
        if let Some(token) = hub.spent_codes.take(&hash) {
            warn!("OAuth code used twice: its token a{token} ends client={}", client.identifier);
            tokens::revoke(hub, &[token]).await.map_err(broken)?;
        }
        return Err(Fault::InvalidGrant("").into());
    };
    let alive = code.session_id.as_deref().is_none_or(|id| hub.sessions.holds_public(id, hub.clock.now_s()));
    if alive { Ok(code) } else { Err(Fault::InvalidGrant("").into()) }
}

fn challenge(code: &Code) -> Result<Option<Challenge>, Fault> {
    let Some((text, method)) = &code.challenge else { return Ok(None) };
    let method = Method::of(method).ok_or(Fault::InvalidGrant("Challenge method not found"))?;
    Ok(Some(Challenge { text: text.clone(), method }))
}

/// Only one of two that come at once gets a token.
async fn use_up(hub: &Hub, hash: [u8; 32]) -> Result<(), Refused> {
    let store = hub.store.clone();
    let was_there = blocking(move || store.write(|c| oauth::delete_code(c, &hash))).await.map_err(broken)?;
    if was_there { Ok(()) } else { Err(Fault::InvalidGrant("").into()) }
}

async fn issue(
    hub: &Hub,
    client: &OAuthClient,
    code: Code,
    hash: [u8; 32],
) -> Result<serde_json::Value, Refused> {
    let scope: Vec<String> = code.scopes.iter().map(Scope::to_string).collect();
    let (now_us, lifetime_s) = (hub.clock.now_us(), hub.config.oauth_token_expires_in);
    let new = NewToken {
        owner: Owner::User(code.user.clone()),
        scopes: code.scopes,
        client: Some((client.identifier.clone(), client.who.clone())),
        session_id: code.session_id,
        server: None,
        expires_us: Some(now_us.saturating_add(i64::from(lifetime_s).saturating_mul(SECOND_US))),
        note: String::new(),
    };
    let (text, token) = tokens::issue(hub, new).await.map_err(broken)?;
    hub.spent_codes.remember(hash, token.id, code.expires_us, now_us);
    info!("OAuth token a{} user={} client={}", token.id, code.user, client.identifier);
    Ok(json!({
        "access_token": text.expose(), "expires_in": lifetime_s, "token_type": "Bearer", "scope": scope.join(" ")
    }))
}

fn broken(error: StoreError) -> Refused {
    warn!("an OAuth code could not be exchanged: {error}");
    Refused::Failure(Failure::unavailable())
}

fn refusal(fault: &Fault) -> HttpResponse {
    let mut model = json!({ "error": fault.code() });
    if let (Some(model), false) = (model.as_object_mut(), fault.description().is_empty()) {
        model.insert("error_description".to_owned(), fault.description().into());
    }
    let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = answer::program(status);
    response.insert_header((PRAGMA, "no-cache"));
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header((WWW_AUTHENTICATE, format!("Bearer error=\"{}\"", fault.code())));
    }
    response.json(model)
}
