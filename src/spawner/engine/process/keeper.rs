//! The keeper of one server or service: a process of one thread between the daemon and the server.
//!
//! It is the subreaper of all that the server starts, so that stopping reaches every process, also those that left their
//! parent, their group and their session. It ends the server when its socket to the daemon closes: a daemon that was
//! killed leaves nobody behind. It keeps the daemon's uid, and the server cannot signal it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hubgate_protocol::frame::{self, FrameError};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::plan::{Event, How, Plan};
use crate::kin;
use crate::os::fork_alone;

/// The word that makes this program a keeper.
pub const KEEPER: &str = "keep";
/// From SIGTERM to SIGKILL when the server is stopped.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// The same for what is left when the server ended by itself.
const LEFT_GRACE: Duration = Duration::from_secs(3);
/// Between two rounds of SIGKILL: a process may have forked during the first.
const ROUND: Duration = Duration::from_millis(20);

/// The whole keeper: descriptor 0 is the socket to the daemon, 1 the server's listening socket (nothing for a service), 2 its
/// log.
#[must_use]
pub fn run() -> ExitCode {
    match keep() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Descriptor 2 is the server's log: there its owner looks for the reason.
            let _log_is_gone = writeln!(io::stderr(), "hubgate: the server could not be kept: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Keeper {
    daemon: UnixStream,
    signals: SignalFd,
    main: Pid,
    /// When SIGKILL is due, once the end has begun.
    kill_at: Option<Instant>,
}

fn keep() -> Result<(), FrameError> {
    prctl::set_child_subreaper(true).map_err(io::Error::from)?;
    let signals = signals().map_err(io::Error::from)?;
    let mut daemon = UnixStream::from(take(io::stdin())?);
    let listener = take(io::stdout())?;
    let null = File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null).and_then(|()| nix::unistd::dup2_stdout(&null)).map_err(io::Error::from)?;
    let body = frame::read_body(&mut daemon)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let plan = frame::decode::<Plan>(&body)?;
    let keeper = Pid::this();
    let Some(main) = fork_alone().map_err(io::Error::from)? else {
        std::process::exit(super::enter::enter(&plan, listener.as_fd(), keeper));
    };
    // Only the server and the daemon hold the socket: when both let go, nobody waits in its queue for ever.
    drop(listener);
    frame::write(&mut daemon, &Event::Started { pid: main.as_raw() })?;
    Keeper { daemon, signals, main, kill_at: None }.watch()
}

/// A copy of a standard descriptor that closes on exec.
fn take(standard: impl AsFd) -> io::Result<OwnedFd> {
    standard.as_fd().try_clone_to_owned()
}

/// Signals arrive as a descriptor; those that ask to end are answered by ending the server first.
fn signals() -> nix::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        set.add(signal);
    }
    set.thread_set_mask()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

impl Keeper {
    fn watch(mut self) -> Result<(), FrameError> {
        loop {
            let (spoke, signalled) = self.wait()?;
            // The daemon says one thing only, in a byte or by closing: end it.
            if spoke {
                self.begin_end(STOP_GRACE);
            }
            while signalled && let Some(signal) = self.signals.read_signal().map_err(io::Error::from)? {
                if signal.ssi_signo != u32::try_from(nix::libc::SIGCHLD).unwrap_or_default() {
                    self.begin_end(STOP_GRACE);
                }
            }
            let any_left = self.reap()?;
            if !any_left {
                return Ok(());
            }
            if self.kill_at.is_some_and(|at| Instant::now() >= at) {
                kin::signal_all(Pid::this(), Signal::SIGKILL);
            }
        }
    }

    /// Waits for the daemon, a signal, or the time of the next SIGKILL.
    fn wait(&self) -> io::Result<(bool, bool)> {
        let timeout = self.kill_at.map_or(PollTimeout::NONE, |at| {
            PollTimeout::try_from(at.saturating_duration_since(Instant::now()).max(ROUND))
                .unwrap_or(PollTimeout::MAX)
        });
        let signals = PollFd::new(self.signals.as_fd(), PollFlags::POLLIN);
        let mut fds = vec![signals];
        // Once the end has begun the daemon has nothing to add; its closed socket would wake this loop without pause.
        if self.kill_at.is_none() {
            fds.push(PollFd::new(self.daemon.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let happened = |at: usize| fds.get(at).and_then(PollFd::any).unwrap_or(false);
        Ok((happened(1), happened(0)))
    }

    fn begin_end(&mut self, grace: Duration) {
        if self.kill_at.is_none() {
            self.kill_at = Some(Instant::now() + grace);
            kin::signal_all(Pid::this(), Signal::SIGTERM);
            // A process that was stopped cannot act on SIGTERM.
            kin::signal_all(Pid::this(), Signal::SIGCONT);
        }
    }

    /// Collects all that ended; tells whether any process is left.
    fn reap(&mut self) -> Result<bool, FrameError> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) if pid == self.main => self.ended(status, How::Exited),
                Ok(WaitStatus::Signaled(pid, signal, core)) if pid == self.main => {
                    self.ended(number(signal), if core { How::CoreDump } else { How::Signal });
                }
                Ok(WaitStatus::StillAlive) => return Ok(true),
                Err(nix::Error::ECHILD) => return Ok(false),
                // The signal that ended it is a real-time one, which has no name: it may have been the main process.
                Err(nix::Error::EINVAL) if kill(self.main, None).is_err() => self.ended(0, How::Signal),
                Ok(_) | Err(nix::Error::EINTR | nix::Error::EINVAL) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }

    fn ended(&mut self, status: i32, how: How) {
        // A daemon that is gone does not hear it; the end goes on.
        let _unheard = frame::write(&mut self.daemon, &Event::Ended { status, how });
        self.begin_end(LEFT_GRACE);
    }
}

/// The number of a named signal.
fn number(signal: Signal) -> i32 {
    (1..=64).find(|number| Signal::try_from(*number) == Ok(signal)).unwrap_or_default()
}
