//! `hubgate.toml`: every key, its meaning, unit and default, in one place.
//!
//! The struct, its defaults, the reader and the printed sample all come from the one list below, so they cannot differ.

mod fields;
mod load;
mod rbac;
mod read;
mod rules;
mod sample;
pub mod services;
mod value;

use std::path::PathBuf;

use hubgate_protocol::{ServerName, Username, service};

use crate::domain::scope::Scope;

pub use load::{ConfigError, ConfigErrors};
pub use rbac::{CustomSpec, Customs, GroupSpec, Groups, RoleSpec, Roles};
pub use value::{Authenticator, Flavour, Group, Mode, WatchSource};

/// Longest configuration file in bytes.
pub const FILE_MAX: usize = 1024 * 1024;

/// Makes the struct, its defaults, its reader and its sample from one list of
/// `/// meaning` `key: Type = default, rule;`.
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $key:ident: $kind:ty = $default:expr, $rule:path;)+) => {
        /// The configuration of the gateway. An empty file is a working hub.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $key: $kind,)+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl Config {
            /// All keys, in the order of the sample.
            pub const KEYS: &[&str] = &[$(stringify!($key)),+];

            /// Takes each key that the file has.
            fn fill(&mut self, reader: &mut read::Reader<'_, '_>) {
                $(reader.take(stringify!($key), &mut self.$key, $rule);)+
            }

            /// A configuration file with every key at its default, explained.
            #[must_use]
            pub fn sample() -> String {
                Self::default().to_toml()
            }

            /// This configuration as a file with every key explained.
            #[must_use]
            pub fn to_toml(&self) -> String {
                let mut text = sample::INTRODUCTION.to_owned();
                $(sample::push(&mut text, &[$($doc),+], stringify!($key), &self.$key);)+
                text
            }
        }
    };
}

