//! A request that redeems a code.

use hubgate_protocol::Secret;

use crate::domain::form;
use crate::domain::oauth::{Challenge, Fault, Pair, duplicate, last};

/// A request to `/hub/api/oauth2/token`, well-formed. Nothing in it is believed yet.
#[derive(Debug)]
pub struct TokenRequest {
    /// The client; empty if it did not say.
    pub client_id: String,
    /// Its secret, if it sent one.
    pub client_secret: Option<Secret>,
    /// The code.
    pub code: Secret,
    redirect_uri: Option<String>,
    verifier: Option<Secret>,
}

impl TokenRequest {
    /// Reads the body. A body that is no form has no fields; an address with a query is refused.
    ///
    /// # Errors
    /// What the client learns.
    pub fn read(query: &str, body: &[u8]) -> Result<Self, Fault> {
        if !query.is_empty() {
            return Err(Fault::request("URL query parameters are not allowed"));
        }
        let pairs: Vec<Pair> = form::pairs(body).unwrap_or_default();
        match last(&pairs, "grant_type") {
            Some("authorization_code") => {}
            // Refresh tokens are never issued; who asks with one is told so in JupyterHub's words.
            Some("refresh_token") if last(&pairs, "refresh_token").unwrap_or_default().is_empty() => {
                return Err(Fault::request("Missing refresh token parameter."));
            }
            Some("refresh_token") => return Err(Fault::InvalidGrant("")),
            _ => return Err(Fault::UnsupportedGrantType),
        }
        let secret = |name: &str| last(&pairs, name).map(|text| Secret::try_from(text.to_owned()));
        let code = secret("code").ok_or_else(|| Fault::request("Missing code parameter."))?;
        if let Some(name) = duplicate(&pairs, &["client_id", "grant_type", "redirect_uri"]) {
            return Err(Fault::InvalidRequest(format!("Duplicate {name} parameter.")));
        }
        Ok(Self {
            client_id: last(&pairs, "client_id").unwrap_or_default().to_owned(),
            client_secret: secret("client_secret").transpose().map_err(|_| Fault::InvalidClient)?,
            code: code.map_err(|_| Fault::InvalidGrant(""))?,
            redirect_uri: last(&pairs, "redirect_uri").map(str::to_owned),
            verifier: secret("code_verifier").transpose().map_err(|_| Fault::InvalidGrant(""))?,
        })
    }

    /// Checks the proof key against what was promised when the code was made.
    ///
    /// # Errors
    /// What the client learns.
    pub fn proves(&self, challenge: Option<&Challenge>, require_pkce: bool) -> Result<(), Fault> {
        let missing = || Fault::request("Code verifier required.");
        match challenge {
            Some(challenge) => {
                let verifier = self.verifier.as_ref().ok_or_else(missing)?;
                if challenge.fits(verifier.expose()) { Ok(()) } else { Err(Fault::InvalidGrant("")) }
            }
            None if !require_pkce => Ok(()),
            None if self.verifier.is_none() => Err(missing()),
            None => Err(Fault::InvalidGrant("Challenge not found")),
        }
    }

    /// Checks the address against the one that the code went to. It may be left out: a client has only one.
    ///
    /// # Errors
    /// What the client learns.
    pub fn came_back_to(&self, address: &str) -> Result<(), Fault> {
        match &self.redirect_uri {
            Some(given) if given != address => Err(Fault::request("Mismatching redirect URI.")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::oauth::Method;

    const GOOD: &str = "client_id=service-x&client_secret=s&grant_type=authorization_code&code=c&redirect_uri=%2Fx%2Fy&code_verifier=abc";

    fn read(body: &str) -> Result<TokenRequest, Fault> {
        TokenRequest::read("", body.as_bytes())
    }

    #[test]
    fn a_request_as_jupyterhub_s_servers_make_it_is_read() {
        let request = read(GOOD).unwrap();
        assert_eq!(request.client_id, "service-x");
        assert_eq!(request.code.expose(), "c");
        assert_eq!(request.came_back_to("/x/y"), Ok(()));
        let challenge = Challenge { text: "abc".to_owned(), method: Method::Plain };
        assert_eq!(request.proves(Some(&challenge), true), Ok(()));
        assert_eq!(request.proves(None, false), Ok(()));
        assert!(!format!("{request:?}").contains("abc"), "a verifier shows itself");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let fault = |body: &str| read(body).unwrap_err();
        assert_eq!(fault(""), Fault::UnsupportedGrantType);
        assert_eq!(fault("grant_type=%zz"), Fault::UnsupportedGrantType);
        assert_eq!(fault("grant_type=client_credentials&code=x"), Fault::UnsupportedGrantType);
        assert_eq!(fault("grant_type=refresh_token"), Fault::request("Missing refresh token parameter."));
        assert_eq!(fault("grant_type=refresh_token&refresh_token=x"), Fault::InvalidGrant(""));
        assert_eq!(fault("grant_type=authorization_code"), Fault::request("Missing code parameter."));
        assert_eq!(fault(&format!("{GOOD}&client_id=y")), Fault::request("Duplicate client_id parameter."));
        assert_eq!(fault(&format!("{GOOD}&code=a%00b")), Fault::InvalidGrant(""));
        let queried = TokenRequest::read("code=x", GOOD.as_bytes()).unwrap_err();
        assert_eq!(queried, Fault::request("URL query parameters are not allowed"));
    }

    #[test]
    fn a_code_with_a_challenge_needs_its_verifier_and_a_strict_hub_needs_a_challenge() {
        let other = Challenge { text: "xyz".to_owned(), method: Method::Plain };
        let without = read("grant_type=authorization_code&code=c").unwrap();
        let with = read(GOOD).unwrap();
        assert_eq!(without.proves(Some(&other), false), Err(Fault::request("Code verifier required.")));
        assert_eq!(with.proves(Some(&other), false), Err(Fault::InvalidGrant("")));
        assert_eq!(without.proves(None, true), Err(Fault::request("Code verifier required.")));
        assert_eq!(with.proves(None, true), Err(Fault::InvalidGrant("Challenge not found")));
        assert_eq!(with.came_back_to("/x/y/"), Err(Fault::request("Mismatching redirect URI.")));
    }
}
