//! Starting and stopping servers: limits, the owner's ticket, and the token of a server that speaks to the hub.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hubgate_protocol::{ErrorCode, Phase, Secret, ServerId, ServerName, Username};
use log::info;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::config::{Flavour, ProfileSpec};
use crate::domain::audit::{Action, Event};
use crate::domain::entity::{EntityError, ServerSlug};
use crate::domain::scope::{Filter, Own, Owner, Scope, ScopeFilter, default_roles};
use crate::spawn::{SpawnError, Start};
use crate::state::audit::{Acting, acting};
use crate::state::profiles::{self, Hidden};
use crate::state::servers::Wait;
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Too many are starting and waiting for their start.
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
    /// There is no such profile, or not for this user.
    #[error("{0}")]
    Profile(#[from] Hidden),
    /// The profile wants more GPUs than the host leases.
    #[error("the profile needs {wanted} GPUs, and spawner.toml has {there}")]
    NoSuchGpus {
        /// How many one start needs.
        wanted: usize,
        /// How many there are.
        there: usize,
    },
    /// The privileged side.
    #[error("{0}")]
    Spawner(#[from] SpawnError),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl StartError {
    /// Whether all that was missing are GPUs that others have.
    pub(super) fn no_gpu(&self) -> bool {
        matches!(self, Self::Spawner(SpawnError::Refused { code: ErrorCode::NoGpu, .. }))
    }
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

/// Starts that are not with the engine yet.
#[derive(Debug, Default)]
pub struct Starting {
    /// Servers whose start is being asked for at this moment: a second click is the same start.
    pub(super) asked: Mutex<HashSet<ServerId>>,
    /// What those in line are to be started with, and those whose turn has come until they are on their way.
    pub(super) waiting: Mutex<HashMap<ServerId, Waiting>>,
    /// Why starts that waited were not made, until the next one.
    pub(super) refused: Mutex<HashMap<ServerId, String>>,
    /// Rung when one that was being asked for is on its way.
    pub(super) gone: Notify,
    /// The line as the file has it.
    pub(super) written: Mutex<Vec<u8>>,
}

/// A start that waits for its turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) options: StartOptions,
    pub(super) by: Acting,
}

/// One start under way; ends with its drop.
pub(super) struct Claim<'a>(pub(super) &'a Starting, pub(super) ServerId);

impl Starting {
    fn claim(&self, id: &ServerId) -> Option<Claim<'_>> {
        self.refused.lock().remove(id);
        self.asked.lock().insert(id.clone()).then(|| Claim(self, id.clone()))
    }

    /// Whether that server's start is being asked for.
    #[must_use]
    pub fn holds(&self, id: &ServerId) -> bool {
        self.asked.lock().contains(id)
    }

    /// Why a start was not made when its turn had come.
    #[must_use]
    pub fn refusal(&self, id: &ServerId) -> Option<String> {
        self.refused.lock().get(id).cloned()
    }

    pub(super) fn all(&self) -> HashSet<ServerId> {
        self.asked.lock().clone()
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.asked.lock().remove(&self.1);
        self.0.gone.notify_one();
    }
}

/// Starts a server; returns when the first sign of it is there, or after half a second. One that is starting stays as it is.
/// Where as many start as may at the same time it is put in line, and started when its turn comes.
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
    let room = room(hub)?;
    if lacks_gpus(hub, id, &options, hub.servers.in_line(Wait::Gpu)).await? {
        return line_up(hub, id, options, Wait::Gpu);
    }
    match room {
        Room::Now => match hub.servers.until_news(id, FIRST_SIGN, launch(hub, id, options.clone())).await {
            Err(error) if error.no_gpu() => line_up(hub, id, options, Wait::Gpu),
            launched => launched,
        },
        Room::Later => {
            // What is refused is refused now, not when its turn comes.
            chosen(hub, id, options.user_options.clone()).await?;
            line_up(hub, id, options, Wait::Turn)
        }
    }
}

fn line_up(hub: &Hub, id: &ServerId, options: StartOptions, wait: Wait) -> Result<(), StartError> {
    if hub.servers.in_line(wait) >= queue_limit(hub) {
        return Err(StartError::Throttled { retry_after_s: RETRY_S });
    }
    hub.starting.waiting.lock().insert(id.clone(), Waiting { options, by: Acting::now() });
    hub.servers.line_up(id, wait);
    info!("start in line server={id} place={}", hub.servers.in_line(wait));
    Ok(())
}

/// Whether a start has to wait for GPUs, so many others being before it.
pub(super) async fn lacks_gpus(
    hub: &Hub,
    id: &ServerId,
    options: &StartOptions,
    before: usize,
) -> Result<bool, StartError> {
    if hub.config.profiles.0.iter().all(|profile| profile.gpus == 0) {
        return Ok(false);
    }
    let (profile, _) = chosen(hub, id, options.user_options.clone()).await?;
    let wanted = profile.map_or(0, |profile| usize::try_from(profile.gpus).unwrap_or(usize::MAX));
    if wanted == 0 {
        return Ok(false);
    }
    let gpus = hub.spawner.gpus().await?;
    if gpus.len() < wanted {
        return Err(StartError::NoSuchGpus { wanted, there: gpus.len() });
    }
    let free = gpus.iter().filter(|gpu| gpu.holder.as_ref().is_none_or(|holder| holder == id)).count();
    Ok(before > 0 || free < wanted)
}

