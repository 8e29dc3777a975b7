//! Starting and stopping a server for a program that waits for it, as long as JupyterHub would.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use hubgate_protocol::{ErrorCode, Phase, ServerId};
use log::{info, warn};
use serde_json::json;

use crate::answer::{self, Failure, cause};
use crate::api::addressed::{Addressed, ServerPath};
use crate::api::body::{Body, bad, shortened};
use crate::api::model::active;
use crate::api::server_body::{Asked, removes};
use crate::api::stored::{self, audited};
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::scope::Base;
use crate::extract::Caller;
use crate::spawn::SpawnError;
use crate::spawn::client::LOG_LINES;
use crate::state::Hub;
use crate::state::audit::acting;
use crate::state::starts::{self, StartError};
use crate::store::servers;

/// How long a server that is to be forgotten may take to stop.
const FORGET_WITHIN: Duration = Duration::from_secs(300);

/// `POST`: 201 when the server is ready, 202 while it is starting.
///
/// # Errors
/// 400 for one that runs or is stopping; 429 where too many start or run; 424 for one that does not come up.
pub async fn start(caller: Caller, path: web::Path<ServerPath>, body: Body) -> Result<HttpResponse, Failure> {
    let addressed = Addressed::of(&caller, &[Base::StartServers], path.into_inner()).await?;
    let hub = &caller.hub;
    let mut asked = Asked::read(&body)?;
    let id = if addressed.text.is_empty() {
        asked.display_name = None;
        ServerId::default_of(addressed.user.clone())
    } else {
        addressed.admitted(hub, &addressed.text, asked.display_name.as_deref(), true)?
    };
    if hub.servers.status(&id).phase == Phase::Starting || hub.starting.holds(&id) {
        return Ok(answer::empty(StatusCode::ACCEPTED));
    }
    starts::start(hub, &id, asked.options()).await.map_err(|error| told(&id, &error))?;
    info!("start asked={id} by={}", caller.name());
    let patience = Duration::from_secs(hub.config.slow_spawn_timeout.into());
    let cancelled = |phase| phase == Phase::Stopping && hub.endings.is_asked(&id);
    let over = |phase| matches!(phase, Phase::Running | Phase::Failed) || cancelled(phase);
    let now = hub.servers.wait(&id, patience, |now| over(now.phase)).await;
    match now.phase {
        Phase::Running => Ok(answer::empty(StatusCode::CREATED)),
        Phase::Failed => {
            let log = hub.spawner.journal(&id, LOG_LINES).await.unwrap_or_default();
            let cause = cause::told(now.exit.as_ref(), &log).english();
            let sentence = format!("Spawner failed to start. {cause}");
            Err(Failure::new(StatusCode::FAILED_DEPENDENCY, sentence))
        }
        Phase::Stopping if cancelled(now.phase) => {
            Err(Failure::new(StatusCode::FAILED_DEPENDENCY, "Spawn cancelled"))
        }
        Phase::Stopping | Phase::Stopped | Phase::Listening | Phase::Starting => {
            Ok(answer::empty(StatusCode::ACCEPTED))
        }
    }
}

fn told(id: &ServerId, error: &StartError) -> Failure {
    match error {
        StartError::AlreadyRunning => bad(format!("{id} is already running")),
        StartError::PendingStop => bad(format!("{id} is pending stop")),
        StartError::Throttled { retry_after_s } => {
            let sentence =
                format!("Too many users trying to log in right now. Try again in {retry_after_s} seconds.");
            Failure::new(StatusCode::TOO_MANY_REQUESTS, sentence).retry_after(*retry_after_s)
        }
        StartError::TooMany => Failure::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Active user limit exceeded. Try again in a few minutes.",
        ),
        StartError::Name(refused) => bad(refused.to_string()),
        StartError::NoUser => Failure::bare(StatusCode::NOT_FOUND),
        StartError::Profile(hidden) => {
            Failure::new(StatusCode::FORBIDDEN, format!("Profile refused: {hidden}"))
        }
        StartError::NoSuchGpus { .. } => Failure::new(StatusCode::FAILED_DEPENDENCY, error.to_string()),
        StartError::Spawner(error) => refused(id, error),
        StartError::Store(error) => stored::told(error),
    }
}

