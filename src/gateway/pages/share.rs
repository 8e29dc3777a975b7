//! Sharing a server: the links that let others in, who has taken one, and how that ends.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hubgate_protocol::ServerId;
use log::{info, warn};
use openssl::sha::sha256;

use crate::answer::{self, Failure, Frame};
use crate::domain::audit::{Action, Event};
use crate::domain::form::Form;
use crate::domain::scope::{Base, Filter, Scope, ScopeFilter};
use crate::domain::time::minute;
use crate::extract::{Posted, ServerPath, SignedIn, actor, site_of};
use crate::pages::rights::{Reader, Right};
use crate::state::{Hub, Session, blocking, tokens};
use crate::store::share_codes::{self, NewShareCode};
use crate::store::shares::{self, With};
use crate::store::{StoreError, servers};
use crate::words::Message;

/// Lives of a link that the page offers, in seconds.
const LIVES_S: [(&str, i64); 3] = [("hour", 3600), ("day", 86_400), ("week", 604_800)];
/// Most links and shares that the page shows.
const SHOWN: i64 = 100;

#[derive(Template)]
#[template(path = "share.html")]
struct SharePage {
    frame: Frame,
    /// `OWNER` or `OWNER/SERVER`.
    target: String,
    /// The link that was just made: it is shown this once.
    fresh: String,
    links: Vec<Line>,
    shares: Vec<Line>,
}

/// A link, or somebody who may use the server.
struct Line {
    id: i64,
    who: String,
    rights: Vec<Right>,
    made: String,
    ends: String,
    used: i64,
}

/// Whether somebody may share servers of theirs.
#[must_use]
pub fn may(hub: &Hub, session: &Session) -> bool {
    hub.directory().scopes_of_user(&session.user).holds(&Base::Shares)
}

/// `GET /hub/share/NAME[/SERVER]`.
pub async fn show(person: SignedIn, path: web::Path<ServerPath>) -> Result<HttpResponse, Failure> {
    let hub = &person.hub;
    let allowed = path.allowed(hub, &person.session, &Base::Shares);
    let id = allowed.map_err(|failure| person.failure(failure))?;
    page(hub, &person.session, &id, String::new()).await.map_err(|failure| person.failure(failure))
}

/// `POST /hub/share/NAME[/SERVER]`: makes a link, or ends a link or a share.
pub async fn submit(
    posted: Posted,
    path: web::Path<ServerPath>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let told = |failure: Failure| failure.as_page(true, &hub.config);
    let id = path.allowed(&hub, &session, &Base::Shares).map_err(told)?;
    let number = || form.get("id").and_then(|id| id.parse::<i64>().ok());
    let fresh = match (form.get("act"), number()) {
        (Some("link"), _) => link(&hub, &id, &form).await.map_err(told)?,
        (Some("end-link"), Some(number)) => end(&hub, &id, number, true).await.map_err(told)?,
        (Some("end-share"), Some(number)) => end(&hub, &id, number, false).await.map_err(told)?,
        _ => {
            let sentence = Message::new("error-field").with("field", "act");
            return Err(told(Failure::new(StatusCode::BAD_REQUEST, sentence)));
        }
    };
    info!("share page act={} server={id} by={}", form.get("act").unwrap_or_default(), session.user);
    let act = form.get("act").unwrap_or_default();
    hub.audit(&Event::new(actor(&request, &session), Action::ShareChanged, id.segments()).with("act", act));
    let link = if fresh.is_empty() { fresh } else { format!("{}{fresh}", site_of(&hub, &request)) };
    page(&hub, &session, &id, link).await.map_err(told)
}

