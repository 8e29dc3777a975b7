//! Managed services: started by the spawner, watched by systemd where it runs them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use log::{info, warn};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::config::WatchSource;
use crate::domain::entity::ServiceName;
use crate::spawn::systemd;
use crate::state::Hub;

/// How often it is looked whether a service has stopped.
const LOOK: Duration = Duration::from_millis(100);

/// What the spawner answered when it was asked last to run each.
pub type Told = Mutex<BTreeMap<ServiceName, Result<(), String>>>;

/// What a managed service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It is on its way.
    Starting,
    /// It ends.
    Stopping,
    /// It could not be started, or ended with an error.
    Failed,
    /// It does not run.
    Stopped,
    /// Nobody says.
    Unknown,
}

impl State {
    /// From systemd's word for the state of a unit.
    #[must_use]
    pub fn of_unit(active: &str) -> Self {
        match active {
            "active" | "reloading" => Self::Running,
            "activating" => Self::Starting,
            "deactivating" => Self::Stopping,
            "failed" => Self::Failed,
            _ => Self::Stopped,
        }
    }
}

/// The managed services of the services file.
#[must_use]
pub fn names(hub: &Hub) -> Vec<ServiceName> {
    let directory = hub.directory();
    directory.services().filter(|one| one.is_managed() && !one.made).map(|one| one.name.clone()).collect()
}

/// What each of them does now.
pub async fn states(hub: &Hub) -> BTreeMap<ServiceName, State> {
    let names = names(hub);
    if names.is_empty() {
        return BTreeMap::new();
    }
    let units = match hub.config.watch {
        WatchSource::Systemd => systemd::services().await.inspect_err(|error| {
            warn!("the states of services are not known: {error}");
        }),
        WatchSource::Spawner => {
            return names.into_iter().map(|name| (name.clone(), told(hub, &name))).collect();
        }
    };
    let of = |units: &HashMap<String, String>, name: &ServiceName| match units.get(name.as_str()) {
        Some(active) => State::of_unit(active),
        None => State::Stopped,
    };
    let state = |name: &ServiceName| units.as_ref().map_or(State::Unknown, |units| of(units, name));
    names.into_iter().map(|name| (name.clone(), state(&name))).collect()
}

/// Where the spawner runs services itself it is asked again and again, and what it says is how they are.
fn told(hub: &Hub, name: &ServiceName) -> State {
    match hub.managed.lock().get(name) {
        Some(Ok(())) => State::Running,
        Some(Err(_)) => State::Failed,
        None => State::Unknown,
    }
}

/// Has the spawner run a service, with its token: the command is root's. What is the same each time is said once.
///
/// # Errors
/// Why not, in a sentence.
pub async fn start(hub: &Hub, name: &ServiceName) -> Result<(), String> {
    let outcome = match hub.site.token_of(name.as_str(), None) {
        Some(token) => hub.spawner.start_service(name, token).await.map_err(|error| error.to_string()),
        None => Err("no token can be made".to_owned()),
    };
    if hub.managed.lock().insert(name.clone(), outcome.clone()).as_ref() != Some(&outcome) {
        match &outcome {
            Ok(()) => info!("service started name={name}"),
            Err(error) => warn!("service {name} could not be started: {error}; it is tried again"),
        }
    }
    outcome
}

/// Ends a service and starts it anew.
///
/// # Errors
/// Why not, in a sentence.
pub async fn restart(hub: &Hub, name: &ServiceName) -> Result<(), String> {
    hub.spawner.stop_service(name).await.map_err(|error| error.to_string())?;
    let until = Instant::now() + Duration::from_secs(hub.config.slow_stop_timeout.into());
    // A start that comes before the end would leave it as it is.
    while hub.config.watch == WatchSource::Systemd && Instant::now() < until {
        let units = systemd::services().await.map_err(|error| error.to_string())?;
        let state = units.get(name.as_str()).map_or(State::Stopped, |active| State::of_unit(active));
        if matches!(state, State::Stopped | State::Failed) {
            break;
        }
        sleep(LOOK).await;
    }
    info!("service restarted name={name}");
    start(hub, name).await
}
