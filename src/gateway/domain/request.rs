//! What kind of request it is: a person who navigates, a script that asks, a websocket.

/// The parts of a request that decide how it is treated; absent headers are empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits<'a> {
    /// Method, upper case.
    pub method: &'a str,
    /// `Upgrade`.
    pub upgrade: &'a str,
    /// `Origin`.
    pub origin: &'a str,
    /// `Sec-Fetch-Site`.
    pub fetch_site: &'a str,
    /// `Sec-Fetch-Mode`.
    pub fetch_mode: &'a str,
    /// `Sec-Fetch-Dest`.
    pub fetch_dest: &'a str,
    /// `Accept`.
    pub accept: &'a str,
    /// `http` or `https`, as nginx was asked.
    pub proto: &'a str,
    /// `Host`, as nginx was asked.
    pub host: &'a str,
}

impl Traits<'_> {
    /// Whether the method is one that Jupyter or the hub knows.
    #[must_use]
    pub fn known_method(&self) -> bool {
        self.safe_method() || matches!(self.method, "POST" | "PUT" | "PATCH" | "DELETE")
    }

    /// Whether the method promises to change nothing.
    #[must_use]
    pub fn safe_method(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS")
    }

    /// Whether it wants to become a websocket.
    #[must_use]
    pub fn websocket(&self) -> bool {
        self.upgrade.eq_ignore_ascii_case("websocket")
    }

    /// Whether a person is waiting for a page: a top-level navigation, or a client without fetch metadata that asks for HTML.
    #[must_use]
    pub fn navigation(&self) -> bool {
        if !matches!(self.method, "GET" | "HEAD") || !self.upgrade.is_empty() {
            return false;
        }
        if self.fetch_mode.is_empty() {
            return self.accept.contains("text/html");
        }
        self.fetch_mode == "navigate" && matches!(self.fetch_dest, "document" | "")
    }

    /// Whether the answer should be a page rather than JSON.
    #[must_use]
    pub fn wants_html(&self) -> bool {
        self.navigation() || self.accept.contains("text/html")
    }

    /// Whether another site made the browser send this, in a way that could change something or open a channel.
    ///
    /// A websocket must carry our own `Origin` (no same-origin policy holds it back); an unsafe method must not come
    /// from another origin by any of the headers that browsers set themselves.
    #[must_use]
    pub fn foreign(&self) -> bool {
        if self.websocket() {
            return self.cross_site() || !self.own_origin();
        }
        let opaque = self.origin == "null" && self.fetch_site != "same-origin";
        !self.safe_method() && (opaque || self.cross_site())
    }

    /// Whether fetch metadata or `Origin` name another origin.
    ///
    /// `Origin: null` says nothing: browsers send it with the forms of our own pages, because of `Referrer-Policy: no-referrer`
    /// (Fetch, "append a request Origin header"). Fetch metadata and the token of the form decide then.
    #[must_use]
    pub fn cross_site(&self) -> bool {
        matches!(self.fetch_site, "cross-site" | "same-site")
            || self.fetch_mode == "no-cors"
            || !(matches!(self.origin, "" | "null") || self.own_origin())
    }

    fn own_origin(&self) -> bool {
        let Some((proto, host)) = self.origin.split_once("://") else { return false };
        !self.host.is_empty()
            && (proto == "https" || proto == self.proto)
            && host.eq_ignore_ascii_case(self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Traits<'static> = Traits {
        method: "GET",
        upgrade: "",
        origin: "",
        fetch_site: "same-origin",
        fetch_mode: "navigate",
        fetch_dest: "document",
        accept: "text/html",
        proto: "https",
        host: "hub.test",
    };

    #[test]
    fn only_a_top_level_navigation_is_a_person() {
        assert!(OURS.navigation());
        assert!(Traits { fetch_mode: "", fetch_dest: "", ..OURS }.navigation());
        for other in [
            Traits { fetch_mode: "cors", fetch_dest: "empty", ..OURS },
            Traits { fetch_dest: "iframe", ..OURS },
            Traits { method: "POST", ..OURS },
            Traits { upgrade: "websocket", ..OURS },
            Traits { fetch_mode: "", accept: "*/*", ..OURS },
        ] {
            assert!(!other.navigation(), "{other:?}");
        }
    }

    #[test]
    fn a_websocket_needs_our_own_origin() {
        let socket = Traits { upgrade: "WebSocket", origin: "https://hub.test", ..OURS };
        assert!(!socket.foreign());
        for origin in [
            "",
            "null",
            "https://evil.test",
            "https://hub.test.evil.test",
            "http://hub.test",
            "https://hub.test:8443",
            "https://",
        ] {
            assert!(Traits { origin, ..socket }.foreign(), "{origin}");
        }
        assert!(Traits { host: "", origin: "https://", ..socket }.foreign());
        assert!(Traits { fetch_site: "cross-site", ..socket }.foreign());
        assert!(Traits { fetch_site: "same-site", ..socket }.foreign());
    }

    #[test]
    fn an_unsafe_method_from_elsewhere_is_foreign() {
        let post = Traits { method: "POST", fetch_mode: "cors", ..OURS };
        assert!(!post.foreign());
        assert!(Traits { fetch_site: "cross-site", ..post }.foreign());
        assert!(Traits { fetch_site: "same-site", ..post }.foreign());
        assert!(Traits { fetch_mode: "no-cors", ..post }.foreign());
        assert!(Traits { fetch_site: "", origin: "https://evil.test", ..post }.foreign());
        assert!(!Traits { fetch_site: "", fetch_mode: "", ..post }.foreign());
        assert!(Traits { fetch_site: "", origin: "null", ..post }.foreign());
        assert!(!Traits { origin: "null", ..post }.foreign());
    }

    #[test]
    fn a_form_of_our_own_page_is_not_cross_site_although_its_origin_is_null() {
        let form = Traits { method: "POST", origin: "null", ..OURS };
        assert!(!form.cross_site());
        assert!(Traits { fetch_site: "cross-site", ..form }.cross_site());
    }
}
