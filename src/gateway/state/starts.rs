//! Starting and stopping servers: limits, the owner's ticket, and the token of a server that speaks to the hub.

use std::collections::HashSet;
use std::time::Duration;

use hubgate_protocol::{Phase, Secret, ServerId, ServerName, Ticket, Username};
use log::{info, warn};
use parking_lot::Mutex;

use crate::config::Flavour;
use crate::domain::entity::{EntityError, ServerSlug};
use crate::domain::scope::{Filter, Own, Owner, Scope, ScopeFilter, default_roles};
use crate::spawn::SpawnError;
use crate::state::{Hub, blocking, tokens};
use crate::store::oauth::{self, ServerClient};
use crate::store::servers::Change;
use crate::store::tokens::NewToken;
use crate::store::{Object, StoreError, servers, users};

/// How long to wait for the first sign of a start, so that nobody is shown what was before it.
const FIRST_SIGN: Duration = Duration::from_millis(500);
/// Seconds after which somebody who was one too many may try again.
const RETRY_S: u32 = 30;

/// What a start may bring along.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// New name for people; absent leaves the one there is.
    pub display_name: Option<String>,
    /// Options of this start; absent takes those of the last one.
    pub user_options: Option<Object>,
}

/// Why a server was not started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It runs.
    #[error("the server is already running")]
    AlreadyRunning,
    /// It is just stopping.
    #[error("the server is pending stop")]
    PendingStop,
    /// Too many are starting.
    #[error("too many servers are starting; try again in {retry_after_s} seconds")]
    Throttled {
        /// When to try again.
        retry_after_s: u32,
    },
    /// As many run as may.
    #[error("active server limit exceeded; try again in a few minutes")]
    TooMany,
    /// There is no server of that name, and there cannot be one.
    #[error("{0}")]
    Name(#[from] NameRefused),
    /// There is no such user.
    #[error("there is no such user")]
    NoUser,
    /// The privileged side.
    #[error("{0}")]
    Spawner(#[from] SpawnError),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Why a named server cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    /// The configuration has them off.
    #[error("Named servers are not enabled.")]
    Off,
    /// The name is not one that a server can have.
    #[error("Invalid server_name: {0}")]
    Bad(#[from] EntityError),
    /// The user has as many as the configuration allows.
    #[error(
        "User {user} already has the maximum of {limit} named servers.  One must be deleted before a new server can be created"
    )]
    TooMany {
        /// Whose servers.
        user: Username,
        /// How many there may be.
        limit: u32,
    },
}

/// Servers whose start is being asked for at this moment: a second click is the same start.
#[derive(Debug, Default)]
pub struct Starting(Mutex<HashSet<ServerId>>);

/// One start under way; ends with its drop.
struct Claim<'a>(&'a Starting, ServerId);

impl Starting {
    fn claim(&self, id: &ServerId) -> Option<Claim<'_>> {
        self.0.lock().insert(id.clone()).then(|| Claim(self, id.clone()))
    }

    /// Whether that server's start is being asked for.
    #[must_use]
    pub fn holds(&self, id: &ServerId) -> bool {
        self.0.lock().contains(id)
    }

    fn all(&self) -> HashSet<ServerId> {
        self.0.lock().clone()
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.0.lock().remove(&self.1);
    }
}

/// Starts a server; returns when the first sign of it is there, or after half a second. One that is starting stays as it is.
///
/// # Errors
/// See [`StartError`]. Nothing is started then.
pub async fn start(hub: &Hub, id: &ServerId, options: StartOptions) -> Result<(), StartError> {
    let before = hub.servers.status(id);
    match before.phase {
        Phase::Running => return Err(StartError::AlreadyRunning),
        Phase::Stopping => return Err(StartError::PendingStop),
        Phase::Starting => return Ok(()),
        Phase::Stopped | Phase::Listening | Phase::Failed => {}
    }
    admit(hub, &id.user, id.server.as_str(), true)?;
    let Some(_claim) = hub.starting.claim(id) else { return Ok(()) };
    room(hub)?;
    let ticket = record(hub, id, options).await?;
    let token = match hub.config.flavour {
        Flavour::Hub => Some(equip(hub, id).await?),
        Flavour::Direct => None,
    };
    if let Err(error) = hub.spawner.start(id, ticket, token).await {
        warn!("start failed server={id}: {error}");
        strip(hub, id).await?;
        return Err(error.into());
    }
    info!("start server={id}");
    hub.servers.wait(id, FIRST_SIGN, |now| *now != before).await;
    Ok(())
}

/// Stops a server; returns when the end is queued.
///
/// # Errors
/// See [`StartError`].
pub async fn stop(hub: &Hub, id: &ServerId) -> Result<(), StartError> {
    hub.spawner.stop(id).await?;
    info!("stop server={id}");
    Ok(())
}

