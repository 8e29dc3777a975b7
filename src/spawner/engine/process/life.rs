//! One life of a server: from its launch until its keeper says that no process is left.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use hubgate_protocol::{Exit, Phase, frame};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::launch::Launched;
use super::plan::{Event, How};
use super::server::Order;
use super::socket::ServerSocket;
use super::supervisor::Supervisor;
use crate::connection::Deadline;

/// Watchers hear of a new status text at most this often, however often a server has something to say.
const TEXT_PAUSE: Duration = Duration::from_millis(200);
/// A keeper writes its events in one piece.
const EVENT_TIME: Duration = Duration::from_secs(5);

/// What comes after a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It ended well by itself: the next byte starts it again.
    Listen,
    /// It failed, and waits for an order.
    Failed,
    /// It was stopped.
    Stopped,
}

/// Where the life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not ready; must be by then.
    Starting { until: Instant },
    /// Ready.
    Running,
    /// Being ended because it was not ready in time.
    TimedOut,
    /// Being ended because somebody asked for it.
    Asked,
    /// The main process is gone, the rest is being ended.
    Over(After),
}

pub(super) struct Life<'a> {
    supervisor: &'a Supervisor,
    launched: Launched,
    /// Dropped as soon as the server cannot answer any more.
    socket: Option<ServerSocket>,
    stage: Stage,
    /// When watchers may hear the next text, if there is one that they do not know.
    text_due: Option<Instant>,
    text_told: Instant,
}

/// What `poll` found.
struct Found {
    bell: bool,
    control: bool,
    notify: bool,
    log: bool,
}

impl<'a> Life<'a> {
    pub(super) fn new(supervisor: &'a Supervisor, launched: Launched, socket: ServerSocket) -> Self {
        let now = Instant::now();
        let stage = Stage::Starting { until: now + supervisor.host.start_timeout };
        supervisor.server.enter(Phase::Starting, Some(launched.kept.main), None);
        log::info!("server {} started pid={}", supervisor.id, launched.kept.main);
        Self { supervisor, launched, socket: Some(socket), stage, text_due: None, text_told: now }
    }

    /// Lives it.
    pub(super) fn last(mut self) -> After {
        loop {
            let Some(found) = self.wait() else { return self.finish() };
            if found.bell {
                self.supervisor.bell.clear();
            }
            self.obey();
            if found.notify {
                self.hear();
            }
            if found.log {
                self.read_log();
            }
            if found.control && !self.control() {
                return self.finish();
            }
            self.look_at_the_time();
        }
    }

