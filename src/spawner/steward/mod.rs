//! The steward: makes, locks and removes accounts of the host, where root's policy says so.
//!
//! The daemon itself cannot: it is confined. It asks a worker of one job, a unit of its own under systemd and a child process
//! otherwise, which reads root's policy by itself and remembers in a [`registry`] which accounts it made.

mod lock;
mod make;
mod mend;
mod name;
mod outcome;
pub mod registry;
mod remove;
mod tool;
mod worker;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hubgate_protocol::{Home, Secret, Username, frame};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::config::{Config, EngineKind};
use crate::connection::Deadline;
use crate::hold::hold;

pub use name::check as check_name;
pub use outcome::{Outcome, Refusal};
pub use worker::run as run_worker;

/// The word that makes this program a worker of the steward.
pub const WORKER: &str = "account-worker";
/// Where systemd starts a worker for each connection.
pub const UNIT_SOCKET: &str = "/run/hubgate/accounts.sock";
/// Longest job: a home is packed.
const PATIENCE: Duration = Duration::from_secs(600);
/// Jobs that wait for the one before them.
const QUEUE_MAX: u32 = 8;

/// What a worker does.
#[derive(Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case", deny_unknown_fields)]
pub enum Job {
    /// Make an account.
    Create {
        /// Its name.
        user: Username,
        /// Its password; absent: a one-time password.
        password: Option<Secret>,
    },
    /// Lock an account of the registry, or unlock it.
    Lock {
        /// Whose.
        user: Username,
        /// Which of the two.
        locked: bool,
    },
    /// Remove an account of the registry.
    Delete {
        /// Whose.
        user: Username,
        /// What becomes of its home.
        home: Home,
    },
    /// Finish or undo what a worker that was killed had begun.
    Mend {},
}

/// The daemon's side.
#[derive(Debug)]
pub struct Steward {
    way: Way,
    one_at_a_time: Mutex<()>,
    queue: AtomicU32,
}

/// How a worker is reached.
#[derive(Debug)]
enum Way {
    /// systemd starts it.
    Unit,
    /// It is a child with this configuration.
    Child(PathBuf),
}

/// A worker that waits for its job; a child ends when it is dropped, with all programs that it ran.
struct Worker {
    /// The other end of its descriptor 0.
    stream: UnixStream,
    child: Option<Child>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        if let Ok(pid) = i32::try_from(child.id()) {
            // It has answered, or has had its time; a zombie keeps the number until it is reaped.
            let _none_left = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        if let Err(error) = child.wait() {
            log::warn!("the worker for accounts could not be reaped: {error}");
        }
    }
}

impl Steward {
    /// By root's settings.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let way = match config.engine {
            EngineKind::Systemd => Way::Unit,
            EngineKind::Process => Way::Child(config.source.clone()),
        };
        Self { way, one_at_a_time: Mutex::default(), queue: AtomicU32::new(0) }
    }

    /// Has a job done, after those that were asked for before.
    ///
    /// # Errors
    /// [`Refusal`]: of the worker, or because there is none.
    pub fn ask(&self, job: &Job) -> Result<Outcome, Refusal> {
        let waiting = Waiting::begin(&self.queue);
        if waiting.before >= QUEUE_MAX {
            return Err(Refusal::busy("too many accounts are being made or removed"));
        }
        let _turn = hold(&self.one_at_a_time);
        let worker = self.worker()?;
        match converse(&worker.stream, job) {
            Ok(outcome) => outcome.into_result(),
            Err(error) => Err(Refusal::failed(format!("the worker for accounts gave no answer: {error}"))),
        }
    }

    fn worker(&self) -> io::Result<Worker> {
        match &self.way {
            Way::Unit => {
                let stream = UnixStream::connect(UNIT_SOCKET).map_err(|error| {
                    let text =
                        format!("{UNIT_SOCKET}: {error}; systemctl enable --now hubgate-accounts.socket");
                    io::Error::new(error.kind(), text)
                })?;
                Ok(Worker { stream, child: None })
            }
            Way::Child(config) => start(config),
        }
    }
}

fn start(config: &Path) -> io::Result<Worker> {
    let (stream, theirs) = UnixStream::pair()?;
    let child = Command::new("/proc/self/exe")
        .arg0("hubgate-spawner")
        .arg("--config")
        .arg(config)
        .arg(WORKER)
        .env_clear()
        .env("PATH", tool::PATH)
        .current_dir("/")
        // A daemon that is killed lets it finish: half an account is no account.
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .spawn()?;
    Ok(Worker { stream, child: Some(child) })
}

fn converse(stream: &UnixStream, job: &Job) -> Result<Outcome, frame::FrameError> {
    let mut stream = Deadline::new(stream, Instant::now() + PATIENCE);
    let bytes = Zeroizing::new(frame::encode(job)?);
    io::Write::write_all(&mut stream, &bytes)?;
    let body = frame::read_body(&mut stream)?
        .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it ended without an answer"))?;
    frame::decode(&Zeroizing::new(body))
}

/// A place in the queue; given back when dropped.
struct Waiting<'a> {
    queue: &'a AtomicU32,
    before: u32,
}

impl<'a> Waiting<'a> {
    fn begin(queue: &'a AtomicU32) -> Self {
        Self { queue, before: queue.fetch_add(1, Ordering::SeqCst) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.fetch_sub(1, Ordering::SeqCst);
    }
}
