//! The supervisor of one server: a thread that listens for it, starts it, and knows how it ended.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use hubgate_protocol::{Exit, Phase, ServerId};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Host;
use super::life::{After, Life};
use super::server::{Order, Server};
use super::socket::ServerSocket;
use crate::engine::Run;
use crate::wake::Bell;

/// It only waits and moves a few values.
const STACK: usize = 256 * 1024;

/// The thread's own belongings.
pub(super) struct Supervisor {
    pub(super) host: Arc<Host>,
    pub(super) server: Arc<Server>,
    pub(super) id: ServerId,
    pub(super) bell: Bell,
}

/// Starts the supervisor of `server`, which listens on `socket` and hears `bell`.
pub(super) fn spawn(
    host: &Arc<Host>,
    server: &Arc<Server>,
    id: &ServerId,
    (socket, bell): (ServerSocket, Bell),
) -> io::Result<()> {
    let supervisor = Supervisor { host: Arc::clone(host), server: Arc::clone(server), id: id.clone(), bell };
    let run = move || supervisor.run(socket);
    std::thread::Builder::new().name("server".to_owned()).stack_size(STACK).spawn(run).map(drop)
}

impl Supervisor {
    fn run(self, socket: ServerSocket) {
        let mut socket = Some(socket);
        // The first order came with the thread.
        let mut known = None;
        self.server.enter(Phase::Listening, None, None);
        loop {
            let after = match self.wait(socket.as_ref(), &mut known) {
                Some(run) => self.live(socket.take(), &run),
                None => After::Stopped,
            };
            socket = match after {
                After::Listen => self.listen_again(),
                After::Failed => None,
                After::Stopped => {
                    drop(socket.take());
                    self.server.enter(Phase::Stopped, None, None);
                    let Some(again) = self.server.end_unless_started() else { return };
                    self.server.with(|inner| inner.order = Some(Order::Start(Box::new(again))));
                    self.listen_again()
                }
            };
        }
    }

    /// Waits for an order or, where there is a socket, for its first byte: what to start as, or `None` to end.
    fn wait(&self, socket: Option<&ServerSocket>, known: &mut Option<Run>) -> Option<Run> {
        loop {
            match self.server.take_order() {
                Some(Order::Stop) => return None,
                Some(Order::Start(run) | Order::Restart(run)) => return Some(known.insert(*run).clone()),
                None => {}
            }
            let mut fds = vec![PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
            fds.extend(socket.map(|socket| PollFd::new(socket.listener().as_fd(), PollFlags::POLLIN)));
            if let Err(error) = poll(&mut fds, PollTimeout::NONE)
                && error != nix::Error::EINTR
            {
                log::error!("server {}: poll failed: {error}", self.id);
                return None;
            }
            let connected = fds.get(1).and_then(PollFd::any).unwrap_or(false);
            self.bell.clear();
            if connected && let Some(run) = known {
                log::info!("server {} starts for its first connection", self.id);
                return Some(run.clone());
            }
        }
    }

    /// One life, from launch until no process is left.
    fn live(&self, socket: Option<ServerSocket>, run: &Run) -> After {
        let socket = match socket.map_or_else(|| self.host.bind(&self.id), Ok) {
            Ok(socket) => socket,
            Err(error) => return self.could_not("the socket cannot be made", &error),
        };
        self.server.enter(Phase::Starting, None, None);
        match self.host.launcher.launch(&self.id, run, &socket) {
            Ok(launched) => Life::new(self, launched, socket).last(),
            Err(error) => self.could_not("the server cannot be started", &error),
        }
    }

    /// Whoever waited in the old socket's queue meant the server that has ended, and must not start the next one.
    fn listen_again(&self) -> Option<ServerSocket> {
        match self.host.bind(&self.id) {
            Ok(socket) => {
                self.server.enter(Phase::Listening, None, None);
                Some(socket)
            }
            Err(error) => {
                self.could_not("the socket cannot be made", &error);
                None
            }
        }
    }

    fn could_not(&self, what: &str, error: &io::Error) -> After {
        log::error!("server {}: {what}: {error}", self.id);
        self.server.say(&format!("{what}: {error}"));
        self.server.enter(Phase::Failed, None, Some(Exit { result: "resources".to_owned(), status: 0 }));
        After::Failed
    }
}
