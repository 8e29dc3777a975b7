//! The real app with a database of its own per test, and a spawner with a character behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod access;
mod activity;
mod auth;
mod bodies;
#[path = "../corpus.rs"]
mod corpus;
mod fallback;
mod groups;
mod hostile;
mod hub_api;
mod layering;
mod login;
mod logout;
mod oauth;
mod progress;
mod rest;
mod rights;
mod scopes;
mod server_api;
mod servers;
mod services;
mod shares;
mod support;
mod tokens;
mod users;
