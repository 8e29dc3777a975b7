//! What daemon and worker say to each other, over a socket and never in the worker's arguments.

use std::net::IpAddr;

use hubgate_protocol::{LoginName, Prompt, Purpose, Secret};
use serde::{Deserialize, Serialize};

use super::Verdict;

/// What a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Prove who somebody is, and that the account may log in.
    Login,
    /// Change a password that has expired, and look again whether the account may log in.
    Change,
}

/// The first frame to a worker.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What to do.
    pub task: Task,
    /// The PAM service.
    pub service: String,
    /// Whose account.
    pub user: LoginName,
    /// The password as typed; for [`Task::Change`] it is proven.
    pub password: Secret,
    /// The client's address.
    pub rhost: IpAddr,
    /// Whether a person can answer prompts.
    pub converse: bool,
}

/// Frames from a worker.
#[derive(Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    /// A person is to see this; [`Answers`] follow.
    Prompt {
        /// In the order of the modules.
        prompts: Vec<Prompt>,
        /// What it is for.
        purpose: Purpose,
    },
    /// The end.
    Verdict {
        /// What PAM says.
        verdict: Verdict,
    },
}

/// The answer to [`Said::Prompt`].
#[derive(Serialize, Deserialize)]
pub struct Answers {
    /// One for each prompt that asks.
    pub answers: Vec<Secret>,
}
