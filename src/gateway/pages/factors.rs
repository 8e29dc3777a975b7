//! Second factors of one's own: what one has, adding and removing.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use log::warn;

use crate::answer::{self, Failure, Frame, picture};
use crate::domain::time::iso;
use crate::extract::{Posted, Proof, SignedIn, header_text, names, origin_of};
use crate::state::factors::{self, Enrolled, Offer, Removed};
use crate::state::passkeys::{self, Added, Ceremony};
use crate::state::{Hub, Session};
use crate::store::StoreError;
use crate::store::passkeys::Passkey as Row;
use crate::words::Message;

#[derive(Template)]
#[template(path = "factors.html")]
struct FactorsPage {
    frame: Frame,
    /// When the app was added; empty where there is none.
    app: String,
    passkeys: Vec<Line>,
    recovery_codes: i64,
    any: bool,
    tab: &'static str,
    offers_passkeys: bool,
}

/// A passkey as the page shows it.
struct Line {
    id: String,
    name: String,
    created: String,
    used: String,
}

impl From<Row> for Line {
    fn from(row: Row) -> Self {
        let used = row.last_used_s.map(day).unwrap_or_default();
        Self { id: row.id, name: row.name, created: day(row.created_s), used }
    }
}

#[derive(Template)]
#[template(path = "passkey.html")]
struct PasskeyPage {
    frame: Frame,
    tab: &'static str,
    message: Option<Message>,
    ceremony: Ceremony,
}

#[derive(Template)]
#[template(path = "app.html")]
struct AppPage {
    frame: Frame,
    tab: &'static str,
    message: Option<Message>,
    picture: String,
    offer: Offer,
}

/// Recovery codes, which are shown once.
#[derive(Template)]
#[template(path = "recovery.html")]
pub(super) struct RecoveryPage {
    pub(super) frame: Frame,
    /// None where a factor was added beside another one.
    pub(super) codes: Vec<String>,
    /// Where the person goes then.
    pub(super) next: String,
}

/// What an app shows as the name of this hub: its host.
pub(super) fn issuer(hub: &Hub, request: &HttpRequest) -> String {
    let public = hub.config.public_url.split_once("://").map(|(_, host)| host);
    let host = public.unwrap_or_else(|| header_text(request, &names::HOST));
    if host.is_empty() { "hubgate".to_owned() } else { host.to_owned() }
}

/// A day, in UTC.
fn day(at_s: i64) -> String {
    iso(at_s.saturating_mul(1_000_000)).chars().take("2026-01-02".len()).collect()
}

/// `GET /hub/factors`.
pub async fn list(person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (hub, user) = (&person.hub, &person.session.user);
    let held = factors::held(hub, user).await.map_err(|error| failed(hub, &error))?;
    let passkeys = passkeys::of(hub, user).await.map_err(|error| failed(hub, &error))?;
    let page = FactorsPage {
        frame: person.frame(),
        app: held.app_s.map(day).unwrap_or_default(),
        passkeys: passkeys.into_iter().map(Line::from).collect(),
        recovery_codes: held.recovery_codes,
        any: held.any(),
        tab: "factors",
        offers_passkeys: origin_of(hub, &request).is_some(),
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// `GET /hub/factors/app`: a secret for an app.
pub async fn offer_app(_: Proof, person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let offer = factors::offer(&person.hub, &person.session.user, &issuer(&person.hub, &request));
    let offer = offer.ok_or_else(|| person.failure(Failure::unavailable()))?;
    Ok(app_page(&person.hub, &person.session, offer, (StatusCode::OK, None)))
}

fn app_page(
    hub: &Hub,
    session: &Session,
    offer: Offer,
    (status, message): (StatusCode, Option<Message>),
) -> HttpResponse {
    let picture = picture::qr(&offer.url).unwrap_or_default();
    answer::page(status, &AppPage { frame: Frame::of(hub, session), tab: "factors", message, picture, offer })
}

/// `POST /hub/factors/app`: the app's first code.
pub async fn add_app(_: Proof, posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let (sealed, code) = (form.get("app").unwrap_or_default(), form.get("code").unwrap_or_default());
    let enrolled = factors::enrol(&hub, &session.user, sealed, code).await;
    let issuer = issuer(&hub, &request);
    let (offer, message) = match enrolled.map_err(|error| failed(&hub, &error))? {
        Enrolled::Done(codes) => return Ok(added(&hub, &session, codes)),
        Enrolled::Wrong => (factors::reoffer(&hub, &session.user, &issuer, sealed), "factor-code-wrong"),
        Enrolled::Stale => (factors::offer(&hub, &session.user, &issuer), "factor-app-late"),
    };
    let offer = offer.ok_or_else(|| Failure::unavailable().as_page(true, &hub.config))?;
    Ok(app_page(&hub, &session, offer, (StatusCode::FORBIDDEN, Some(Message::new(message)))))
}

/// Where somebody is after adding a factor: at their recovery codes if they are new.
fn added(hub: &Hub, session: &Session, codes: Vec<String>) -> HttpResponse {
    let next = hub.url("/hub/factors");
    if codes.is_empty() {
        return answer::redirect(&next);
    }
    answer::page(StatusCode::OK, &RecoveryPage { frame: Frame::of(hub, session), codes, next })
}

/// `GET /hub/factors/passkey`: what the device is asked.
pub async fn offer_passkey(
    _: Proof,
    person: SignedIn,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    passkey_page(&person.hub, &request, &person.session, (StatusCode::OK, None)).await
}

async fn passkey_page(
    hub: &Hub,
    request: &HttpRequest,
    session: &Session,
    (status, message): (StatusCode, Option<Message>),
) -> Result<HttpResponse, Failure> {
    let ceremony = match origin_of(hub, request) {
        Some(origin) => passkeys::offer(hub, &origin, &session.user).await,
        None => Ok(None),
    };
    let ceremony = ceremony.map_err(|error| failed(hub, &error))?.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, Message::new("factor-no-passkeys")).as_page(true, &hub.config)
    })?;
    Ok(answer::page(
        status,
        &PasskeyPage { frame: Frame::of(hub, session), tab: "factors", message, ceremony },
    ))
}

