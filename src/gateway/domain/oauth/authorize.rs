//! A request for a code: what is fatal is told to the person, everything else to the client by redirect.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::form;
use crate::domain::oauth::{Challenge, Fault, Method, Pair, duplicate, last};

/// What a query component leaves as it is, as Python's `quote_plus` does.
const COMPONENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~').remove(b' ');

/// Why nobody may be redirected: the address to go to cannot be believed. The texts are JupyterHub's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// The query or the form is not well-formed.
    #[error("Unable to parse query string")]
    Unreadable,
    /// A parameter is there twice.
    #[error("Duplicate {0} parameter.")]
    Duplicate(&'static str),
    /// There is no `client_id`.
    #[error("Missing client_id parameter.")]
    MissingClientId,
    /// There is no such client.
    #[error("Invalid client_id parameter value.")]
    InvalidClientId,
    /// There is no `redirect_uri`.
    #[error("Missing redirect URI.")]
    MissingRedirect,
    /// The `redirect_uri` is no absolute path and no address.
    #[error("Invalid redirect URI.")]
    InvalidRedirect,
    /// The `redirect_uri` is not the one that the client registered.
    #[error("Mismatching redirect URI.")]
    MismatchingRedirect,
}

/// A request to `/hub/api/oauth2/authorize` that names a client and an address to come back to.
#[derive(Debug)]
pub struct AuthorizeRequest {
    pairs: Vec<Pair>,
}

/// What the client wishes for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Scopes by name; empty for whatever the client gets by default.
    pub scopes: Vec<String>,
    /// The proof key, if the client uses one.
    pub challenge: Option<Challenge>,
}

impl AuthorizeRequest {
    /// Reads the query, and the form that a person sent back with it.
    ///
    /// # Errors
    /// See [`Fatal`].
    pub fn read(query: &str, form: &[u8]) -> Result<Self, Fatal> {
        let mut pairs = form::pairs(query.as_bytes()).map_err(|_| Fatal::Unreadable)?;
        pairs.extend(form::pairs(form).map_err(|_| Fatal::Unreadable)?);
        let once = ["client_id", "response_type", "redirect_uri", "scope", "state"];
        if let Some(name) = duplicate(&pairs, &once) {
            return Err(Fatal::Duplicate(name));
        }
        let request = Self { pairs };
        if request.client_id().is_empty() { Err(Fatal::MissingClientId) } else { Ok(request) }
    }

    /// The identifier of the client; never empty.
    #[must_use]
    pub fn client_id(&self) -> &str {
        last(&self.pairs, "client_id").unwrap_or_default()
    }

    /// The scopes that the person left in the form of the consent page.
    pub fn consented(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(|(name, _)| name == "scopes").map(|(_, value)| value.as_str())
    }

    /// Checks the address to come back to against the registered one, byte by byte.
    ///
    /// # Errors
    /// See [`Fatal`].
    pub fn comes_back_to(&self, registered: &str) -> Result<(), Fatal> {
        match last(&self.pairs, "redirect_uri") {
            None => Err(Fatal::MissingRedirect),
            Some(given) if !absolute(given) => Err(Fatal::InvalidRedirect),
            Some(given) if given != registered => Err(Fatal::MismatchingRedirect),
            Some(_) => Ok(()),
        }
    }

    /// Reads the wish itself.
    ///
    /// # Errors
    /// What the client learns by [`AuthorizeRequest::refused`].
    pub fn wish(&self, require_pkce: bool) -> Result<Wish, Fault> {
        match last(&self.pairs, "response_type") {
            None => return Err(Fault::request("Missing response_type parameter.")),
            Some("code") => {}
            Some(_) => return Err(Fault::UnsupportedResponseType),
        }
        let method = last(&self.pairs, "code_challenge_method").unwrap_or("plain");
        let challenge = match last(&self.pairs, "code_challenge") {
            None if require_pkce => return Err(Fault::request("Code challenge required.")),
            None => None,
            Some(text) => {
                let method =
                    Method::of(method).ok_or_else(|| Fault::request("Transform algorithm not supported."))?;
                Some(Challenge { text: text.to_owned(), method })
            }
        };
        let scopes =
            last(&self.pairs, "scope").unwrap_or_default().split(' ').filter(|name| !name.is_empty());
        Ok(Wish { scopes: scopes.map(str::to_owned).collect(), challenge })
    }

    /// Where the browser brings the code.
    #[must_use]
    pub fn granted(&self, registered: &str, code: &str) -> String {
        self.back(registered, &[("code", code)])
    }

    /// Where the browser brings the refusal.
    #[must_use]
    pub fn refused(&self, registered: &str, fault: &Fault) -> String {
        self.back(registered, &[("error", fault.code()), ("error_description", fault.description())])
    }

    fn back(&self, registered: &str, answer: &[(&str, &str)]) -> String {
        let state = ("state", last(&self.pairs, "state").unwrap_or_default());
        let mut address = registered.to_owned();
        for (name, value) in answer.iter().chain([&state]).filter(|(_, value)| !value.is_empty()) {
            let value = utf8_percent_encode(value, COMPONENT).to_string().replace(' ', "+");
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(&format!("{name}={value}"));
        }
        address
    }
}

