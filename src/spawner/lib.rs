//! The privileged daemon: PAM, accounts, the life of users' servers and the cut of their connections.
//!
//! Rooms, bottom to top: [`os`] (all unsafe code), [`clock`], [`hold`], [`wake`], [`work`], [`kin`], [`line`], [`prefix`], [`quota`] → [`config`], [`account`],
//! [`policy`], [`ticket`], [`limiter`], [`hub`], [`envfile`] → [`pam`], [`steward`], [`engine`], [`cut`] → [`lease`] → [`serve`] → [`connection`] → [`daemon`] → [`args`].
#![deny(unsafe_code)]

pub mod account;
pub mod args;
pub mod clock;
pub mod config;
pub mod connection;
pub mod cut;
pub mod daemon;
pub mod engine;
pub mod envfile;
pub mod hold;
pub mod hub;
pub mod kin;
pub mod lease;
pub mod limiter;
pub mod line;
pub mod listen;
pub mod logging;
#[expect(
    unsafe_code,
    reason = "the calls of libpam and of the kernel that have no safe form, each with its reason"
)]
pub mod os;
pub mod pam;
pub mod policy;
pub mod prefix;
pub mod quota;
pub mod ready;
pub mod serve;
pub mod steward;
pub mod ticket;
pub mod wake;
pub mod work;
