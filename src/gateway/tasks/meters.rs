//! Measuring what servers and the machine use.

use std::path::Path;
use std::time::{Duration, Instant};

use actix_web::web;
use hubgate_protocol::Phase;
use log::warn;

use super::ticks;
use crate::spawn::gauge::{CGROUPS, Gauge};
use crate::state::{Hub, health};

/// How often.
const EVERY: Duration = Duration::from_secs(5);

/// Fills `hub.meters`.
pub(super) async fn keep(hub: web::Data<Hub>) {
    let mut tick = ticks(EVERY);
    let mut gauge = Gauge::new(Path::new(CGROUPS));
    loop {
        tick.tick().await;
        let running =
            hub.servers.statuses(|phase| matches!(phase, Phase::Starting | Phase::Running | Phase::Stopping));
        let state_dir = hub.config.state_dir.clone();
        let measured = web::block(move || {
            let (servers, machine) = (gauge.servers(&running, Instant::now()), gauge.machine());
            (gauge, servers, machine, health::free_percent(&state_dir))
        });
        match measured.await {
            Ok((again, servers, machine, free)) => {
                gauge = again;
                hub.meters.show(servers, machine);
                hub.meters.show_disk(free);
            }
            Err(error) => {
                warn!("what servers use could not be measured: {error}");
                gauge = Gauge::new(Path::new(CGROUPS));
            }
        }
    }
}