/// Makes a link that lets whoever has it use the server; its path.
async fn link(hub: &Hub, id: &ServerId, form: &Form) -> Result<String, Failure> {
    let wanted = form.get("life").unwrap_or_default();
    let life = LIVES_S.iter().find(|(name, _)| *name == wanted);
    let Some((_, life_s)) = life else {
        let sentence = Message::new("error-field").with("field", "life");
        return Err(Failure::new(StatusCode::BAD_REQUEST, sentence));
    };
    let text = tokens::random().map_err(|error| unkept(&error))?;
    let (hash, created_us) = (sha256(text.expose().as_bytes()), hub.clock.now_us());
    let expires_us = created_us.saturating_add(life_s.saturating_mul(1_000_000));
    let filter = Some(ScopeFilter::Of(Filter::Server(id.clone())));
    let scopes = vec![Scope { base: Base::AccessServers, filter }];
    let (store, server) = (hub.store.clone(), id.clone());
    let made = blocking(move || {
        store.write(|c| {
            let server_id = servers::ensure(c, &server, created_us)?.id;
            share_codes::insert(c, &NewShareCode { hash, server_id, scopes, created_us, expires_us })
        })
    });
    made.await.map_err(|error| unkept(&error))?;
    let code = percent_encoding::utf8_percent_encode(text.expose(), percent_encoding::NON_ALPHANUMERIC);
    Ok(hub.url(&format!("/hub/accept-share?code={code}")))
}

/// Ends a link or a share of that server, if it is one.
async fn end(hub: &Hub, id: &ServerId, number: i64, link: bool) -> Result<String, Failure> {
    let server = id.clone();
    let ended = hub.change(move |c| {
        let Some(known) = servers::by_id(c, &server)? else { return Ok(false) };
        if link {
            return share_codes::delete(c, known.id, number);
        }
        let (all, _) = shares::list(c, &shares::Wanted::Server(known.id), 0, i64::MAX)?;
        let Some(mut share) = all.into_iter().find(|share| share.id == number) else { return Ok(false) };
        share.scopes.clear();
        shares::set_scopes(c, &share).map(|()| true)
    });
    if ended.await.map_err(|error| unkept(&error))? {
        return Ok(String::new());
    }
    let sentence = Message::new("lend-gone");
    Err(Failure::new(StatusCode::NOT_FOUND, sentence).remedy(Message::new("remedy-409")))
}

fn unkept(error: &StoreError) -> Failure {
    warn!("a share could not be written or read: {error}");
    Failure::unavailable()
}

async fn page(hub: &Hub, session: &Session, id: &ServerId, fresh: String) -> Result<HttpResponse, Failure> {
    let (store, server, now_us) = (hub.store.clone(), id.clone(), hub.clock.now_us());
    let read = blocking(move || {
        store.read(|c| {
            let Some(known) = servers::by_id(c, &server)? else { return Ok((Vec::new(), Vec::new())) };
            let codes = share_codes::list(c, share_codes::Wanted::Server(known.id), now_us, (0, SHOWN))?.0;
            Ok((codes, shares::list(c, &shares::Wanted::Server(known.id), 0, SHOWN)?.0))
        })
    });
    let (codes, all) = read.await.map_err(|error| unkept(&error))?;
    let (frame, directory) = (Frame::of(hub, session), hub.directory());
    let reader = Reader { user: &session.user, language: frame.telling.language, custom: directory.custom() };
    let links = codes.iter().map(|code| Line {
        id: code.id,
        who: String::new(),
        rights: Vec::new(),
        made: minute(code.created_us),
        ends: minute(code.expires_us),
        used: code.exchange_count,
    });
    let shares = all.iter().map(|share| Line {
        id: share.id,
        who: match &share.with {
            With::User(user) => user.to_string(),
            With::Group(group) => group.to_string(),
        },
        rights: share.scopes.iter().map(|scope| reader.right(scope)).collect(),
        made: minute(share.created_us),
        ends: String::new(),
        used: 0,
    });
    let (links, shares) = (links.collect(), shares.collect());
    let page = SharePage { frame, target: id.segments(), fresh, links, shares };
    Ok(answer::page(StatusCode::OK, &page))
}
