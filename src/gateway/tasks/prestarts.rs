//! Looking again and again which classes are about to begin.

use std::time::Duration;

use actix_web::web;

use super::ticks;
use crate::state::{Hub, prestarts};

/// How often: a class of hundreds is spread over minutes.
const LOOK: Duration = Duration::from_secs(2);

/// Looks, where the configuration has any.
pub(super) async fn keep(hub: web::Data<Hub>) {
    if hub.config.prestarts.0.is_empty() {
        return;
    }
    let mut tick = ticks(LOOK);
    loop {
        tick.tick().await;
        prestarts::look(&hub).await;
    }
}
