//! From the properties of a unit to the one lifecycle of a server. Pure.

use hubgate_protocol::{Exit, Phase, ServerId, ServerStatus};
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

use super::bus::{ACTIVE_STATE, Field, Properties, SERVICE, UNIT};
use crate::line::{STATUS_MAX, harmless};

/// systemd's `CLD_KILLED` and `CLD_DUMPED`: how `ExecMainCode` tells a signal.
const BY_SIGNAL: [i32; 2] = [2, 3];

/// What [`read`] looks at in a service.
pub(super) const SERVICE_FIELDS: [Field; 7] = [
    ACTIVE_STATE,
    (UNIT, "StateChangeTimestamp"),
    (SERVICE, "MainPID"),
    (SERVICE, "StatusText"),
    (SERVICE, "Result"),
    (SERVICE, "ExecMainStatus"),
    (SERVICE, "ExecMainCode"),
];
/// What [`read`] looks at in a socket.
pub(super) const SOCKET_FIELDS: [Field; 2] = [ACTIVE_STATE, (UNIT, "StateChangeTimestamp")];

/// The server that a unit belongs to: `jupyter@alice.socket` to `alice`.
pub(super) fn instance(unit: &str) -> Option<ServerId> {
    let stem = unit.strip_suffix(".service").or_else(|| unit.strip_suffix(".socket"))?;
    let instance = stem.strip_prefix("jupyter@").or_else(|| stem.strip_prefix("jupyter-named@"))?;
    instance.parse().ok()
}

/// The state of a server from its service and its socket, as far as systemd knows them.
pub(super) fn read(
    server: &ServerId,
    service: Option<&Properties>,
    socket: Option<&Properties>,
) -> ServerStatus {
    let mut status = ServerStatus::stopped(server);
    let listening = socket.filter(|socket| text(socket, "ActiveState") == "active");
    if let Some(service) = service {
        status.phase = phase(text(service, "ActiveState"));
        status.since_ms = since(service);
        status.pid = unsigned(service, "MainPID").filter(|pid| *pid != 0);
        status.status_text = harmless(text(service, "StatusText"), STATUS_MAX);
        status.exit = (status.phase == Phase::Failed).then(|| exit(service));
    }
    if let (Phase::Stopped, Some(socket)) = (status.phase, listening) {
        status.phase = Phase::Listening;
        status.since_ms = status.since_ms.max(since(socket));
    }
    if status.phase != Phase::Running && status.phase != Phase::Starting {
        status.status_text.clear();
    }
    status
}

fn phase(active_state: &str) -> Phase {
    match active_state {
        "active" | "reloading" | "refreshing" => Phase::Running,
        "activating" => Phase::Starting,
        "deactivating" => Phase::Stopping,
        "failed" => Phase::Failed,
        _ => Phase::Stopped,
    }
}

fn exit(service: &Properties) -> Exit {
    let result = text(service, "Result");
    let status = signed(service, "ExecMainStatus").unwrap_or_default();
    let by_signal = signed(service, "ExecMainCode").is_some_and(|code| BY_SIGNAL.contains(&code));
    // `Result=` names the first cause; without one (`success` after a failed condition) the code speaks.
    let word = if result == "success" && by_signal { "signal" } else { result };
    Exit { result: harmless(word, 64), status }
}

/// Whose processes a service has.
pub(super) const OWNER: Field = (SERVICE, "UID");

/// Who that is, while it runs.
pub(super) fn owner(unit: &Properties) -> Option<u32> {
    unsigned(unit, OWNER.1).filter(|uid| *uid != u32::MAX)
}

/// What [`lives`] looks at.
pub(super) const LIFE: [Field; 2] = [ACTIVE_STATE, (UNIT, "Job")];

/// Whether a service lives or has a job that may make it live.
pub(super) fn lives(unit: &Properties) -> bool {
    let job = unit.get("Job").and_then(|job| <(u32, OwnedObjectPath)>::try_from(job.clone()).ok());
    !matches!(phase(text(unit, "ActiveState")), Phase::Failed | Phase::Stopped)
        || job.is_none_or(|(number, _)| number != 0)
}

