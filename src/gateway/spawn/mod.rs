//! Talking to the privileged side, and hearing what servers do.

pub mod client;
pub mod systemd;
pub mod watch;

pub use client::{SpawnClient, SpawnError};
pub use watch::Event;
