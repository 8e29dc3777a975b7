//! Names that have been looked at: a value of these types can go into a unit name, a path or a URL as it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest user name in bytes: `LOGIN_NAME_MAX` less the NUL, as shadow-utils allows.
pub const USERNAME_MAX: usize = 32;
/// Longest server name in bytes: keeps `/run/jupyter/USER@SERVER.sock` far below the 108 bytes of `sun_path`.
pub const SERVER_NAME_MAX: usize = 32;
/// Longest service name in bytes.
pub const SERVICE_NAME_MAX: usize = 63;

/// First path segments that Jupyter applications use: a named server must not hide them.
const RESERVED_SERVERS: [&str; 20] = [
    "api",
    "custom",
    "doc",
    "edit",
    "files",
    "hub",
    "kernelspecs",
    "lab",
    "login",
    "logout",
    "lsp",
    "metrics",
    "nbconvert",
    "notebooks",
    "oauth_callback",
    "proxy",
    "static",
    "terminals",
    "tree",
    "view",
];

/// Why a text is not a name. The text itself is never repeated: it may be hostile, or a password in the wrong field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No byte at all.
    #[error("the name is empty")]
    Empty,
    /// More bytes than the limit.
    #[error("the name is too long: users and servers have at most 32 bytes, services 63")]
    TooLong,
    /// First byte is not allowed there.
    #[error(
        "the name must begin with a lower-case letter or an underscore (servers and services: a letter or a digit)"
    )]
    BadStart,
    /// A later byte is not allowed.
    #[error(
        "the name may hold only a-z, 0-9, underscore, hyphen and single dots inside (servers no dots; both and services A-Z too)"
    )]
    BadCharacter,
    /// The name is a path segment that Jupyter uses itself.
    #[error("the name is reserved")]
    Reserved,
}

/// A user name in its one canonical form: `[a-z_][a-z0-9_-]{0,31}`, single dots allowed inside.
///
/// It is safe as a systemd instance, a path component and a URL segment, and is its own canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(String);

impl Username {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name has a dot: sites may switch such names off.
    #[must_use]
    pub fn has_dot(&self) -> bool {
        self.0.contains('.')
    }
}

impl FromStr for Username {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let first = *text.as_bytes().first().ok_or(NameError::Empty)?;
        if text.len() > USERNAME_MAX {
            return Err(NameError::TooLong);
        }
        if !(first.is_ascii_lowercase() || first == b'_') {
            return Err(NameError::BadStart);
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
        if !text.bytes().all(plain) || text.ends_with('.') || text.contains("..") {
            return Err(NameError::BadCharacter);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a named server, `[A-Za-z0-9][A-Za-z0-9_-]{0,31}`; empty for the default server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerName(String);

impl ServerName {
    /// The name as text; empty for the default server.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the default server of its user.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for ServerName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let Some(first) = text.bytes().next() else { return Ok(Self::default()) };
        if text.len() > SERVER_NAME_MAX {
            return Err(NameError::TooLong);
        }
        if !first.is_ascii_alphanumeric() {
            return Err(NameError::BadStart);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
            return Err(NameError::BadCharacter);
        }
        if RESERVED_SERVERS.contains(&text) {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a service, `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`: safe as a systemd instance, a path component and a URL segment.
///
/// JupyterHub allows more (spaces, `~`, any letter); systemd's instances do not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let first = *text.as_bytes().first().ok_or(NameError::Empty)?;
        if text.len() > SERVICE_NAME_MAX {
            return Err(NameError::TooLong);
        }
        if !first.is_ascii_alphanumeric() {
            return Err(NameError::BadStart);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
            return Err(NameError::BadCharacter);
        }
        Ok(Self(text.to_owned()))
    }
}

/// One server: whose it is and which one. Its [`Display`](fmt::Display) form is the systemd instance:
/// `alice` for a default server, `alice:gpu` for a named one. A colon occurs in neither part, so the map is injective.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId {
    /// The owner.
    pub user: Username,
    /// Which of the owner's servers.
    pub server: ServerName,
}

impl ServerId {
    /// The default server of `user`.
    #[must_use]
    pub fn default_of(user: Username) -> Self {
        Self { user, server: ServerName::default() }
    }

    /// Identifier of the server's OAuth client: `jupyterhub-user-alice`, `jupyterhub-user-alice..gpu`.
    ///
    /// JupyterHub puts a hyphen there, which makes one client of `alice`'s `b` and of the user `alice-b`. No user name
    /// holds two dots in a row, and no server name a dot.
    #[must_use]
    pub fn oauth_client(&self) -> String {
        let separator = if self.server.is_default() { "" } else { ".." };
        format!("jupyterhub-user-{}{separator}{}", self.user, self.server)
    }

    /// The server of an OAuth client's identifier; the reverse of [`Self::oauth_client`].
    #[must_use]
    pub fn of_oauth_client(client: &str) -> Option<Self> {
        let rest = client.strip_prefix("jupyterhub-user-")?;
        match rest.split_once("..") {
            None => Some(Self::default_of(rest.parse().ok()?)),
            Some((_, "")) => None,
            Some((user, server)) => Some(Self { user: user.parse().ok()?, server: server.parse().ok()? }),
        }
    }

    /// File name of the server's socket: `alice.sock`, `alice@gpu.sock`.
    ///
    /// Not the instance with its colon: nginx ends the path of a unix socket there. Neither part can hold an `@`.
    #[must_use]
    pub fn socket_name(&self) -> String {
        if self.server.is_default() {
            format!("{}.sock", self.user)
        } else {
            format!("{}@{}.sock", self.user, self.server)
        }
    }

    /// The server in a path: `alice` for a default server, `alice/gpu` for a named one.
    #[must_use]
    pub fn segments(&self) -> String {
        if self.server.is_default() {
            self.user.to_string()
        } else {
            format!("{}/{}", self.user, self.server)
        }
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.user.as_str())?;
        if self.server.is_default() { Ok(()) } else { write!(f, ":{}", self.server.as_str()) }
    }
}

impl FromStr for ServerId {
    type Err = NameError;

