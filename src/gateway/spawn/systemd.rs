//! Hearing of servers from systemd itself: D-Bus signals about `jupyter@…` units, read without any privilege.

use std::collections::HashMap;

use futures_util::StreamExt;
use hubgate_protocol::{Exit, Phase, ServerId, ServerStatus};
use tokio::sync::mpsc::Sender;
use zbus::message::Type;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};
use zbus::{Connection, MatchRule, Message, MessageStream};

use crate::spawn::watch::Event;

const PATTERNS: [&str; 4] =
    ["jupyter@*.service", "jupyter@*.socket", "jupyter-named@*.service", "jupyter-named@*.socket"];
const SERVICE: &str = "org.freedesktop.systemd1.Service";
/// Signals that may wait while one is handled.
const QUEUE: usize = 4096;
/// Longest `StatusText` kept.
const STATUS_TEXT_MAX: usize = 512;

type UnitRow =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);
type Properties = HashMap<String, OwnedValue>;

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn list_units_by_patterns(&self, states: &[&str], patterns: &[&str]) -> zbus::Result<Vec<UnitRow>>;
}

/// Passes events on until the bus fails or nobody listens any more.
///
/// The subscription comes before the list, so that no change falls between the two.
///
/// # Errors
/// Whatever the bus says. The caller tries again.
pub async fn run(events: &Sender<Event>) -> zbus::Result<()> {
    let bus = Connection::system().await?;
    let manager = ManagerProxy::new(&bus).await?;
    manager.subscribe().await?;
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.systemd1")?
        .interface("org.freedesktop.DBus.Properties")?
        .member("PropertiesChanged")?
        .path_namespace("/org/freedesktop/systemd1/unit")?
        .build();
    let mut signals = MessageStream::for_match_rule(rule, &bus, Some(QUEUE)).await?;
    let mut units = Units::default();
    for row in manager.list_units_by_patterns(&[], &PATTERNS).await? {
        let Some(unit) = UnitName::parse(&row.0) else { continue };
        let mut properties = Properties::new();
        if unit.service {
            properties = all(&bus, &row.6, SERVICE).await.unwrap_or_default();
        }
        units.set_active(&unit, &row.3);
        units.merge(&unit, &properties);
    }
    if events.send(Event::Snapshot(units.all())).await.is_err() {
        return Ok(());
    }
    while let Some(signal) = signals.next().await {
        let Some((unit, properties)) = change(&signal?) else { continue };
        units.merge(&unit, &properties);
        if events.send(Event::Changed(units.status(&unit.id))).await.is_err() {
            return Ok(());
        }
    }
    Err(zbus::Error::Failure("the bus closed the connection".to_owned()))
}

/// The managed services that systemd knows: name and `ActiveState`.
///
/// # Errors
/// Whatever the bus says.
pub async fn services() -> zbus::Result<HashMap<String, String>> {
    let bus = Connection::system().await?;
    let manager = ManagerProxy::new(&bus).await?;
    let rows = manager.list_units_by_patterns(&[], &["hubgate-service@*.service"]).await?;
    let named = |row: UnitRow| Some((service_of(&row.0)?.to_owned(), row.3));
    Ok(rows.into_iter().filter_map(named).collect())
}

/// The service that a unit runs.
fn service_of(unit: &str) -> Option<&str> {
    unit.strip_prefix("hubgate-service@")?.strip_suffix(".service")
}

async fn all(bus: &Connection, path: &OwnedObjectPath, interface: &str) -> zbus::Result<Properties> {
    let to = Some("org.freedesktop.systemd1");
    let reply =
        bus.call_method(to, path, Some("org.freedesktop.DBus.Properties"), "GetAll", &interface).await?;
    reply.body().deserialize()
}

fn change(signal: &Message) -> Option<(UnitName, Properties)> {
    let header = signal.header();
    let escaped = header.path()?.as_str().strip_prefix("/org/freedesktop/systemd1/unit/")?;
    let unit = UnitName::parse(&bus_unescape(escaped)?)?;
    let body = signal.body();
    let (_, properties, _): (String, Properties, Vec<String>) = body.deserialize().ok()?;
    Some((unit, properties))
}

/// Undoes systemd's `bus_label_escape`: `_40` is the byte 0x40.
fn bus_unescape(label: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(label.len());
    let mut rest = label.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'_' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

/// A unit of ours, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct UnitName {
    id: ServerId,
    service: bool,
}

impl UnitName {
    fn parse(unit: &str) -> Option<Self> {
        let instance = unit.strip_prefix("jupyter@").or_else(|| unit.strip_prefix("jupyter-named@"))?;
        let (instance, suffix) = instance.rsplit_once('.')?;
        let service = match suffix {
            "service" => true,
            "socket" => false,
            _ => return None,
        };
        Some(Self { id: instance.parse().ok()?, service })
    }
}

/// What is known of each server's two units.
#[derive(Debug, Default)]
struct Units(HashMap<ServerId, Unit>);

#[derive(Debug, Default)]
struct Unit {
    service: String,
    socket: String,
    status_text: String,
    result: String,
    exit_status: i32,
    pid: u32,
    since_us: u64,
}

