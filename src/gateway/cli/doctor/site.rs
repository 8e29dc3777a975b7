//! The site as a browser meets it: address, certificate, nginx's way to the gateway, login, start.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use actix_web::cookie::Cookie;
use actix_web::http::header::{HeaderMap, LOCATION, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use awc::{Client, Connector};
use futures_util::StreamExt;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::X509VerifyResult;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{Found, Trouble, Visitor, trouble};
use crate::config::Config;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Largest page, bytes.
const BODY_MAX: usize = 4 << 20;
/// Most redirects on the way into a server, OAuth's among them.
const HOPS_MAX: usize = 10;
/// Lines of a server's own log that are shown.
const LOG_LINES: usize = 8;

/// Where the site is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) url: Url,
    pub(super) host: String,
    pub(super) address: SocketAddr,
}

/// Finds the address and whether anybody listens there.
pub(super) fn reach(origin: &str) -> Found<Place> {
    let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some((url, host)) = url.and_then(|url| Some((url.clone(), url.host_str()?.to_owned()))) else {
        return trouble(
            format!("{origin:?} is no address of a site"),
            "Give --url https://HOST, or set public_url in hubgate.toml.",
        );
    };
    let bare = host.trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(443);
    let found: Vec<SocketAddr> = match (bare, port).to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(error) => {
            return trouble(
                format!("{host} has no address: {error}"),
                "Check DNS or /etc/hosts, or give another --url.",
            );
        }
    };
    let mut last = String::new();
    for address in found {
        match TcpStream::connect_timeout(&address, CONNECT_WITHIN) {
            Ok(_) => return Ok(Place { url, host, address }),
            Err(error) => last = format!("nobody answers on {address}: {error}"),
        }
    }
    trouble(
        last,
        "systemctl status nginx; nginx -t; is the port open in the firewall (firewall-cmd --list-all, nft list ruleset)?",
    )
}

fn tls(ca: &Path) -> Result<openssl::ssl::SslConnectorBuilder, openssl::error::ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if ca.is_file() {
        builder.set_ca_file(ca)?;
    }
    // A websocket begins as HTTP/1.1.
    builder.set_alpn_protos(b"\x08http/1.1")?;
    Ok(builder)
}

/// Whether a browser that trusts the site's CA trusts the site; says until when.
pub(super) fn certificate(config: &Config, place: &Place) -> Found<String> {
    if place.url.scheme() == "http" {
        return Ok("none: the address is http, what is sent can be read on its way".to_owned());
    }
    match seen(config, place) {
        Ok(found) => found,
        Err(error) => trouble(
            format!("no TLS with {}: {error}", place.address),
            "nginx -T | grep ssl_ shows what it serves; its error log says more.",
        ),
    }
}

fn seen(config: &Config, place: &Place) -> Result<Found<String>, Box<dyn std::error::Error>> {
    let mut builder = tls(&config.ca_certificate)?;
    // The handshake goes on, so that the certificate itself can say what is wrong.
    builder.set_verify(SslVerifyMode::NONE);
    let stream = TcpStream::connect_timeout(&place.address, CONNECT_WITHIN)?;
    stream.set_read_timeout(Some(CONNECT_WITHIN))?;
    let tls = builder.build().connect(place.host.trim_matches(['[', ']']), stream)?;
    let verdict = tls.ssl().verify_result();
    if verdict == X509VerifyResult::OK {
        let ends = tls.ssl().peer_certificate().map(|one| one.not_after().to_string());
        return Ok(Ok(format!("good until {}", ends.unwrap_or_default())));
    }
    let remedy = "`hubgate cert` makes one for the names that you give it (then `systemctl reload nginx`); people must trust its CA,\n\
                  which the login page offers";
    Ok(trouble(format!("{}: {}", place.host, verdict.error_string()), remedy))
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether hubgate has answered, and not nginx by itself.
    fn is_ours(&self) -> bool {
        self.headers.contains_key("x-jupyterhub-version")
    }

    /// What one of our pages says is wrong.
    fn complaint(&self) -> String {
        let alert = self.body.split_once("role=\"alert\"").and_then(|(_, rest)| rest.split_once('>'));
        let text = alert.or_else(|| self.body.split_once("<h1>").map(|(_, rest)| ("", rest)));
        let text = text.and_then(|(_, rest)| rest.split('<').next()).unwrap_or_default().trim();
        if text.is_empty() { format!("the answer was {}", self.status) } else { text.to_owned() }
    }

    fn field(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split('"').next()
    }
}