    fn wait(&self) -> Option<Found> {
        let due = match self.stage {
            Stage::Starting { until } => Some(until),
            _ => None,
        };
        let next = due.into_iter().chain(self.text_due).min();
        let timeout = next.map_or(PollTimeout::NONE, |at| {
            // Rounded up, so that the loop does not turn without pause in the last millisecond.
            let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = [
            PollFd::new(self.supervisor.bell.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.launched.kept.control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.launched.notify.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.launched.kept.log.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => {
                log::error!("server {}: poll failed: {error}", self.supervisor.id);
                return None;
            }
        }
        let [bell, control, notify, log] = fds.map(|fd| fd.any().unwrap_or(false));
        Some(Found { bell, control, notify, log })
    }

    /// Carries an order out, or leaves it for the time after this life.
    fn obey(&mut self) {
        let ending = !matches!(self.stage, Stage::Starting { .. } | Stage::Running);
        let stop = self.supervisor.server.with(|inner| match (&inner.order, ending) {
            (Some(Order::Start(_)), true) | (None, _) => false,
            (Some(Order::Start(_)), false) => {
                // It runs already.
                inner.order = None;
                false
            }
            (Some(Order::Stop), _) => {
                inner.order = None;
                true
            }
            (Some(Order::Restart(run)), _) => {
                // The start is for the time after this life.
                inner.order = Some(Order::Start(run.clone()));
                true
            }
        });
        if stop && self.stage != Stage::Asked {
            let was_over = matches!(self.stage, Stage::Over(_));
            self.end(Stage::Asked);
            if was_over {
                self.stage = Stage::Over(After::Stopped);
            }
        }
    }

    /// Begins the end: nobody new connects, the keeper does the rest.
    fn end(&mut self, stage: Stage) {
        self.stage = stage;
        self.socket = None;
        self.text_due = None;
        self.supervisor.server.enter(Phase::Stopping, Some(self.launched.kept.main), None);
        // Closing the sending half is the one thing that a daemon says to a keeper, wanted or not.
        if let Err(error) = self.launched.kept.control.shutdown(std::net::Shutdown::Write) {
            log::debug!("server {}: its keeper is gone: {error}", self.supervisor.id);
        }
    }

    fn hear(&mut self) {
        let said = match self.launched.notify.take(self.launched.kept.main) {
            Ok(said) => said,
            Err(error) => return log::warn!("server {}: NOTIFY_SOCKET: {error}", self.supervisor.id),
        };
        if !matches!(self.stage, Stage::Starting { .. } | Stage::Running) {
            return;
        }
        if let Some(text) = said.status {
            self.supervisor.server.with(|inner| inner.status.status_text = text);
            self.text_due = self.text_due.or(Some(self.text_told + TEXT_PAUSE));
        }
        if said.ready && matches!(self.stage, Stage::Starting { .. }) {
            self.stage = Stage::Running;
            self.text_due = None;
            log::info!("server {} is ready", self.supervisor.id);
            self.supervisor.server.enter(Phase::Running, Some(self.launched.kept.main), None);
        }
    }

    fn read_log(&mut self) {
        let mut chunk = [0; 8192];
        // `poll` said that a read does not wait.
        if let Ok(len) = self.launched.kept.log.read(&mut chunk) {
            let read = chunk.get(..len).unwrap_or_default();
            self.supervisor.server.with(|inner| inner.ring.take(read));
        }
    }

    /// Hears the keeper; false when it has ended.
    fn control(&mut self) -> bool {
        let mut stream = Deadline::new(&self.launched.kept.control, Instant::now() + EVENT_TIME);
        match frame::read_body(&mut stream) {
            Ok(Some(body)) => {
                if let Ok(Event::Ended { status, how }) = frame::decode::<Event>(&body) {
                    self.main_ended(status, how);
                }
                true
            }
            Ok(None) => false,
            Err(error) => {
                log::warn!("server {}: its keeper: {error}", self.supervisor.id);
                false
            }
        }
    }

    fn main_ended(&mut self, status: i32, how: How) {
        log::info!("server {} ended how={how:?} status={status}", self.supervisor.id);
        let result = match (self.stage, how, status) {
            (Stage::Asked | Stage::Over(_), ..) => return,
            (Stage::Running, How::Exited, 0) => return self.end(Stage::Over(After::Listen)),
            (Stage::TimedOut, ..) => "timeout",
            // It ended well, but never was ready.
            (Stage::Starting { .. }, How::Exited, 0) => "protocol",
            (_, How::Exited, _) => "exit-code",
            (_, How::Signal, _) => "signal",
            (_, How::CoreDump, _) => "core-dump",
        };
        self.fail(result, status);
    }

    fn fail(&mut self, result: &str, status: i32) {
        self.stage = Stage::Over(After::Failed);
        self.socket = None;
        self.text_due = None;
        let exit = Exit { result: result.to_owned(), status };
        self.supervisor.server.enter(Phase::Failed, None, Some(exit));
    }

    fn look_at_the_time(&mut self) {
        let now = Instant::now();
        if let Stage::Starting { until } = self.stage
            && now >= until
        {
            self.supervisor.server.say("the server was not ready in time");
            self.end(Stage::TimedOut);
        }
        if self.text_due.is_some_and(|due| now >= due) {
            self.text_due = None;
            self.text_told = now;
            self.supervisor.server.publish();
        }
    }

    /// The keeper has closed its socket: no process is left.
    fn finish(mut self) -> After {
        while let Some(found) = self.rest_of_log()
            && found
        {
            self.read_log();
        }
        if let Err(error) = self.launched.kept.keeper.wait() {
            log::warn!("server {}: its keeper could not be reaped: {error}", self.supervisor.id);
        }
        match self.stage {
            Stage::Over(after) => after,
            Stage::Asked => After::Stopped,
            Stage::TimedOut => {
                self.fail("timeout", 0);
                After::Failed
            }
            // Somebody killed the keeper, and with it the server.
            Stage::Starting { .. } | Stage::Running => {
                self.fail("signal", 9);
                After::Failed
            }
        }
    }

    fn rest_of_log(&self) -> Option<bool> {
        let mut fds = [PollFd::new(self.launched.kept.log.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).ok()?;
        let [log] = fds;
        Some(log.revents().is_some_and(|events| events.contains(PollFlags::POLLIN)))
    }
}
