//! Tokens: those one has, a new one, and the applications that one has let in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::domain::audit::{Action, Event};
use crate::domain::scope::{Base, Client, Filter, Owner, Scope, Step, server_text, tree};
use crate::domain::time::minute;
use crate::extract::{Posted, PostedList, Proof, SignedIn, actor};
use crate::pages::rights::{Reader, Right};
use crate::pages::token_wish::{Life, OF_PAGE, lives, read};
use crate::state::directory::Directory;
use crate::state::tokens::{self, Token};
use crate::state::{Hub, Session};
use crate::store::StoreError;
use crate::words::{Message, Sentence};

/// Most limits of each kind that the form offers.
const LIMITS: usize = 50;

#[derive(Template)]
#[template(path = "token.html")]
struct TokenPage {
    frame: Frame,
    /// The text of a token that was just made: it is shown this once.
    fresh: String,
    tokens: Vec<Line>,
    applications: Vec<Line>,
    /// The scopes that one holds, each below one that includes it.
    steps: Vec<Shown>,
    limits: Vec<Limit>,
    lives: Vec<Life>,
}

/// One token, or all tokens of one application.
pub struct Line {
    /// What revokes it.
    pub id: i64,
    /// What it is for, or whose it is.
    pub note: String,
    /// What it may do.
    pub rights: Vec<Right>,
    /// Whether it may do whatever its owner may.
    pub everything: bool,
    /// `2027-01-31 08:00`.
    pub created: String,
    /// As `created`; empty for no end.
    pub expires: String,
    /// As `created`; empty for never.
    pub used: String,
}

impl Line {
    /// How many scopes it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.rights.len()).unwrap_or(u64::MAX)
    }
}

/// A step of the tree, ready to be shown.
enum Shown {
    Scope(Right),
    Down,
    Up,
}

/// To whom all chosen scopes may be limited.
struct Limit {
    /// `server=ada/`.
    value: String,
    name: Message,
}

impl Line {
    /// A token by its note, or by the name that stands for it.
    #[must_use]
    pub fn of(token: &Token, note: String, reader: &Reader<'_>) -> Self {
        let time = |us: Option<i64>| us.map(minute).unwrap_or_default();
        Self {
            id: token.id,
            note,
            rights: token.scopes.iter().map(|scope| reader.right(scope)).collect(),
            everything: token.scopes.contains(&Scope::unfiltered(Base::Inherit)),
            created: minute(token.created_us),
            expires: time(token.expires_us),
            used: time(token.last_activity_us()),
        }
    }
}

/// The tokens that somebody made, and one line for each application that they let in.
#[must_use]
pub fn lines(hub: &Hub, owner: &Owner, reader: &Reader<'_>) -> (Vec<Line>, Vec<Line>) {
    let directory = hub.directory();
    let mut own = Vec::new();
    let mut applications: BTreeMap<String, Vec<Arc<Token>>> = BTreeMap::new();
    for token in hub.tokens.of(owner) {
        match &token.client {
            // A server's own token is the server's: it ends when the server does.
            None if token.server.is_some() => {}
            None => own.push(Line::of(&token, note(&token, reader), reader)),
            Some(client) => applications.entry(client.clone()).or_default().push(token),
        }
    }
    let applications = applications.into_iter().filter_map(|(client, tokens)| {
        let last = tokens.iter().max_by_key(|token| (token.last_activity_us(), token.id))?;
        let title = title(last, &client, &directory).in_language(reader.language);
        let scopes: BTreeSet<&Scope> = tokens.iter().flat_map(|token| &token.scopes).collect();
        let rights = scopes.into_iter().map(|scope| reader.right(scope)).collect();
        let first = tokens.iter().map(|token| token.created_us).min().map(minute).unwrap_or_default();
        Some(Line { rights, created: first, ..Line::of(last, title, reader) })
    });
    let applications = applications.collect();
    (own, applications)
}

/// What a token is for; words of this page are in the reader's language.
fn note(token: &Token, reader: &Reader<'_>) -> String {
    if token.note == OF_PAGE { reader.language.say("token-note-page") } else { token.note.clone() }
}

/// What people call an application.
fn title(token: &Token, client: &str, directory: &Directory) -> Sentence {
    let described = directory.service_of_client(client).and_then(|service| service.client.as_ref());
    match (&token.issued_to, described) {
        (_, Some(client)) => client.description.as_str().into(),
        (Some(Client::Server(id)), _) => Message::new("reach-server").with("name", server_text(id)).into(),
        (Some(Client::Service(name)), _) => Message::new("reach-service").with("name", name).into(),
        (None, None) => client.into(),
    }
}

/// `GET /hub/token`.
pub async fn list(person: SignedIn) -> HttpResponse {
    page(&person.hub, &person.session, "")
}