/// One browser's talk with the site.
pub(super) struct Site {
    client: Client,
    origin: String,
    base_url: String,
    cookies: BTreeMap<String, String>,
    /// The hub's own form token, as its pages have it.
    xsrf: String,
}

impl Site {
    pub(super) fn new(config: &Config, place: &Place) -> Found<Self> {
        let tls = tls(&config.ca_certificate).map_err(|error| Trouble {
            what: format!("{}: {error}", config.ca_certificate.display()),
            remedy: String::new(),
        })?;
        let connector = Connector::new().openssl(tls.build()).timeout(CONNECT_WITHIN);
        let client =
            Client::builder().connector(connector).timeout(ANSWER_WITHIN).disable_redirects().finish();
        let origin = place.url.origin().ascii_serialization();
        let base_url = config.base_url.to_string();
        Ok(Self { client, origin, base_url, cookies: BTreeMap::new(), xsrf: String::new() })
    }

    pub(super) fn hub_url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.base_url)
    }

    fn cookie(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn asked(&self, method: Method, path: &str, how: How) -> awc::ClientRequest {
        let (mode, dest, accept) = match how {
            How::Page => ("navigate", "document", "text/html"),
            How::Script => ("cors", "empty", "application/json"),
        };
        let mut asked = self
            .client
            .request(method, format!("{}{path}", self.origin))
            .insert_header(("sec-fetch-site", "same-origin"))
            .insert_header(("sec-fetch-mode", mode))
            .insert_header(("sec-fetch-dest", dest))
            .insert_header(("accept", accept))
            .insert_header(("origin", self.origin.clone()));
        if !self.cookies.is_empty() {
            asked = asked.insert_header(("cookie", self.cookie()));
        }
        asked
    }

    fn keep<S>(&mut self, answer: &awc::ClientResponse<S>) {
        let said = answer.headers().get_all(SET_COOKIE).filter_map(|value| value.to_str().ok());
        for cookie in said.filter_map(|text| Cookie::parse(text.to_owned()).ok()) {
            self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
        }
    }

    /// Sends one request; a redirect is an answer.
    async fn send(&mut self, asked: awc::ClientRequest, body: String) -> Found<Reply> {
        let lost = |why: String| Trouble { what: why, remedy: "tail /var/log/nginx/error.log".to_owned() };
        let mut answer = asked.send_body(body).await.map_err(|error| lost(error.to_string()))?;
        self.keep(&answer);
        let bytes = answer.body().limit(BODY_MAX).await.map_err(|error| lost(error.to_string()))?;
        Ok(Reply {
            status: answer.status(),
            headers: answer.headers().clone(),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    async fn page(&mut self, path: &str) -> Found<Reply> {
        let asked = self.asked(Method::GET, path, How::Page);
        self.send(asked, String::new()).await
    }

    /// A request of a script; `path` begins with the path of the hub's site.
    pub(super) async fn script(
        &mut self,
        method: Method,
        path: &str,
        xsrf: &str,
        body: String,
    ) -> Found<Reply> {
        let asked = self
            .asked(method, path, How::Script)
            .insert_header(("x-xsrftoken", xsrf))
            .insert_header(("content-type", "application/json"));
        self.send(asked, body).await
    }

    /// The path of a user's server.
    pub(super) fn server_path(&self, user: &str, rest: &str) -> String {
        let user = percent_encoding::utf8_percent_encode(user, percent_encoding::NON_ALPHANUMERIC);
        format!("{}/user/{user}/{rest}", self.base_url)
    }

    /// What Jupyter wants in front of a change.
    pub(super) fn jupyter_xsrf(&self) -> String {
        self.cookies.get("_xsrf").cloned().unwrap_or_default()
    }

    /// A websocket to a path of the site.
    pub(super) fn websocket(&self, path: &str) -> awc::ws::WebsocketsRequest {
        let address = format!("{}{path}", self.origin.replacen("http", "ws", 1));
        self.client
            .ws(address)
            .header("cookie", self.cookie())
            .header("sec-fetch-mode", "websocket")
            .header("sec-fetch-site", "same-origin")
            .origin(self.origin.as_str())
    }

    /// Whether nginx hands the hub's paths to the gateway.
    pub(super) async fn route(&mut self) -> Found<Reply> {
        let login = format!("{}/hub/login", self.base_url);
        let reply = self.page(&login).await?;
        if reply.is_ours() && reply.status.is_success() {
            return Ok(reply);
        }
        if reply.is_ours() && reply.status.is_redirection() {
            return Ok(reply);
        }
        match reply.status {
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                trouble(
                    format!(
                        "nginx answers {} for {login}: it does not reach the gateway, which answers here",
                        reply.status
                    ),
                    "tail /var/log/nginx/error.log; ls -l of the gateway's socket: nginx's group must be able to write (listen_group, \
                 SocketGroup= of hubgate.socket)\nwith SELinux: ausearch -m avc -ts recent, and `make install` puts the policy",
                )
            }
            status if reply.is_ours() => trouble(
                format!("the hub answers {status}: {}", reply.complaint()),
                "journalctl -u hubgate.service -n 50",
            ),
            status => trouble(
                format!("{login} is answered with {status}, and not by hubgate"),
                "The site does not include hubgate's locations: see hubgate.conf in /etc/nginx, `nginx -T | grep hubgate`; then systemctl reload nginx.",
            ),
        }
    }

    /// Whether a stranger is kept out of servers.
    pub(super) async fn guard(&mut self) -> Found<()> {
        let path = self.server_path("doctor", "api/status");
        let asked =
            self.client.get(format!("{}{path}", self.origin)).insert_header(("accept", "application/json"));
        let reply = self.send(asked, String::new()).await?;
        match reply.status {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Ok(()),
            status => trouble(
                format!("a request of a stranger to {path} is answered with {status}; 403 is right"),
                "nginx does not ask the gateway (auth_request): include hubgate's own locations as they are, and nothing before them.",
            ),
        }
    }

    pub(super) async fn login(&mut self, visitor: &Visitor) -> Found<()> {
        let path = format!("{}/hub/login", self.base_url);
        let page = self.page(&path).await?;
        let Some(token) = page.field("_xsrf").map(str::to_owned) else {
            return trouble(
                "the login page has no form",
                "With `authenticator = \"none\"` people log in at a provider: try that in a browser.",
            );
        };
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("_xsrf", &token)
            .append_pair("username", &visitor.name)
            .append_pair("password", visitor.password.expose())
            .finish();
        let asked = self
            .asked(Method::POST, &path, How::Page)
            .insert_header(("content-type", "application/x-www-form-urlencoded"));
        let reply = self.send(asked, form).await?;
        if reply.status.is_redirection() && self.cookies.contains_key(crate::domain::cookie::SESSION) {
            let home = self.page(&format!("{}/hub/home", self.base_url)).await?;
            home.field("_xsrf").unwrap_or_default().clone_into(&mut self.xsrf);
            return if home.status.is_success() {
                Ok(())
            } else {
                trouble(
                    format!("the session does not hold: {}", home.complaint()),
                    "Is the clock right? Does something in front of nginx drop cookies?",
                )
            };
        }
        if reply.status.is_success() {
            return trouble("more than a password is asked for", "Give a user without a second factor.");
        }
        let remedy = match reply.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                "journalctl -u hubgate-spawner.service -n 50 (PAM: /etc/pam.d/hubgate)"
            }
            StatusCode::TOO_MANY_REQUESTS => "Too many wrong passwords came before: wait as long as it says.",
            _ => {
                "`hubgate why NAME` says which rule decides, and journalctl -u hubgate.service what PAM said."
            }
        };
        trouble(reply.complaint(), remedy)
    }

    /// Starts the server; whether it did not run before.
    pub(super) async fn start(&mut self, user: &str, patience_s: u16) -> Found<bool> {
        let end = Instant::now() + Duration::from_secs(patience_s.into());
        let token = self.xsrf.clone();
        let api = format!("{}/hub/api/users/{user}/server", self.base_url);
        let model = self.script(Method::GET, &api, &token, String::new()).await?;
        if serde_json::from_str::<Value>(&model.body).is_ok_and(|model| holds(&model, "ready")) {
            return Ok(false);
        }
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("_xsrf", &token).finish();
        let asked = self
            .asked(Method::POST, &format!("{}/hub/spawn/{user}", self.base_url), How::Page)
            .insert_header(("content-type", "application/x-www-form-urlencoded"));
        let reply = self.send(asked, form).await?;
        if !reply.status.is_redirection() {
            return trouble(reply.complaint(), "journalctl -u hubgate-spawner.service -n 50");
        }
        self.follow(&format!("{api}/progress"), end).await.map(|()| true)
    }

    /// Follows the events of a start until it is ready or has failed.
    async fn follow(&mut self, path: &str, end: Instant) -> Found<()> {
        let asked =
            self.asked(Method::GET, path, How::Script).insert_header(("x-xsrftoken", self.xsrf.clone()));
        let mut answer = match asked.timeout(Duration::from_secs(3600)).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return trouble(
                    format!("the events of the start do not come: {error}"),
                    "tail /var/log/nginx/error.log",
                );
            }
        };
        let (mut text, mut last) = (String::new(), Value::Null);
        while let Ok(Some(Ok(piece))) = timeout_at(end, answer.next()).await {
            text.push_str(&String::from_utf8_lossy(&piece));
            while let Some((event, rest)) = text.split_once("\n\n") {
                if let Some(event) = event.trim_start().strip_prefix("data: ") {
                    last = serde_json::from_str(event).unwrap_or_default();
                }
                text = rest.to_owned();
                if holds(&last, "ready") {
                    return Ok(());
                }
                if holds(&last, "failed") {
                    return trouble(sentence(&last), log(&last));
                }
            }
        }
        trouble(
            format!("not ready in time: {}", sentence(&last)),
            format!("{}\n--patience gives it longer", log(&last)),
        )
    }

    /// Whether the server answers behind nginx; its version.
    pub(super) async fn server(&mut self, user: &str) -> Found<String> {
        // As a page: that is where Jupyter gives its form token, and a hub server sends the visitor to the hub and back.
        let mut path = self.server_path(user, "lab");
        for _ in 0..HOPS_MAX {
            let reply = self.page(&path).await?;
            if !reply.status.is_redirection() {
                break;
            }
            let to = reply.header(LOCATION.as_str()).to_owned();
            path = to.strip_prefix(&self.origin).unwrap_or(&to).to_owned();
        }
        let status = self.server_path(user, "api");
        let reply = self.script(Method::GET, &status, "", String::new()).await?;
        let version = serde_json::from_str::<Value>(&reply.body)
            .ok()
            .and_then(|model| Some(model.get("version")?.as_str()?.to_owned()));
        match (reply.status, version) {
            (StatusCode::OK, Some(version)) => Ok(version),
            (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE, _) => {
                trouble(
                    format!("nginx does not reach the server: {}", reply.complaint()),
                    "ls -l /run/jupyter: nginx's group must be able to write the sockets (SocketGroup= of jupyter@.socket); tail /var/log/nginx/error.log",
                )
            }
            (status, _) => trouble(
                format!("{status} is answered with {}", reply.complaint()),
                format!("journalctl -u 'jupyter@{user}.service' -n 50"),
            ),
        }
    }

    pub(super) async fn stop(&mut self, user: &str) {
        let (api, token) = (format!("{}/hub/api/users/{user}/server", self.base_url), self.xsrf.clone());
        let _unheard = self.script(Method::DELETE, &api, &token, String::new()).await;
    }

    pub(super) async fn logout(&mut self) {
        let form = format!("_xsrf={}", self.xsrf);
        let asked = self
            .asked(Method::POST, &format!("{}/hub/logout", self.base_url), How::Page)
            .insert_header(("content-type", "application/x-www-form-urlencoded"));
        let _unheard = self.send(asked, form).await;
    }
}

/// Who asks.
#[derive(Clone, Copy)]
enum How {
    /// Somebody who goes to a page.
    Page,
    /// A script of a page.
    Script,
}

fn holds(model: &Value, key: &str) -> bool {
    model.get(key) == Some(&Value::Bool(true))
}

fn sentence(event: &Value) -> String {
    event.get("message").and_then(Value::as_str).unwrap_or("nothing was heard of the start").to_owned()
}

/// The last lines of the server's own log.
fn log(event: &Value) -> String {
    let lines: Vec<&str> =
        event.get("log").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
}
