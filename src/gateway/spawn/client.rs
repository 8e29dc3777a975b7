//! One request, one response, one deadline: the client of the spawner's socket.

use std::path::PathBuf;
use std::time::Duration;

use hubgate_protocol::frame::{self, HEADER_LEN};
use hubgate_protocol::{Connection, ErrorCode, Request, Response, Secret, ServerId, ServiceName, Ticket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Deadline of every answer, a login's too: nobody looks longer at a page that does nothing.
const DEADLINE: Duration = Duration::from_secs(10);
/// Lines of its own journal that the owner of a server is shown.
pub const LOG_LINES: u16 = 50;
/// Most connections in one `Cut`.
const CUT_MAX: usize = 256;

/// Why the spawner gave no answer that is of use.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The socket is not there, or nobody listens.
    #[error("the spawner cannot be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// No answer in time.
    #[error("the spawner did not answer in time")]
    Timeout,
    /// It answered with an error.
    #[error("the spawner refused ({code:?}): {message}")]
    Refused {
        /// What kind.
        code: ErrorCode,
        /// Its sentence, for the log.
        message: String,
    },
    /// It answered something else than was asked.
    #[error("the spawner's answer was not understood")]
    Protocol,
}

impl From<frame::FrameError> for SpawnError {
    fn from(error: frame::FrameError) -> Self {
        match error {
            frame::FrameError::Io(error) => Self::Unreachable(error),
            _ => Self::Protocol,
        }
    }
}

/// Where the spawner listens. Every call makes a connection of its own, so that a slow login delays nobody.
#[derive(Debug, Clone)]
pub struct SpawnClient {
    socket: PathBuf,
}

impl SpawnClient {
    /// A client of the socket at this path.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Sends one request and reads one response.
    ///
    /// # Errors
    /// See [`SpawnError`]; an error response is [`SpawnError::Refused`].
    pub async fn ask(&self, request: &Request) -> Result<Response, SpawnError> {
        let answer = timeout(DEADLINE, async {
            let mut stream = self.connect(request).await?;
            read(&mut stream).await
        });
        match answer.await.map_err(|_| SpawnError::Timeout)?? {
            Response::Error { error, message } => Err(SpawnError::Refused { code: error, message }),
            response => Ok(response),
        }
    }

    /// Connects and sends one request.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn connect(&self, request: &Request) -> Result<UnixStream, SpawnError> {
        let frame = frame::encode(request)?;
        let mut stream = UnixStream::connect(&self.socket).await?;
        stream.write_all(&frame).await?;
        Ok(stream)
    }

    /// Starts a server, or makes sure that it runs; returns when the job is queued. A `token` for the hub's API makes it a
    /// server of the hub flavour.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn start(
        &self,
        id: &ServerId,
        ticket: Option<Ticket>,
        token: Option<Secret>,
    ) -> Result<(), SpawnError> {
        self.done(Request::Start { user: id.user.clone(), server: id.server.clone(), ticket, token }).await
    }

    /// Starts a managed service, or makes sure that it runs; returns when the job is queued.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn start_service(&self, name: &ServiceName, token: Secret) -> Result<(), SpawnError> {
        self.done(Request::StartService { name: name.clone(), token }).await
    }

    /// Stops a managed service; returns when the job is queued.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn stop_service(&self, name: &ServiceName) -> Result<(), SpawnError> {
        self.done(Request::StopService { name: name.clone() }).await
    }

    /// Stops a server; returns when the job is queued.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn stop(&self, id: &ServerId) -> Result<(), SpawnError> {
        self.done(Request::Stop { user: id.user.clone(), server: id.server.clone() }).await
    }

    /// The last lines of that server's own journal.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn journal(&self, id: &ServerId, lines: u16) -> Result<Vec<String>, SpawnError> {
        match self.ask(&Request::Journal { user: id.user.clone(), server: id.server.clone(), lines }).await? {
            Response::Journal { lines } => Ok(lines),
            _ => Err(SpawnError::Protocol),
        }
    }

    /// Closes client connections; returns how many were found open.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn cut(&self, connections: &[Connection]) -> Result<u32, SpawnError> {
        let mut closed = 0;
        for part in connections.chunks(CUT_MAX) {
            match self.ask(&Request::Cut { connections: part.to_vec() }).await? {
                Response::Cut { closed: some } => closed += some,
                _ => return Err(SpawnError::Protocol),
            }
        }
        Ok(closed)
    }

    async fn done(&self, request: Request) -> Result<(), SpawnError> {
        match self.ask(&request).await? {
            Response::Done {} => Ok(()),
            _ => Err(SpawnError::Protocol),
        }
    }
}

/// Reads one response frame.
///
/// # Errors
/// See [`SpawnError`].
pub async fn read(stream: &mut UnixStream) -> Result<Response, SpawnError> {
    let mut header = [0; HEADER_LEN];
    stream.read_exact(&mut header).await?;
    let mut body = vec![0; frame::body_len(header)?];
    stream.read_exact(&mut body).await?;
    Ok(frame::decode(&body)?)
}