/// An absolute path or something with a scheme.
fn absolute(address: &str) -> bool {
    let scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    };
    address.starts_with('/') || address.split_once(':').is_some_and(|(head, _)| scheme(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK: &str = "/user/alice/oauth_callback";
    const GOOD: &str =
        "client_id=jupyterhub-user-alice&redirect_uri=%2Fuser%2Falice%2Foauth_callback&response_type=code";

    fn read(query: &str) -> AuthorizeRequest {
        AuthorizeRequest::read(query, b"").unwrap()
    }

    #[test]
    fn a_request_as_jupyterhub_s_servers_make_it_is_granted() {
        let request = read(&format!("{GOOD}&code_challenge=abc&code_challenge_method=S256&state=x_-Y"));
        assert_eq!(request.client_id(), "jupyterhub-user-alice");
        assert_eq!(request.comes_back_to(BACK), Ok(()));
        let wish = request.wish(true).unwrap();
        assert_eq!(wish.challenge, Some(Challenge { text: "abc".to_owned(), method: Method::S256 }));
        assert!(wish.scopes.is_empty());
        assert_eq!(request.granted(BACK, "c0de"), "/user/alice/oauth_callback?code=c0de&state=x_-Y");
    }

    #[test]
    fn a_request_that_names_no_believable_address_is_fatal() {
        let fatal = |query: &str| AuthorizeRequest::read(query, b"").unwrap_err();
        assert_eq!(fatal(""), Fatal::MissingClientId);
        assert_eq!(fatal("client_id=&redirect_uri=/x"), Fatal::MissingClientId);
        assert_eq!(fatal(&format!("{GOOD}&client_id=x")), Fatal::Duplicate("client_id"));
        assert_eq!(fatal(&format!("{GOOD}&state=1&state=2")).to_string(), "Duplicate state parameter.");
        assert_eq!(fatal(&format!("{GOOD}&state=%zz")), Fatal::Unreadable);
        assert_eq!(AuthorizeRequest::read(GOOD, b"client_id=x").unwrap_err(), Fatal::Duplicate("client_id"));
        let back = |address: &str| read(&format!("client_id=x{address}")).comes_back_to(BACK).unwrap_err();
        assert_eq!(back(""), Fatal::MissingRedirect);
        assert_eq!(back("&redirect_uri="), Fatal::InvalidRedirect);
        assert_eq!(back("&redirect_uri=user/alice/oauth_callback"), Fatal::InvalidRedirect);
        for other in [
            "/user/alice/oauth_callback?x=1",
            "//evil.test/user/alice/oauth_callback",
            "https://evil.test/",
            "/user/alice/oauth_callback/",
            "/user/Alice/oauth_callback",
            "javascript:alert(1)",
            "/user/alice/oauth_callback/../../bob/oauth_callback",
        ] {
            let request =
                format!("client_id=x&redirect_uri={}", utf8_percent_encode(other, NON_ALPHANUMERIC));
            assert_eq!(read(&request).comes_back_to(BACK), Err(Fatal::MismatchingRedirect), "{other}");
        }
    }

    #[test]
    fn other_faults_go_back_to_the_client_with_its_state() {
        let fault = |query: &str| read(query).wish(false).unwrap_err();
        let base = "client_id=x&redirect_uri=/y&state=a%20b%26c";
        assert_eq!(fault(base), Fault::request("Missing response_type parameter."));
        for other in ["token", "", "codex", "none", "code+token"] {
            assert_eq!(
                fault(&format!("{base}&response_type={other}")),
                Fault::UnsupportedResponseType,
                "{other}"
            );
        }
        let odd = format!("{base}&response_type=code&code_challenge=x&code_challenge_method=S512");
        assert_eq!(fault(&odd), Fault::request("Transform algorithm not supported."));
        let bare = read(&format!("{base}&response_type=code"));
        assert_eq!(bare.wish(true).unwrap_err(), Fault::request("Code challenge required."));
        let address =
            bare.refused("https://svc.test/back?x=1", &Fault::request("Missing response_type parameter."));
        assert_eq!(
            address,
            "https://svc.test/back?x=1&error=invalid_request&error_description=Missing+response_type+parameter.&state=a+b%26c"
        );
        assert_eq!(bare.refused("/y", &Fault::InvalidScope), "/y?error=invalid_scope&state=a+b%26c");
    }

    #[test]
    fn a_challenge_without_a_method_is_plain() {
        let wish = read(&format!("{GOOD}&code_challenge=abc&scope=read:users+%20self")).wish(false).unwrap();
        assert_eq!(wish.challenge.map(|challenge| challenge.method), Some(Method::Plain));
        assert_eq!(wish.scopes, ["read:users", "self"]);
    }

    #[test]
    fn the_form_of_the_consent_page_names_scopes_again_and_again() {
        let request = AuthorizeRequest::read(GOOD, b"_xsrf=x&scopes=a&scopes=b%21user").unwrap();
        assert_eq!(request.consented().collect::<Vec<_>>(), ["a", "b!user"]);
    }
}
