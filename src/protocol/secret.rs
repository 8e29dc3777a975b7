//! Text that must not be seen: wiped when dropped, never shown by `Debug`, never too long to hold.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest secret in bytes; PAM itself stops at 512 (`PAM_MAX_RESP_SIZE`), the rest is room for tickets.
pub const SECRET_MAX: usize = 1024;

/// A password or a ticket: at most [`SECRET_MAX`] bytes, no NUL (C code would cut it short there).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(Zeroizing<String>);

/// Why a text cannot be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Longer than [`SECRET_MAX`].
    #[error("the secret is longer than 1024 bytes")]
    TooLong,
    /// Has a NUL byte.
    #[error("the secret has a NUL byte")]
    Nul,
}

impl Secret {
    /// The text itself. Call it only where the secret is used.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl TryFrom<String> for Secret {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text);
        if text.len() > SECRET_MAX {
            return Err(SecretError::TooLong);
        }
        if text.contains('\0') {
            return Err(SecretError::Nul);
        }
        Ok(Self(text))
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::try_from("hunter2".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_nul_or_too_many_bytes_are_refused() {
        assert_eq!(Secret::try_from("x\0y".to_owned()), Err(SecretError::Nul));
        assert_eq!(Secret::try_from("x".repeat(SECRET_MAX + 1)), Err(SecretError::TooLong));
    }
}
