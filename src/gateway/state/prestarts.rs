//! Servers of a class, started before it begins.

use std::collections::HashMap;

use hubgate_protocol::{Phase, ServerId, Username};
use log::{info, warn};
use parking_lot::Mutex;

use super::Hub;
use super::starts::{self, StartOptions};
use crate::domain::entity::GroupName;

/// How far each class has come.
#[derive(Debug, Default)]
pub struct Prestarts(Mutex<HashMap<usize, Progress>>);

#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The day that it is about.
    day: i64,
    /// How many of the members were looked at.
    done: usize,
    /// How many of them were started, or wait for it.
    started: usize,
}

/// Starts the servers that are due now.
pub async fn look(hub: &Hub) {
    let now = hub.clock.wall();
    for (index, class) in hub.config.prestarts.0.iter().enumerate() {
        let Ok(group) = class.group.parse::<GroupName>() else { continue };
        if !class.days.hold(now) {
            continue;
        }
        let members: Vec<Username> = hub.directory().members(&group).iter().cloned().collect();
        let Some(due) = class.at.due(class.minutes, members.len(), now) else { continue };
        let before = hub.prestarts.0.lock().get(&index).copied().unwrap_or_default();
        let mut progress =
            if before.day == now.day { before } else { Progress { day: now.day, ..Progress::default() } };
        for member in members.iter().take(due).skip(progress.done) {
            progress.done += 1;
            progress.started += usize::from(start(hub, &ServerId::default_of(member.clone())).await);
            if progress.done == members.len() {
                info!("class group={group} members={} started={}", members.len(), progress.started);
            }
        }
        hub.prestarts.0.lock().insert(index, progress);
    }
}

/// Whether it was started.
async fn start(hub: &Hub, id: &ServerId) -> bool {
    if !matches!(hub.servers.phase(id), Phase::Stopped | Phase::Listening) || hub.bars(&id.user) {
        return false;
    }
    match starts::start(hub, id, StartOptions::default()).await {
        Ok(()) => true,
        Err(error) => {
            warn!("a class: not started server={id}: {error}");
            false
        }
    }
}
