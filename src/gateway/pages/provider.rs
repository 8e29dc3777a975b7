//! Logging in at an identity provider: leaving for it, coming back, and logging out there.

use actix_web::cookie::time::Duration;
use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use log::{info, warn};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;
use url::Url;

use crate::answer::{self, Failure, Frame};
use crate::domain::cookie;
use crate::domain::form::Form;
use crate::domain::handshake::{AGE_S, Handshake};
use crate::domain::request_log::shown;
use crate::domain::seal::NONCE;
use crate::extract::{Page, Peer, Visitor, header_text};
use crate::pages::welcome::{Arrival, hub_cookie, set_cookie};
use crate::pages::{next_in, provider_fault};
use crate::state::logins::Method;
use crate::state::provider::{self, Asked, Fault};
use crate::state::{Hub, Session, sessions};

/// A provider as the login page shows it.
pub struct Button {
    /// What is on it.
    pub title: String,
    /// Where it leads.
    pub href: String,
}

/// The buttons of the login page.
#[must_use]
pub fn buttons(hub: &Hub, next: &str) -> Vec<Button> {
    let one = |provider: &std::sync::Arc<provider::Provider>| Button {
        title: provider.spec.title.clone(),
        href: address(hub, &provider.spec.name, next),
    };
    hub.providers.all().iter().map(one).collect()
}

/// Where a login at a provider begins.
#[must_use]
pub fn address(hub: &Hub, provider: &str, next: &str) -> String {
    let next = match next {
        "" => String::new(),
        next => format!("&next={}", utf8_percent_encode(next, NON_ALPHANUMERIC)),
    };
    hub.url(&format!("/hub/oauth_login?provider={provider}{next}"))
}

/// `GET /hub/oauth_login?provider=NAME`: off to the provider. `again=1` asks it for a fresh proof.
pub async fn leave(Page(visitor): Page, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let form = Form::parse(request.query_string().as_bytes()).unwrap_or_default();
    let wanted = form.get("provider").unwrap_or_default();
    let title = title(&visitor.hub, wanted);
    let gone = away(&visitor, &request, &form, wanted).await;
    gone.map_err(|fault| refused(&visitor, &request, &fault, &title))
}

async fn away(
    visitor: &Visitor,
    request: &HttpRequest,
    form: &Form,
    wanted: &str,
) -> Result<HttpResponse, Fault> {
    let hub = &visitor.hub;
    let provider = hub.providers.named(wanted)?;
    let now_s = hub.clock.now_s();
    let handshake = Handshake {
        provider: provider.spec.name.clone(),
        next: next_in(hub, form),
        begun_s: now_s,
        again: form.get("again") == Some("1"),
    };
    let browser = match browser(request) {
        Some(known) => known.to_owned(),
        None => sessions::new_id().map_err(|_| Fault::Busy)?,
    };
    let mut nonce = [0; NONCE];
    openssl::rand::rand_bytes(&mut nonce).map_err(|_| Fault::Busy)?;
    let state = hub.key.state_of(&browser, &nonce, &handshake).ok_or(Fault::Busy)?;
    let target = provider.leave(&Asked::of(hub, &handshake, &state, "")?, now_s).await?;
    let mut response = answer::redirect(target.as_str());
    let mut kept = hub_cookie(hub, request, cookie::BROWSER, &browser, Duration::seconds(AGE_S));
    kept.set_path(hub.url("/hub/"));
    set_cookie(&mut response, &kept);
    Ok(response)
}

/// `GET /hub/oauth_callback`: back from the provider, with a code or an error.
pub async fn callback(Page(visitor): Page, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let form = Form::parse(request.query_string().as_bytes()).unwrap_or_default();
    let state = form.get("state").unwrap_or_default();
    let handshake = browser(&request)
        .and_then(|known| visitor.hub.key.handshake_of(known, state, visitor.hub.clock.now_s()));
    let Some(handshake) = handshake else { return Err(refused(&visitor, &request, &Fault::Stale, "")) };
    if let Some(session) = &visitor.session
        && since(session, &handshake)
    {
        // Another tab was faster: this browser is logged in by now.
        return Ok(answer::redirect(&handshake.next.unwrap_or_else(|| visitor.hub.url("/hub/"))));
    }
    let title = title(&visitor.hub, &handshake.provider);
    let started = Instant::now();
    let outcome = back(&visitor.hub, &form, &handshake, state).await;
    visitor.hub.metrics.login(outcome.is_ok(), started.elapsed());
    match outcome {
        Ok(proven) => {
            let from = Peer::of(&request).0.addr;
            info!("login from={from} user={} provider={}", proven.user, handshake.provider);
            Arrival { visitor: &visitor, request: &request, proven, next: handshake.next }.welcome().await
        }
        Err(fault) => Err(refused(&visitor, &request, &fault, &title)),
    }
}

async fn back(
    hub: &Hub,
    form: &Form,
    handshake: &Handshake,
    state: &str,
) -> Result<crate::state::logins::Proven, Fault> {
    let spec = &hub.providers.named(&handshake.provider)?.spec;
    // RFC 9207: an answer that says whose it is must be of the provider that was asked.
    if let Some(issuer) = form.get("iss")
        && issuer != spec.issuer
    {
        return Err(Fault::WrongIssuer(shown(issuer)));
    }
    if let Some(code) = form.get("error") {
        return Err(Fault::Refused(shown(code)));
    }
    let code = form.get("code").filter(|code| !code.is_empty()).ok_or(Fault::Code)?;
    provider::proven(hub, handshake, state, code).await
}

/// Whether a session began by the same provider after this login had left for it.
fn since(session: &Session, handshake: &Handshake) -> bool {
    !handshake.again
        && session.origin.method == Method::Provider(handshake.provider.clone()).to_string()
        && session.origin.proven_s >= handshake.begun_s
}

/// What ties logins under way to this browser: one value of the right form, or nothing.
fn browser(request: &HttpRequest) -> Option<&str> {
    cookie::single(header_text(request, &COOKIE), cookie::BROWSER)
}

fn title(hub: &Hub, name: &str) -> String {
    hub.providers.named(name).map(|provider| provider.spec.title.clone()).unwrap_or_default()
}

fn refused(visitor: &Visitor, request: &HttpRequest, fault: &Fault, title: &str) -> Failure {
    warn!(
        "login by provider failed from={} provider={} reason={fault}",
        Peer::of(request).0.addr,
        shown(title)
    );
    visitor.failure(provider_fault::told(fault, title))
}

#[derive(Template)]
#[template(path = "farewell.html")]
struct FarewellPage<'a> {
    frame: Frame,
    title: &'a str,
    target: &'a str,
}

/// After a log-out here: the page that leads on to the log-out at the provider, where the site wants that.
#[must_use]
pub fn farewell(hub: &Hub, session: &Session) -> Option<HttpResponse> {
    let name = session.origin.method.strip_prefix("oidc:")?;
    let provider = hub.providers.named(name).ok().filter(|provider| provider.spec.logout)?;
    let mut target: Url = provider.end_session(hub.clock.now_s())?;
    target
        .query_pairs_mut()
        .append_pair("client_id", &provider.spec.client_id)
        .append_pair(
            "post_logout_redirect_uri",
            &format!("{}{}", hub.config.public_url, hub.url("/hub/logout")),
        )
        .extend_pairs(session.origin.id_token.iter().map(|token| ("id_token_hint", token)));
    let frame = Frame::anonymous(&hub.config);
    let page = FarewellPage { frame, title: &provider.spec.title, target: target.as_str() };
    Some(answer::page(StatusCode::OK, &page))
}
