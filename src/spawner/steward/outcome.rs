//! What a job led to, between worker and daemon.

use std::io;

use hubgate_protocol::{ErrorCode, Secret};
use serde::{Deserialize, Serialize};

use super::tool::ToolError;

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The account is there.
    Created {
        /// Its number.
        uid: u32,
        /// Its one-time password, where none was given.
        password: Option<Secret>,
    },
    /// It is done.
    Done {},
    /// It is not, and nothing has changed.
    Refused {
        /// What kind.
        error: ErrorCode,
        /// Why, for the log of the daemon.
        cause: String,
    },
}

/// Why a job was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub error: ErrorCode,
    /// Why, for the log.
    pub cause: String,
}

impl Outcome {
    /// Done or not.
    ///
    /// # Errors
    /// [`Outcome::Refused`] as a [`Refusal`].
    pub fn into_result(self) -> Result<Self, Refusal> {
        match self {
            Self::Refused { error, cause } => Err(Refusal { error, cause }),
            done => Ok(done),
        }
    }
}

impl Refusal {
    /// Something on the host failed.
    #[must_use]
    pub fn failed(cause: String) -> Self {
        Self { error: ErrorCode::Engine, cause }
    }

    /// It could be done later.
    #[must_use]
    pub fn busy(cause: &str) -> Self {
        Self { error: ErrorCode::Busy, cause: cause.to_owned() }
    }

    /// Root's policy, or hubgate's own, is against it.
    #[must_use]
    pub fn forbidden(cause: &str) -> Self {
        Self { error: ErrorCode::Forbidden, cause: cause.to_owned() }
    }

    /// The name, or what would be made under it, is taken.
    #[must_use]
    pub fn exists(cause: String) -> Self {
        Self { error: ErrorCode::Exists, cause }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { error: refusal.error, cause: refusal.cause }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<nix::Error> for Refusal {
    fn from(error: nix::Error) -> Self {
        Self::failed(format!("the user database cannot be read: {error}"))
    }
}

impl From<ToolError> for Refusal {
    fn from(error: ToolError) -> Self {
        Self::failed(error.to_string())
    }
}
