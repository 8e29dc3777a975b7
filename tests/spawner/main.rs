//! The ring of the spawner's protocol: the real daemon, real sockets, small real servers, hostile clients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod accounts;
mod activation;
mod bounds;
mod check;
mod contract;
mod death;
mod golden;
mod hostile;
mod hub;
mod life;
mod peer;
mod rig;
mod services;
mod watch;
