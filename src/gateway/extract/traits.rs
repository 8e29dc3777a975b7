//! Headers into types. Headers that nginx sets are believed: only nginx can open our socket, and it sets each of them.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use actix_web::http::Method;
use hubgate_protocol::Connection;

use crate::domain::request::Traits;

/// A header as text; empty when it is absent, given twice or not visible ASCII.
#[must_use]
pub fn header_text<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
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
        method: text("x-original-method"),
        upgrade: text("x-orig-upgrade"),
        origin: text("x-orig-origin"),
        fetch_site: text("x-orig-fetch-site"),
        fetch_mode: text("x-orig-fetch-mode"),
        fetch_dest: text("x-orig-fetch-dest"),
        accept: text("x-orig-accept"),
        proto: text("x-forwarded-proto"),
        host: text("x-original-host"),
    }
}

/// Traits of a request to the hub itself.
#[must_use]
pub fn hub_traits(request: &HttpRequest) -> Traits<'_> {
    let text = |name| header_text(request, name);
    Traits {
        method: method(request.method()),
        upgrade: text("upgrade"),
        origin: text("origin"),
        fetch_site: text("sec-fetch-site"),
        fetch_mode: text("sec-fetch-mode"),
        fetch_dest: text("sec-fetch-dest"),
        accept: text("accept"),
        proto: text("x-forwarded-proto"),
        host: text("x-original-host"),
    }
}

fn method(method: &Method) -> &str {
    method.as_str()
}

/// The client's end of its connection to nginx.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub Connection);

impl Peer {
    /// Reads `X-Real-IP` and `X-Real-Port`; an address that is missing counts as `0.0.0.0`, so that all such share one bound.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let addr = header_text(request, "x-real-ip").parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let port = header_text(request, "x-real-port").parse().unwrap_or(0);
        Self(Connection { addr, port })
    }
}
