//! Looking again and again which servers nobody uses.

use std::time::Duration;

use actix_web::web;
use log::warn;

use super::ticks;
use crate::state::{Hub, culling};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(10);

/// Looks, where the configuration has servers stopped at all.
pub(super) async fn keep(hub: web::Data<Hub>) {
    if !hub.culls() {
        return;
    }
    if let Err(error) = culling::recall(&hub).await {
        warn!("why servers were culled could not be read: {error}");
    }
    let mut tick = ticks(LOOK);
    loop {
        tick.tick().await;
        if let Err(error) = culling::look(&hub).await {
            warn!("which servers nobody uses could not be looked at: {error}");
        }
    }
}
