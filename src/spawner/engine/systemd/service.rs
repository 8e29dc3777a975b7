//! Managed services as units of the template `hubgate-service@`.

use std::path::Path;
use std::sync::Arc;

use hubgate_protocol::ServiceName;

use super::super::{EngineError, ServiceRun};
use super::bus::Bus;
use super::{dropin, failed};
use crate::envfile::EnvFiles;

/// Where `EnvironmentFile=` of the template looks.
const SERVICE_ENV: &str = "/run/hubgate/services";

/// All managed services.
pub(super) struct Services {
    bus: Arc<Bus>,
    env: EnvFiles,
}

impl Services {
    pub(super) fn new(bus: Arc<Bus>) -> Self {
        Self { bus, env: EnvFiles::new(Path::new(SERVICE_ENV)) }
    }

    pub(super) fn start(&self, run: &ServiceRun<'_>) -> Result<(), EngineError> {
        let name = &run.spec.name;
        let unit = unit(name);
        let words = dropin::write(&unit, &dropin::service(run.spec, run.account.as_ref()))?;
        let secrets = self.env.put(name.as_str(), &run.env).map_err(failed)?;
        if self.bus.needs_reload(&unit)? {
            self.bus.reload()?;
        }
        self.bus.reset_failed(&unit)?;
        // One that runs as it should is left alone.
        if words || secrets { self.bus.restart(&unit) } else { self.bus.start(&unit) }
    }

    pub(super) fn stop(&self, name: &ServiceName) -> Result<(), EngineError> {
        // The template cannot start without the file: a restart that comes in between fails, and is stopped here.
        self.env.remove(name.as_str()).map_err(failed)?;
        self.bus.stop(&unit(name))
    }
}

/// Its name is a checked type: the text goes into a unit name as it is.
fn unit(name: &ServiceName) -> String {
    format!("hubgate-service@{name}.service")
}
