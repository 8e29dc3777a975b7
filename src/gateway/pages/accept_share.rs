//! Accepting a share: whoever has the code may look at what it gives, and take it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use hubgate_protocol::Phase;
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::domain::audit::{Action, Event};
use crate::domain::form::Form;
use crate::extract::{Posted, SignedIn, actor};
use crate::pages::rights::{Reader, Right};
use crate::pages::{next_in, next_of};
use crate::state::{Hub, Session, blocking, tokens};
use crate::store::share_codes::{self, ShareCode};
use crate::store::shares::{self, With};
use crate::words::Message;

#[derive(Template)]
#[template(path = "accept_share.html")]
struct AcceptPage {
    frame: Frame,
    owner: String,
    server: String,
    running: bool,
    rights: Vec<Right>,
    code: String,
    next: String,
}

/// `GET /hub/accept-share?code=CODE`: what the code gives.
pub async fn ask(person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = &person.hub;
    let query = Form::parse(request.query_string().as_bytes()).unwrap_or_default();
    let code = query.get("code").unwrap_or_default();
    let found = offered(hub, &person.session, code, StatusCode::NOT_FOUND).await;
    let share = found.map_err(|failure| person.failure(failure))?;
    let (frame, directory) = (person.frame(), hub.directory());
    let reader =
        Reader { user: &person.session.user, language: frame.telling.language, custom: directory.custom() };
    let page = AcceptPage {
        owner: share.server.user.to_string(),
        server: share.server.server.to_string(),
        running: hub.servers.phase(&share.server) == Phase::Running,
        rights: share.scopes.iter().map(|scope| reader.right(scope)).collect(),
        code: code.to_owned(),
        next: next_of(hub, request.query_string()).unwrap_or_default(),
        frame,
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// `POST /hub/accept-share`: takes it.
pub async fn submit(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let page = |failure: Failure| failure.as_page(true, &hub.config);
    let code = form.get("code").unwrap_or_default();
    let share = offered(&hub, &session, code, StatusCode::BAD_REQUEST).await.map_err(page)?;
    let (user, now_us) = (session.user.clone(), hub.clock.now_us());
    let (server, scopes) = (share.server.clone(), share.scopes.clone());
    let kept = hub.change(move |c| {
        shares::grant(c, &server, &With::User(user), &scopes, now_us)?;
        share_codes::exchanged(c, share.id, now_us)
    });
    kept.await.map_err(|error| {
        warn!("a share could not be kept: {error}");
        page(Failure::unavailable())
    })?;
    info!("share accepted user={} server={}", session.user, share.server);
    let event = Event::new(actor(&request, &session), Action::ShareChanged, &share.server);
    hub.audit(&event.with("accepted_by", session.user.as_str()));
    Ok(answer::redirect(&next_in(&hub, &form).unwrap_or_else(|| hub.server_path(&share.server))))
}

/// What a code gives, if it is good and not the visitor's own.
async fn offered(
    hub: &Hub,
    session: &Session,
    code: &str,
    otherwise: StatusCode,
) -> Result<ShareCode, Failure> {
    if code.is_empty() {
        return Err(Failure::new(StatusCode::BAD_REQUEST, Message::new("share-no-code"))
            .remedy(Message::new("share-no-code-remedy")));
    }
    let (store, hash, now_us) = (hub.store.clone(), tokens::hash(code), hub.clock.now_us());
    let found = blocking(move || store.read(|c| share_codes::by_hash(c, &hash, now_us))).await;
    let share = found.map_err(|error| {
        warn!("a share code could not be looked up: {error}");
        Failure::unavailable()
    })?;
    let share = share.ok_or_else(|| {
        Failure::new(otherwise, Message::new("share-gone")).remedy(Message::new("share-gone-remedy"))
    })?;
    if share.server.user == session.user {
        let status = if otherwise == StatusCode::NOT_FOUND { StatusCode::FORBIDDEN } else { otherwise };
        return Err(Failure::new(status, Message::new("share-own")));
    }
    Ok(share)
}
