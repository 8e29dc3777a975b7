//! Whether what the hub stands on is well: each thing with its cause and remedy where it is not.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hubgate_protocol::Request;
use nix::sys::statvfs::statvfs;
use openssl::asn1::Asn1Time;
use openssl::x509::X509;

use crate::config::Config;
use crate::domain::entity::ServiceName;
use crate::domain::time::minute;
use crate::state::managed::{self, State};
use crate::state::{Hub, blocking};
use crate::store::{engine_version, revision};
use crate::words::Message;

/// Least share of the state directory's disk that must be free, percent.
const FREE_MIN: u64 = 10;
/// Below this share administrators are told on every page, percent.
const FULL_BELOW: u64 = 3;
/// Fewest days that a certificate should have before it.
const DAYS_MIN: i32 = 21;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A word for programs.
    pub name: String,
    /// What it is, for people.
    pub title: Message,
    /// What else is known of it.
    pub detail: Option<Message>,
    /// What is wrong and what to do; `None` where it is well.
    pub trouble: Option<Message>,
}

fn check(name: &str, title: &'static str, trouble: Option<Message>) -> Check {
    Check { name: name.to_owned(), title: Message::new(title), detail: None, trouble }
}

impl Check {
    fn with(self, detail: Option<Message>) -> Self {
        Self { detail, ..self }
    }
}

/// Looks at everything.
pub async fn checks(hub: &Hub) -> Vec<Check> {
    let store = hub.store.clone();
    // Written and taken back: a disk that only reads is found out.
    let database = blocking(move || store.rehearse(revision::touch)).await.is_err();
    let spawner = hub.spawner.ask(&Request::List {}).await.is_err();
    let watched = hub.servers.known(Duration::ZERO).await;
    let written = hub.audit_written().await.is_ok();
    let config = hub.config.clone();
    let of_files = tokio::task::spawn_blocking(move || files(&config)).await.unwrap_or_default();
    let when = |bad: bool, trouble: &'static str| bad.then(|| Message::new(trouble));
    let mut all = vec![
        check("database", "health-database", when(database, "health-database-bad")),
        check("spawner", "health-spawner", when(spawner, "health-spawner-bad")),
        check("servers", "health-servers", when(!watched, "health-servers-bad")),
        check("audit", "health-audit", when(!written, "health-audit-bad")),
    ];
    all.extend(of_files);
    all.extend(managed::states(hub).await.into_iter().map(|(name, state)| service(&name, state)));
    all.extend([nginx(hub), configuration(hub), version()]);
    all
}

/// Whoever reads this came by nginx, or by a shell: its questions are the sign that it guards the servers.
fn nginx(hub: &Hub) -> Check {
    let detail = match hub.asked_s.load(Ordering::Relaxed) {
        0 => Message::new("health-nginx-never"),
        asked_s => Message::new("health-nginx-asked").with("time", moment(asked_s)),
    };
    check("nginx", "health-nginx", None).with(Some(detail))
}

fn configuration(hub: &Hub) -> Check {
    let read = Message::new("health-configuration-read").with("time", moment(hub.started_s));
    let file = hub.config.origin.file().display();
    check("configuration", "health-configuration", None).with(Some(read.with("file", file)))
}

fn version() -> Check {
    let ours = Message::new("health-version-all").with("hubgate", env!("CARGO_PKG_VERSION"));
    check("version", "health-version", None).with(Some(ours.with("sqlite", engine_version())))
}

fn service(name: &ServiceName, state: State) -> Check {
    let bad = match state {
        State::Running | State::Starting => None,
        State::Failed | State::Stopped | State::Stopping => Some("health-service-bad"),
        State::Unknown => Some("health-service-unknown"),
    };
    Check {
        name: format!("service {name}"),
        title: Message::new("health-service").with("name", name),
        detail: None,
        trouble: bad.map(Message::new),
    }
}

fn moment(at_s: i64) -> String {
    minute(at_s.saturating_mul(1_000_000))
}

fn files(config: &Config) -> Vec<Check> {
    vec![
        check("key", "health-key", key(config)),
        check("disk", "health-disk", disk(config)),
        certificate(config),
    ]
}

fn key(config: &Config) -> Option<Message> {
    let wide = config.key().metadata().map_or(true, |meta| meta.mode() & 0o077 != 0);
    wide.then(|| Message::new("health-key-bad").with("path", config.key().display()))
}

/// How much of the disk of a folder is free, percent.
#[must_use]
pub fn free_percent(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    disk.blocks_available().saturating_mul(100).checked_div(disk.blocks())
}

/// What every page tells administrators when the disk of the state directory is all but full.
#[must_use]
pub fn full(hub: &Hub) -> Option<Message> {
    let free = hub.meters.disk_free().filter(|free| *free < FULL_BELOW)?;
    Some(little_room(&hub.config, free))
}

fn little_room(config: &Config, free: u64) -> Message {
    Message::new("health-disk-bad").with("path", config.state_dir.display()).count("free", free)
}

fn disk(config: &Config) -> Option<Message> {
    match free_percent(&config.state_dir) {
        Some(free) if free >= FREE_MIN => None,
        free => Some(little_room(config, free.unwrap_or(0))),
    }
}

/// Of the hub's own CA alone: other certificates are nginx's.
fn certificate(config: &Config) -> Check {
    let certificate = check("certificate", "health-certificate", None);
    let path = config.ca_certificate.with_file_name("server.crt");
    let Ok(bytes) = std::fs::read(&path) else {
        return certificate.with(Some(Message::new("health-certificate-elsewhere")));
    };
    let ends = X509::from_pem(&bytes).ok();
    let left = ends.and_then(|one| Some(Asn1Time::days_from_now(0).ok()?.diff(one.not_after()).ok()?.days));
    let days = left.and_then(|days| u64::try_from(days).ok()).unwrap_or(0);
    if left.is_none_or(|days| days < DAYS_MIN) {
        let bad = Message::new("health-certificate-bad").with("path", path.display()).count("days", days);
        return Check { trouble: Some(bad), ..certificate };
    }
    certificate.with(Some(Message::new("health-certificate-days").count("days", days)))
}
