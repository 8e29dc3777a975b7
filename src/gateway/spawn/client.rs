//! One request, one response, one deadline: the client of the spawner's socket.

use std::path::PathBuf;
use std::time::Duration;

use hubgate_protocol::frame::{self, HEADER_LEN};
use hubgate_protocol::{
    Account, AccountState, Connection, ErrorCode, Gpu, Home, Limits, LoginName, Manner, Request, Response,
    Secret, ServerId, ServiceName, Ticket, Username, Variables,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Deadline of every answer, a login's too: nobody looks longer at a page that does nothing.
const DEADLINE: Duration = Duration::from_secs(10);
/// Deadline where accounts are made and removed: more than the spawner itself allows.
const LONG_DEADLINE: Duration = Duration::from_secs(630);
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

/// What a look at an account found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It is there.
    There(Account, AccountState),
    /// There is none that may have servers.
    Absent,
}

impl Lookup {
    fn of(answer: Response) -> Option<Self> {
        match answer {
            Response::Account { account, state } => Some(Self::There(account, state)),
            Response::Error { error: ErrorCode::NoAccount, .. } => Some(Self::Absent),
            _ => None,
        }
    }
}

impl From<frame::FrameError> for SpawnError {
    fn from(error: frame::FrameError) -> Self {
        match error {
            frame::FrameError::Io(error) => Self::Unreachable(error),
            _ => Self::Protocol,
        }
    }
}

/// What a server is started with, besides its name.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The owner's account of the host, where it is not called as the owner is.
    pub account: Option<LoginName>,
    /// From the owner's last login.
    pub ticket: Option<Ticket>,
    /// A token for the hub's API makes it a server of the hub flavour.
    pub token: Option<Secret>,
    /// What it may use.
    pub limits: Limits,
    /// What goes into its environment.
    pub environment: Variables,
    /// The rest of how it is run.
    pub manner: Manner,
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
        self.ask_within(request, DEADLINE).await
    }

    /// The same for what root's programs and the packing of a home take.
    async fn ask_long(&self, request: &Request) -> Result<Response, SpawnError> {
        self.ask_within(request, LONG_DEADLINE).await
    }

    async fn ask_within(&self, request: &Request, deadline: Duration) -> Result<Response, SpawnError> {
        let answer = timeout(deadline, async {
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

    /// Starts a server, or makes sure that it runs; returns when the job is queued.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn start(&self, id: &ServerId, start: Start) -> Result<(), SpawnError> {
        let (user, server) = (id.user.clone(), id.server.clone());
        let Start { account, ticket, token, limits, environment, manner } = start;
        let manner = Box::new(manner);
        self.done(Request::Start { user, server, account, ticket, token, limits, environment, manner }).await
    }

    /// Sets the limits of a server; one that is missing is the unit's own. It holds until the next start.
    ///
    /// # Errors
    /// See [`SpawnError`]; [`ErrorCode::Unsupported`] where the engine has no limits.
    pub async fn set_limits(&self, id: &ServerId, limits: Limits) -> Result<(), SpawnError> {
        self.done(Request::SetLimits { user: id.user.clone(), server: id.server.clone(), limits }).await
    }

    /// Looks an account of the host up, and how it stands now.
    ///
    /// # Errors
    /// See [`SpawnError`]; [`ErrorCode::NoAccount`] where there is none that may have servers.
    pub async fn account(&self, user: &LoginName) -> Result<(Account, AccountState), SpawnError> {
        match self.ask(&Request::Account { user: user.clone() }).await? {
            Response::Account { account, state } => Ok((account, state)),
            _ => Err(SpawnError::Protocol),
        }
    }

    /// Looks many accounts up, one after another on one connection. An account that was not answered about is `None`.
    pub async fn accounts(&self, users: &[LoginName]) -> Vec<Option<Lookup>> {
        let mut found = Vec::with_capacity(users.len());
        let mut stream = None;
        for user in users {
            let request = Request::Account { user: user.clone() };
            let answer = timeout(DEADLINE, self.ask_on(&mut stream, &request));
            match answer.await.unwrap_or(Err(SpawnError::Timeout)) {
                Ok(answer) => found.push(Lookup::of(answer)),
                Err(error) => {
                    log::warn!("accounts are not looked at for now, who is in stays in: {error}");
                    break;
                }
            }
        }
        found.resize(users.len(), None);
        found
    }

    /// One request and its answer on a connection that is kept; errors of the spawner are answers.
    async fn ask_on(&self, kept: &mut Option<UnixStream>, request: &Request) -> Result<Response, SpawnError> {
        let mut stream = match kept.take() {
            Some(mut stream) => {
                stream.write_all(&frame::encode(request)?).await?;
                stream
            }
            None => self.connect(request).await?,
        };
        let answer = read(&mut stream).await?;
        *kept = Some(stream);
        Ok(answer)
    }

    /// Makes an account on the host; without a `password` it gets a one-time password, which is told this once.
    ///
    /// # Errors
    /// See [`SpawnError`]; [`ErrorCode::Forbidden`] where root's policy does not let hubgate make accounts.
    pub async fn create_account(
        &self,
        user: &Username,
        password: Option<Secret>,
    ) -> Result<(Account, Option<Secret>), SpawnError> {
        match self.ask_long(&Request::CreateAccount { user: user.clone(), password }).await? {
            Response::Created { account, password } => Ok((account, password)),
            _ => Err(SpawnError::Protocol),
        }
    }

    /// Locks an account that hubgate made, or unlocks it.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn lock_account(&self, user: &Username, locked: bool) -> Result<(), SpawnError> {
        self.done(Request::LockAccount { user: user.clone(), locked }).await
    }

    /// Removes an account that hubgate made.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn delete_account(&self, user: &Username, home: Home) -> Result<(), SpawnError> {
        match self.ask_long(&Request::DeleteAccount { user: user.clone(), home }).await? {
            Response::Done {} => Ok(()),
            _ => Err(SpawnError::Protocol),
        }
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

    /// The GPUs that the host leases to servers, and who has them.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn gpus(&self) -> Result<Vec<Gpu>, SpawnError> {
        match self.ask(&Request::Gpus {}).await? {
            Response::Gpus { gpus } => Ok(gpus),
            _ => Err(SpawnError::Protocol),
        }
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