impl Units {
    fn set_active(&mut self, unit: &UnitName, active: &str) {
        let known = self.0.entry(unit.id.clone()).or_default();
        let side = if unit.service { &mut known.service } else { &mut known.socket };
        active.clone_into(side);
    }

    fn merge(&mut self, unit: &UnitName, changed: &Properties) {
        let text = |key: &str| {
            changed.get(key).and_then(|value| value.downcast_ref::<&str>().ok()).map(str::to_owned)
        };
        if let Some(active) = text("ActiveState") {
            self.set_active(unit, &active);
        }
        if !unit.service {
            return;
        }
        let known = self.0.entry(unit.id.clone()).or_default();
        if let Some(mut status) = text("StatusText") {
            status.truncate(status.floor_char_boundary(STATUS_TEXT_MAX));
            known.status_text = status;
        }
        if let Some(result) = text("Result") {
            known.result = result;
        }
        let number = |key: &str| changed.get(key);
        if let Some(status) = number("ExecMainStatus").and_then(|value| value.downcast_ref::<i32>().ok()) {
            known.exit_status = status;
        }
        if let Some(pid) = number("MainPID").and_then(|value| value.downcast_ref::<u32>().ok()) {
            known.pid = pid;
        }
        if let Some(since) = number("StateChangeTimestamp").and_then(|value| value.downcast_ref::<u64>().ok())
        {
            known.since_us = since;
        }
    }

    fn status(&self, id: &ServerId) -> ServerStatus {
        let mut status = ServerStatus::stopped(id);
        let Some(unit) = self.0.get(id) else { return status };
        status.phase = unit.phase();
        status.since_ms = unit.since_us / 1000;
        if matches!(status.phase, Phase::Starting | Phase::Running | Phase::Stopping) {
            status.pid = (unit.pid != 0).then_some(unit.pid);
            status.status_text.clone_from(&unit.status_text);
        }
        if status.phase == Phase::Failed {
            status.exit = Some(Exit { result: unit.result.clone(), status: unit.exit_status });
        }
        status
    }

    fn all(&self) -> Vec<ServerStatus> {
        self.0.keys().map(|id| self.status(id)).filter(|status| status.phase != Phase::Stopped).collect()
    }
}

impl Unit {
    fn phase(&self) -> Phase {
        match (self.service.as_str(), self.socket.as_str()) {
            ("active" | "reloading", _) => Phase::Running,
            ("activating", _) => Phase::Starting,
            ("deactivating", _) => Phase::Stopping,
            ("failed", _) => Phase::Failed,
            (_, "active") => Phase::Listening,
            _ => Phase::Stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitName {
        UnitName::parse(name).unwrap()
    }

    #[test]
    fn only_our_units_are_heard() {
        assert_eq!(unit("jupyter@alice.service").id.to_string(), "alice");
        assert_eq!(unit("jupyter-named@alice:gpu.socket").id.to_string(), "alice:gpu");
        for foreign in [
            "sshd.service",
            "jupyter@.service",
            "jupyter@Alice.service",
            "jupyter@alice.timer",
            "jupyter.slice",
            "x-jupyter@a.service",
        ] {
            assert_eq!(UnitName::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_unit_of_a_service_is_known_by_its_name() {
        assert_eq!(service_of("hubgate-service@culler.service"), Some("culler"));
        assert_eq!(service_of("jupyter@culler.service"), None);
    }

    #[test]
    fn a_bus_label_reads_back() {
        assert_eq!(bus_unescape("jupyter_40user_2ename_2eservice").unwrap(), "jupyter@user.name.service");
        assert_eq!(bus_unescape("x_4"), None);
        assert_eq!(bus_unescape("x_zz"), None);
    }

    #[test]
    fn the_phase_comes_from_both_units() {
        let mut units = Units::default();
        let (service, socket) = (unit("jupyter@alice.service"), unit("jupyter@alice.socket"));
        let mut seen = Vec::new();
        let steps = [
            (&socket, "active"),
            (&service, "activating"),
            (&service, "active"),
            (&service, "deactivating"),
            (&service, "failed"),
            (&service, "inactive"),
            (&socket, "inactive"),
        ];
        for (unit, active) in steps {
            units.set_active(unit, active);
            seen.push(units.status(&service.id).phase);
        }
        use Phase::{Failed, Listening, Running, Starting, Stopped, Stopping};
        assert_eq!(seen, [Listening, Starting, Running, Stopping, Failed, Listening, Stopped]);
    }

    #[test]
    fn a_failed_unit_says_how_it_ended() {
        let mut units = Units::default();
        let service = unit("jupyter@alice.service");
        let value = |value: zbus::zvariant::Value<'static>| OwnedValue::try_from(value).unwrap();
        let changed = Properties::from([
            ("ActiveState".to_owned(), value("failed".into())),
            ("Result".to_owned(), value("exit-code".into())),
            ("ExecMainStatus".to_owned(), value(203_i32.into())),
            ("StateChangeTimestamp".to_owned(), value(5_000_000_u64.into())),
        ]);
        units.merge(&service, &changed);
        let status = units.status(&service.id);
        assert_eq!(status.exit, Some(Exit { result: "exit-code".to_owned(), status: 203 }));
        assert_eq!(status.since_ms, 5000);
    }
}
