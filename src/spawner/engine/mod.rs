//! What runs the servers: one trait, two engines.

pub mod process;
pub mod systemd;

use std::sync::Arc;

use hubgate_protocol::{ErrorCode, Limits, ServerId, ServerStatus, ServiceName, ServiceSpec};

use crate::account::HostAccount;
use crate::hub::Environment;
use crate::policy::LoginAccount;
use process::watch::Watch;

/// Why an engine did not do what it was asked. The text is for the daemon's own log; the gateway gets [`Self::code`].
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// systemd, the kernel or the file system refused.
    #[error("{0}")]
    Failed(String),
    /// It took too long.
    #[error("{0}")]
    Timeout(String),
    /// This engine cannot do it.
    #[error("this engine cannot do it: {0}")]
    Unsupported(&'static str),
    /// Root's settings or the lack of privilege forbid it.
    #[error("{0}")]
    Forbidden(String),
    /// Too many at once.
    #[error("{0}")]
    Busy(&'static str),
}

impl EngineError {
    /// The coarse word for the gateway.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Failed(_) => ErrorCode::Engine,
            Self::Timeout(_) => ErrorCode::Timeout,
            Self::Unsupported(_) => ErrorCode::Unsupported,
            Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::Busy(_) => ErrorCode::Busy,
        }
    }
}

/// What a server is started as.
#[derive(Debug, Clone)]
pub struct Run {
    /// Whose it is.
    pub account: LoginAccount,
    /// What is added to the environment that all servers have: of the profile, and of the hub flavour.
    pub env: Environment,
    /// What it may use, as far as the engine has limits.
    pub limits: Limits,
    /// What it reaches.
    pub network: Network,
    /// The GPUs that are leased to it.
    pub gpus: Vec<String>,
    /// What it does not change and what it does not see.
    pub paths: Paths,
}

/// Paths that are closed to a server: absolute, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// What it does not change.
    pub read_only: Vec<String>,
    /// What it does not see.
    pub hidden: Vec<String>,
}

/// What the processes of a server reach beyond the machine's files and unix sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// As the unit says.
    AsItIs,
    /// The machine's own addresses.
    Loopback,
    /// Nothing.
    None,
}

/// What a managed service is started as: root's words, and secrets in the environment alone.
#[derive(Debug)]
pub struct ServiceRun<'a> {
    /// From root's file, with a command.
    pub spec: &'a ServiceSpec,
    /// Its place in that file, from 0: tells its uid where the engine gives one.
    pub place: u32,
    /// The account that the file names.
    pub account: Option<HostAccount>,
    /// All that hubgate and the file set.
    pub env: Environment,
}

/// Something that runs servers.
pub trait Engine: Send + Sync {
    /// Makes the socket listen and the service start; returns when both are queued. A server that runs stays as it is.
    ///
    /// # Errors
    /// [`EngineError`].
    fn start(&self, server: &ServerId, run: &Run) -> Result<(), EngineError>;

    /// Starts a managed service, and anew whenever it ends; returns when that is queued. One that runs stays as it is,
    /// unless what it is has changed.
    ///
    /// # Errors
    /// [`EngineError`].
    fn start_service(&self, run: &ServiceRun<'_>) -> Result<(), EngineError>;

    /// Ends a managed service for good; returns when that is queued. What does not run is no error.
    ///
    /// # Errors
    /// [`EngineError`].
    fn stop_service(&self, name: &ServiceName) -> Result<(), EngineError>;

    /// Ends service and socket; returns when both are queued. What does not run is no error.
    ///
    /// # Errors
    /// [`EngineError`].
    fn stop(&self, server: &ServerId) -> Result<(), EngineError>;

    /// State of one server.
    ///
    /// # Errors
    /// [`EngineError`].
    fn status(&self, server: &ServerId) -> Result<ServerStatus, EngineError>;

    /// State of all servers that are not stopped.
    ///
    /// # Errors
    /// [`EngineError`].
    fn list(&self) -> Result<Vec<ServerStatus>, EngineError>;

    /// The last lines of a server's output, oldest first, as they are.
    ///
    /// # Errors
    /// [`EngineError`].
    fn journal(&self, server: &ServerId, lines: u16) -> Result<Vec<String>, EngineError>;

    /// Changes the limits of a server until its next start; a missing one is the unit's own.
    ///
    /// # Errors
    /// [`EngineError`].
    fn set_limits(&self, server: &ServerId, limits: &Limits) -> Result<(), EngineError>;

    /// Whether a server lives, or is about to.
    ///
    /// # Errors
    /// [`EngineError`].
    fn lives(&self, server: &ServerId) -> Result<bool, EngineError>;

    /// Keeps a server that has ended from what was leased to it, and from starting again by itself.
    ///
    /// # Errors
    /// [`EngineError`].
    fn vacate(&self, server: &ServerId) -> Result<(), EngineError>;

    /// A view of all changes from now on.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] where the service manager is watched by other means.
    fn watch(&self) -> Result<Arc<Watch>, EngineError>;

    /// Whether servers live and die with this daemon, so that it must not exit from idleness.
    fn holds_servers(&self) -> bool;

    /// Ends all servers that cannot live without this daemon; returns when they are gone.
    fn shut_down(&self);
}
