//! The hub's key file: 32 random bytes, made at the first start, refused when others may read it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::domain::xsrf::Key;
use crate::files::{self, NewFile, PlaceError};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Others may read or write the file.
    #[error("{0}: mode {1:o} lets others read the key; run: chmod 600 {0}")]
    Open(String, u32),
    /// The file does not hold 32 bytes.
    #[error(
        "{0}: the key must be 32 bytes; remove the file to have a new one made (everybody's open forms become invalid)"
    )]
    Length(String),
}

/// Reads the key, or makes it.
///
/// # Errors
/// See [`KeyError`].
pub fn load_or_make(path: &Path) -> Result<Key, KeyError> {
    let io = |error| KeyError::Io { path: path.display().to_string(), error };
    let mut bytes = [0; 32];
    openssl::rand::rand_bytes(&mut bytes).map_err(|error| io(error.into()))?;
    let file = NewFile { path: path.to_owned(), mode: 0o600, bytes: bytes.to_vec().into(), owner: None };
    match files::place(&[file]) {
        Ok(()) => Ok(Key::from(bytes)),
        Err(PlaceError::Exists(_)) => read(path),
        Err(PlaceError::Io(_, error)) => Err(io(error)),
    }
}

fn read(path: &Path) -> Result<Key, KeyError> {
    let io = |error| KeyError::Io { path: path.display().to_string(), error };
    let file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open(path.display().to_string(), mode));
    }
    let mut bytes = Vec::new();
    file.take(33).read_to_end(&mut bytes).map_err(io)?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Length(path.display().to_string()))?;
    Ok(Key::from(bytes))
}
