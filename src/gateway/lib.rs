//! The unprivileged process of hubgate and the `hubgate` command.
#![forbid(unsafe_code)]

pub mod answer;
pub mod api;
pub mod app;
pub mod cert;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod extract;
pub mod files;
pub mod oauth;
pub mod pages;
pub mod password;
pub mod spawn;
pub mod state;
pub mod store;
pub mod tasks;
pub mod words;
