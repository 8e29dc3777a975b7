//! What a keeper is told, and what it tells.

use serde::{Deserialize, Serialize};

/// One start of one server or service. It holds secrets: it is not to be shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Program and arguments.
    pub command: Vec<String>,
    /// The whole environment, less `LISTEN_PID`.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub home: String,
    /// Whom to become; absent where the daemon is not root.
    pub identity: Option<Identity>,
    /// Whether a listening socket comes with it: servers have one, services have none.
    pub socket: bool,
}

/// An account to become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The name whose further groups apply; absent where there is no account.
    pub groups_of: Option<String>,
}

/// What a keeper says, in this order; it ends when no process of the server is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The main process is there.
    Started {
        /// Its pid.
        pid: i32,
    },
    /// The main process has ended by itself or by a signal.
    Ended {
        /// Exit status or number of the signal.
        status: i32,
        /// How.
        how: How,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By `exit`.
    Exited,
    /// By a signal.
    Signal,
    /// By a signal, with a core dump.
    CoreDump,
}
