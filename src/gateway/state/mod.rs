//! What the running gateway knows: one struct, built once, shared by every handler.

pub mod access;
pub mod activity;
pub mod addresses;
pub mod admission;
pub mod appearance;
pub mod audit;
pub mod authenticate;
pub mod codes;
pub mod culling;
pub mod directory;
pub mod endings;
pub mod entries;
pub mod exams;
pub mod factors;
pub mod founding;
pub mod hashing;
pub mod health;
pub mod imports;
pub mod key;
pub mod limits;
pub mod line;
pub mod links;
pub mod live;
pub mod logins;
pub mod managed;
pub mod memory_kills;
pub mod meters;
pub mod metrics;
pub mod newcomers;
pub mod notices;
pub mod passkeys;
pub mod passwords;
pub mod prestarts;
pub mod profiles;
pub mod provider;
pub mod reload;
pub mod renewal;
pub mod roster;
pub mod servers;
pub mod service;
pub mod sessions;
pub mod setup;
pub mod signins;
pub mod site;
pub mod starts;
pub mod tokens;
pub mod uplinks;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use hubgate_protocol::{ServerId, Username};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Mutex as Gate, watch};

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::admission::Rules;
use crate::domain::code_guess::CodeGuesses;
use crate::domain::guess::Guesses;
use crate::domain::pace::Pace;
use crate::domain::xsrf::Key;
use crate::spawn::SpawnClient;
use crate::store::{Revisions, SessionRow, Store, StoreError};

pub use activity::Activity;
use audit::Ledger;
pub use codes::SpentCodes;
pub use culling::Culling;
pub use directory::{Directory, Facts};
pub use endings::Endings;
pub use entries::Entries;
pub use hashing::Hashing;
pub use imports::Imports;
pub use memory_kills::MemoryKills;
pub use meters::Meters;
pub use metrics::Metrics;
pub use notices::Notices;
use passkeys::SpentCeremonies;
pub use prestarts::Prestarts;
pub use profiles::Profiles;
pub use provider::Providers;
pub use servers::Servers;
pub use service::Service;
pub use sessions::{Session, Sessions};
pub use signins::Signins;
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
    /// What they and the machine use.
    pub meters: Meters,
    /// Of which of them the kernel killed processes.
    pub memory_kills: MemoryKills,
    /// Which of them are to be stopped because nobody uses them.
    pub culling: Culling,
    /// Which servers have been asked to stop.
    pub endings: Endings,
    /// The profiles that servers were started with.
    pub profiles: Profiles,
    /// How far the classes have come whose servers are started before.
    pub prestarts: Prestarts,
    /// What administrators tell people.
    pub notices: Notices,
    /// Who is in somebody else's server.
    pub entries: Entries,
    /// Events on their way into the audit log.
    pub ledger: Ledger,
    /// What was heard of managed services.
    pub managed: managed::Told,
    /// When nginx asked last who may be let through, seconds since 1970; 0: not yet.
    pub asked_s: AtomicI64,
    /// When the configuration was read, seconds since 1970.
    pub started_s: i64,
    /// Servers whose start is being asked for at this moment.
    pub starting: Starting,
    /// Servers that are started anew at this moment because of an exam.
    pub restarting: Mutex<HashSet<ServerId>>,
    /// Which client connections carry websockets.
    pub uplinks: Uplinks,
    /// Who may come in.
    pub rules: Rules,
    /// Who else may say who people are.
    pub providers: Providers,
    /// Log-ins under way that wait for a person.
    pub signins: Signins,
    /// Lists of users that were looked at and not taken yet.
    pub imports: Imports,
    /// Recent wrong passwords.
    pub guesses: Mutex<Guesses>,
    /// Log-ins by a passkey alone that were used.
    pub spent: SpentCeremonies,
    /// Recent wrong codes of second factors.
    pub code_guesses: Mutex<CodeGuesses>,
    /// When answers to failed log-ins leave.
    pub pace: Mutex<Pace>,
    /// OAuth codes that were exchanged.
    pub spent_codes: SpentCodes,
    /// What was counted since the start.
    pub metrics: Metrics,
    /// Signs forms.
    pub key: Key,
    /// Bounds password hashing.
    pub hashing: Hashing,
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
    pub fn new(
        config: Config,
        (site, providers): (Site, Providers),
        clock: Clock,
        store: Store,
        key: Key,
    ) -> Self {
        let (site, activity) = (Arc::new(site), Arc::new(Activity::default()));
        Self {
            spawner: SpawnClient::new(config.spawner_socket.clone()),
            sessions: Sessions::new(config.session_idle_hours),
            servers: Servers::default(),
            meters: Meters::default(),
            memory_kills: MemoryKills::default(),
            culling: Culling::default(),
            endings: Endings::default(),
            profiles: Profiles::default(),
            prestarts: Prestarts::default(),
            notices: Notices::default(),
            entries: Entries::new(clock.clone()),
            ledger: Ledger::default(),
            managed: managed::Told::default(),
            asked_s: AtomicI64::default(),
            started_s: clock.now_s(),
            starting: Starting::default(),
            restarting: Mutex::default(),
            uplinks: Uplinks::read(&config.websockets()),
            rules: admission::rules(&config),
            providers,
            signins: Signins::default(),
            imports: Imports::default(),
            guesses: Mutex::default(),
            spent: SpentCeremonies::default(),
            code_guesses: Mutex::default(),
            pace: Mutex::default(),
            spent_codes: SpentCodes::default(),
            metrics: Metrics::default(),
            hashing: Hashing::default(),
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

    /// Whether a user is kept out at this moment: see [`Directory::bars`].
    #[must_use]
    pub fn bars(&self, user: &Username) -> bool {
        self.directory().bars(user, self.clock.now_s())
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
