//! Managed services start with the gateway, and end with the first gateway that does not know them any more.

use std::time::Duration;

use actix_web::web;
use log::{info, warn};
use tokio::time::sleep;

use crate::config::WatchSource;
use crate::domain::entity::ServiceName;
use crate::files::{self, NewFile};
use crate::state::{Hub, managed};

/// Pause before those that could not be started are tried again, and before it is looked after those that end with the
/// spawner.
const AGAIN: Duration = Duration::from_secs(30);

/// Starts all managed services of the services file, and sees that they stay.
pub(super) async fn keep(hub: web::Data<Hub>) {
    end_forgotten(&hub).await;
    loop {
        let mut all_run = true;
        for name in managed::names(&hub) {
            all_run &= managed::start(&hub, &name).await.is_ok();
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
    let (path, now) = (hub.config.started_services(), managed::names(hub));
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
