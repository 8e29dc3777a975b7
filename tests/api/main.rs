//! The real app with a database of its own per test, and a spawner with a character behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod access;
mod auth;
#[path = "../corpus.rs"]
mod corpus;
mod fallback;
mod hostile;
mod layering;
mod login;
mod logout;
mod progress;
mod rights;
mod servers;
mod services;
mod support;
