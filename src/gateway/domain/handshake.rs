//! A login at an identity provider that is under way. Nothing is kept for it here: what must be known when the person comes
//! back travels with them, sealed, as OAuth's `state`; a cookie says that it is the browser that left.
//!
//! The nonce and the verifier of PKCE are derived from the sealed text, so that any number of logins in as many tabs need one
//! short cookie.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::seal::NONCE;
use super::xsrf::Key;

/// How long a person may take at the provider, seconds.
pub const AGE_S: i64 = 600;
/// Longest address to go to afterwards, bytes: what is sealed must fit the address of the provider's page.
const NEXT_MAX: usize = 1024;
const PURPOSE: &str = "oidc-state";

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Name of the provider.
    pub provider: String,
    /// Where the person wants to go, a path of ours.
    pub next: Option<String>,
    /// When they left, seconds since 1970.
    pub begun_s: i64,
    /// Whether they must prove anew who they are, however long they have been logged in there.
    pub again: bool,
}

impl Key {
    /// The `state` of a login that begins in the browser with the cookie `browser`. The nonce must be fresh random bytes.
    #[must_use]
    pub fn state_of(&self, browser: &str, nonce: &[u8; NONCE], handshake: &Handshake) -> Option<String> {
        let kept = Handshake {
            next: handshake.next.clone().filter(|next| next.len() <= NEXT_MAX),
            ..handshake.clone()
        };
        self.seal(PURPOSE, browser.as_bytes(), nonce, &serde_json::to_vec(&kept).ok()?)
    }

    /// The login that a `state` belongs to; `None` for what we did not send out with this browser in the last ten minutes.
    #[must_use]
    pub fn handshake_of(&self, browser: &str, state: &str, now_s: i64) -> Option<Handshake> {
        let plain = self.open(PURPOSE, browser.as_bytes(), state)?;
        let handshake: Handshake = serde_json::from_slice(&plain).ok()?;
        (handshake.begun_s..=handshake.begun_s.saturating_add(AGE_S)).contains(&now_s).then_some(handshake)
    }

    /// What the provider must put into its token: 43 characters.
    #[must_use]
    pub fn nonce_of(&self, state: &str) -> Option<String> {
        self.mac("oidc-nonce", state.as_bytes()).map(|mac| URL_SAFE_NO_PAD.encode(mac))
    }

    /// The verifier of PKCE: 43 characters that never were in an address.
    #[must_use]
    pub fn verifier_of(&self, state: &str) -> Option<String> {
        self.mac("oidc-verifier", state.as_bytes()).map(|mac| URL_SAFE_NO_PAD.encode(mac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(next: &str) -> Handshake {
        Handshake { provider: "uni".to_owned(), next: Some(next.to_owned()), begun_s: 1000, again: false }
    }

    #[test]
    fn a_state_comes_back_in_its_browser_and_in_time() {
        let key = Key::from([7; 32]);
        let state = key.state_of("b1", &[1; NONCE], &handshake("/hub/home")).unwrap();
        assert_eq!(key.handshake_of("b1", &state, 1000 + AGE_S), Some(handshake("/hub/home")));
        assert_eq!(key.handshake_of("b1", &state, 1001 + AGE_S), None);
        assert_eq!(key.handshake_of("b1", &state, 999), None);
        assert_eq!(key.handshake_of("b2", &state, 1000), None);
        assert_eq!(key.handshake_of("", &state, 1000), None);
        assert_eq!(Key::from([8; 32]).handshake_of("b1", &state, 1000), None);
    }

    #[test]
    fn nonce_and_verifier_are_of_one_state_and_tell_nothing_of_each_other() {
        let key = Key::from([7; 32]);
        let (nonce, verifier) = (key.nonce_of("x").unwrap(), key.verifier_of("x").unwrap());
        assert_eq!((nonce.len(), verifier.len()), (43, 43));
        assert_ne!(nonce, verifier);
        assert_ne!(key.nonce_of("y").unwrap(), nonce);
    }

    #[test]
    fn the_state_fits_an_address_whatever_the_target() {
        let key = Key::from([7; 32]);
        let longest = key.state_of("b", &[1; NONCE], &handshake(&"n".repeat(NEXT_MAX))).unwrap();
        assert!(longest.len() < 1700, "{}", longest.len());
        let longer = key.state_of("b", &[1; NONCE], &handshake(&"n".repeat(NEXT_MAX + 1))).unwrap();
        assert_eq!(key.handshake_of("b", &longer, 1000).unwrap().next, None);
    }
}
