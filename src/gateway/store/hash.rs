//! Hashes as the database keeps them: SHA-256 in hexadecimal.

use diesel::QueryResult;
use diesel::result::Error;

/// SHA-256 of a secret that was given to somebody and is stored nowhere.
pub type Hash = [u8; 32];

/// 64 digits, lower case.
pub(super) fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash that a column holds.
pub(super) fn unhex(text: &str) -> QueryResult<Hash> {
    let wrong = || Error::DeserializationError("a hash is not 64 hexadecimal digits".into());
    let mut hash = Hash::default();
    if text.len() != 64 {
        return Err(wrong());
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(hash)
}
