//! Exams begin and end.

use std::time::Duration;

use actix_web::web;
use log::warn;

use super::ticks;
use super::trouble::Trouble;
use crate::state::{Hub, exams};

/// How soon servers follow.
const EVERY: Duration = Duration::from_secs(1);

/// Has servers started anew where an exam says so.
pub(super) async fn keep(hub: web::Data<Hub>) {
    let (mut tick, mut trouble) = (ticks(EVERY), Trouble::default());
    loop {
        tick.tick().await;
        if let Some(error) = trouble.of(exams::look(&hub).await) {
            warn!("which servers an exam is about could not be read: {error}");
        }
    }
}
