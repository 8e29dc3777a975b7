//! systemd's manager on the system bus: a handful of its methods, each with a deadline.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use hubgate_protocol::ServerId;
use serde::Serialize;
use zbus::blocking::{Connection, connection::Builder};
use zbus::zvariant::{DynamicType, OwnedObjectPath, OwnedValue, Value};

use super::super::EngineError;
use super::state::text;
use crate::hold::hold;

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// PID 1 may be busy with a reload; one that is silent for longer is ill.
const DEADLINE: Duration = Duration::from_secs(25);

/// Properties of a unit by name.
pub(super) type Properties = HashMap<String, OwnedValue>;

/// A property: its interface and its name.
pub(super) type Field = (&'static str, &'static str);
/// What all units have.
pub(super) const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// What services have.
pub(super) const SERVICE: &str = "org.freedesktop.systemd1.Service";
/// `active`, `inactive`, `failed`, …
pub(super) const ACTIVE_STATE: Field = (UNIT, "ActiveState");

/// The connection, made at the first use and again after it broke.
#[derive(Default)]
pub(super) struct Bus(Mutex<Option<Connection>>);

impl Bus {
    /// Queues a start.
    pub(super) fn start(&self, unit: &str) -> Result<(), EngineError> {
        self.manager::<_, OwnedObjectPath>("StartUnit", &(unit, "replace")).map(drop)
    }

    /// Queues a start of a unit that may run already: then it ends first.
    pub(super) fn restart(&self, unit: &str) -> Result<(), EngineError> {
        self.manager::<_, OwnedObjectPath>("RestartUnit", &(unit, "replace")).map(drop)
    }

    /// Queues a stop; a unit that is not loaded is stopped.
    pub(super) fn stop(&self, unit: &str) -> Result<(), EngineError> {
        absent_is_none(self.call::<_, OwnedObjectPath>("StopUnit", &(unit, "replace"))).map(drop)
    }

    /// Forgets a failure; a unit that is not loaded has none.
    pub(super) fn reset_failed(&self, unit: &str) -> Result<(), EngineError> {
        absent_is_none(self.call::<_, ()>("ResetFailedUnit", &(unit,))).map(drop)
    }

    /// Reads unit files and drop-ins again.
    pub(super) fn reload(&self) -> Result<(), EngineError> {
        self.manager("Reload", &())
    }

    /// Changes properties until the unit ends.
    pub(super) fn set_properties(
        &self,
        unit: &str,
        properties: &[(&str, Value<'_>)],
    ) -> Result<(), EngineError> {
        self.manager("SetUnitProperties", &(unit, true, properties))
    }

    /// Some properties of a unit; `None` when systemd has not loaded it.
    ///
    /// Each is asked for by itself: all of them together are some hundreds, which cost systemd milliseconds.
    pub(super) fn unit(&self, unit: &str, fields: &[Field]) -> Result<Option<Properties>, EngineError> {
        let Some(path) = absent_is_none(self.call::<_, OwnedObjectPath>("GetUnit", &(unit,)))? else {
            return Ok(None);
        };
        // A unit may be unloaded between two calls.
        absent_is_none(self.get(&path, fields))
    }

    /// Whether a unit is loaded and active.
    pub(super) fn is_active(&self, unit: &str) -> Result<bool, EngineError> {
        Ok(self.unit(unit, &[ACTIVE_STATE])?.is_some_and(|unit| text(&unit, ACTIVE_STATE.1) == "active"))
    }

    /// Loads a unit, and asks whether its files on disk are newer than what systemd knows.
    pub(super) fn needs_reload(&self, unit: &str) -> Result<bool, EngineError> {
        let path: OwnedObjectPath = self.manager("LoadUnit", &(unit,))?;
        let properties =
            self.get(&path, &[(UNIT, "NeedDaemonReload"), (UNIT, "DropInPaths")]).map_err(refused)?;
        let stale =
            properties.get("NeedDaemonReload").and_then(|value| bool::try_from(value).ok()).unwrap_or(true);
        let drop_ins =
            properties.get("DropInPaths").and_then(|value| Vec::<String>::try_from(value.clone()).ok());
        let own = super::dropin::path(unit);
        let known = drop_ins.is_some_and(|paths| paths.iter().any(|path| own.as_os_str() == path.as_str()));
        Ok(stale || !known)
    }

    /// Every server of which systemd knows a unit.
    pub(super) fn instances(&self) -> Result<Vec<ServerId>, EngineError> {
        type Row =
            (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);
        let states: [&str; 0] = [];
        let patterns = ["jupyter@*", "jupyter-named@*"];
        let rows: Vec<Row> =
            self.manager("ListUnitsByPatterns", &(states.as_slice(), patterns.as_slice()))?;
        let mut servers: Vec<ServerId> =
            rows.iter().filter_map(|row| super::state::instance(&row.0)).collect();
        servers.sort();
        servers.dedup();
        Ok(servers)
    }

    fn manager<B: Serialize + DynamicType, R: serde::de::DeserializeOwned + zbus::zvariant::Type>(
        &self,
        method: &str,
        body: &B,
    ) -> Result<R, EngineError> {
        self.call(method, body).map_err(refused)
    }

    fn call<B: Serialize + DynamicType, R: serde::de::DeserializeOwned + zbus::zvariant::Type>(
        &self,
        method: &str,
        body: &B,
    ) -> zbus::Result<R> {
        self.with_connection(|bus| {
            bus.call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), method, body)?.body().deserialize()
        })
    }

    fn get(&self, path: &OwnedObjectPath, fields: &[Field]) -> zbus::Result<Properties> {
        self.with_connection(|bus| {
            let get = |(interface, name): &Field| {
                let reply =
                    bus.call_method(Some(SYSTEMD), path, Some(PROPERTIES), "Get", &(interface, name))?;
                Ok(((*name).to_owned(), reply.body().deserialize::<OwnedValue>()?))
            };
            fields.iter().map(get).collect()
        })
    }

    /// Runs `call` on the connection, once more on a fresh one if the old one turns out to be broken.
    fn with_connection<R>(&self, call: impl Fn(&Connection) -> zbus::Result<R>) -> zbus::Result<R> {
        match call(&self.connection()?) {
            Err(zbus::Error::InputOutput(error)) if error.kind() != std::io::ErrorKind::TimedOut => {
                *hold(&self.0) = None;
                call(&self.connection()?)
            }
            outcome => outcome,
        }
    }

    fn connection(&self) -> zbus::Result<Connection> {
        let mut held = hold(&self.0);
        if let Some(connection) = &*held {
            return Ok(connection.clone());
        }
        let fresh = Builder::system()?.method_timeout(DEADLINE).build()?;
        Ok(held.insert(fresh).clone())
    }
}

/// Turns "there is no such unit" into `None`.
fn absent_is_none<R>(result: zbus::Result<R>) -> Result<Option<R>, EngineError> {
    const ABSENT: [&str; 3] = [
        "org.freedesktop.systemd1.NoSuchUnit",
        "org.freedesktop.systemd1.UnitNotLoaded",
        "org.freedesktop.DBus.Error.UnknownObject",
    ];
    match result {
        Ok(value) => Ok(Some(value)),
        Err(zbus::Error::MethodError(name, ..)) if ABSENT.contains(&name.as_str()) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn refused(error: zbus::Error) -> EngineError {
    match &error {
        zbus::Error::InputOutput(io) if io.kind() == std::io::ErrorKind::TimedOut => {
            EngineError::Timeout(format!("systemd did not answer within {} s", DEADLINE.as_secs()))
        }
        _ => EngineError::Failed(format!("systemd: {error}")),
    }
}
