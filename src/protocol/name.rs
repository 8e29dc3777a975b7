//! Names that have been looked at: a value of these types can go into a unit name, a path or a URL as it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use unicode_normalization::is_nfkc;

/// Longest login name in bytes.
pub const LOGIN_NAME_MAX: usize = 255;
/// What a user's name begins with where the login name itself cannot be one. No account of such a name has a server of its own.
const DERIVED: &str = "id--";
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
    #[error("the name is too long: users and servers have at most 32 bytes, services 63, login names 255")]
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

    /// Whether the name stands for a login name that is not itself one of these: see [`LoginName::id`].
    #[must_use]
    pub fn is_derived(&self) -> bool {
        self.0.starts_with(DERIVED)
    }

    /// `id--`, up to eleven readable bytes and a hyphen, 16 letters of hash: at most 32 bytes.
    fn derived(text: &str) -> Self {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        const READABLE: usize = 11;
        const HASHED_BITS: usize = 80;
        let plain = text.to_ascii_lowercase();
        let readable: String =
            plain.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit()).take(READABLE).collect();
        let digest = Sha256::digest(text.as_bytes());
        let bits: u128 =
            digest.iter().take(HASHED_BITS / 8).fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        let letter = |at: usize| {
            let index = usize::try_from(bits >> (at * 5) & 31).unwrap_or(0);
            LETTERS.get(index).map_or('a', |byte| char::from(*byte))
        };
        let hash: String = (0..HASHED_BITS / 5).map(letter).collect();
        let separator = if readable.is_empty() { "" } else { "-" };
        Self(format!("{DERIVED}{readable}{separator}{hash}"))
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

/// What somebody types to say who they are, and what the host calls their account: 1 to 255 bytes of letters and digits of
/// any script, `.`, `_`, `-`, `@` and `+`; a letter, a digit or `_` comes first.
///
/// It has one spelling (NFKC, no invisible characters), and is safe as an argument and in a log. Most login names are
/// [`Username`]s; the others stand for one, see [`LoginName::id`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoginName(String);

impl LoginName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user that this login name stands for: itself where it is a [`Username`], otherwise
    /// `id--READABLE-HASH`, with what is readable of it and 80 bits of its SHA-256.
    ///
    /// It is worked out and not chosen, so that gateway and spawner agree without asking each other, and no two login
    /// names are one user: two meet once in 2^40 names, and the database refuses the second.
    #[must_use]
    pub fn id(&self) -> Username {
        match self.0.parse::<Username>() {
            Ok(plain) if !plain.is_derived() => plain,
            _ => Username::derived(&self.0),
        }
    }
}

impl From<Username> for LoginName {
    /// A user whose login name is their own name.
    fn from(name: Username) -> Self {
        Self(name.0)
    }
}

impl FromStr for LoginName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let first = text.chars().next().ok_or(NameError::Empty)?;
        if text.len() > LOGIN_NAME_MAX {
            return Err(NameError::TooLong);
        }
        if !(first.is_alphanumeric() || first == '_') {
            return Err(NameError::BadStart);
        }
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
        if !text.chars().all(plain) || !is_nfkc(text) {
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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

impl TryFrom<String> for ServerId {
    type Error = NameError;

    fn try_from(instance: String) -> Result<Self, NameError> {
        instance.parse()
    }
}

impl From<ServerId> for String {
    fn from(id: ServerId) -> Self {
        id.to_string()
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
text_type!(LoginName);
text_type!(ServerName);
text_type!(ServiceName);

#[cfg(test)]
mod tests;
