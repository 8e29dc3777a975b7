//! A watch as a stream of answers.

use std::time::{Duration, Instant};

use hubgate_protocol::frame::FrameError;
use hubgate_protocol::{ErrorCode, Response};

use super::Service;
use crate::engine::process::watch::{Next, Watch};
use crate::hold::hold;
use crate::line;

/// Between two signs of life of a quiet watch.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// A watch looks this often whether its client is still there.
const GLANCE: Duration = Duration::from_secs(1);
/// Watches at once: they must never take all connections.
const WATCHES_MAX: u32 = 16;

/// Streams a watch: the list, the changes, and a sign of life when nothing changes.
///
/// # Errors
/// That of `send`, which ends it.
pub fn stream(
    watch: &Watch,
    service: &Service,
    mut send: impl FnMut(Option<&Response>) -> Result<(), FrameError>,
) -> Result<(), FrameError> {
    let Some(_place) = Place::take(service) else {
        let message = "too many watches".to_owned();
        return send(Some(&Response::Error { error: ErrorCode::Busy, message }));
    };
    // The watch began before this list was read, so that no change falls between the two.
    let servers = service.engine.list().unwrap_or_default();
    line::pages(servers).iter().try_for_each(|page| send(Some(page)))?;
    let mut said = Instant::now();
    loop {
        match watch.next(GLANCE) {
            Next::Changed(status) => send(Some(&Response::Status { status: *status }))?,
            Next::Lost => return Ok(()),
            Next::Quiet if said.elapsed() < SIGN_OF_LIFE => {
                send(None)?;
                continue;
            }
            Next::Quiet => send(Some(&Response::Done {}))?,
        }
        said = Instant::now();
    }
}

/// A place among the watches; given back when dropped.
struct Place<'a>(&'a Service);

impl<'a> Place<'a> {
    fn take(service: &'a Service) -> Option<Self> {
        let mut watches = hold(&service.watches);
        if *watches >= WATCHES_MAX {
            return None;
        }
        *watches += 1;
        Some(Self(service))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *hold(&self.0.watches) -= 1;
    }
}
