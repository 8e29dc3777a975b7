//! Tokens that came from a JupyterHub: recognized by its hashes, so that people need no new ones.

use std::fmt;
use std::str::FromStr;

use openssl::memcmp;
use openssl::sha::Sha512;

/// Bytes of a token that JupyterHub keeps as they are, to look for it by.
pub const PREFIX_LEN: usize = 4;
/// Longest salt in bytes; JupyterHub's has 16.
const SALT_MAX: usize = 64;

/// The first bytes of a token.
pub type Prefix = [u8; PREFIX_LEN];

/// How JupyterHub keeps a token that it made: its first four bytes, and SHA-512 of salt and token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedHash {
    prefix: Prefix,
    salt: String,
    digest: [u8; 64],
}

/// Why a hash of JupyterHub's cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportedHashError {
    /// Not PREFIX:ALGORITHM:ROUNDS:SALT:DIGEST.
    #[error("its hash is not one that JupyterHub writes for tokens that it makes")]
    Form,
    /// Hashed many times over. Every request would have to do the same, and anybody could make us do so.
    #[error(
        "it was chosen by a person, so its hash is slow on purpose; issue a new one with `hubgate token`"
    )]
    Slow,
}

impl ImportedHash {
    /// What the token begins with.
    #[must_use]
    pub fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// Whether this is the token. It takes as long for every wrong one.
    #[must_use]
    pub fn is_of(&self, token: &str) -> bool {
        let mut sha = Sha512::new();
        sha.update(self.salt.as_bytes());
        sha.update(token.as_bytes());
        memcmp::eq(&sha.finish(), &self.digest)
    }
}

/// What a token begins with; `None` for one that is too short.
#[must_use]
pub fn prefix(token: &str) -> Option<Prefix> {
    token.as_bytes().first_chunk().copied()
}

impl FromStr for ImportedHash {
    type Err = ImportedHashError;

    fn from_str(text: &str) -> Result<Self, ImportedHashError> {
        let parts: Vec<&str> = text.split(':').collect();
        let [start, "sha512", rounds, salt, hex] = parts.as_slice() else {
            return Err(ImportedHashError::Form);
        };
        if *rounds != "1" {
            return Err(if rounds.parse::<u32>().is_ok() {
                ImportedHashError::Slow
            } else {
                ImportedHashError::Form
            });
        }
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let fits = start.len() == PREFIX_LEN && plain(start) && salt.len() <= SALT_MAX && plain(salt);
        let (Some(prefix), Some(digest), true) = (prefix(start), digest(hex), fits) else {
            return Err(ImportedHashError::Form);
        };
        Ok(Self { prefix, salt: (*salt).to_owned(), digest })
    }
}

fn digest(hex: &str) -> Option<[u8; 64]> {
    let mut digest = [0; 64];
    if hex.len() != 128 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}

impl fmt::Display for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:sha512:1:{}:", String::from_utf8_lossy(&self.prefix), self.salt)?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hash_token("0123456789abcdef0123456789abcdef", salt="00112233aabbccdd", rounds=1)` of jupyterhub.utils 6.1.1.
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    const HASH: &str = "0123:sha512:1:00112233aabbccdd:95074207e0c9869a94cdace5876731b5f477cca709be7659065dadab34b4f2097e1956b9459523685938ff59f8ff993f8796b6ddc8ea7999220f75956023b7de";

    #[test]
    fn a_token_of_jupyterhub_is_recognized_and_no_other() {
        let hash: ImportedHash = HASH.parse().unwrap();
        assert!(hash.is_of(TOKEN));
        assert_eq!(Some(hash.prefix()), prefix(TOKEN));
        for other in ["", "0123", "0123456789abcdef0123456789abcdee", HASH] {
            assert!(!hash.is_of(other), "{other}");
        }
        assert_eq!(hash.to_string(), HASH);
    }

    #[test]
    fn a_hash_that_costs_more_than_one_round_is_refused_and_so_is_anything_else() {
        let slow = HASH.replace(":1:", ":16384:");
        assert_eq!(slow.parse::<ImportedHash>(), Err(ImportedHashError::Slow));
        for text in [
            "",
            "0123",
            &HASH[..100],
            &HASH.replace("sha512", "md5"),
            &HASH.replace(":1:", ":x:"),
            &format!("é{HASH}"),
        ] {
            assert_eq!(text.parse::<ImportedHash>(), Err(ImportedHashError::Form), "{text}");
        }
    }
}
