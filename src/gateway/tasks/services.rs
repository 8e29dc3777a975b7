//! Managed services start with the gateway, and end with the first gateway that does not know them any more.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::web;
use log::{info, warn};
use tokio::time::sleep;

use crate::config::WatchSource;
use crate::domain::entity::ServiceName;
use crate::files::{self, NewFile};
use crate::state::Hub;

/// Pause before those that could not be started are tried again, and before it is looked after those that end with the
/// spawner.
const AGAIN: Duration = Duration::from_secs(30);

/// Starts all managed services of the services file, and sees that they stay.
pub(super) async fn keep(hub: web::Data<Hub>) {
    end_forgotten(&hub).await;
    let mut told = BTreeMap::new();
    loop {
        let mut all_run = true;
        for name in managed(&hub) {
            let outcome = start(&hub, &name).await;
            all_run &= outcome.is_ok();
            // What is the same each time is said once.
            if told.insert(name.clone(), outcome.clone()).as_ref() != Some(&outcome) {
                match outcome {
                    Ok(()) => info!("service started name={name}"),
                    Err(error) => warn!("service {name} could not be started: {error}; it is tried again"),
                }
            }
        }
        // systemd keeps what it was given; with the process engine services end when the spawner does.
        if all_run && hub.config.watch == WatchSource::Systemd {
            return;
        }
        sleep(AGAIN).await;
    }
}

/// Stops what an earlier gateway had started and the file does not name now: systemd would run it for ever. Only names
/// of services are written down; whether one runs is systemd's to say.
async fn end_forgotten(hub: &Hub) {
    let (path, now) = (hub.config.started_services(), managed(hub));
    let before = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let before: Vec<ServiceName> = before.unwrap_or_default();
    let mut known = now.clone();
    for name in before.iter().filter(|name| !now.contains(name)) {
        match hub.spawner.stop_service(name).await {
            Ok(()) => info!("service stopped name={name}: the services file does not name it any more"),
            Err(error) => {
                warn!(
                    "service {name} could not be stopped: {error}; the next start of hubgate tries it again"
                );
                known.push(name.clone());
            }
        }
    }
    if known == before {
        return;
    }
    let bytes = serde_json::to_vec(&known).unwrap_or_default();
    if let Err(error) = files::replace(&NewFile { path, mode: 0o600, bytes: bytes.into(), owner: None }) {
        warn!("the names of services could not be written down: {error}");
    }
}

fn managed(hub: &Hub) -> Vec<ServiceName> {
    let directory = hub.directory();
    directory.services().filter(|one| one.is_managed() && !one.made).map(|one| one.name.clone()).collect()
}

/// The spawner has the command from root's file, and the token too where root has set one.
async fn start(hub: &Hub, name: &ServiceName) -> Result<(), String> {
    let token = hub.site.token_of(name.as_str(), None).ok_or("no token can be made")?;
    hub.spawner.start_service(name, token).await.map_err(|error| error.to_string())
}
