//! `/hub/api/oauth2/authorize`: a person lets a client know who they are, and more if they agree.

use std::collections::BTreeSet;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use log::{info, warn};
use openssl::sha::sha256;

use super::client::{self, OAuthClient};
use super::consent;
use crate::answer::{self, Failure};
use crate::domain::form;
use crate::domain::oauth::{AuthorizeRequest, Fatal, Fault, Wish, grant};
use crate::domain::scope::{Base, Client, Holder, Owner, Scope, Target, Verdict, resolve};
use crate::extract::posted::{form_body, stale_form};
use crate::extract::{SignedIn, Visitor};
use crate::state::{Hub, Session, blocking, tokens};
use crate::store::StoreError;
use crate::store::oauth::{self, Code};

/// How long a code may wait for its exchange, microseconds.
const CODE_LIFE_US: i64 = 300 * 1_000_000;

/// A request that holds: who asks, for what, and what of it the person can give.
struct Granted {
    request: AuthorizeRequest,
    client: OAuthClient,
    wish: Wish,
    scopes: BTreeSet<Scope>,
}

/// Why no code is made.
enum Refused {
    /// The person is told.
    Told(Failure),
    /// The client is told: the browser goes there.
    Back(String),
}

impl From<Fatal> for Refused {
    fn from(fatal: Fatal) -> Self {
        Self::Told(told(&fatal))
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Told(failure)
    }
}

fn told(fatal: &Fatal) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, fatal.to_string())
}

/// `GET`: asks the person, or goes straight on where there is nothing to ask.
pub async fn ask(signed: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (hub, session) = (&signed.hub, &signed.session);
    let granted = match grant(hub, session, request.query_string(), None).await {
        Ok(granted) => granted,
        Err(Refused::Back(address)) => return Ok(answer::redirect(&address)),
        Err(Refused::Told(failure)) => return Err(signed.failure(failure)),
    };
    if needs_consent(hub, session, &granted) {
        return Ok(consent::page(hub, signed.frame(), &granted.client, &session.user, &granted.scopes));
    }
    finish(hub, session, granted).await.map_err(|failure| signed.failure(failure))
}

/// `POST`: the person agreed.
pub async fn agree(
    visitor: Visitor,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let mut payload: Payload = payload.into_inner();
    let page = |failure: Failure| failure.as_page(true, &visitor.hub.config);
    let body = form_body(&request, &mut payload).await.map_err(page)?;
    let Some(session) = visitor.session.clone() else {
        return Err(page(Failure::new(StatusCode::FORBIDDEN, "You are not logged in.")));
    };
    let fields = form::pairs(&body).map_err(|_| page(told(&Fatal::Unreadable)))?;
    let token = fields.iter().find(|(name, _)| name == "_xsrf").map_or("", |(_, value)| value);
    if !visitor.hub.key.session_token_holds(&session.hash, token) {
        return Err(page(stale_form()));
    }
    match grant(&visitor.hub, &session, request.query_string(), Some(&body)).await {
        Ok(granted) => finish(&visitor.hub, &session, granted).await.map_err(page),
        Err(Refused::Back(address)) => Ok(answer::redirect(&address)),
        Err(Refused::Told(failure)) => Err(page(failure)),
    }
}

async fn grant(hub: &Hub, session: &Session, query: &str, form: Option<&[u8]>) -> Result<Granted, Refused> {
    let request = AuthorizeRequest::read(query, form.unwrap_or_default())?;
    let client = client::find(hub, request.client_id()).await?.ok_or(Fatal::InvalidClientId)?;
    request.comes_back_to(&client.redirect_uri)?;
    let back = |fault: Fault| Refused::Back(request.refused(&client.redirect_uri, &fault));
    let mut wish = request.wish(hub.config.oauth_require_pkce).map_err(back)?;
    if form.is_some() {
        wish.scopes = request.consented().map(str::to_owned).collect();
        if wish.scopes.is_empty() {
            // Nothing left in the form is not the same as nothing said.
            wish.scopes.push("identify".to_owned());
        }
    }
    let directory = hub.directory();
    let names = &wish.scopes;
    let role = |name: &str| Some(directory.role(&name.parse().ok()?)?.scopes.clone());
    let asked = grant::asked(names, &client.allowed, &client.who, directory.custom(), &role)
        .ok_or_else(|| back(Fault::InvalidScope))?;
    let owner = Owner::User(session.user.clone());
    let holder =
        Holder { owner: &owner, client: Some(&client.who), custom: directory.custom(), groups: &*directory };
    let required = grant::required(&client.who);
    let may = client.allowed.iter().chain(&required).cloned().collect();
    if !resolve(&asked, &may, &holder).refused.is_empty() {
        return Err(back(Fault::InvalidScope));
    }
    reaches(hub, session, &client)?;
    let mut held: BTreeSet<Scope> = directory.raw_scopes(&owner).into_iter().chain(required).collect();
    held.insert(Scope::unfiltered(Base::Inherit));
    let scopes = resolve(&asked, &held, &holder).allowed;
    Ok(Granted { request, client, wish, scopes })
}

/// Whether the person may use what asks.
fn reaches(hub: &Hub, session: &Session, client: &OAuthClient) -> Result<(), Failure> {
    let directory = hub.directory();
    let (base, target) = match &client.who {
        Client::Server(id) => (Base::AccessServers, Target::Server(id)),
        Client::Service(name) => (Base::AccessServices, Target::Service(name)),
    };
    match directory.scopes_of_user(&session.user).check(&base, &target, &*directory) {
        Verdict::Held => Ok(()),
        Verdict::Elsewhere | Verdict::Missing => {
            warn!("OAuth refused user={} client={}: no access", session.user, client.identifier);
            let sentence = format!("You do not have permission to access {}", client.description);
            Err(Failure::new(StatusCode::FORBIDDEN, sentence))
        }
    }
}

/// One's own server needs no leave, nor does a service that the administrator trusts, nor what was given to this client before.
fn needs_consent(hub: &Hub, session: &Session, granted: &Granted) -> bool {
    let own = matches!(&granted.client.who, Client::Server(id) if id.user == session.user);
    if own || granted.client.no_confirm {
        return false;
    }
    let given = hub.tokens.given_to(&session.user, &granted.client.identifier);
    given.is_empty() || !granted.scopes.iter().all(|scope| given.contains(scope))
}

async fn finish(hub: &Hub, session: &Session, granted: Granted) -> Result<HttpResponse, Failure> {
    let Granted { request, client, wish, scopes } = granted;
    let text = tokens::random().map_err(broken)?;
    let hash = sha256(text.expose().as_bytes());
    let code = Code {
        client_id: client.identifier.clone(),
        user: session.user.clone(),
        session_id: Some(session.public_id.clone()),
        redirect_uri: client.redirect_uri.clone(),
        scopes: scopes.into_iter().collect(),
        challenge: wish.challenge.map(|challenge| (challenge.text, challenge.method.name().to_owned())),
        expires_us: hub.clock.now_us().saturating_add(CODE_LIFE_US),
    };
    let store = hub.store.clone();
    blocking(move || store.write(|c| oauth::insert_code(c, &hash, &code))).await.map_err(broken)?;
    info!("OAuth code user={} client={}", session.user, client.identifier);
    Ok(answer::redirect(&request.granted(&client.redirect_uri, text.expose())))
}

fn broken(error: StoreError) -> Failure {
    warn!("an OAuth code could not be made: {error}");
    Failure::unavailable()
}
