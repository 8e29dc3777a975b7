//! Managed services: what root's file names, and nothing else.

use hubgate_protocol::{ErrorCode, Response, Secret, ServiceName, ServiceSpec};

use super::refusal::{Answer, Refused, failed};
use super::{Service, hub_token, result};
use crate::account::{self, HostAccount};
use crate::config::load_services;
use crate::engine::ServiceRun;
use crate::hub;
use crate::logging::audit;
use crate::policy;

impl Service {
    pub(super) fn start_service(&self, name: &ServiceName, token: Secret) -> Answer {
        let unusable = |error: String| Refused {
            error: ErrorCode::Engine,
            message: "the services file cannot be used",
            cause: error,
        };
        // Read anew each time: root's last word holds, and the file is small.
        let services =
            load_services(&self.config.services_file).map_err(|error| unusable(error.to_string()))?;
        let found = services.services.iter().zip(0..).find(|(spec, _)| spec.name == *name);
        let (spec, place) = found.filter(|(spec, _)| spec.is_managed()).ok_or_else(|| no_service(name))?;
        let token = hub_token(spec.api_token.clone().unwrap_or(token))?;
        let account = service_account(spec)?;
        let env = hub::service(&self.config.hub, spec, &token);
        let outcome = self.engine.start_service(&ServiceRun { spec, place, account, env });
        audit("start_service", result(&outcome), format_args!("service={name}"));
        outcome.map_err(failed)?;
        Ok(Response::Done {})
    }

    /// Also one that the file does not name any more: the unit's name says that it is a service of ours.
    pub(super) fn stop_service(&self, name: &ServiceName) -> Answer {
        let outcome = self.engine.stop_service(name);
        audit("stop_service", result(&outcome), format_args!("service={name}"));
        outcome.map_err(failed)?;
        Ok(Response::Done {})
    }
}

fn no_service(name: &ServiceName) -> Refused {
    Refused {
        error: ErrorCode::NoService,
        message: "there is no such managed service",
        cause: format!("service={name}: root's services file has no command for it"),
    }
}

/// The account that the file names; a system's account will do, root will not.
fn service_account(spec: &ServiceSpec) -> Result<Option<HostAccount>, Refused> {
    let Some(user) = &spec.user else { return Ok(None) };
    let found = account::find(&user.clone().into()).map_err(|error| Refused {
        error: ErrorCode::Engine,
        message: "the accounts of this host cannot be read",
        cause: error.to_string(),
    })?;
    let allowed = found.filter(|host| policy::may_run_service(host.uid));
    allowed.map(Some).ok_or_else(|| Refused {
        error: ErrorCode::NoAccount,
        message: "the services file names an account that cannot run services",
        cause: format!(
            "service={} user={user}: there is no such account, or it is root's or nobody's",
            spec.name
        ),
    })
}