fn page(hub: &Hub, session: &Session, fresh: &str) -> HttpResponse {
    let (frame, directory) = (Frame::of(hub, session), hub.directory());
    let reader = Reader { user: &session.user, language: frame.telling.language, custom: directory.custom() };
    let held = directory.scopes_of_user(&session.user);
    let steps = tree(&held).into_iter().map(|step| match step {
        Step::Scope(base) => Shown::Scope(reader.held(&base, &held)),
        Step::Down => Shown::Down,
        Step::Up => Shown::Up,
    });
    let (tokens, applications) = lines(hub, &Owner::User(session.user.clone()), &reader);
    let page = TokenPage {
        fresh: fresh.to_owned(),
        tokens,
        applications,
        steps: steps.collect(),
        limits: limits(&directory, session),
        lives: lives(&hub.config),
        frame,
    };
    answer::page(StatusCode::OK, &page)
}

/// Oneself, one's servers, one's groups, and the services: what tokens are usually limited to.
fn limits(directory: &Directory, session: &Session) -> Vec<Limit> {
    let user = &session.user;
    let default = directory.server_at(user, "");
    let named = directory.named_servers(user).iter().take(LIMITS);
    let servers = std::iter::once(default)
        .chain(named.map(|server| hubgate_protocol::ServerId { user: user.clone(), server: server.clone() }));
    let groups = directory.groups_of(user).iter().take(LIMITS).cloned().map(Filter::Group);
    let services = directory.services().take(LIMITS).map(|service| Filter::Service(service.name.clone()));
    let limit = |filter: Filter| Limit {
        value: filter.to_string(),
        name: match &filter {
            Filter::User(name) => Message::new("token-limit-user").with("name", name),
            other => crate::domain::scope::reach(other, user),
        },
    };
    std::iter::once(Filter::User(user.clone()))
        .chain(servers.map(Filter::Server))
        .chain(groups)
        .chain(services)
        .map(limit)
        .collect()
}

/// `POST /hub/token`: makes one and shows it, once.
pub async fn create(_: Proof, posted: PostedList, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (hub, session) = (&posted.hub, &posted.session);
    let refuse = |failure: Failure| failure.as_page(true, &hub.config);
    let new = read(&posted).map_err(refuse)?;
    let (text, token) = tokens::issue(hub, new).await.map_err(|error| refuse(failed(&error)))?;
    info!("token made user={} id=a{}", session.user, token.id);
    let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).collect();
    let event = Event::new(actor(&request, session), Action::TokenMade, &session.user);
    hub.audit(&event.with("id", format!("a{}", token.id)).with("scopes", scopes));
    Ok(page(hub, session, text.expose()))
}

/// `POST /hub/token/revoke`: ends one of one's own; with one of an application, all of that application.
pub async fn revoke(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (hub, session) = (&posted.hub, &posted.session);
    let refuse = |failure: Failure| failure.as_page(true, &hub.config);
    let ids = same(hub, &Owner::User(session.user.clone()), posted.form.get("id")).map_err(refuse)?;
    end(hub, session, &request, &ids).await.map_err(refuse)?;
    Ok(answer::redirect(&hub.url("/hub/token")))
}

/// `POST /hub/token/revoke-all`: the field `what` says whether all tokens that one made, or all applications.
pub async fn revoke_all(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let (hub, session) = (&posted.hub, &posted.session);
    let refuse = |failure: Failure| failure.as_page(true, &hub.config);
    let applications = match posted.form.get("what") {
        Some("tokens") => false,
        Some("applications") => true,
        _ => return Err(refuse(Failure::new(StatusCode::BAD_REQUEST, Message::new("token-what-wrong")))),
    };
    let own = hub.tokens.of(&Owner::User(session.user.clone()));
    let ended = own.iter().filter(|token| token.client.is_some() == applications && token.server.is_none());
    let ids: Vec<i64> = ended.map(|token| token.id).collect();
    end(hub, session, &request, &ids).await.map_err(refuse)?;
    Ok(answer::redirect(&hub.url("/hub/token")))
}

/// The token of that id among those of `owner`; with one of an application, all that the application has of them.
///
/// # Errors
/// 404 where there is none.
pub fn same(hub: &Hub, owner: &Owner, id: Option<&str>) -> Result<Vec<i64>, Failure> {
    let id: Option<i64> = id.and_then(|id| id.parse().ok());
    let own = hub.tokens.of(owner);
    let Some(token) = own.iter().find(|token| Some(token.id) == id) else {
        return Err(Failure::new(StatusCode::NOT_FOUND, Message::new("token-missing")));
    };
    let same = |other: &&Arc<Token>| match (&token.client, &other.client) {
        (Some(client), Some(theirs)) => client == theirs,
        _ => other.id == token.id,
    };
    Ok(own.iter().filter(same).map(|token| token.id).collect())
}

async fn end(hub: &Hub, session: &Session, request: &HttpRequest, ids: &[i64]) -> Result<(), Failure> {
    tokens::revoke(hub, ids).await.map_err(|error| failed(&error))?;
    info!("token revoked user={} count={}", session.user, ids.len());
    let event = Event::new(actor(request, session), Action::TokenRevoked, &session.user);
    hub.audit(&event.with("ids", ids));
    Ok(())
}

fn failed(error: &StoreError) -> Failure {
    warn!("a token could not be kept: {error}");
    Failure::unavailable()
}
