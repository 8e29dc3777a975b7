//! What can be said about one server.

use serde::{Deserialize, Serialize};

use crate::name::{ServerId, ServerName, Username};

/// The one lifecycle of a server, as its unit has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No process and nobody listens.
    #[default]
    Stopped,
    /// No process, but the socket is held: the first byte starts the server.
    Listening,
    /// The process runs and has not said `READY=1` yet.
    Starting,
    /// Ready.
    Running,
    /// Asked to end.
    Stopping,
    /// Ended by itself or could not start; see [`Exit`].
    Failed,
}

/// How a server ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// systemd's word for it (`Result=`): `exit-code`, `signal`, `core-dump`, `timeout`, `oom-kill`, `resources`, …
    pub result: String,
    /// Exit status, or signal number where `result` is `signal` or `core-dump`.
    pub status: i32,
}

/// One server as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerStatus {
    /// Owner.
    pub user: Username,
    /// Which of the owner's servers; empty for the default one.
    #[serde(default)]
    pub server: ServerName,
    /// Where in its life it is.
    pub phase: Phase,
    /// When it entered the phase, milliseconds since 1970; 0 if unknown.
    #[serde(default)]
    pub since_ms: u64,
    /// Main process, if there is one.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The server's own last words (`STATUS=`), at most 512 bytes. Written by the user: never trusted.
    #[serde(default)]
    pub status_text: String,
    /// How it ended, in phase [`Phase::Failed`].
    #[serde(default)]
    pub exit: Option<Exit>,
}

impl ServerStatus {
    /// A server of which nothing is known: stopped.
    #[must_use]
    pub fn stopped(id: &ServerId) -> Self {
        Self {
            user: id.user.clone(),
            server: id.server.clone(),
            phase: Phase::Stopped,
            since_ms: 0,
            pid: None,
            status_text: String::new(),
            exit: None,
        }
    }

    /// The server this is about.
    #[must_use]
    pub fn id(&self) -> ServerId {
        ServerId { user: self.user.clone(), server: self.server.clone() }
    }
}