/// `POST /hub/factors/passkey`: the device's answer.
pub async fn add_passkey(_: Proof, posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let field = |name| form.get(name).unwrap_or_default();
    let added = match origin_of(&hub, &request) {
        Some(origin) => {
            let answers = (field("ceremony"), field("answer"));
            passkeys::add(&hub, &origin, &session.user, answers, field("name")).await
        }
        None => Ok(Added::Refused),
    };
    match added.map_err(|error| failed(&hub, &error))? {
        Added::Done(codes) => Ok(self::added(&hub, &session, codes)),
        other => passkey_page(&hub, &request, &session, (StatusCode::FORBIDDEN, told(&other))).await,
    }
}

/// Why a passkey was not added.
pub(super) fn told(added: &Added) -> Option<Message> {
    match added {
        Added::Done(_) => None,
        Added::Refused => Some(Message::new("factor-passkey-refused")),
        Added::Known => Some(Message::new("factor-passkey-known")),
        Added::TooMany => Some(Message::new("factor-passkey-many")),
    }
}

/// `POST /hub/factors/rename`: another name for a passkey.
pub async fn rename(posted: Posted) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let field = |name| form.get(name).unwrap_or_default();
    let renamed = passkeys::rename(&hub, &session.user, field("passkey"), field("name")).await;
    if renamed.map_err(|error| failed(&hub, &error))? {
        return Ok(answer::redirect(&hub.url("/hub/factors")));
    }
    let failure = Failure::new(StatusCode::NOT_FOUND, Message::new("factor-none-such"));
    Err(failure.as_page(true, &hub.config))
}

/// `POST /hub/factors/recovery`: new recovery codes instead of the old ones.
pub async fn renew_codes(_: Proof, posted: Posted) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    let held = factors::held(&hub, &session.user).await.map_err(|error| failed(&hub, &error))?;
    if !held.any() {
        let failure = Failure::new(StatusCode::CONFLICT, Message::new("factor-none"));
        return Err(failure.as_page(true, &hub.config));
    }
    let codes = factors::renew_codes(&hub, &session.user).await.map_err(|error| failed(&hub, &error))?;
    Ok(added(&hub, &session, codes))
}

/// `POST /hub/factors/remove`: the app, or the passkey that the form names.
pub async fn remove(_: Proof, posted: Posted) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let removed = factors::remove(&hub, &session.user, form.get("passkey")).await;
    let refuse = |status, message: Message| Failure::new(status, message).as_page(true, &hub.config);
    match removed.map_err(|error| failed(&hub, &error))? {
        Removed::Done => Ok(answer::redirect(&hub.url("/hub/factors"))),
        Removed::Absent => Err(refuse(StatusCode::NOT_FOUND, Message::new("factor-none-such"))),
        Removed::Needed => Err(refuse(StatusCode::CONFLICT, Message::new("factor-needed"))
            .remedy(Message::new("factor-needed-remedy"))),
    }
}

fn failed(hub: &Hub, error: &StoreError) -> Failure {
    warn!("second factors could not be read or kept: {error}");
    Failure::unavailable().as_page(true, &hub.config)
}
