//! A login at the spawner: one connection from the password to the outcome, with what PAM asks in between.

use std::time::Duration;

use hubgate_protocol::{AuthOutcome, Prompt, Purpose, Request, Response, Secret, frame};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::client::{SpawnClient, SpawnError, read};

/// Deadline of one step, in which nobody is waited for but PAM's modules: longer than the spawner lets one of them take.
const STEP: Duration = Duration::from_secs(35);

/// What PAM has to say and to ask.
#[derive(Debug)]
pub struct Questions {
    /// In their order.
    pub prompts: Vec<Prompt>,
    /// What they are for.
    pub purpose: Purpose,
}

/// Where a login stands.
#[derive(Debug)]
pub enum Turn {
    /// At its end.
    Over(AuthOutcome),
    /// PAM waits for a person.
    Asked(Questions, Conversation),
}

/// A login that PAM waits in. Dropping it gives up.
#[derive(Debug)]
pub struct Conversation(UnixStream);

impl SpawnClient {
    /// Sends a [`Request::Authenticate`].
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn authenticate(&self, request: &Request) -> Result<Turn, SpawnError> {
        let begun = async { turn(self.connect(request).await?).await };
        timeout(STEP, begun).await.map_err(|_| SpawnError::Timeout)?
    }
}

impl Conversation {
    /// Sends what the person answered.
    ///
    /// # Errors
    /// See [`SpawnError`]; [`SpawnError::Unreachable`] where the person took too long.
    pub async fn answer(mut self, answers: Vec<Secret>) -> Result<Turn, SpawnError> {
        let frame = frame::encode(&Request::Answer { answers })?;
        let answered = async {
            self.0.write_all(&frame).await?;
            turn(self.0).await
        };
        timeout(STEP, answered).await.map_err(|_| SpawnError::Timeout)?
    }
}

async fn turn(mut stream: UnixStream) -> Result<Turn, SpawnError> {
    match read(&mut stream).await? {
        Response::Authenticated { outcome } => Ok(Turn::Over(outcome)),
        Response::Prompt { prompts, purpose } => {
            Ok(Turn::Asked(Questions { prompts, purpose }, Conversation(stream)))
        }
        Response::Error { error, message } => Err(SpawnError::Refused { code: error, message }),
        _ => Err(SpawnError::Protocol),
    }
}
