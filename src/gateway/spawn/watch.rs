//! Hearing of servers where systemd does not run them: the spawner's `Watch` stream.

use std::time::Duration;

use hubgate_protocol::{Request, Response, ServerStatus};
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use crate::spawn::client::{self, SpawnClient, SpawnError};

/// Longest silence on the stream: three signs of life.
const SILENCE: Duration = Duration::from_secs(30);

/// What a watcher says.
#[derive(Debug)]
pub enum Event {
    /// All servers that are not stopped; every other one is.
    Snapshot(Vec<ServerStatus>),
    /// One server as it is now.
    Changed(ServerStatus),
}

/// Passes events on until the stream fails or nobody listens any more.
///
/// # Errors
/// See [`SpawnError`]. The caller tries again.
pub async fn run(spawner: &SpawnClient, events: &Sender<Event>) -> Result<(), SpawnError> {
    let mut stream = spawner.connect(&Request::Watch {}).await?;
    let mut snapshot = Vec::new();
    loop {
        let response =
            timeout(SILENCE, client::read(&mut stream)).await.map_err(|_| SpawnError::Timeout)??;
        let event = match response {
            Response::Servers { servers, more } => {
                snapshot.extend(servers);
                if more {
                    continue;
                }
                Event::Snapshot(std::mem::take(&mut snapshot))
            }
            Response::Status { status } => Event::Changed(status),
            Response::Done {} => continue,
            Response::Error { error, message } => return Err(SpawnError::Refused { code: error, message }),
            _ => return Err(SpawnError::Protocol),
        };
        if events.send(event).await.is_err() {
            return Ok(());
        }
    }
}
