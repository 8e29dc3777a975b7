//! Names of groups, services, roles and new named servers: a value of these types is safe where it is used.

use std::fmt;
use std::str::FromStr;

use hubgate_protocol::ServerName;
pub use hubgate_protocol::ServiceName;
use serde::{Deserialize, Serialize};

/// Longest name in bytes: what JupyterHub's tables hold.
const NAME_MAX: usize = 255;
/// Longest name of a new named server, as JupyterHub's slugs.
const SLUG_MAX: usize = 30;

/// Why a text is not a name of its kind. The text itself is never repeated: it may be hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntityError {
    /// Not a group.
    #[error("a group name has 1 to 255 bytes, no control characters, no slash and no space at its ends")]
    Group,
    /// Not a role.
    #[error(
        "a role name has 3 to 255 of a-z 0-9 - . ~ _, begins with a letter and ends with a letter or digit"
    )]
    Role,
    /// Not a new server.
    #[error(
        "a server name has 1 to 30 of a-z 0-9 and single hyphens, begins with a letter, ends with a letter or digit and is no word that Jupyter uses itself"
    )]
    Server,
}

macro_rules! entity {
    ($(#[$doc:meta])* $name:ident, $error:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = EntityError;

            fn from_str(text: &str) -> Result<Self, EntityError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(EntityError::$error) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = EntityError;

            fn try_from(text: String) -> Result<Self, EntityError> {
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

entity!(
    /// A group of users: 1 to 255 bytes of text without control characters, slash and outer space.
    GroupName,
    Group,
    |text| {
        (1..=NAME_MAX).contains(&text.len())
            && text.trim() == text
            && !text.chars().any(|c| c.is_control() || c == '/')
            && !matches!(text, "." | "..")
    }
);
entity!(
    /// A role: `[a-z][a-z0-9-_~.]{1,253}[a-z0-9]`, JupyterHub's rule.
    RoleName,
    Role,
    |text| {
        (3..=NAME_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'~' | b'.'))
    }
);
entity!(
    /// The name of a named server that is about to be made: JupyterHub's slug, and none of Jupyter's own words.
    /// Every slug is a [`ServerName`]; the reverse does not hold.
    ServerSlug,
    Server,
    |text| {
        (1..=SLUG_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && !text.contains("--")
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && text.parse::<ServerName>().is_ok()
    }
);

impl From<ServerSlug> for ServerName {
    /// Every slug is a server name: the parser of slugs asks the parser of names.
    fn from(slug: ServerSlug) -> Self {
        slug.0.parse().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok<T: FromStr>(texts: &[&str]) -> bool {
        texts.iter().all(|text| text.parse::<T>().is_ok())
    }

    fn refused<T: FromStr>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_that_jupyterhub_takes_are_taken() {
        assert!(ok::<GroupName>(&["g", "class 7", "Physik-Übung", "a=b!c", &"g".repeat(255)]));
        assert!(ok::<ServiceName>(&["idle-culler", "whoami", "x", "A.b_c-d"]));
        assert!(ok::<RoleName>(&["user", "list-and-cull", "a.b~c_d9", &"r".repeat(255)]));
        assert!(ok::<ServerSlug>(&["gpu", "a", "a-b-c", "x1", &"s".repeat(30)]));
    }

    #[test]
    fn hostile_names_are_refused() {
        refused::<GroupName>(&["", " g", "g ", "a/b", "a\nb", "a\0", "..", ".", "\u{85}x", &"g".repeat(256)]);
        refused::<ServiceName>(&["", "-x", ".x", "a/b", "a b", "a%2f", "é", "a~b", "a\n", &"s".repeat(64)]);
        refused::<RoleName>(&["", "ab", "Role", "1role", "role-", "ro le", "rôle", &"r".repeat(256)]);
        refused::<ServerSlug>(&[
            "",
            "GPU",
            "1gpu",
            "a--b",
            "a-",
            "a_b",
            "lab",
            "api",
            "a.b",
            &"s".repeat(31),
        ]);
    }

    #[test]
    fn json_cannot_make_a_name_that_the_parser_refuses() {
        assert!(serde_json::from_str::<GroupName>("\"a/b\"").is_err());
        assert!(serde_json::from_str::<RoleName>("\"X\"").is_err());
        assert_eq!(serde_json::to_string(&"ops".parse::<GroupName>().unwrap()).unwrap(), "\"ops\"");
    }

    #[test]
    fn a_slug_becomes_the_server_name_of_the_same_text() {
        assert_eq!(ServerName::from("gpu-2".parse::<ServerSlug>().unwrap()).as_str(), "gpu-2");
    }
}
