//! Writes the audit log behind the requests, and ends what people entered when its time has run out.

use std::time::Duration;

use actix_web::web;
use log::warn;
use tokio::time::sleep;

use super::ticks;
use super::trouble::Trouble;
use crate::state::{Hub, entries};

/// Pause before a log that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How late the end of an entry may come.
const END: Duration = Duration::from_secs(1);

/// Writes what has come, all of it at once.
pub(super) async fn keep(hub: web::Data<Hub>) {
    let mut trouble = Trouble::default();
    loop {
        hub.audit_came().await;
        loop {
            let written = hub.audit_written().await;
            let again = written.is_err();
            if let Some(error) = trouble.of(written) {
                warn!("the audit log could not be written, it is tried again: {error}");
            }
            if !again {
                break;
            }
            sleep(AGAIN).await;
        }
    }
}

/// Ends entries.
pub(super) async fn end_entries(hub: web::Data<Hub>) {
    let (mut tick, mut trouble) = (ticks(END), Trouble::default());
    loop {
        tick.tick().await;
        if let Some(error) = trouble.of(entries::end_expired(&hub).await) {
            warn!("entries that have ended could not be deleted: {error}");
        }
    }
}