    /// Reads the instance form back.
    fn from_str(instance: &str) -> Result<Self, NameError> {
        match instance.split_once(':') {
            None => Ok(Self::default_of(instance.parse()?)),
            Some((_, "")) => Err(NameError::Empty),
            Some((user, server)) => Ok(Self { user: user.parse()?, server: server.parse()? }),
        }
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
text_type!(Username);
text_type!(ServerName);
text_type!(ServiceName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_its_own_canonical_form() {
        for name in ["alice", "_svc1", "user.name", "a-b", "a_b", &"z".repeat(32)] {
            assert_eq!(name.parse::<Username>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn hostile_user_names_are_refused() {
        for name in [
            "",
            " ",
            "Alice",
            "0day",
            "1234",
            "-u",
            ".",
            "..",
            ".a",
            "a.",
            "a..b",
            "a/b",
            "a b",
            "a\n",
            "a$",
            "é",
            "a:b",
            "%i",
            "a@b",
            "a\\x2d",
            "a\0",
            &"a".repeat(33),
        ] {
            assert!(name.parse::<Username>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn hostile_server_names_are_refused() {
        for name in ["../x", "a/b", "a b", "a:b", "lab", "..", "-x", "é", "a\n", "\0", &"s".repeat(33)] {
            assert!(name.parse::<ServerName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_instance_reads_back_as_the_server_it_names() {
        for instance in ["alice", "alice:gpu", "a-b", "a:b-c", "a-b:c", "user.name:Big_1"] {
            assert_eq!(instance.parse::<ServerId>().unwrap().to_string(), instance);
        }
        for instance in ["", ":", "alice:", ":gpu", "alice:gpu:x", "alice:lab"] {
            assert!(instance.parse::<ServerId>().is_err(), "{instance:?}");
        }
    }

    #[test]
    fn the_socket_of_a_server_is_a_path_that_nginx_can_read_and_no_two_servers_share_one() {
        let socket = |instance: &str| instance.parse::<ServerId>().unwrap().socket_name();
        assert_eq!(socket("alice"), "alice.sock");
        assert_eq!(socket("alice:gpu"), "alice@gpu.sock");
        assert_ne!(socket("a-b:c"), socket("a:b-c"));
    }

    #[test]
    fn an_oauth_client_belongs_to_one_server() {
        for instance in ["alice", "alice:gpu", "a--b", "a:-b", "a-:b", "a.b", "a:b"] {
            let Ok(server) = instance.parse::<ServerId>() else { continue };
            assert_eq!(ServerId::of_oauth_client(&server.oauth_client()), Some(server), "{instance}");
        }
        for client in ["", "service-x", "jupyterhub-user-", "jupyterhub-user-a..", "jupyterhub-user-..b"] {
            assert_eq!(ServerId::of_oauth_client(client), None, "{client}");
        }
    }

    #[test]
    fn a_service_name_is_an_instance_and_a_path_segment() {
        for name in ["idle-culler", "a", "Whoami.2", "9_x", &"s".repeat(63)] {
            assert_eq!(name.parse::<ServiceName>().unwrap().as_str(), name);
        }
        for name in
            ["", ".", "..", "-x", "a/b", "a b", "a@b", "a~b", "a:b", "a%i", "é", "a\n", &"s".repeat(64)]
        {
            assert!(name.parse::<ServiceName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn json_cannot_make_a_name_that_the_parser_refuses() {
        assert!(serde_json::from_str::<Username>("\"../root\"").is_err());
        assert!(serde_json::from_str::<Username>("7").is_err());
        assert!(serde_json::from_str::<ServerName>("\"lab\"").is_err());
    }
}
