//! Noticing again and again what the kernel killed for its memory.

use std::path::Path;
use std::time::Duration;

use actix_web::web;
use hubgate_protocol::{Phase, ServerStatus};
use log::warn;

use super::ticks;
use crate::spawn::gauge::CGROUPS;
use crate::spawn::memory_kills::MemoryKills;
use crate::state::Hub;

/// How often: people see within 5 s what happened, 3 of which pass until their page asks.
const EVERY: Duration = Duration::from_secs(1);

/// Looks at the servers that run.
pub(super) async fn keep(hub: web::Data<Hub>) {
    let mut tick = ticks(EVERY);
    let mut kills = MemoryKills::new(Path::new(CGROUPS));
    loop {
        tick.tick().await;
        let running = hub.servers.statuses(|phase| phase == Phase::Running);
        let running: Vec<_> = running.iter().map(ServerStatus::id).collect();
        let look = web::block(move || {
            let seen = kills.look(&running);
            (kills, seen)
        });
        match look.await {
            Ok((again, seen)) => {
                kills = again;
                seen.iter().for_each(|(id, kill)| hub.memory_killed(id, *kill));
                hub.forget_memory_kills();
            }
            Err(error) => {
                warn!("what was killed for its memory could not be looked at: {error}");
                kills = MemoryKills::new(Path::new(CGROUPS));
            }
        }
    }
}
