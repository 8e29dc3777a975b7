//! Starts that wait in line, for their turn or for a GPU: called when there is room, and kept over a restart of the gateway.

use std::time::Duration;

use actix_web::web;
use hubgate_protocol::{Phase, ServerId};
use log::{info, warn};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::files::{self, NewFile, PlaceError};
use crate::state::Hub;
use crate::state::servers::Wait;
use crate::state::starts::{Claim, StartError, Waiting, lacks_gpus, launch, limit};

/// How long to wait for the first sign of a start that has waited in line: nobody waits for its answer, and it has its place among those that start.
const SIGN_IN_LINE: Duration = Duration::from_secs(10);
/// For how long those in line wait for a gateway that is not there.
const LINE_KEPT: Duration = Duration::from_secs(300);

/// A start in the file of the line.
#[derive(Serialize, Deserialize)]
struct Kept {
    server: ServerId,
    wait: Wait,
    start: Waiting,
}

/// Waits until something may have made room for those in line.
pub async fn news(hub: &Hub, changes: &mut watch::Receiver<u64>) {
    tokio::select! {
        _ = changes.changed() => {}
        () = hub.starting.gone.notified() => {}
    }
}

/// Starts those in line for whom there is room, each by itself.
pub fn serve(hub: &web::Data<Hub>) {
    while hub.servers.in_line(Wait::Turn) > 0 {
        let asked = hub.starting.all();
        let starting = asked.len() + hub.servers.starting_beside(&asked);
        if limit(hub.config.concurrent_spawn_limit).is_some_and(|limit| starting >= limit) {
            return;
        }
        let Some(id) = hub.servers.next_in_line(Wait::Turn) else { return };
        hub.starting.asked.lock().insert(id.clone());
        actix_web::rt::spawn(take_turn(hub.clone(), id));
    }
}

/// Starts those who wait for GPUs, one after the other, as far as there are some for the first.
pub async fn serve_gpus(hub: &web::Data<Hub>) {
    while let Some(id) = hub.servers.first_for_gpu() {
        let options = hub.starting.waiting.lock().get(&id).map(|one| one.options.clone()).unwrap_or_default();
        match lacks_gpus(hub, &id, &options, 0).await {
            Ok(true) | Err(StartError::Spawner(_) | StartError::Store(_)) => return,
            // What is refused now is told by the start itself.
            Ok(false) | Err(_) => {}
        }
        // Whoever was first may have left meanwhile.
        if hub.servers.first_for_gpu().as_ref() != Some(&id) {
            continue;
        }
        hub.servers.next_in_line(Wait::Gpu);
        hub.starting.asked.lock().insert(id.clone());
        take_turn(hub.clone(), id.clone()).await;
        // Somebody was faster: it is looked again a second later.
        if hub.servers.first_for_gpu().as_ref() == Some(&id) {
            return;
        }
    }
}

async fn take_turn(hub: web::Data<Hub>, id: ServerId) {
    let _claim = Claim(&hub.starting, id.clone());
    let Waiting { options, by } = hub.starting.waiting.lock().get(&id).cloned().unwrap_or_default();
    let launched = by.around(hub.servers.until_news(&id, SIGN_IN_LINE, launch(&hub, &id, options))).await;
    if let Err(error) = launched {
        if error.no_gpu() {
            hub.servers.back_to_gpus(&id);
            return;
        }
        warn!("start failed server={id}: {error}");
        hub.starting.refused.lock().insert(id.clone(), error.to_string());
    }
    hub.starting.waiting.lock().remove(&id);
    hub.servers.arrived(&id);
}

/// Writes down who waits, where that is not what the file has: a gateway that starts anew goes on with them. The time of the
/// file is when it held last.
///
/// # Errors
/// When the file cannot be written.
pub fn save(hub: &Hub) -> Result<(), PlaceError> {
    let kept: Vec<Kept> = {
        let (in_order, waiting) = (hub.servers.waiting(), hub.starting.waiting.lock());
        let with_start = |(server, wait)| {
            let start = waiting.get(&server)?.clone();
            Some(Kept { server, wait, start })
        };
        in_order.into_iter().filter_map(with_start).collect()
    };
    let bytes = if kept.is_empty() { Vec::new() } else { serde_json::to_vec(&kept).unwrap_or_default() };
    let mut written = hub.starting.written.lock();
    let path = hub.config.line();
    if bytes.is_empty() && !written.is_empty() {
        files::remove(&path)?;
    } else if *written == bytes && !bytes.is_empty() {
        files::touch(&path)?;
    } else if *written != bytes {
        files::replace(&NewFile { path, mode: 0o600, bytes: bytes.clone().into(), owner: None })?;
    }
    *written = bytes;
    Ok(())
}

/// Lines up those who waited when the gateway before this one ended, if that is not long ago and nobody has started their
/// server meanwhile. A file that cannot be read is one without anybody.
pub fn restore(hub: &Hub) {
    let path = hub.config.line();
    let Ok(bytes) = std::fs::read(&path) else { return };
    let age = path.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
    let kept: Vec<Kept> = if age.is_some_and(|age| age < LINE_KEPT) {
        serde_json::from_slice(&bytes).unwrap_or_default()
    } else {
        Vec::new()
    };
    *hub.starting.written.lock() = bytes;
    let idle =
        |id: &ServerId| matches!(hub.servers.phase(id), Phase::Stopped | Phase::Listening | Phase::Failed);
    let mut count = 0_usize;
    for Kept { server, wait, start } in kept.into_iter().filter(|one| idle(&one.server)) {
        hub.starting.waiting.lock().insert(server.clone(), start);
        hub.servers.line_up(&server, wait);
        count += 1;
    }
    if count > 0 {
        info!("starts that waited before wait again count={count}");
    }
}
