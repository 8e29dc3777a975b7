//! Tokens against cross-site request forgery: nothing is stored for them.
//!
//! Before login a token is a random number signed by the hub's key, sent as cookie and as form field. After login it is
//! derived from the session, so that it dies with it.

use hubgate_protocol::Secret;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Seconds a login form stays valid.
pub const FORM_AGE_S: i64 = 24 * 3600;

/// The hub's own key: signs tokens, never leaves the process.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[key]")
    }
}

impl From<[u8; 32]> for Key {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Key {
    pub(super) fn sign(&self, purpose: &str, text: &[u8]) -> Option<String> {
        self.mac(purpose, text).map(|mac| URL_SAFE_NO_PAD.encode(mac))
    }

    pub(super) fn mac(&self, purpose: &str, text: &[u8]) -> Option<Vec<u8>> {
        let key = PKey::hmac(&self.0).ok()?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key).ok()?;
        signer.update(purpose.as_bytes()).ok()?;
        signer.update(&[0]).ok()?;
        signer.update(text).ok()?;
        signer.sign_to_vec().ok()
    }

    /// The token of a service that was given none: 64 hexadecimal digits that only the holder of this key can tell.
    #[must_use]
    pub fn service_token(&self, name: &str) -> Option<Secret> {
        let mac = self.mac("service", name.as_bytes())?;
        let text: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        Secret::try_from(text).ok()
    }

    /// A token for the login form, of `nonce` and the time it was made.
    #[must_use]
    pub fn form_token(&self, nonce: &[u8; 16], now_s: i64) -> Option<String> {
        let head = format!("{}.{now_s}", URL_SAFE_NO_PAD.encode(nonce));
        self.sign("login-form", head.as_bytes()).map(|mac| format!("{head}.{mac}"))
    }

    /// Whether a login form is one that we made, for this browser, not too long ago.
    #[must_use]
    pub fn form_token_holds(&self, cookie: &str, field: &str, now_s: i64) -> bool {
        let Some((head, mac)) = field.rsplit_once('.') else { return false };
        let Some((_, made)) = head.rsplit_once('.') else { return false };
        let fresh =
            made.parse::<i64>().is_ok_and(|made| (made..=made.saturating_add(FORM_AGE_S)).contains(&now_s));
        fresh
            && same(cookie, field)
            && self.sign("login-form", head.as_bytes()).is_some_and(|own| same(&own, mac))
    }

    /// The token of a session, given the hash of its id.
    #[must_use]
    pub fn session_token(&self, session_hash: &[u8; 32]) -> Option<String> {
        self.sign("session", session_hash)
    }

    /// Whether `given` is the token of that session.
    #[must_use]
    pub fn session_token_holds(&self, session_hash: &[u8; 32], given: &str) -> bool {
        self.session_token(session_hash).is_some_and(|own| same(&own, given))
    }
}

pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && memcmp::eq(a.as_bytes(), b.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_form_holds_for_its_browser_and_its_day() {
        let key = Key::from([7; 32]);
        let token = key.form_token(&[1; 16], 1000).unwrap();
        let other = key.form_token(&[2; 16], 1000).unwrap();
        assert!(key.form_token_holds(&token, &token, 1000 + FORM_AGE_S));
        assert!(!key.form_token_holds(&token, &token, 1001 + FORM_AGE_S));
        assert!(!key.form_token_holds(&token, &token, 999));
        assert!(!key.form_token_holds(&other, &token, 1000));
        assert!(!Key::from([8; 32]).form_token_holds(&token, &token, 1000));
        for bad in ["", ".", "..", "../../x", "a.b.c", &token.replace(".1000.", ".1001.")] {
            assert!(!key.form_token_holds(bad, bad, 1001), "{bad}");
        }
    }

    #[test]
    fn a_session_token_is_of_one_session() {
        let key = Key::from([7; 32]);
        let token = key.session_token(&[1; 32]).unwrap();
        assert!(key.session_token_holds(&[1; 32], &token));
        assert!(!key.session_token_holds(&[2; 32], &token));
        assert!(!key.session_token_holds(&[1; 32], ""));
    }
}
