//! PAM, asked in a child process per login: a module may block, crash or leak, and takes nothing with it.

mod verdict;
mod worker;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use hubgate_protocol::{Secret, Username, frame};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::connection::Deadline;
use crate::hold::hold;
use crate::kin;

pub use verdict::Verdict;
pub use worker::run as run_worker;

/// The word that makes this program a PAM worker.
pub const WORKER: &str = "pam-worker";
/// A conversation that takes longer is ended.
const DEADLINE: Duration = Duration::from_secs(30);
/// Conversations at once; more wait.
const WORKERS_MAX: u32 = 16;
/// How long a login waits for its turn.
const TURN: Duration = Duration::from_secs(4);

/// What the worker is asked, over a socket pair and never in its arguments.
#[derive(Serialize, Deserialize)]
struct Question {
    service: String,
    user: Username,
    password: Secret,
    rhost: IpAddr,
}

/// What the worker answers.
#[derive(Serialize, Deserialize)]
struct Answer {
    verdict: Verdict,
}

/// Why PAM could not be asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum PamError {
    /// All workers were busy for [`TURN`].
    #[error("all PAM workers are busy")]
    Busy,
    /// No child process.
    #[error("the PAM worker could not be started: {0}")]
    Start(io::Error),
    /// It crashed, or hung until it was killed.
    #[error("the PAM worker gave no answer: {0}")]
    Silent(frame::FrameError),
}

/// Asks PAM, a bounded number of questions at once.
#[derive(Debug)]
pub struct Pam {
    service: String,
    free: Mutex<u32>,
    freed: Condvar,
}

impl Pam {
    /// For the service (file in `/etc/pam.d`) of that name.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self { service: service.to_owned(), free: Mutex::new(WORKERS_MAX), freed: Condvar::new() }
    }

    /// Whether `password` is that of `user`, who comes from `rhost`, and the account may log in.
    ///
    /// # Errors
    /// [`PamError`].
    pub fn ask(&self, user: &Username, password: &Secret, rhost: IpAddr) -> Result<Verdict, PamError> {
        // pam_unix with `nullok` lets an empty password in; the flag in the worker is the second lock on that door.
        if password.expose().is_empty() {
            return Ok(Verdict::BadCredentials);
        }
        let _turn = self.turn()?;
        let question =
            Question { service: self.service.clone(), user: user.clone(), password: password.clone(), rhost };
        let (mut worker, stream) = Worker::start().map_err(PamError::Start)?;
        let answer = converse(stream, &question).map_err(PamError::Silent);
        worker.end();
        answer
    }

    fn turn(&self) -> Result<Turn<'_>, PamError> {
        let (mut free, waited) = self
            .freed
            .wait_timeout_while(hold(&self.free), TURN, |free| *free == 0)
            .map_err(|_poisoned| PamError::Busy)?;
        if waited.timed_out() && *free == 0 {
            return Err(PamError::Busy);
        }
        *free -= 1;
        Ok(Turn(self))
    }
}

/// The right to one worker; given back when dropped.
struct Turn<'a>(&'a Pam);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *hold(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

fn converse(stream: UnixStream, question: &Question) -> Result<Verdict, frame::FrameError> {
    let mut stream = Deadline::new(&stream, Instant::now() + DEADLINE);
    let bytes = Zeroizing::new(frame::encode(question)?);
    io::Write::write_all(&mut stream, &bytes)?;
    let body = frame::read_body(&mut stream)?
        .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it ended without an answer"))?;
    Ok(frame::decode::<Answer>(&body)?.verdict)
}

/// A child process, leader of its own process group.
struct Worker(Child);

impl Worker {
    fn start() -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        // This very program, even if the file was replaced by an upgrade meanwhile.
        let child = Command::new("/proc/self/exe")
            .arg0("hubgate-spawner")
            .arg(WORKER)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok((Self(child), ours))
    }

    /// Ends it with all programs that its modules run, and reaps it. They are ended first: pam_exec gives its program a
    /// session of its own, and with the worker its descendants would be out of sight.
    fn end(&mut self) {
        if let Ok(pid) = i32::try_from(self.0.id()).map(Pid::from_raw) {
            kin::signal_all(pid, Signal::SIGKILL);
            let _none_left = killpg(pid, Signal::SIGKILL);
        }
        if let Err(error) = self.0.wait() {
            log::warn!("PAM worker could not be reaped: {error}");
        }
    }
}
