//! What the gateway does without being asked: watching servers, keeping sessions fresh, starting services, telling systemd
//! that it lives.

mod access;
mod audit;
mod culling;
mod exams;
mod memory_kills;
mod meters;
mod prestarts;
mod services;
mod trouble;

use std::time::Duration;

use actix_web::rt::{self, task::JoinHandle};
use actix_web::web;
use hubgate_protocol::ServerStatus;
use log::{info, warn};
use sd_notify::NotifyState;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use crate::config::WatchSource;
use crate::spawn::{Event, systemd, watch};
use crate::state::{Hub, blocking, endings, line, logins, profiles, reload, starts};
use crate::store::{oauth, sessions, share_codes, tokens};
use trouble::Trouble;

/// How soon another process' change of rights is noticed.
const RELOAD: Duration = Duration::from_secs(1);
/// How often the times of last use are written down.
const SAVE_SEEN: Duration = Duration::from_secs(60);
/// How soon the token of a server that has stopped is worth nothing.
const STRIP: Duration = Duration::from_secs(1);
/// How often open websockets are written down: those of the last moment before a crash are not cut at a later logout.
const SAVE_UPLINKS: Duration = Duration::from_secs(2);
/// How often starts in line are written down, for a gateway that ends without a word.
const SAVE_LINE: Duration = Duration::from_secs(2);
/// How often expired sessions, tokens and codes are deleted.
const EXPIRE: Duration = Duration::from_secs(600);
/// Three signs of life within `WatchdogSec=30`.
const WATCHDOG: Duration = Duration::from_secs(10);
/// Pause before a watcher that failed is started again.
const REWATCH: Duration = Duration::from_millis(500);
/// How often it is looked whether a GPU is free, while somebody waits for one.
const GPU_LINE: Duration = Duration::from_secs(1);

/// Tasks that run until they are ended.
#[must_use]
pub struct Tasks(Vec<JoinHandle<()>>);

/// Starts every task on the current runtime.
pub fn start(hub: &web::Data<Hub>) -> Tasks {
    let (events, heard) = mpsc::channel(256);
    Tasks(vec![
        rt::spawn(watch_servers(hub.clone(), events)),
        rt::spawn(keep_table(hub.clone(), heard)),
        rt::spawn(follow_changes(hub.clone())),
        rt::spawn(save_seen(hub.clone())),
        rt::spawn(save_uplinks(hub.clone())),
        rt::spawn(save_line(hub.clone())),
        rt::spawn(strip_stopped(hub.clone())),
        rt::spawn(serve_line(hub.clone())),
        rt::spawn(serve_gpu_line(hub.clone())),
        rt::spawn(expire(hub.clone())),
        rt::spawn(audit::keep(hub.clone())),
        rt::spawn(audit::end_entries(hub.clone())),
        rt::spawn(access::keep(hub.clone())),
        rt::spawn(access::stop_servers(hub.clone())),
        rt::spawn(services::keep(hub.clone())),
        rt::spawn(culling::keep(hub.clone())),
        rt::spawn(meters::keep(hub.clone())),
        rt::spawn(memory_kills::keep(hub.clone())),
        rt::spawn(exams::keep(hub.clone())),
        rt::spawn(prestarts::keep(hub.clone())),
        rt::spawn(watchdog()),
    ])
}

impl Tasks {
    /// Ends them while the runtime still runs: what a watcher holds of the bus says goodbye on it.
    pub async fn end(self) {
        for task in &self.0 {
            task.abort();
        }
        for task in self.0 {
            let _cancelled = task.await;
        }
    }
}

async fn watch_servers(hub: web::Data<Hub>, events: mpsc::Sender<Event>) {
    let mut trouble = Trouble::default();
    loop {
        let ended = match hub.config.watch {
            WatchSource::Systemd => systemd::run(&events).await.map_err(|error| error.to_string()),
            WatchSource::Spawner => {
                watch::run(&hub.spawner, &events).await.map_err(|error| error.to_string())
            }
        };
        if let Some(error) = trouble.of(ended) {
            warn!("the states of servers are not followed for a moment: {error}");
        }
        sleep(REWATCH).await;
    }
}

