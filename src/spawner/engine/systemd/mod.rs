//! The engine of a host whose PID 1 is systemd: it owns every process, this room only asks it.

mod bus;
mod dropin;
mod journal;
mod limits;
mod service;
mod state;
mod tidy;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hubgate_protocol::{Limits, Phase, ServerId, ServerStatus, ServiceName};

use super::process::watch::Watch;
use super::{Engine, EngineError, Run, ServiceRun};
use crate::config::{Accounts, Config, Gpus};
use crate::envfile::EnvFiles;
use crate::quota::Quota;
use bus::Bus;
use dropin::VirtualHomes;

/// Where `EnvironmentFile=` of the servers' templates looks.
const SERVER_ENV: &str = "/run/hubgate/servers";

/// The systemd engine.
pub struct Systemd {
    bus: Arc<Bus>,
    accounts: Accounts,
    homes: VirtualHomes,
    socket_dir: PathBuf,
    env: EnvFiles,
    gpus: Gpus,
    services: service::Services,
}

/// The two units of one server.
struct Units {
    socket: String,
    service: String,
    /// Whether they come from `jupyter-named@`, whose service needs a drop-in.
    named: bool,
}

impl Systemd {
    /// Connects nothing yet: the bus may come later than this daemon.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let bus: Arc<Bus> = Arc::default();
        Self {
            accounts: config.accounts,
            homes: VirtualHomes {
                template: config.virtual_home.clone(),
                quota_hook: config.virtual_quota_hook.clone(),
            },
            socket_dir: config.socket_dir.clone(),
            env: EnvFiles::new(Path::new(SERVER_ENV)),
            gpus: config.gpus.clone(),
            services: service::Services::new(Arc::clone(&bus)),
            bus,
        }
    }

    /// `jupyter@alice` for the default server of the host's account of that name; everything else needs a drop-in that says
    /// whose it is. Both parts of an instance are checked types: the text goes into a unit name as it is.
    fn units(&self, server: &ServerId) -> Units {
        let named =
            !server.server.is_default() || server.user.is_derived() || self.accounts == Accounts::Virtual;
        let template = if named { "jupyter-named" } else { "jupyter" };
        Units {
            socket: format!("{template}@{server}.socket"),
            service: format!("{template}@{server}.service"),
            named,
        }
    }

    /// Drop-ins: whose it is, where that does not stand in the name of the unit, and what is closed to it.
    fn write_down(&self, server: &ServerId, run: &Run, units: &Units) -> Result<(), EngineError> {
        let mut service = dropin::closed(&run.paths);
        if units.named {
            service.insert_str(0, &dropin::owner(&run.account, &self.homes));
            dropin::write(&units.socket, &dropin::socket(&self.socket_dir.join(server.socket_name())))?;
        } else if service.is_empty() {
            return if dropin::remove(&units.service)? { self.bus.reload() } else { Ok(()) };
        }
        dropin::write(&units.service, &service)?;
        let stale = self.bus.needs_reload(&units.service)?
            || (units.named && self.bus.needs_reload(&units.socket)?);
        if stale { self.bus.reload() } else { Ok(()) }
    }

    /// Has the quota of an account set; what the file system says to that is in the journal of that unit.
    fn quota(&self, uid: u32, bytes: u64) {
        if let Err(error) = self.bus.start(&Quota::new(uid, bytes).unit()) {
            log::warn!("quota not asked for uid={uid}: {error}");
        }
    }

    fn status_of(&self, server: &ServerId, units: &Units) -> Result<ServerStatus, EngineError> {
        let service = self.bus.unit(&units.service, &state::SERVICE_FIELDS)?;
        let socket = self.bus.unit(&units.socket, &state::SOCKET_FIELDS)?;
        Ok(state::read(server, service.as_ref(), socket.as_ref()))
    }
}

/// A file that could not be written or removed.
#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn failed(error: io::Error) -> EngineError {
    EngineError::Failed(error.to_string())
}

