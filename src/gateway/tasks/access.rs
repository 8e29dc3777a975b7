//! Looking again and again whether those who are in may still be, and stopping the servers of those who may not.

use std::time::Duration;

use actix_web::web;
use log::{info, warn};

use super::ticks;
use crate::state::Hub;
use crate::state::access::{self, Absences};

/// How soon the servers of somebody who is kept out are told to stop.
const STOP: Duration = Duration::from_secs(5);

/// Looks every `access_check_seconds`.
pub(super) async fn keep(hub: web::Data<Hub>) {
    let mut tick = ticks(Duration::from_secs(hub.config.access_check_seconds.into()));
    let mut absences = Absences::default();
    loop {
        tick.tick().await;
        match access::look(&hub, &mut absences).await {
            Ok(0) => {}
            Ok(refused) => info!("access ended users={refused}"),
            Err(error) => warn!("whether those who are in may stay could not be looked at: {error}"),
        }
    }
}

/// Stops servers, where the configuration says so.
pub(super) async fn stop_servers(hub: web::Data<Hub>) {
    let mut tick = ticks(STOP);
    loop {
        tick.tick().await;
        access::stop_servers(&hub).await;
    }
}
