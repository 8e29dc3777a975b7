//! Proof key for code exchange (RFC 7636): whoever redeems a code is who asked for it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::memcmp;
use openssl::sha::sha256;

/// How the challenge was made of the verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The verifier itself.
    Plain,
    /// Base64url of its SHA-256, without padding.
    S256,
}

impl Method {
    /// The name in requests and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::S256 => "S256",
        }
    }

    /// The method of this name, which is compared exactly.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Plain, Self::S256].into_iter().find(|method| method.name() == name)
    }
}

/// What the client committed itself to when it asked for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The text of `code_challenge`.
    pub text: String,
    /// How it was made.
    pub method: Method,
}

impl Challenge {
    /// Whether `verifier` is what the challenge was made of. An empty verifier never is.
    #[must_use]
    pub fn fits(&self, verifier: &str) -> bool {
        let made = match self.method {
            Method::Plain => verifier.to_owned(),
            Method::S256 => URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())),
        };
        !verifier.is_empty()
            && made.len() == self.text.len()
            && memcmp::eq(made.as_bytes(), self.text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_fits() {
        let text = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned();
        let challenge = Challenge { text, method: Method::S256 };
        assert!(challenge.fits("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        for wrong in
            ["", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
        {
            assert!(!challenge.fits(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_plain_challenge_is_the_verifier_but_never_an_empty_one() {
        let challenge = |text: &str| Challenge { text: text.to_owned(), method: Method::Plain };
        assert!(challenge("abc").fits("abc"));
        assert!(!challenge("abc").fits("ABC"));
        assert!(!challenge("").fits(""));
    }

    #[test]
    fn a_method_is_named_exactly() {
        assert_eq!(Method::of("S256"), Some(Method::S256));
        assert_eq!(Method::of("plain"), Some(Method::Plain));
        assert_eq!(Method::of("s256"), None);
        assert_eq!(Method::of(""), None);
    }
}
