//! `hubgate.toml`: every key, its meaning, unit and default, in one place.
//!
//! The struct, its defaults, the reader and the printed sample all come from the one list below, so they cannot differ.

mod load;
mod read;
mod rules;
mod sample;
mod value;

use std::path::PathBuf;

use hubgate_protocol::Username;

pub use load::{ConfigError, ConfigErrors};
pub use value::{Authenticator, Group, Mode, WatchSource};

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

    /// Where the key is.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.state_dir.join(Self::KEY)
    }
}
