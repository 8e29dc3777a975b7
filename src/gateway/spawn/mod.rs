//! Talking to the privileged side, and hearing what servers do.

pub mod client;
pub mod conversation;
pub mod gauge;
pub mod memory_kills;
pub mod systemd;
pub mod watch;

pub use client::{SpawnClient, SpawnError, Start};
pub use watch::Event;