/// Has it started, whatever else is starting.
pub(super) async fn launch(hub: &Hub, id: &ServerId, options: StartOptions) -> Result<(), StartError> {
    let mut start = record(hub, id, options).await?;
    start.limits = hub.limits_of(id).limits().into();
    hub.restrict(&id.user, &mut start.manner);
    start.token = match hub.config.flavour {
        Flavour::Hub => Some(equip(hub, id).await?),
        Flavour::Direct => None,
    };
    if let Err(error) = hub.spawner.start(id, start).await {
        strip(hub, id).await?;
        return Err(error.into());
    }
    info!("start server={id}");
    hub.audit(&Event::new(acting(), Action::ServerStart, id.segments()));
    Ok(())
}

/// Stops a server; returns when the end is queued. A start that waits in line is taken out of it.
///
/// # Errors
/// See [`StartError`].
pub async fn stop(hub: &Hub, id: &ServerId) -> Result<(), StartError> {
    if hub.servers.leave_line(id) {
        hub.starting.waiting.lock().remove(id);
        info!("start taken out of the line server={id}");
        hub.audit(&Event::new(acting(), Action::ServerStop, id.segments()));
        return Ok(());
    }
    hub.endings
        .asked(id, !matches!(hub.servers.phase(id), Phase::Stopped | Phase::Listening | Phase::Failed));
    hub.spawner.stop(id).await.inspect_err(|_| hub.endings.asked(id, false))?;
    info!("stop server={id}");
    hub.audit(&Event::new(acting(), Action::ServerStop, id.segments()));
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

/// When one more server may start.
enum Room {
    Now,
    /// When those before it are there.
    Later,
}

pub(super) fn limit(limit: u32) -> Option<usize> {
    usize::try_from(limit).ok().filter(|limit| *limit > 0)
}

/// How many may wait for one thing.
fn queue_limit(hub: &Hub) -> usize {
    usize::try_from(hub.config.spawn_queue_limit).unwrap_or(usize::MAX)
}

fn room(hub: &Hub) -> Result<Room, StartError> {
    if limit(hub.config.active_server_limit).is_some_and(|limit| hub.servers.active() >= limit) {
        return Err(StartError::TooMany);
    }
    let in_line = hub.servers.in_line(Wait::Turn);
    // Those that are being asked for, this one among them, may not show in the table yet.
    let asked = hub.starting.all();
    let starting = asked.len() + hub.servers.starting_beside(&asked);
    match limit(hub.config.concurrent_spawn_limit) {
        Some(limit) if starting > limit || in_line > 0 => {}
        _ => return Ok(Room::Now),
    }
    if in_line < queue_limit(hub) {
        Ok(Room::Later)
    } else {
        Err(StartError::Throttled { retry_after_s: RETRY_S })
    }
}

/// Writes down what the start is to be like; finds the owner's account and the ticket that lets it happen.
async fn record(hub: &Hub, id: &ServerId, options: StartOptions) -> Result<Start, StartError> {
    let (profile, user_options) = chosen(hub, id, options.user_options).await?;
    let (server, now_us) = (id.clone(), hub.clock.now_us());
    let made = hub.change(move |c| {
        let Some(owner) = users::by_name(c, &server.user)? else { return Ok(None) };
        let known = servers::ensure(c, &server, now_us)?.id;
        let display_name = options.display_name.map(Some);
        let change = Change { name: None, display_name, user_options };
        servers::change(c, &server, &change)?;
        servers::set_started(c, known, Some(now_us))?;
        // Who starts a server is there, and a new server is not idle since its last run.
        servers::touch(c, &[(server.clone(), now_us)])?;
        users::touch(c, &[(server.user.clone(), now_us)])?;
        Ok(Some((owner.standing.login, users::ticket(c, &server.user)?)))
    });
    let (login, ticket) = made.await?.ok_or(StartError::NoUser)?;
    // A login name that `username_map` made another user of is not that user's account.
    let account = login.filter(|login| login.id() == id.user && login.as_str() != id.user.as_str());
    let ticket = ticket.and_then(|ticket| Secret::try_from(ticket).ok());
    let mut start = Start { account, ticket, ..Start::default() };
    hub.profiles.note(id, profile);
    if let Some(profile) = profile {
        profiles::apply(profile, &mut start);
    }
    Ok(start)
}

/// The profile of a start, and the options that are to be written down, if any are.
async fn chosen<'h>(
    hub: &'h Hub,
    id: &ServerId,
    given: Option<Object>,
) -> Result<(Option<&'h ProfileSpec>, Option<Object>), StartError> {
    let exam = hub.forced_profile(&id.user).is_some();
    if hub.config.profiles.0.is_empty() && !exam {
        return Ok((None, given));
    }
    let choice = profiles::choice(hub, id).await?;
    let picked = choice.pick(given.as_ref().and_then(profiles::named_in))?;
    let options = choice.options(given, picked);
    Ok((picked, Some(options)))
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
