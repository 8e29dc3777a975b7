//! Variables that a profile adds to a server's environment: bounded, and none by which a server is told who it is.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Most variables of one start.
pub const COUNT_MAX: usize = 64;
/// Longest value in bytes.
pub const VALUE_MAX: usize = 4096;
/// Most bytes of all names and values together: they share a frame of 16 KiB with everything else, written as JSON.
pub const TOTAL_MAX: usize = 8192;

/// What the dynamic linker, the service manager and the hub say by names that begin so.
const OTHERS: [&str; 6] = ["LD_", "HUBGATE_", "JUPYTERHUB_", "LISTEN_", "NOTIFY_", "WATCHDOG_"];
/// What the account says, and the other name of the hub's token.
const ACCOUNTS: [&str; 5] = ["HOME", "SHELL", "USER", "LOGNAME", "JPY_API_TOKEN"];

/// Names and values. Its `Debug` shows no value.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Variables(BTreeMap<String, String>);

/// Why variables are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariablesError {
    /// More than [`COUNT_MAX`].
    #[error("there must be at most {COUNT_MAX} variables")]
    TooMany,
    /// A name is not `[A-Za-z_][A-Za-z0-9_]*`.
    #[error("the name of a variable is a letter or `_`, then letters, digits and `_`")]
    Name,
    /// A name that the account, the service manager, the linker or the hub sets.
    #[error(
        "HOME, SHELL, USER, LOGNAME, JPY_API_TOKEN, LD_*, HUBGATE_*, JUPYTERHUB_*, LISTEN_*, NOTIFY_* and WATCHDOG_* are not for profiles"
    )]
    Reserved,
    /// A value is too long or has control characters.
    #[error("the value of a variable is at most {VALUE_MAX} bytes without control characters")]
    Value,
    /// All together are too long.
    #[error("all variables together are at most {TOTAL_MAX} bytes")]
    TooLong,
}

impl Variables {
    /// All of them, by name.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<BTreeMap<String, String>> for Variables {
    type Error = VariablesError;

    fn try_from(all: BTreeMap<String, String>) -> Result<Self, VariablesError> {
        if all.len() > COUNT_MAX {
            return Err(VariablesError::TooMany);
        }
        if !all.keys().all(|name| is_variable(name)) {
            return Err(VariablesError::Name);
        }
        let reserved = |name: &String| {
            ACCOUNTS.contains(&name.as_str()) || OTHERS.iter().any(|prefix| name.starts_with(prefix))
        };
        if all.keys().any(reserved) {
            return Err(VariablesError::Reserved);
        }
        if all.values().any(|value| value.len() > VALUE_MAX || value.chars().any(char::is_control)) {
            return Err(VariablesError::Value);
        }
        let total: usize = all.iter().map(|(name, value)| name.len() + value.len()).sum();
        if total > TOTAL_MAX { Err(VariablesError::TooLong) } else { Ok(Self(all)) }
    }
}

impl From<Variables> for BTreeMap<String, String> {
    fn from(all: Variables) -> Self {
        all.0
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Whether `name` is `[A-Za-z_][A-Za-z0-9_]*`.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Variables, VariablesError> {
        let all: BTreeMap<_, _> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Variables::try_from(all)
    }

    #[test]
    fn a_profile_may_set_what_programs_read() {
        let all = of(&[("PATH", "/opt/r/bin:/usr/bin"), ("课", "x")]);
        assert_eq!(all, Err(VariablesError::Name));
        let all = of(&[("PATH", "/opt/r/bin:/usr/bin"), ("COURSE", "数据 \"1\" $x")]).unwrap();
        assert_eq!(all.pairs().next(), Some(("COURSE", "数据 \"1\" $x")));
        assert_eq!(format!("{all:?}"), r#"{"COURSE", "PATH"}"#);
    }

    #[test]
    fn nothing_that_says_who_the_server_is_can_be_set() {
        for name in ["LD_PRELOAD", "HUBGATE_INSTANCE", "JUPYTERHUB_API_TOKEN", "LISTEN_FDS", "NOTIFY_SOCKET"]
        {
            assert_eq!(of(&[(name, "x")]), Err(VariablesError::Reserved), "{name}");
        }
        for name in ["HOME", "USER", "JPY_API_TOKEN"] {
            assert_eq!(of(&[(name, "x")]), Err(VariablesError::Reserved), "{name}");
        }
    }

    #[test]
    fn names_values_and_their_number_are_bounded() {
        for name in ["", "1A", "A=B", "A B", "A\n"] {
            assert_eq!(of(&[(name, "x")]), Err(VariablesError::Name), "{name:?}");
        }
        assert_eq!(of(&[("A", "x\ny")]), Err(VariablesError::Value));
        assert_eq!(of(&[("A", &"x".repeat(VALUE_MAX + 1))]), Err(VariablesError::Value));
        let long = "x".repeat(VALUE_MAX);
        assert_eq!(of(&[("A", &long), ("B", &long)]), Err(VariablesError::TooLong));
        let many: BTreeMap<_, _> = (0..=COUNT_MAX).map(|n| (format!("A{n}"), String::new())).collect();
        assert_eq!(Variables::try_from(many), Err(VariablesError::TooMany));
    }
}
