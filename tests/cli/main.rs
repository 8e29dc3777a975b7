//! The `hubgate` program, run as it is: what it prints, how it ends, what it leaves on the disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod access;
mod accounts;
mod acts;
mod advisories;
mod certificates;
mod configuration;
#[path = "../corpus.rs"]
mod corpus;
mod dependencies;
mod description;
mod framing;
mod gateway;
mod imports;
mod installation;
mod messages;
mod ownership;
mod project;
mod support;
mod tokens;
mod users;
