//! Home: my servers, what they do, and the buttons that go with it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use askama::filters::HtmlSafe;
use hubgate_protocol::{ServerId, ServerName, Username};
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::config::ProfileSpec;
use crate::extract::{Caller, SignedIn};
use crate::pages::card::{Card, size};
use crate::pages::entered::{self, Entered};
use crate::pages::share;
use crate::state::{Hub, Session, blocking, profiles};
use crate::store::audit::Line;
use crate::store::servers::Server;
use crate::store::{StoreError, servers, users};
use crate::words::Message;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    frame: Frame,
    user: String,
    changing: bool,
    named: bool,
    /// The profiles that the owner may choose, where there is a choice.
    profiles: Vec<&'a ProfileSpec>,
    servers: ServersPart,
}

/// The servers and what the machine has left: what the page's script replaces.
#[derive(Template)]
#[template(path = "home_servers.html")]
struct ServersPart {
    frame: Frame,
    /// Who else is and was in them.
    entered: Vec<Entered>,
    servers: Vec<Card>,
    /// Whether there is something to choose at a start.
    options: bool,
    /// Whether the owner may share servers.
    shares: bool,
    /// What the machine has left, if it is known.
    machine: Option<Message>,
}

/// It is a template of its own: what it writes is escaped already.
impl HtmlSafe for ServersPart {}

impl ServersPart {
    async fn of(hub: &Hub, session: &Session, options: bool) -> Result<Self, StoreError> {
        let (user, frame) = (&session.user, Frame::of(hub, session));
        let (rows, lines) = rows(hub, user).await?;
        let entered = entered::shown(hub, user, &lines);
        let directory = hub.directory();
        let named = directory.named_servers(user);
        let names = std::iter::once(ServerName::default()).chain(named.iter().cloned());
        let card = |server: ServerName| {
            let row = rows.iter().find(|row| row.name == server);
            Card::of(hub, &frame, &ServerId { user: user.clone(), server }, row)
        };
        let servers = names.map(card).collect();
        Ok(Self { entered, servers, options, shares: share::may(hub, session), machine: machine(hub), frame })
    }
}

/// What the machine has left, if it is known.
#[must_use]
pub fn machine(hub: &Hub) -> Option<Message> {
    let left = hub.meters.headroom()?;
    let message = Message::new("home-machine").count("n", left.cpu_percent.into());
    Some(message.with("free", size(left.memory_available)).with("all", size(left.memory_total)))
}

/// What is written down of somebody's servers, and of who entered them.
async fn rows(hub: &Hub, user: &Username) -> Result<(Vec<Server>, Vec<Line>), StoreError> {
    let (store, user, now_s) = (hub.store.clone(), user.clone(), hub.clock.now_s());
    let read = move || {
        store.read(|c| {
            let servers = match users::by_name(c, &user)? {
                Some(user) => servers::of_user(c, user.id)?,
                None => Vec::new(),
            };
            Ok((servers, entered::lines(c, &user, now_s)?))
        })
    };
    blocking(read).await
}

/// `GET /hub/home`.
///
/// # Errors
/// 503 when the database cannot be read.
pub async fn home(person: SignedIn) -> Result<HttpResponse, Failure> {
    let (hub, user) = (&person.hub, &person.session.user);
    let unread = |error: StoreError| person.failure(unread(&error));
    let profiles = offered(hub, user).await.map_err(unread)?;
    let servers = ServersPart::of(hub, &person.session, !profiles.is_empty()).await.map_err(unread)?;
    let page = HomePage {
        frame: person.frame(),
        user: user.to_string(),
        changing: servers.servers.iter().any(|card| card.starting || card.stopping),
        named: hub.config.allow_named_servers,
        profiles,
        servers,
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// `GET /hub/home/servers`: the servers alone, for the page's script, which sends the session's token.
///
/// # Errors
/// 403 to whoever comes without a session, 503 when the database cannot be read.
pub async fn fresh(caller: Caller) -> Result<HttpResponse, Failure> {
    let session = caller.session.as_ref().ok_or_else(|| Failure::bare(StatusCode::FORBIDDEN))?;
    let options = offered(&caller.hub, &session.user).await.map_err(|error| unread(&error))?;
    let part = ServersPart::of(&caller.hub, session, !options.is_empty()).await;
    Ok(answer::page(StatusCode::OK, &part.map_err(|error| unread(&error))?))
}

/// The profiles that somebody may choose for their own server, where there is a choice.
async fn offered<'h>(hub: &'h Hub, user: &Username) -> Result<Vec<&'h ProfileSpec>, StoreError> {
    let own = ServerId::default_of(user.clone());
    let offered = profiles::choice(hub, &own).await?.offered;
    Ok(if offered.len() > 1 { offered } else { Vec::new() })
}

fn unread(error: &StoreError) -> Failure {
    warn!("a home page could not be read: {error}");
    Failure::unavailable()
}