settings! {
    /// Path of the hub on the site, the same as in nginx: segments of a-z, 0-9, `_` and `-`, no slash at the end.
    base_url: String = "/jupyterhub".to_owned(), rules::base_url;
    /// Unix socket for nginx. Used only where systemd does not hand the socket over (`hubgate.socket` does).
    listen: PathBuf = PathBuf::from("/run/hubgate/gateway.sock"), rules::socket;
    /// Mode of that socket: nobody but nginx may write to it, so "others" get nothing.
    listen_mode: Mode = Mode(0o660), rules::listen_mode;
    /// Group of that socket, by name or number: nginx's.
    listen_group: Group = Group::Name("www-data".to_owned()), rules::anything;
    /// Directory of `hubgate.sqlite` and `hubgate.key`; only the gateway's account may enter it.
    state_dir: PathBuf = PathBuf::from("/var/lib/hubgate"), rules::state_dir;
    /// Unix socket of the spawner.
    spawner_socket: PathBuf = PathBuf::from("/run/hubgate/spawner.sock"), rules::socket;
    /// Directory of the servers' sockets, as nginx sees it: the same as in spawner.toml and in nginx's `map`.
    /// At most 69 bytes, so that a socket of the longest user name fits the 108 bytes of a socket address.
    socket_dir: PathBuf = PathBuf::from("/run/jupyter"), rules::socket_dir;
    /// Who checks passwords: "pam" (the host's accounts) or "file" (`hubgate user`).
    authenticator: Authenticator = Authenticator::Pam, rules::anything;
    /// Who tells the state of servers: "systemd" (system bus) or "spawner" (its process engine).
    watch: WatchSource = WatchSource::Systemd, rules::anything;
    /// Users who are administrators of the hub whatever the database says. Never root.
    admin_users: Vec<Username> = Vec::new(), rules::admin_users;
    /// Page of a server that opens first, below the server's own path.
    default_url: String = "/lab".to_owned(), rules::default_url;
    /// How long a login lasts, in hours, 1 to 8760.
    session_hours: u32 = 336, rules::session_hours;
    /// Certificate of the private CA, offered on the login page where the file exists.
    ca_certificate: PathBuf = PathBuf::from("/etc/hubgate/tls/ca.crt"), rules::absolute;
    /// Threads that answer requests, 1 to 64. One is enough for thousands of users.
    workers: u16 = 1, rules::workers;
    /// What runs where a user's server is: "direct" (a Jupyter Server that believes this gateway) or "hub"
    /// (jupyterhub-singleuser, unmodified). The same as in spawner.toml's units.
    flavour: Flavour = Flavour::Direct, rules::anything;
    /// Where people find the site, "https://hub.example.org", for addresses in answers of the API; "" leaves them out.
    public_url: String = String::new(), rules::public_url;
    /// After the login to the user's own server; false: to the home page.
    redirect_to_server: bool = true, rules::anything;
    /// Whether a log-out stops the user's servers.
    shutdown_on_logout: bool = false, rules::anything;
    /// Whether a request to a server that is stopped is answered with 503, as JupyterHub did before 2.0, instead of 424.
    use_legacy_stopped_server_status_code: bool = false, rules::anything;
    /// Whether users may have servers beside their default one, each with a name.
    allow_named_servers: bool = false, rules::anything;
    /// Most named servers per user; 0: no limit.
    named_server_limit_per_user: u32 = 0, rules::anything;
    /// Server that opens where none is named; "" is the default server.
    default_server_name: ServerName = ServerName::default(), rules::anything;
    /// Most servers that start at the same time, beyond them 429; 0: no limit.
    concurrent_spawn_limit: u32 = 100, rules::anything;
    /// Most servers that are not stopped, beyond them 429; 0: no limit.
    active_server_limit: u32 = 0, rules::anything;
    /// How long an API call that starts a server waits for it before it answers 202, in seconds, 0 to 300.
    slow_spawn_timeout: u32 = 10, rules::wait_s;
    /// How long an API call that stops a server waits for it before it answers 202, in seconds, 0 to 300.
    slow_stop_timeout: u32 = 10, rules::wait_s;
    /// Entries of a list in the API where the caller names no number, 1 to 10000.
    api_page_default_limit: u32 = 50, rules::page;
    /// Most entries of a list in the API, 1 to 10000.
    api_page_max_limit: u32 = 200, rules::page;
    /// Longest life of an API token, in seconds; 0: no limit.
    token_expires_in_max_seconds: u32 = 0, rules::anything;
    /// Life of a token that a server or service gets by OAuth, in seconds, 60 to 31536000.
    oauth_token_expires_in: u32 = 1_209_600, rules::oauth_life;
    /// Whether OAuth clients without PKCE are refused.
    oauth_require_pkce: bool = false, rules::anything;
    /// Whether /hub/metrics needs the scope read:metrics.
    authenticate_prometheus: bool = true, rules::anything;
    /// The services of the site, root's file, the same as in spawner.toml. Where it does not exist there are none.
    services_file: PathBuf = PathBuf::from(service::DEFAULT_PATH), rules::absolute;
    /// What every user may do beyond the scope "self".
    extra_user_scopes: Vec<Scope> = Vec::new(), rules::no_metascopes;
    /// Roles, JupyterHub's load_roles. Each is a table of its own at the end of the file, this line goes then:
    ///   [[load_roles]]
    ///   name = "list-and-cull"
    ///   description = "what people read"
    ///   scopes = ["list:users", "read:users:activity", "admin:servers"]
    ///   users = []
    ///   groups = []
    ///   services = ["idle-culler"]
    load_roles: Roles = Roles::default(), rules::roles;
    /// Groups that are made at start, with members who are added. At the end of the file, this line goes then:
    ///   [load_groups.physics]
    ///   users = ["ada"]
    ///   properties = { room = "7" }
    load_groups: Groups = Groups::default(), rules::anything;
    /// Scopes of the site's own, for its services. At the end of the file, this line goes then:
    ///   [custom_scopes."custom:grades:read"]
    ///   description = "Read grades"
    ///   subscopes = []
    custom_scopes: Customs = Customs::default(), rules::customs;
}

impl Config {
    /// Name of the database inside [`Config::state_dir`].
    pub const DATABASE: &str = "hubgate.sqlite";
    /// Name of the key file inside [`Config::state_dir`].
    pub const KEY: &str = "hubgate.key";

    /// Where the database is.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.state_dir.join(Self::DATABASE)
    }

    /// Where open websockets are written down.
    #[must_use]
    pub fn websockets(&self) -> PathBuf {
        self.state_dir.join("websockets.json")
    }

    /// Where the names of the services are that the spawner was asked to start.
    #[must_use]
    pub fn started_services(&self) -> PathBuf {
        self.state_dir.join("services.json")
    }

    /// Where the key is.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.state_dir.join(Self::KEY)
    }
}
