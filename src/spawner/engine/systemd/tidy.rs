//! After a stop: a server that had to be killed, or ended with an error, has been stopped and has not failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::EngineError;
use super::bus::{ACTIVE_STATE, Bus, Field, Properties, UNIT};
use super::state::text;

/// Longer than `TimeoutStopSec=` of the templates.
const PATIENCE: Duration = Duration::from_secs(60);
/// What tells one life from the next.
const FIELDS: [Field; 2] = [ACTIVE_STATE, (UNIT, "InvocationID")];
/// Between two looks at the one unit that ends.
const PAUSE: Duration = Duration::from_millis(250);

/// Waits in a thread of its own for the end of `service`, which was told to stop, and forgets its failure.
///
/// A start that comes meanwhile has another invocation id, and its failure is not forgotten.
pub(super) fn after_stop(bus: &Arc<Bus>, service: &str) -> Result<(), EngineError> {
    let Some(stopped) = bus.unit(service, &FIELDS)?.as_ref().and_then(invocation) else { return Ok(()) };
    let (bus, service) = (Arc::clone(bus), service.to_owned());
    let wait = move || {
        if let Err(error) = forget_failure(&bus, &service, &stopped) {
            log::warn!("{service} was stopped, but its failure could not be forgotten: {error}");
        }
    };
    let spawned = std::thread::Builder::new().name("stop".to_owned()).spawn(wait);
    spawned.map(drop).map_err(|error| EngineError::Failed(format!("no thread: {error}")))
}

fn forget_failure(bus: &Bus, service: &str, stopped: &[u8]) -> Result<(), EngineError> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let Some(unit) = bus.unit(service, &FIELDS)? else { return Ok(()) };
        match text(&unit, "ActiveState") {
            "failed" if invocation(&unit).as_deref() == Some(stopped) => {
                return bus.reset_failed(service);
            }
            "deactivating" | "active" => std::thread::sleep(PAUSE),
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// The id of the current or last life of a service.
fn invocation(unit: &Properties) -> Option<Vec<u8>> {
    unit.get("InvocationID").and_then(|id| Vec::try_from(id.clone()).ok())
}