async fn keep_table(hub: web::Data<Hub>, mut heard: mpsc::Receiver<Event>) {
    if let Err(error) = profiles::recall(&hub).await {
        warn!("which profiles servers were started with could not be read: {error}");
    }
    while let Some(event) = heard.recv().await {
        let now_us = hub.clock.now_us();
        match &event {
            Event::Changed(status) => {
                note_end(&hub, status);
                hub.metrics.moved(status);
                hub.activity.reported(status, now_us);
            }
            Event::Snapshot(all) => all.iter().for_each(|status| hub.activity.reported(status, now_us)),
        }
        hub.servers.apply(event);
    }
}

/// Has the end of a run written down, without keeping the table waiting.
fn note_end(hub: &web::Data<Hub>, now: &ServerStatus) {
    let Some(ending) = endings::of(hub, now) else { return };
    let (hub, id) = (hub.clone(), now.id());
    rt::spawn(async move {
        if let Err(error) = endings::write(&hub, id, ending).await {
            warn!("how a run ended could not be written down: {error}");
        }
    });
}

async fn follow_changes(hub: web::Data<Hub>) {
    let (mut tick, mut trouble) = (ticks(RELOAD), Trouble::default());
    loop {
        tick.tick().await;
        if let Some(error) = trouble.of(reload::reload(&hub).await) {
            warn!("who may do what could not be read anew: {error}");
        }
    }
}

async fn save_seen(hub: web::Data<Hub>) {
    let mut tick = ticks(SAVE_SEEN);
    loop {
        tick.tick().await;
        if let Err(error) = logins::save_seen(&hub).await {
            warn!("times of last use could not be written: {error}");
        }
    }
}

async fn save_uplinks(hub: web::Data<Hub>) {
    let (mut tick, mut trouble) = (ticks(SAVE_UPLINKS), Trouble::default());
    loop {
        tick.tick().await;
        let saving = hub.clone();
        let saved = web::block(move || saving.uplinks.save(&saving.config.websockets())).await;
        if let Some(error) = saved.ok().and_then(|saved| trouble.of(saved)) {
            warn!("open websockets could not be written down: {error}");
        }
    }
}

async fn save_line(hub: web::Data<Hub>) {
    let (mut tick, mut trouble) = (ticks(SAVE_LINE), Trouble::default());
    loop {
        tick.tick().await;
        let saving = hub.clone();
        let saved = web::block(move || line::save(&saving)).await;
        if let Some(error) = saved.ok().and_then(|saved| trouble.of(saved)) {
            warn!("starts in line could not be written down: {error}");
        }
    }
}

async fn expire(hub: web::Data<Hub>) {
    let mut tick = ticks(EXPIRE);
    loop {
        tick.tick().await;
        hub.tokens.forget_expired();
        let (store, now_s, now_us) = (hub.store.clone(), hub.clock.now_s(), hub.clock.now_us());
        let deleted = blocking(move || {
            store.write(|c| {
                let ended = sessions::delete_expired(c, now_s)? + tokens::delete_expired(c, now_us)?;
                let codes = oauth::delete_expired_codes(c, now_us)? + share_codes::delete_expired(c, now_us)?;
                Ok(ended + codes)
            })
        });
        match deleted.await {
            Ok(0) => {}
            Ok(count) => info!("expired sessions, tokens and codes={count}"),
            Err(error) => warn!("what has expired could not be deleted: {error}"),
        }
    }
}

async fn strip_stopped(hub: web::Data<Hub>) {
    let (mut tick, mut trouble) = (ticks(STRIP), Trouble::default());
    loop {
        tick.tick().await;
        // Before the first news every server would look stopped.
        if !hub.servers.known(Duration::ZERO).await {
            continue;
        }
        if let Some(error) = trouble.of(starts::strip_stopped(&hub).await) {
            warn!("tokens of stopped servers could not be deleted: {error}");
        }
    }
}

/// Starts those in line when there is room for them.
async fn serve_line(hub: web::Data<Hub>) {
    let mut changes = hub.servers.changes();
    loop {
        line::serve(&hub);
        line::news(&hub, &mut changes).await;
    }
}

/// Starts those who wait for a GPU when one is free. That a server has ended is seen by the spawner: it is asked.
async fn serve_gpu_line(hub: web::Data<Hub>) {
    let mut tick = ticks(GPU_LINE);
    loop {
        tick.tick().await;
        line::serve_gpus(&hub).await;
    }
}

async fn watchdog() {
    let mut tick = ticks(WATCHDOG);
    loop {
        tick.tick().await;
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
    }
}

fn ticks(period: Duration) -> Interval {
    let mut tick = interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
