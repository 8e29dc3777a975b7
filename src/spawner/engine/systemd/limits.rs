//! Limits as properties of a unit; the values were checked by [`crate::serve`].
//!
//! systemd keeps what is set so in files of `/run/systemd/system.control`, also after the unit has ended. Those of hubgate's
//! own properties are removed where a limit is not wanted any more; what `systemctl set-property` wrote below /etc stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hubgate_protocol::Limits;
use zbus::zvariant::Value;

use super::super::{EngineError, Network, Run};
use super::bus::Bus;
use super::failed;
use crate::config::Gpus;

/// Where systemd keeps what was set until the next boot.
const CONTROL: &str = "/run/systemd/system.control";
/// Microseconds of CPU time a second that one percent of one CPU is.
const USEC_PER_PERCENT: u64 = 10_000;
/// `AF_INET` and `AF_INET6`.
const FAMILIES: [(i32, usize); 2] = [(2, 4), (10, 16)];

/// A property to be set: its name on the bus, that of its file, and its value.
pub(super) struct Property {
    name: &'static str,
    file: &'static str,
    /// `None`: the unit's own.
    value: Option<Value<'static>>,
}

/// An address of systemd's lists: family, bytes, length of the prefix.
type Address = (i32, Vec<u8>, u32);

/// The limits of a running server.
pub(super) fn properties(limits: &Limits) -> Vec<Property> {
    let quota = limits.cpu_quota_percent.map(|percent| u64::from(percent) * USEC_PER_PERCENT);
    [
        ("MemoryMax", "MemoryMax", limits.memory_max),
        ("MemoryLow", "MemoryLow", limits.memory_low),
        ("MemorySwapMax", "MemorySwapMax", limits.memory_swap_max),
        ("CPUQuotaPerSecUSec", "CPUQuota", quota),
        ("CPUWeight", "CPUWeight", limits.cpu_weight.map(u64::from)),
        ("TasksMax", "TasksMax", limits.tasks_max),
        ("IOWeight", "IOWeight", limits.io_weight.map(u64::from)),
    ]
    .into_iter()
    .map(|(name, file, value)| Property { name, file, value: value.map(Value::U64) })
    .collect()
}

/// All that differs from one start to the next.
pub(super) fn of_start(run: &Run, gpus: &Gpus) -> Vec<Property> {
    let every: Vec<Address> = FAMILIES.iter().map(|(family, len)| (*family, vec![0; *len], 0)).collect();
    let deny = (run.network != Network::AsItIs).then(|| Value::from(every));
    let own: Vec<Address> = vec![(2, vec![127, 0, 0, 0], 8), (10, [vec![0; 15], vec![1]].concat(), 128)];
    let allow = (run.network == Network::Loopback).then(|| Value::from(own));
    let mut all = properties(&run.limits);
    all.extend(devices(gpus, &run.gpus));
    all.push(Property { name: "IPAddressDeny", file: "IPAddressDeny", value: deny });
    all.push(Property { name: "IPAddressAllow", file: "IPAddressAllow", value: allow });
    all
}

/// What a server with these GPUs may open. Where the host leases none that is the unit's own business.
pub(super) fn devices(gpus: &Gpus, leased: &[String]) -> Vec<Property> {
    let allowed = gpus.allowed(leased);
    let policy = allowed.as_ref().map(|_| Value::from("closed"));
    let pair = |path: &Path| (path.to_string_lossy().into_owned(), "rw".to_owned());
    let list = |paths: Vec<&Path>| Value::from(paths.into_iter().map(pair).collect::<Vec<_>>());
    // The list is added to the one that systemd has, which is emptied before.
    let empty = allowed.as_ref().map(|_| list(Vec::new()));
    [("DevicePolicy", policy), ("DeviceAllow", empty), ("DeviceAllow", allowed.map(list))]
        .into_iter()
        .map(|(name, value)| Property { name, file: name, value })
        .collect()
}

/// Sets what is wanted and takes back what was set before and is not wanted any more.
pub(super) fn set(bus: &Bus, unit: &str, properties: &[Property]) -> Result<(), EngineError> {
    let dir = Path::new(CONTROL).join(format!("{unit}.d"));
    let unwanted = properties.iter().filter(|property| property.value.is_none());
    let mut gone = false;
    for property in unwanted {
        gone |= remove(&file(&dir, property)).map_err(failed)?;
    }
    if gone {
        bus.reload()?;
    }
    let wanted: Vec<(&str, Value<'_>)> = properties
        .iter()
        .filter_map(|property| Some((property.name, property.value.as_ref()?.try_clone().ok()?)))
        .collect();
    if wanted.is_empty() { Ok(()) } else { bus.set_properties(unit, &wanted) }
}

fn file(dir: &Path, property: &Property) -> PathBuf {
    dir.join(format!("50-{}.conf", property.file))
}

/// Tells whether it was there.
fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(properties: &[Property]) -> Vec<(&'static str, Value<'static>)> {
        let value = |property: &Property| Some((property.name, property.value.as_ref()?.try_clone().ok()?));
        properties.iter().filter_map(value).collect()
    }

    #[test]
    fn a_missing_value_is_the_units_own_and_percent_becomes_time() {
        let limits = Limits { memory_max: Some(1 << 30), cpu_quota_percent: Some(150), ..Limits::default() };
        let expected =
            vec![("MemoryMax", Value::U64(1 << 30)), ("CPUQuotaPerSecUSec", Value::U64(1_500_000))];
        assert_eq!(wanted(&properties(&limits)), expected);
        assert!(wanted(&properties(&Limits::default())).is_empty());
    }

    #[test]
    fn each_property_has_the_file_that_systemd_writes() {
        let all = properties(&Limits::default());
        let quota = all.iter().find(|property| property.name == "CPUQuotaPerSecUSec").unwrap();
        let path = file(Path::new("/c/jupyter@alice.service.d"), quota);
        assert_eq!(path, Path::new("/c/jupyter@alice.service.d/50-CPUQuota.conf"));
    }
}
