//! What the gateway does without being asked: watching servers, keeping sessions fresh, telling systemd that it lives.

use std::time::Duration;

use actix_web::web;
use log::{info, warn};
use sd_notify::NotifyState;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use crate::config::WatchSource;
use crate::spawn::{systemd, watch};
use crate::state::{Hub, blocking, logins};
use crate::store::sessions;

/// How soon another process' change of sessions is noticed.
const RELOAD: Duration = Duration::from_secs(1);
/// How often the times of last use are written down.
const SAVE_SEEN: Duration = Duration::from_secs(60);
/// How often expired sessions are deleted.
const EXPIRE: Duration = Duration::from_secs(600);
/// Three signs of life within `WatchdogSec=30`.
const WATCHDOG: Duration = Duration::from_secs(10);
/// Pause before a watcher that failed is started again.
const REWATCH: Duration = Duration::from_millis(500);

/// Starts every task on the current runtime; they end with it.
pub fn start(hub: &web::Data<Hub>) {
    actix_web::rt::spawn(watch_servers(hub.clone()));
    actix_web::rt::spawn(reload_sessions(hub.clone()));
    actix_web::rt::spawn(save_seen(hub.clone()));
    actix_web::rt::spawn(expire_sessions(hub.clone()));
    actix_web::rt::spawn(watchdog());
}

async fn watch_servers(hub: web::Data<Hub>) {
    let (sender, mut events) = mpsc::channel(256);
    let watching = hub.clone();
    actix_web::rt::spawn(async move {
        loop {
            let ended = match watching.config.watch {
                WatchSource::Systemd => systemd::run(&sender).await.map_err(|error| error.to_string()),
                WatchSource::Spawner => {
                    watch::run(&watching.spawner, &sender).await.map_err(|error| error.to_string())
                }
            };
            if let Err(error) = ended {
                warn!("the states of servers are not followed for a moment: {error}");
            }
            sleep(REWATCH).await;
        }
    });
    while let Some(event) = events.recv().await {
        hub.servers.apply(event);
    }
}

async fn reload_sessions(hub: web::Data<Hub>) {
    let mut tick = ticks(RELOAD);
    loop {
        tick.tick().await;
        if let Err(error) = logins::reload(&hub).await {
            warn!("sessions could not be read: {error}");
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

async fn expire_sessions(hub: web::Data<Hub>) {
    let mut tick = ticks(EXPIRE);
    loop {
        tick.tick().await;
        let (store, now_s) = (hub.store.clone(), hub.clock.now_s());
        match blocking(move || store.write(|c| sessions::delete_expired(c, now_s))).await {
            Ok(0) => {}
            Ok(count) => info!("expired sessions={count}"),
            Err(error) => warn!("expired sessions could not be deleted: {error}"),
        }
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