/// When the current or last run began.
pub(super) const BEGAN: Field = (UNIT, "InactiveExitTimestamp");

/// When that was, microseconds since 1970; 0: it has not run since systemd loaded it.
pub(super) fn began_us(unit: &Properties) -> u64 {
    unit.get(BEGAN.1).and_then(|value| u64::try_from(value).ok()).unwrap_or_default()
}

/// `StateChangeTimestamp` is in microseconds.
fn since(unit: &Properties) -> u64 {
    unit.get("StateChangeTimestamp").and_then(|value| u64::try_from(value).ok()).unwrap_or_default() / 1000
}

/// A property of text; empty when it is missing.
pub(super) fn text<'a>(unit: &'a Properties, name: &str) -> &'a str {
    unit.get(name).and_then(|value: &OwnedValue| <&str>::try_from(value).ok()).unwrap_or_default()
}

fn unsigned(unit: &Properties, name: &str) -> Option<u32> {
    unit.get(name).and_then(|value| u32::try_from(value).ok())
}

fn signed(unit: &Properties, name: &str) -> Option<i32> {
    unit.get(name).and_then(|value| i32::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use zbus::zvariant::Value;

    use super::*;

    fn unit(fields: &[(&str, Value<'static>)]) -> Properties {
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.try_to_owned().unwrap())).collect()
    }

    fn state(service: &str, socket: &str) -> Phase {
        let make = |state: &str| unit(&[("ActiveState", Value::new(state.to_owned()))]);
        read(&"alice".parse().unwrap(), Some(&make(service)), Some(&make(socket))).phase
    }

    #[test]
    fn every_active_state_has_one_phase() {
        assert_eq!(state("active", "active"), Phase::Running);
        assert_eq!(state("reloading", "active"), Phase::Running);
        assert_eq!(state("activating", "active"), Phase::Starting);
        assert_eq!(state("deactivating", "inactive"), Phase::Stopping);
        assert_eq!(state("failed", "active"), Phase::Failed);
        assert_eq!(state("inactive", "active"), Phase::Listening);
        assert_eq!(state("inactive", "failed"), Phase::Stopped);
        assert_eq!(read(&"alice".parse().unwrap(), None, None).phase, Phase::Stopped);
    }

    #[test]
    fn a_failed_server_says_how_it_ended() {
        let service = unit(&[
            ("ActiveState", Value::new("failed")),
            ("Result", Value::new("signal")),
            ("ExecMainStatus", Value::new(9_i32)),
            ("ExecMainCode", Value::new(2_i32)),
            ("MainPID", Value::new(0_u32)),
            ("StateChangeTimestamp", Value::new(1_763_800_000_123_456_u64)),
            ("StatusText", Value::new("old")),
        ]);
        let status = read(&"alice:gpu".parse().unwrap(), Some(&service), None);
        assert_eq!(status.exit, Some(Exit { result: "signal".to_owned(), status: 9 }));
        assert_eq!((status.pid, status.since_ms, status.status_text.as_str()), (None, 1_763_800_000_123, ""));
    }

    #[test]
    fn a_status_text_is_made_harmless() {
        let service =
            unit(&[("ActiveState", Value::new("active")), ("StatusText", Value::new("a\x1b]0;x\n"))]);
        let status = read(&"alice".parse().unwrap(), Some(&service), None);
        assert_eq!(status.status_text, "a\u{fffd}]0;x\u{fffd}");
    }

    #[test]
    fn only_our_units_with_good_names_are_servers() {
        assert_eq!(instance("jupyter@alice.service").unwrap().to_string(), "alice");
        assert_eq!(instance("jupyter-named@alice:gpu.socket").unwrap().to_string(), "alice:gpu");
        for unit in [
            "jupyter@.service",
            "jupyter@Alice.service",
            "sshd.service",
            "jupyter@a b.service",
            "jupyter@alice.slice",
        ] {
            assert_eq!(instance(unit), None, "{unit}");
        }
    }
}