impl Engine for Systemd {
    fn start(&self, server: &ServerId, run: &Run) -> Result<(), EngineError> {
        let units = self.units(server);
        self.write_down(server, run, &units)?;
        // A server that was of the hub flavour before must not find the old token.
        let instance = server.to_string();
        match run.env.is_empty() {
            false => self.env.put(&instance, &run.env).map(drop),
            true => self.env.remove(&instance),
        }
        .map_err(failed)?;
        limits::set(&self.bus, &units.service, &limits::of_start(run, &self.gpus))?;
        if let (Some(bytes), Some(host)) = (run.limits.disk_quota, run.account.host()) {
            self.quota(host.uid, bytes);
        }
        // A unit that failed, or failed too often, must not refuse the next start that a person asks for.
        self.bus.reset_failed(&units.service)?;
        self.bus.reset_failed(&units.socket)?;
        if !self.bus.is_active(&units.socket)? {
            self.bus.start(&units.socket)?;
        }
        self.bus.start(&units.service)
    }

    fn start_service(&self, run: &ServiceRun<'_>) -> Result<(), EngineError> {
        self.services.start(run)
    }

    fn stop_service(&self, name: &ServiceName) -> Result<(), EngineError> {
        self.services.stop(name)
    }

    fn stop(&self, server: &ServerId) -> Result<(), EngineError> {
        let units = self.units(server);
        // Before the units: whatever starts without its token is stopped by the next lines.
        self.env.remove(&server.to_string()).map_err(failed)?;
        // The socket first: a request that arrives in between must not start the service again.
        self.bus.stop(&units.socket)?;
        self.bus.stop(&units.service)?;
        tidy::after_stop(&self.bus, &units.service)
    }

    fn status(&self, server: &ServerId) -> Result<ServerStatus, EngineError> {
        self.status_of(server, &self.units(server))
    }

    fn list(&self) -> Result<Vec<ServerStatus>, EngineError> {
        let mut servers = Vec::new();
        for server in self.bus.instances()? {
            let status = self.status(&server)?;
            if status.phase != Phase::Stopped {
                servers.push(status);
            }
        }
        Ok(servers)
    }

    fn journal(&self, server: &ServerId, lines: u16) -> Result<Vec<String>, EngineError> {
        let service = self.units(server).service;
        let unit = self.bus.unit(&service, &[state::BEGAN])?;
        journal::last(&service, unit.as_ref().map_or(0, state::began_us), lines)
    }

    fn set_limits(&self, server: &ServerId, limits: &Limits) -> Result<(), EngineError> {
        let service = self.units(server).service;
        let unit = self.bus.unit(&service, &[state::OWNER])?;
        if let (Some(bytes), Some(uid)) = (limits.disk_quota, unit.as_ref().and_then(state::owner)) {
            self.quota(uid, bytes);
        }
        limits::set(&self.bus, &service, &limits::properties(limits))
    }

    fn lives(&self, server: &ServerId) -> Result<bool, EngineError> {
        let unit = self.bus.unit(&self.units(server).service, &state::LIFE)?;
        Ok(unit.as_ref().is_some_and(state::lives))
    }

    fn vacate(&self, server: &ServerId) -> Result<(), EngineError> {
        let units = self.units(server);
        self.env.remove(&server.to_string()).map_err(failed)?;
        self.bus.stop(&units.socket)?;
        limits::set(&self.bus, &units.service, &limits::devices(&self.gpus, &[]))
    }

    fn watch(&self) -> Result<Arc<Watch>, EngineError> {
        Err(EngineError::Unsupported(
            "systemd's own signals tell every change: subscribe to them on the system bus",
        ))
    }

    fn holds_servers(&self) -> bool {
        false
    }

    fn shut_down(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(config: &str, server: &str) -> Units {
        Systemd::new(&Config::parse(config).unwrap()).units(&server.parse().unwrap())
    }

    #[test]
    fn a_default_server_of_an_account_is_its_own_instance() {
        let units = units("", "alice");
        assert_eq!((units.service.as_str(), units.named), ("jupyter@alice.service", false));
        assert_eq!(units.socket, "jupyter@alice.socket");
    }

    #[test]
    fn named_servers_and_virtual_accounts_use_the_template_with_a_drop_in() {
        assert_eq!(units("", "alice:gpu").service, "jupyter-named@alice:gpu.service");
        assert_eq!(units("accounts = \"virtual\"", "alice").service, "jupyter-named@alice.service");
        assert!(units("accounts = \"virtual\"", "alice").named);
        assert_eq!(units("", "id--abxcn-x").service, "jupyter-named@id--abxcn-x.service");
    }
}
