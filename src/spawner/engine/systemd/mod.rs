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
use crate::config::{Accounts, Config};
use crate::envfile::EnvFiles;
use bus::Bus;

/// Where `EnvironmentFile=` of the servers' templates looks.
const SERVER_ENV: &str = "/run/hubgate/servers";

/// The systemd engine.
pub struct Systemd {
    bus: Arc<Bus>,
    accounts: Accounts,
    socket_dir: PathBuf,
    env: EnvFiles,
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
            socket_dir: config.socket_dir.clone(),
            env: EnvFiles::new(Path::new(SERVER_ENV)),
            services: service::Services::new(Arc::clone(&bus)),
            bus,
        }
    }

    /// `jupyter@alice` for the default server of an account of the host; everything else needs a drop-in that says whose
    /// it is. Both parts of an instance are checked types: the text goes into a unit name as it is.
    fn units(&self, server: &ServerId) -> Units {
        let named = !server.server.is_default() || self.accounts == Accounts::Virtual;
        let template = if named { "jupyter-named" } else { "jupyter" };
        Units {
            socket: format!("{template}@{server}.socket"),
            service: format!("{template}@{server}.service"),
            named,
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
        if units.named {
            dropin::write(&units.service, &dropin::owner(&run.account))?;
            dropin::write(&units.socket, &dropin::socket(&self.socket_dir.join(server.socket_name())))?;
            if self.bus.needs_reload(&units.service)? || self.bus.needs_reload(&units.socket)? {
                self.bus.reload()?;
            }
        }
        // A server that was of the hub flavour before must not find the old token.
        let instance = server.to_string();
        match &run.hub {
            Some(env) => self.env.put(&instance, env).map(drop),
            None => self.env.remove(&instance),
        }
        .map_err(failed)?;
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
        journal::last(&self.units(server).service, lines)
    }

    fn set_limits(&self, server: &ServerId, limits: &Limits) -> Result<(), EngineError> {
        self.bus.set_properties(&self.units(server).service, &limits::properties(limits))
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
    }
}