/// The name of a server that there is, or that may be made: the default one always, named ones by the configuration.
/// `counts`: whether it would be one more.
///
/// # Errors
/// See [`NameRefused`].
pub fn admit(hub: &Hub, user: &Username, text: &str, counts: bool) -> Result<ServerName, NameRefused> {
    if text.is_empty() {
        return Ok(ServerName::default());
    }
    if !hub.config.allow_named_servers {
        return Err(NameRefused::Off);
    }
    let directory = hub.directory();
    let known = directory.named_servers(user);
    if let Some(name) = known.iter().find(|name| name.as_str() == text) {
        return Ok(name.clone());
    }
    let limit = hub.config.named_server_limit_per_user;
    if counts && limit > 0 && usize::try_from(limit).is_ok_and(|limit| known.len() >= limit) {
        return Err(NameRefused::TooMany { user: user.clone(), limit });
    }
    Ok(text.parse::<ServerSlug>()?.into())
}

/// Whether one more server may start.
fn room(hub: &Hub) -> Result<(), StartError> {
    // Those that are being asked for, this one among them, may not show in the table yet.
    let asked = hub.starting.all();
    let starting = asked.len() + hub.servers.starting_beside(&asked);
    let limit = |limit: u32| usize::try_from(limit).ok().filter(|limit| *limit > 0);
    if limit(hub.config.concurrent_spawn_limit).is_some_and(|limit| starting > limit) {
        return Err(StartError::Throttled { retry_after_s: RETRY_S });
    }
    if limit(hub.config.active_server_limit).is_some_and(|limit| hub.servers.active() >= limit) {
        return Err(StartError::TooMany);
    }
    Ok(())
}

/// Writes down what the start is to be like, and finds the ticket that lets it happen.
async fn record(hub: &Hub, id: &ServerId, options: StartOptions) -> Result<Option<Ticket>, StartError> {
    let (server, now_us) = (id.clone(), hub.clock.now_us());
    let made = hub.change(move |c| {
        if users::by_name(c, &server.user)?.is_none() {
            return Ok(None);
        }
        let known = servers::ensure(c, &server, now_us)?.id;
        let display_name = options.display_name.map(Some);
        let change = Change { name: None, display_name, user_options: options.user_options };
        servers::change(c, &server, &change)?;
        servers::set_started(c, known, Some(now_us))?;
        // Who starts a server is there, and a new server is not idle since its last run.
        servers::touch(c, &[(server.clone(), now_us)])?;
        users::touch(c, &[(server.user.clone(), now_us)])?;
        Ok(Some(users::ticket(c, &server.user)?))
    });
    let ticket = made.await?.ok_or(StartError::NoUser)?;
    Ok(ticket.and_then(|ticket| Secret::try_from(ticket).ok()))
}

/// Gives a server that speaks to the hub its token and makes it an OAuth client. Those of its last run end.
async fn equip(hub: &Hub, id: &ServerId) -> Result<Secret, StartError> {
    strip(hub, id).await?;
    let path = hub.server_path(id);
    let new = NewToken {
        owner: Owner::User(id.user.clone()),
        client: None,
        server: Some(id.clone()),
        session_id: None,
        expires_us: None,
        note: format!("Server at {path}"),
        scopes: own_scopes(id),
    };
    let (text, token) = tokens::issue(hub, new).await?;
    let client = ServerClient {
        identifier: id.oauth_client(),
        server: id.clone(),
        secret_hash: token.hash,
        redirect_uri: format!("{path}oauth_callback"),
        description: format!("Server at {path}"),
        allowed_scopes: Vec::new(),
    };
    let (store, now_us) = (hub.store.clone(), hub.clock.now_us());
    blocking(move || store.write(|c| oauth::put_client(c, &client, now_us))).await?;
    Ok(text)
}

/// The role `server` in the hands of one server.
fn own_scopes(id: &ServerId) -> Vec<Scope> {
    let role = default_roles().into_iter().find(|role| role.name.as_str() == "server");
    let scopes = role.map(|role| role.scopes).unwrap_or_default();
    let filtered = |scope: Scope| match scope.filter {
        Some(ScopeFilter::Own(Own::Server)) => {
            Scope { filter: Some(ScopeFilter::Of(Filter::Server(id.clone()))), ..scope }
        }
        _ => scope,
    };
    scopes.into_iter().map(filtered).collect()
}

/// Takes away what [`equip`] gave, and with it every token that browsers got through the server.
///
/// # Errors
/// When the database cannot forget it.
pub async fn strip(hub: &Hub, id: &ServerId) -> Result<(), StoreError> {
    tokens::revoke_server(hub, id).await
}

/// Takes it away from every server that has stopped: systemd says so, whoever stopped it.
///
/// A socket that listens may start its server again, with the environment that it has: such a server keeps its token.
///
/// # Errors
/// When the database cannot forget it; the next call tries again.
pub async fn strip_stopped(hub: &Hub) -> Result<(), StoreError> {
    for id in hub.tokens.servers() {
        if hub.servers.phase(&id) == Phase::Stopped && !hub.starting.holds(&id) {
            strip(hub, &id).await?;
        }
    }
    Ok(())
}
