//! What the running gateway knows: one struct, built once, shared by every handler.

pub mod activity;
pub mod addresses;
pub mod authenticate;
pub mod codes;
pub mod directory;
pub mod founding;
pub mod key;
pub mod logins;
pub mod metrics;
pub mod reload;
pub mod servers;
pub mod service;
pub mod sessions;
pub mod site;
pub mod starts;
pub mod tokens;
pub mod uplinks;

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Mutex as Gate, Semaphore, watch};

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::guess::Guesses;
use crate::domain::xsrf::Key;
use crate::spawn::SpawnClient;
use crate::store::{Revisions, SessionRow, Store, StoreError};

pub use activity::Activity;
pub use codes::SpentCodes;
pub use directory::{Directory, Facts};
pub use metrics::Metrics;
pub use servers::Servers;
pub use service::Service;
pub use sessions::{Session, Sessions};
pub use site::Site;
use starts::Starting;
pub use tokens::{Token, Tokens};
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
    /// Tokens and what they were made for.
    pub tokens: Tokens,
    /// Times of last use that are not written yet.
    pub activity: Arc<Activity>,
    /// What the configuration says of rights.
    pub site: Arc<Site>,
    /// What servers do.
    pub servers: Servers,
    /// Servers whose start is being asked for at this moment.
    pub starting: Starting,
    /// Which client connections carry websockets.
    pub uplinks: Uplinks,
    /// Recent wrong passwords.
    pub guesses: Mutex<Guesses>,
    /// OAuth codes that were exchanged.
    pub spent_codes: SpentCodes,
    /// What was counted since the start.
    pub metrics: Metrics,
    /// Signs forms.
    pub key: Key,
    /// Bounds password hashing: each takes 19 MiB and a core.
    pub hashing: Semaphore,
    /// Held while rights change in the database and in memory together; holds the revisions that memory shows.
    pub gate: Gate<Revisions>,
    directory: RwLock<Arc<Directory>>,
    /// Turns true when the process is asked to end; long answers end then.
    pub closing: watch::Sender<bool>,
}

impl Hub {
    /// Puts the parts together. Sessions, tokens, the directory and servers are empty until [`reload`] and the tasks
    /// fill them.
    #[must_use]
    pub fn new(config: Config, site: Site, clock: Clock, store: Store, key: Key) -> Self {
        let (site, activity) = (Arc::new(site), Arc::new(Activity::default()));
        Self {
            spawner: SpawnClient::new(config.spawner_socket.clone()),
            sessions: Sessions::default(),
            servers: Servers::default(),
            starting: Starting::default(),
            uplinks: Uplinks::read(&config.websockets()),
            guesses: Mutex::default(),
            spent_codes: SpentCodes::default(),
            metrics: Metrics::default(),
            hashing: Semaphore::new(2),
            gate: Gate::new(Revisions::NONE),
            tokens: Tokens::new(clock.clone(), activity.clone()),
            directory: RwLock::new(Arc::new(Directory::new(site.clone(), Facts::default()))),
            activity,
            site,
            closing: watch::Sender::new(false),
            upstreams: format!("unix:{}/", config.socket_dir.display()),
            config,
            clock,
            store,
            key,
        }
    }

    /// Who is who, now. It does not change under whoever holds it.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.read().clone()
    }

    fn show(&self, directory: Directory) {
        *self.directory.write() = Arc::new(directory);
    }

    /// A stored session with the rights that the configuration adds: they end with the line that gives them.
    #[must_use]
    pub fn with_rights(&self, mut row: SessionRow) -> SessionRow {
        row.admin |= self.site.is_admin(&row.user);
        row
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
