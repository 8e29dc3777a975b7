//! What the running gateway knows: one struct, built once, shared by every handler.

pub mod authenticate;
pub mod key;
pub mod logins;
pub mod servers;
pub mod sessions;
pub mod uplinks;

use hubgate_protocol::Username;
use parking_lot::Mutex;
use tokio::sync::{Mutex as Gate, Semaphore, watch};

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::guess::Guesses;
use crate::domain::xsrf::Key;
use crate::spawn::SpawnClient;
use crate::store::{SessionRow, Store, StoreError};

pub use servers::Servers;
pub use sessions::{Session, Sessions};
pub use uplinks::Uplinks;

/// The state of the gateway. No globals stand beside it.
pub struct Hub {
    /// The configuration in force.
    pub config: Config,
    /// What every upstream begins with.
    pub upstreams: String,
    /// Where time comes from.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    /// The privileged side.
    pub spawner: SpawnClient,
    /// Who is logged in.
    pub sessions: Sessions,
    /// What servers do.
    pub servers: Servers,
    /// Which client connections carry websockets.
    pub uplinks: Uplinks,
    /// Recent wrong passwords.
    pub guesses: Mutex<Guesses>,
    /// Signs forms.
    pub key: Key,
    /// Bounds password hashing: each takes 19 MiB and a core.
    pub hashing: Semaphore,
    /// Held while sessions change in the database and in memory together; holds the revision that memory shows.
    pub gate: Gate<i64>,
    /// Turns true when the process is asked to end; long answers end then.
    pub closing: watch::Sender<bool>,
}

impl Hub {
    /// Puts the parts together. Sessions and servers are empty until the tasks fill them.
    #[must_use]
    pub fn new(config: Config, clock: Clock, store: Store, key: Key) -> Self {
        Self {
            spawner: SpawnClient::new(config.spawner_socket.clone()),
            sessions: Sessions::default(),
            servers: Servers::default(),
            uplinks: Uplinks::read(&config.websockets()),
            guesses: Mutex::default(),
            hashing: Semaphore::new(2),
            gate: Gate::new(-1),
            closing: watch::Sender::new(false),
            upstreams: format!("unix:{}/", config.socket_dir.display()),
            config,
            clock,
            store,
            key,
        }
    }

    /// `BASE_URL` followed by `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.base_url)
    }

    /// A stored session with the rights that the configuration adds: they end with the line that gives them.
    #[must_use]
    pub fn with_rights(&self, mut row: SessionRow) -> SessionRow {
        row.admin |= self.config.admin_users.contains(&row.user);
        row
    }

    /// Where the front page of a user's own server is.
    #[must_use]
    pub fn server_url(&self, owner: &Username) -> String {
        self.url(&format!("/user/{owner}{}", self.config.default_url))
    }
}

/// Runs database or hashing work where it may block.
///
/// # Errors
/// What the work says; [`StoreError::Broken`] when it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Broken))
}
