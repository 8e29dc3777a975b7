//! The `hubgate` program, run as it is: what it prints, how it ends, what it leaves on the disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod certificates;
mod configuration;
#[path = "../corpus.rs"]
mod corpus;
mod dependencies;
mod description;
mod gateway;
mod imports;
mod installation;
mod ownership;
mod support;
mod tokens;
mod users;