/// What the privileged side will not or cannot do.
fn refused(id: &ServerId, error: &SpawnError) -> Failure {
    warn!("server={id}: {error}");
    let SpawnError::Refused { code, .. } = error else { return Failure::unavailable() };
    match code {
        ErrorCode::Forbidden => Failure::new(
            StatusCode::FORBIDDEN,
            "The machine does not let the hub start this server; its owner must have logged in before, or spawner.toml must allow it.",
        ),
        ErrorCode::NoAccount => Failure::new(
            StatusCode::FORBIDDEN,
            "There is no account on this machine that could run the server.",
        ),
        ErrorCode::Engine => Failure::new(
            StatusCode::FAILED_DEPENDENCY,
            "Spawner failed to start. The journal of hubgate-spawner says why.",
        ),
        _ => Failure::unavailable(),
    }
}

/// `DELETE`: 204 when the server has stopped, 202 while it is stopping.
///
/// # Errors
/// 400 for a default server that is to be forgotten, and where named servers are off; 404 for one that is not known.
pub async fn stop(caller: Caller, path: web::Path<ServerPath>, body: Body) -> Result<HttpResponse, Failure> {
    let addressed = Addressed::of(&caller, &[Base::DeleteServers], path.into_inner()).await?;
    let (hub, text) = (&caller.hub, &addressed.text);
    let forget = removes(&body)?;
    if !text.is_empty() && !hub.config.allow_named_servers {
        return Err(bad("Named servers are not enabled."));
    }
    if text.is_empty() && forget {
        return Err(bad("Cannot delete the default server"));
    }
    let (id, _) = addressed.known().ok_or_else(|| {
        let sentence = format!("{} has no server named '{}'", addressed.user, shortened(text));
        Failure::new(StatusCode::NOT_FOUND, sentence)
    })?;
    let before = hub.servers.status(&id).phase;
    if !matches!(before, Phase::Stopped | Phase::Failed | Phase::Stopping) {
        starts::stop(hub, &id).await.map_err(|error| told(&id, &error))?;
        info!("stop asked={id} by={}", caller.name());
    }
    let patience = Duration::from_secs(hub.config.slow_stop_timeout.into());
    let patience = if before == Phase::Stopping { Duration::ZERO } else { patience };
    let ended = |phase| !active(phase);
    let now = hub.servers.wait(&id, patience, |now| ended(now.phase)).await;
    if ended(now.phase) {
        if forget {
            let gone = id.clone();
            stored::write(hub, move |c| servers::delete(c, &gone).map(Ok)).await?;
            audited(hub, Action::ServerStop, &id.segments(), json!({ "removed": true })).await?;
        }
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    }
    if forget {
        actix_web::rt::spawn(forget_later(hub.clone(), id, acting()));
    }
    Ok(answer::empty(StatusCode::ACCEPTED))
}

/// Forgets a server that takes its time to stop.
async fn forget_later(hub: web::Data<Hub>, id: ServerId, by: Actor) {
    let now = hub.servers.wait(&id, FORGET_WITHIN, |now| !active(now.phase)).await;
    if active(now.phase) {
        warn!("server={id} is not forgotten: it has not stopped");
        return;
    }
    let gone = id.clone();
    match stored::write(&hub, move |c| servers::delete(c, &gone).map(Ok)).await {
        Ok(_) => hub.audit(&Event::new(by, Action::ServerStop, id.segments()).with("removed", true)),
        Err(_) => warn!("server={id} is not forgotten: the database could not be written"),
    }
}
