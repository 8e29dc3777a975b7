//! The main loop: accepts clients, a thread each and a bounded number; ends on a signal or from idleness.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Uid;

use crate::account::uid_of;
use crate::config::{Config, EngineKind};
use crate::engine::Engine;
use crate::engine::process::ProcessEngine;
use crate::engine::systemd::Systemd;
use crate::listen::{self, Listening};
use crate::serve::Service;
use crate::ticket::Tickets;
use crate::wake::{self, Bell, Ringer};
use crate::{connection, ready};

/// Clients served at once; more wait in the socket's queue, in the order in which they came. It is more than there are logins
/// that wait for their turn (900) and people who are asked something (256): these hold up nobody else.
const CLIENTS_MAX: usize = 1280;
/// A thread reads one frame of 16 KiB and waits; of this only what is used is ever taken.
const STACK: usize = 512 * 1024;
/// After the kernel refused a connection (no descriptors left), the next try is so much later.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs until a signal or idleness ends it.
///
/// # Errors
/// A sentence with place and remedy, when it cannot begin.
pub fn run(config: Config) -> io::Result<()> {
    shield()?;
    let signals = signals()?;
    let gateway = uid_of(&config.gateway_user).map_err(|error| other("gateway_user", &error))?;
    let tickets =
        Tickets::open(&config.state_dir, config.ticket_days).map_err(|error| other("state_dir", &error))?;
    let engine: Box<dyn Engine> = match config.engine {
        EngineKind::Systemd => Box::new(Systemd::new(&config)),
        EngineKind::Process => {
            Box::new(ProcessEngine::new(&config).map_err(|error| other("engine", &error))?)
        }
    };
    let listening = listen::listen(&config.listen, gateway)?;
    let idle_exit = Some(config.idle_exit_s).filter(|s| *s > 0).map(Duration::from_secs);
    let service = Arc::new(Service::new(config, engine, tickets));
    let (ringer, bell) = wake::pair()?;
    let mut daemon = Daemon {
        idle_exit: idle_exit.filter(|_| listening.own_path.is_none()),
        listening,
        signals,
        gateway,
        service,
        clients: Arc::new(AtomicUsize::new(0)),
        ringer: Arc::new(ringer),
        bell,
        busy_at: Instant::now(),
        paused_until: None,
    };
    log::info!("ready");
    ready::notify("READY=1");
    let mending = Arc::clone(&daemon.service);
    std::thread::Builder::new().name("mend".to_owned()).spawn(move || mending.mend_accounts())?;
    let outcome = daemon.turn();
    daemon.end();
    outcome
}

fn other(what: &str, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{what}: {error}"))
}

/// Against what the daemon's parent left behind: open descriptors, a wide umask, core dumps with passwords in them.
fn shield() -> io::Result<()> {
    umask(Mode::from_bits_truncate(0o077));
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    // Servers may raise theirs again: only the soft limit is lowered.
    setrlimit(Resource::RLIMIT_CORE, 0, hard)?;
    // A server of the process engine holds six descriptors here; servers get the usual limit back.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    if let Err(error) = crate::os::close_all_on_exec() {
        log::warn!("descriptors of the parent process stay open for servers: {error}");
    }
    Ok(())
}

fn signals() -> io::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        set.add(signal);
    }
    set.thread_block()?;
    Ok(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
}

struct Daemon {
    listening: Listening,
    signals: SignalFd,
    gateway: Uid,
    service: Arc<Service>,
    clients: Arc<AtomicUsize>,
    ringer: Arc<Ringer>,
    bell: Bell,
    idle_exit: Option<Duration>,
    busy_at: Instant,
    paused_until: Option<Instant>,
}

impl Daemon {
    fn turn(&mut self) -> io::Result<()> {
        loop {
            let (signalled, client) = self.wait()?;
            if signalled && let Some(signal) = self.signals.read_signal()? {
                log::info!("ending: signal={}", signal.ssi_signo);
                return Ok(());
            }
            if client {
                self.accept();
            }
            if self.clients.load(Ordering::SeqCst) > 0 {
                self.busy_at = Instant::now();
            } else if self.is_idle() {
                log::info!("ending: nothing to do");
                return Ok(());
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.idle_exit.is_some_and(|after| self.busy_at.elapsed() >= after) && self.service.may_exit()
    }

    /// Waits for a signal, a client, the end of a client, or the time to look at idleness.
    fn wait(&mut self) -> io::Result<(bool, bool)> {
        self.paused_until = self.paused_until.filter(|until| *until > Instant::now());
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.bell.as_fd(), PollFlags::POLLIN),
        ];
        if self.clients.load(Ordering::SeqCst) < CLIENTS_MAX && self.paused_until.is_none() {
            fds.push(PollFd::new(self.listening.listener.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, self.timeout()) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let happened = |at: usize| fds.get(at).and_then(PollFd::any).unwrap_or(false);
        let found = (happened(0), happened(2));
        self.bell.clear();
        Ok(found)
    }

    fn timeout(&self) -> PollTimeout {
        if self.paused_until.is_some() {
            return PollTimeout::try_from(PAUSE).unwrap_or(PollTimeout::MAX);
        }
        match self.idle_exit {
            None => PollTimeout::NONE,
            // The time may have come while there were servers to hold: then it is looked at once a second.
            Some(after) => {
                let left = after.saturating_sub(self.busy_at.elapsed()).max(Duration::from_secs(1));
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            }
        }
    }

    fn accept(&mut self) {
        let stream = match self.listening.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                log::error!("no connection can be accepted: {error}");
                self.paused_until = Some(Instant::now() + PAUSE);
                return;
            }
        };
        self.busy_at = Instant::now();
        match listen::is_welcome(&stream, self.gateway) {
            Ok(true) => self.hand_over(stream),
            Ok(false) => {}
            Err(error) => log::warn!("connection refused: its owner is not known: {error}"),
        }
    }

    fn hand_over(&mut self, stream: UnixStream) {
        let place = Place::take(&self.clients, &self.ringer);
        let service = Arc::clone(&self.service);
        let serve = move || {
            let _place = place;
            connection::serve(&stream, &service);
        };
        let spawned = std::thread::Builder::new().name("client".to_owned()).stack_size(STACK).spawn(serve);
        if let Err(error) = spawned {
            log::error!("no thread for a client: {error}");
            self.paused_until = Some(Instant::now() + PAUSE);
        }
    }

    fn end(&self) {
        ready::notify("STOPPING=1");
        self.service.shut_down();
        if let Some(path) = &self.listening.own_path
            && let Err(error) = std::fs::remove_file(path)
        {
            log::warn!("{}: cannot be removed: {error}", path.display());
        }
    }
}

/// A place among the clients; given back when dropped, also by a thread that panics.
struct Place(Arc<AtomicUsize>, Arc<Ringer>);

impl Place {
    fn take(clients: &Arc<AtomicUsize>, ringer: &Arc<Ringer>) -> Self {
        clients.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(clients), Arc::clone(ringer))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        self.1.ring();
    }
}
