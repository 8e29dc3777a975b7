//! `spawner.toml`: root's own settings, every one with a safe default, unknown keys refused.

mod create;
mod file;
mod gpus;
mod hub;
mod rules;
mod services;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use create::{Create, is_powerful};
pub use file::ConfigError;
pub use gpus::Gpus;
pub use hub::Hub;
pub(crate) use rules::UID_COUNT;
pub use services::load as load_services;

/// Where the file is unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/hubgate/spawner.toml";

/// What runs the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// systemd's template units `jupyter@` and `jupyter-named@`.
    Systemd,
    /// This daemon itself, where systemd is not PID 1.
    Process,
}

/// What stands behind a user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accounts {
    /// An account of the host.
    Unix,
    /// The same, and the gateway may have accounts made: see [`Create`].
    Create,
    /// Nothing but a home directory: the uid is given by the engine.
    Virtual,
}

/// A user or group, by name or by number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a name or a number")]
pub enum Principal {
    /// Numeric id.
    Number(u32),
    /// Name, looked up when it is needed.
    Name(String),
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What runs the servers. Default `systemd`.
    pub engine: EngineKind,
    /// What stands behind a user name. Default `unix`.
    pub accounts: Accounts,
    /// The only user besides root that may talk to this daemon. Default `hubgate`.
    pub gateway_user: Principal,
    /// Group of the servers' sockets: nginx's. Default `www-data`.
    pub nginx_group: Principal,
    /// Where the key of the tickets lives; 0700, root's. Default `/var/lib/hubgate-spawner`.
    pub state_dir: PathBuf,
    /// Where the servers' sockets are. Default `/run/jupyter`.
    pub socket_dir: PathBuf,
    /// The daemon's own socket, where no service manager passes one. Default `/run/hubgate/spawner.sock`.
    pub listen: PathBuf,
    /// Whether servers may be started without a ticket of their owner. Default: only with virtual accounts.
    pub start_without_ticket: Option<bool>,
    /// Life of a ticket in days, 1 to 366. Default 14.
    pub ticket_days: u32,
    /// Smallest uid of an account that may have a server. Default 1000.
    pub min_uid: u32,
    /// Whether names with a dot may have servers. Default true.
    pub allow_dots: bool,
    /// PAM service of logins. Default `hubgate`.
    pub pam_service: String,
    /// Seconds without work before a daemon that systemd started exits; 0 for never. Default 60.
    pub idle_exit_s: u64,
    /// nginx's own ports: only connections to these can be cut. Default 443 and 80.
    pub cut_ports: Vec<u16>,
    /// Seconds until a server that does not become ready is ended, 1 to 3600 (process engine). Default 120.
    pub start_timeout_s: u64,
    /// What services there are, and what the managed ones run: root's, and read anew for each start. Default
    /// `/etc/hubgate/services.toml`; a file that is not there names none.
    pub services_file: PathBuf,
    /// Where servers and services find the hub.
    pub hub: Hub,
    /// Virtual accounts under systemd: their homes below /var/lib, `{user}` for the name. Default `jupyter/{user}`.
    pub virtual_home: String,
    /// Virtual accounts under systemd: program of root's that gets name and home before each start, to set a quota; empty:
    /// none.
    pub virtual_quota_hook: PathBuf,
    /// Environments of Python that profiles may name, each a directory with `bin/jupyter` in it. Default: none.
    pub environments: BTreeMap<String, PathBuf>,
    /// What is leased to servers.
    pub gpus: Gpus,
    /// What accounts that hubgate makes are like.
    pub create: Create,
    /// Settings of the process engine.
    pub process: Process,
    /// Where all this was read; workers read it again.
    #[serde(skip)]
    pub source: PathBuf,
}

/// The table `[process]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Process {
    /// Program (absolute path) and arguments of a server.
    pub command: Vec<String>,
    /// Virtual accounts: parent of their homes.
    pub home_dir: PathBuf,
    /// Virtual accounts as root: first of 100 000 uids, each recorded by the owner of a home. Default 2000000.
    pub uid_base: u32,
    /// Prefix of all URLs, without a slash at its end. Default `/jupyterhub`.
    pub base_url: String,
    /// `PATH` of the servers.
    pub path: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: EngineKind::Systemd,
            accounts: Accounts::Unix,
            gateway_user: Principal::Name("hubgate".to_owned()),
            nginx_group: Principal::Name("www-data".to_owned()),
            state_dir: PathBuf::from("/var/lib/hubgate-spawner"),
            socket_dir: PathBuf::from("/run/jupyter"),
            listen: PathBuf::from("/run/hubgate/spawner.sock"),
            start_without_ticket: None,
            ticket_days: 14,
            min_uid: 1000,
            allow_dots: true,
            pam_service: "hubgate".to_owned(),
            idle_exit_s: 60,
            cut_ports: vec![443, 80],
            start_timeout_s: 120,
            services_file: PathBuf::from(hubgate_protocol::service::DEFAULT_PATH),
            hub: Hub::default(),
            virtual_home: "jupyter/{user}".to_owned(),
            virtual_quota_hook: PathBuf::new(),
            environments: BTreeMap::new(),
            gpus: Gpus::default(),
            create: Create::default(),
            source: PathBuf::new(),
            process: Process::default(),
        }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            home_dir: PathBuf::new(),
            uid_base: 2_000_000,
            base_url: "/jupyterhub".to_owned(),
            path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
        }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`], with the place and all that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let config = Self::parse(&file::read(path)?)
            .map_err(|problems| ConfigError::Content { path: path.to_owned(), problems })?;
        Ok(Self { source: path.to_owned(), ..config })
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// What is wrong, one sentence a line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let problems = rules::problems(&config);
        if problems.is_empty() { Ok(config) } else { Err(problems.join("\n")) }
    }

    /// Whether a start needs the owner's ticket.
    #[must_use]
    pub fn ticket_needed(&self) -> bool {
        !self.start_without_ticket.unwrap_or(self.accounts == Accounts::Virtual)
    }
}
