//! What servers and the machine use: measured by a task, asked for by pages.

use std::collections::HashMap;
use std::sync::Arc;

use hubgate_protocol::ServerId;
use parking_lot::RwLock;

use crate::domain::usage::{Headroom, Usage};

/// The last measurement.
#[derive(Debug, Default)]
pub struct Meters {
    servers: RwLock<Arc<HashMap<ServerId, Usage>>>,
    headroom: RwLock<Option<Headroom>>,
    disk_free: RwLock<Option<u64>>,
}

impl Meters {
    /// What a server uses; nothing is known of one that is not running.
    #[must_use]
    pub fn of(&self, server: &ServerId) -> Usage {
        self.servers.read().get(server).copied().unwrap_or_default()
    }

    /// What the machine has left.
    #[must_use]
    pub fn headroom(&self) -> Option<Headroom> {
        *self.headroom.read()
    }

    /// How much of the disk of the state directory is free, percent.
    #[must_use]
    pub fn disk_free(&self) -> Option<u64> {
        *self.disk_free.read()
    }

    /// Takes a new measurement of that.
    pub fn show_disk(&self, free: Option<u64>) {
        *self.disk_free.write() = free;
    }

    /// Takes a new measurement.
    pub fn show(&self, servers: HashMap<ServerId, Usage>, headroom: Option<Headroom>) {
        *self.servers.write() = Arc::new(servers);
        *self.headroom.write() = headroom;
    }
}
