//! Sealed text: what we give away and want back unchanged and unread, or keep where others may read it.
//!
//! AES-256-GCM under a key of its own for each purpose, which the hub's key makes. A sealed text opens only for the purpose
//! and for whom it was sealed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

use super::xsrf::Key;

/// Bytes of a nonce: random, never used twice under one key (NIST SP 800-38D, 8.2.2).
pub const NONCE: usize = 12;
const TAG: usize = 16;

impl Key {
    /// Seals `plain` for a purpose and for whomever `bound` names. The nonce must be fresh random bytes.
    #[must_use]
    pub fn seal(&self, purpose: &str, bound: &[u8], nonce: &[u8; NONCE], plain: &[u8]) -> Option<String> {
        let key = self.mac("seal", purpose.as_bytes())?;
        let mut tag = [0; TAG];
        let cipher = Cipher::aes_256_gcm();
        let sealed = encrypt_aead(cipher, &key, Some(nonce), bound, plain, &mut tag).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &tag, &sealed].concat()))
    }

    /// A name for a user that says nothing of who it is, always the same under this key.
    #[must_use]
    pub fn user_handle(&self, user_id: i64) -> Option<[u8; 16]> {
        self.mac("user-handle", &user_id.to_be_bytes())?.first_chunk().copied()
    }

    /// What was sealed; `None` for what this key did not seal for that purpose and `bound`.
    #[must_use]
    pub fn open(&self, purpose: &str, bound: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, rest) = bytes.split_at_checked(NONCE)?;
        let (tag, sealed) = rest.split_at_checked(TAG)?;
        let key = self.mac("seal", purpose.as_bytes())?;
        decrypt_aead(Cipher::aes_256_gcm(), &key, Some(nonce), bound, sealed, tag).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_for_its_key_purpose_and_owner_only() {
        let key = Key::from([7; 32]);
        let sealed = key.seal("totp", b"42", &[1; NONCE], b"secret").unwrap();
        assert_eq!(key.open("totp", b"42", &sealed).unwrap(), b"secret");
        assert_eq!(key.open("totp", b"43", &sealed), None);
        assert_eq!(key.open("passkey", b"42", &sealed), None);
        assert_eq!(Key::from([8; 32]).open("totp", b"42", &sealed), None);
    }

    #[test]
    fn a_sealed_text_that_was_changed_or_cut_does_not_open() {
        let key = Key::from([7; 32]);
        let sealed = key.seal("totp", b"", &[1; NONCE], b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open("totp", b"", &String::from_utf8(changed).unwrap()), None, "{at}");
            assert_eq!(key.open("totp", b"", &sealed[..at]), None, "{at}");
        }
    }
}
