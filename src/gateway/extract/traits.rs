//! Headers into types. Headers that nginx sets are believed: only nginx can open our socket, and it sets each of them.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use hubgate_protocol::Connection;

use crate::domain::origin::{Origin, origin};
use crate::domain::request::Traits;
use crate::state::{Hub, links};

/// The names of nginx's own headers. Names of this kind are compared without being parsed or copied at each request.
pub mod names {
    use actix_web::http::header::HeaderName;

    macro_rules! names {
        ($($name:ident = $text:literal;)+) => {
            $(#[doc = concat!("`", $text, "`")] pub static $name: HeaderName = HeaderName::from_static($text);)+
        };
    }
    names! {
        URI = "x-original-uri";
        NORMALIZED = "x-normalized-uri";
        METHOD = "x-original-method";
        HOST = "x-original-host";
        PROTO = "x-forwarded-proto";
        REAL_IP = "x-real-ip";
        REAL_PORT = "x-real-port";
        UPGRADE = "x-orig-upgrade";
        ORIGIN = "x-orig-origin";
        SITE = "x-orig-fetch-site";
        MODE = "x-orig-fetch-mode";
        DEST = "x-orig-fetch-dest";
        ACCEPT = "x-orig-accept";
        FAILED = "x-hubgate-failed";
        OWN_SITE = "sec-fetch-site";
        OWN_MODE = "sec-fetch-mode";
        OWN_DEST = "sec-fetch-dest";
        XSRF = "x-xsrftoken";
        CSRF = "x-csrftoken";
        REQUEST_ID = "x-request-id";
    }
}

/// A header as text; empty when it is absent, given twice or not visible ASCII.
#[must_use]
pub fn header_text<'a>(request: &'a HttpRequest, name: &HeaderName) -> &'a str {
    let mut all = request.headers().get_all(name);
    match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().unwrap_or_default(),
        _ => "",
    }
}

/// Traits of the request that nginx asks about, from the headers it puts into the question.
#[must_use]
pub fn question_traits(request: &HttpRequest) -> Traits<'_> {
    let text = |name| header_text(request, name);
    Traits {
        method: text(&names::METHOD),
        upgrade: text(&names::UPGRADE),
        origin: text(&names::ORIGIN),
        fetch_site: text(&names::SITE),
        fetch_mode: text(&names::MODE),
        fetch_dest: text(&names::DEST),
        accept: text(&names::ACCEPT),
        proto: text(&names::PROTO),
        host: text(&names::HOST),
    }
}

/// Traits of a request to the hub itself.
#[must_use]
pub fn hub_traits(request: &HttpRequest) -> Traits<'_> {
    let text = |name| header_text(request, name);
    Traits {
        method: request.method().as_str(),
        upgrade: text(&header::UPGRADE),
        origin: text(&header::ORIGIN),
        fetch_site: text(&names::OWN_SITE),
        fetch_mode: text(&names::OWN_MODE),
        fetch_dest: text(&names::OWN_DEST),
        accept: text(&header::ACCEPT),
        proto: text(&names::PROTO),
        host: text(&names::HOST),
    }
}

/// Where the visitor's browser found the site, if passkeys can be bound to that.
#[must_use]
pub fn origin_of(hub: &Hub, request: &HttpRequest) -> Option<Origin> {
    let text = |name| header_text(request, name);
    origin(&hub.config.public_url, text(&names::PROTO), text(&names::HOST))
}

/// Where the site is found, `SCHEME://HOST`: as the configuration says, else as the visitor's browser came.
#[must_use]
pub fn site_of(hub: &Hub, request: &HttpRequest) -> String {
    match (hub.config.public_url.as_str(), header_text(request, &names::HOST)) {
        ("", "") => links::site(&hub.config),
        ("", host) => format!("{}://{host}", header_text(request, &names::PROTO)),
        _ => links::site(&hub.config),
    }
}

/// The client's end of its connection to nginx.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub Connection);

impl Peer {
    /// Reads `X-Real-IP` and `X-Real-Port`; an address that is missing counts as `0.0.0.0`, so that all such share one bound.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let addr = header_text(request, &names::REAL_IP).parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let port = header_text(request, &names::REAL_PORT).parse().unwrap_or(0);
        Self(Connection { addr, port })
    }
}
