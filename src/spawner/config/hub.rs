//! The table `[hub]`: where servers of the hub flavour and services find the hub.

use serde::Deserialize;

/// What the path of the API's address ends with; what is before it is the prefix of all URLs.
const API: &str = "/hub/api";

/// The table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hub {
    /// Address of the hub's API for programs on this host, without a slash at its end; what precedes `/hub/api` in its
    /// path is the prefix of all URLs. Default `http://127.0.0.1:8081/jupyterhub/hub/api`, nginx's loopback listener.
    pub api_url: String,
    /// The site's address as people have it, `https://HOST`; a path in it is not looked at. Default: empty, programs
    /// learn it from each request.
    pub public_url: String,
}

impl Default for Hub {
    fn default() -> Self {
        Self { api_url: format!("http://127.0.0.1:8081/jupyterhub{API}"), public_url: String::new() }
    }
}

impl Hub {
    /// Prefix of all URLs, `/jupyterhub`; empty where there is none.
    #[must_use]
    pub fn base(&self) -> &str {
        let path = split(&self.api_url).map_or("", |(_, path)| path);
        path.strip_suffix(API).unwrap_or_default()
    }

    /// `https://HOST` of the public address; empty where there is none.
    #[must_use]
    pub fn origin(&self) -> &str {
        split(&self.public_url).map_or("", |(origin, _)| origin)
    }

    /// The public address of `path`; empty where there is none.
    #[must_use]
    pub fn public(&self, path: &str) -> String {
        if self.origin().is_empty() { String::new() } else { format!("{}{path}", self.origin()) }
    }

    /// All that is wrong, each as `key: sentence`.
    pub(super) fn problems(&self) -> Vec<&'static str> {
        let api = split(&self.api_url).is_some_and(|(_, path)| path.ends_with(API));
        let public = self.public_url.is_empty() || split(&self.public_url).is_some();
        [
            (!api, "hub.api_url: must be http://HOST:PORT/PREFIX/hub/api without a slash at its end"),
            (!public, "hub.public_url: must be empty or https://HOST"),
        ]
        .into_iter()
        .filter_map(|(wrong, text)| wrong.then_some(text))
        .collect()
    }
}

/// `scheme://host` and the path of a plain URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~' | b':' | b'[' | b']' | b'/')
    };
    if host.is_empty() || host.starts_with('/') || !host.bytes().all(plain) {
        return None;
    }
    let path = host.find('/').map_or(0, |at| host.len() - at);
    url.split_at_checked(url.len() - path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(api_url: &str, public_url: &str) -> Hub {
        Hub { api_url: api_url.to_owned(), public_url: public_url.to_owned() }
    }

    #[test]
    fn the_prefix_of_all_urls_stands_before_the_api() {
        assert_eq!(Hub::default().base(), "/jupyterhub");
        assert_eq!(hub("http://[::1]:8081/hub/api", "").base(), "");
        assert_eq!(hub("https://h.org/a/b/hub/api", "").base(), "/a/b");
    }

    #[test]
    fn the_public_address_is_an_origin_and_our_path() {
        let with = hub("http://127.0.0.1:1/x/hub/api", "https://h.org:8443/any/path/");
        assert_eq!(
            (with.origin(), with.public("/x/hub/").as_str()),
            ("https://h.org:8443", "https://h.org:8443/x/hub/")
        );
        assert_eq!(Hub::default().public("/x/"), "");
    }

    #[test]
    fn an_address_that_is_none_is_told() {
        assert!(Hub::default().problems().is_empty());
        for bad in [
            "",
            "127.0.0.1:8081/hub/api",
            "http:///hub/api",
            "http://h/hub/api/",
            "http://h/hub",
            "http://h/\"/hub/api",
        ] {
            assert_eq!(hub(bad, "").problems().len(), 1, "{bad}");
        }
        assert_eq!(hub("http://h/hub/api", "h.org").problems().len(), 1);
    }
}
