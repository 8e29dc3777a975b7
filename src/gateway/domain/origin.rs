//! Where browsers find the site: what passkeys are bound to.

use url::Url;

/// The site's origin and the host that passkeys belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Scheme, host and port.
    pub url: Url,
    /// The host alone: the "relying party id" of WebAuthn.
    pub host: String,
}

/// The origin by `public_url`, or where that is empty by what nginx says of the request. nginx answers to the names of its
/// `server_name` alone, so the header is not the client's to choose.
///
/// `None` where browsers know no passkeys: at an address without name, and without TLS but on localhost.
#[must_use]
pub fn origin(public_url: &str, proto: &str, host: &str) -> Option<Origin> {
    let address = if public_url.is_empty() { format!("{proto}://{host}") } else { public_url.to_owned() };
    let url = Url::parse(&address).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let name = url.domain().filter(|_| bare)?.to_owned();
    let local = name == "localhost" || name.ends_with(".localhost");
    let safe = url.scheme() == "https" || (url.scheme() == "http" && local);
    safe.then_some(Origin { url, host: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(public_url: &str, proto: &str, host: &str) -> Option<String> {
        origin(public_url, proto, host).map(|origin| origin.host)
    }

    #[test]
    fn passkeys_belong_to_the_name_of_the_site() {
        assert_eq!(host("", "https", "hub.test:8443").unwrap(), "hub.test");
        assert_eq!(host("https://hub.example.org", "https", "evil.test").unwrap(), "hub.example.org");
        assert_eq!(host("", "http", "localhost:8000").unwrap(), "localhost");
        let port = origin("", "https", "hub.test:8443").unwrap().url.port();
        assert_eq!(port, Some(8443));
    }

    #[test]
    fn there_are_none_without_name_or_tls() {
        for (proto, name) in [
            ("http", "hub.test"),
            ("https", "192.0.2.7"),
            ("https", "[2001:db8::1]"),
            ("https", ""),
            ("", "hub.test"),
            ("https", "a b"),
            ("https", "user@hub.test"),
            ("https", "hub.test/x"),
            ("https", "hub.test?x"),
            ("ftp", "hub.test"),
        ] {
            assert_eq!(host("", proto, name), None, "{proto} {name}");
        }
    }
}
