//! The engine of a host without systemd: the same contract by this daemon's own hands.
//!
//! Every server has a supervisor (a thread of the daemon) and, while it runs, a keeper (a process, see [`keeper`]).

mod enter;
mod home;
pub mod keeper;
mod launch;
mod life;
mod notify;
mod plan;
mod ring;
mod server;
mod service;
mod socket;
mod supervisor;
pub mod watch;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hubgate_protocol::{Limits, Phase, ServerId, ServerStatus, ServiceName};
use nix::unistd::Gid;

use super::{Engine, EngineError, Network, Paths, Run, ServiceRun};
use crate::account::gid_of;
use crate::config::Config;
use crate::hold::hold;
use crate::wake;
use launch::Launcher;
use server::{Order, Server};
use service::Services;
use socket::ServerSocket;
use watch::{Watch, Watchers};

/// From SIGTERM to the last SIGKILL, and some time for the machine.
const SHUT_DOWN_TIME: Duration = Duration::from_secs(15);

/// The process engine.
pub struct ProcessEngine {
    host: Arc<Host>,
    servers: Mutex<HashMap<ServerId, Arc<Server>>>,
    watchers: Arc<Watchers>,
    services: Services,
}

/// What all supervisors share.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) launcher: Launcher,
    socket_dir: PathBuf,
    group: Gid,
    pub(super) start_timeout: Duration,
}

impl Host {
    pub(super) fn bind(&self, server: &ServerId) -> io::Result<ServerSocket> {
        ServerSocket::bind(&self.socket_dir, server, self.group)
    }
}

impl ProcessEngine {
    /// Looks at the directory of the sockets and at nginx's group.
    ///
    /// # Errors
    /// A sentence with place and remedy.
    pub fn new(config: &Config) -> Result<Self, EngineError> {
        let group = gid_of(&config.nginx_group)
            .map_err(|error| EngineError::Failed(format!("nginx_group: {error}")))?;
        socket::prepare_dir(&config.socket_dir, group)
            .map_err(|error| EngineError::Failed(format!("socket_dir: {error}")))?;
        let host = Host {
            launcher: Launcher::new(&config.process),
            socket_dir: config.socket_dir.clone(),
            group,
            start_timeout: Duration::from_secs(config.start_timeout_s),
        };
        Ok(Self {
            host: Arc::new(host),
            servers: Mutex::default(),
            watchers: Arc::default(),
            services: Services::new(&config.process),
        })
    }

    fn find(&self, server: &ServerId) -> Option<Arc<Server>> {
        hold(&self.servers).get(server).cloned()
    }

    fn find_or_make(&self, server: &ServerId) -> Arc<Server> {
        let fresh = || Arc::new(Server::new(server, Arc::clone(&self.watchers)));
        Arc::clone(hold(&self.servers).entry(server.clone()).or_insert_with(fresh))
    }
}

impl Engine for ProcessEngine {
    fn start(&self, id: &ServerId, run: &Run) -> Result<(), EngineError> {
        if run.network != Network::AsItIs {
            return Err(EngineError::Unsupported("a server without network needs systemd"));
        }
        if run.paths != Paths::default() {
            return Err(EngineError::Unsupported("paths that are closed to a server need systemd"));
        }
        let server = self.find_or_make(id);
        let queued = server.with(|inner| {
            if let Some(ringer) = &inner.ringer {
                ringer.ring();
                Server::order_start(inner, run.clone());
                return Ok(());
            }
            let socket = self.host.bind(id)?;
            let (ringer, bell) = wake::pair()?;
            // The new thread waits for this lock before its first step.
            supervisor::spawn(&self.host, &server, id, (socket, bell))?;
            inner.ringer = Some(ringer);
            Server::order_start(inner, run.clone());
            Ok(())
        });
        queued.map_err(|error: io::Error| EngineError::Failed(error.to_string()))
    }

    fn start_service(&self, run: &ServiceRun<'_>) -> Result<(), EngineError> {
        self.services.start(run).map_err(|error| EngineError::Failed(error.to_string()))
    }

    fn stop_service(&self, name: &ServiceName) -> Result<(), EngineError> {
        self.services.stop(name);
        Ok(())
    }

    fn stop(&self, id: &ServerId) -> Result<(), EngineError> {
        if let Some(server) = self.find(id) {
            server.with(|inner| {
                if let Some(ringer) = &inner.ringer {
                    inner.order = Some(Order::Stop);
                    ringer.ring();
                }
            });
        }
        Ok(())
    }

    fn status(&self, id: &ServerId) -> Result<ServerStatus, EngineError> {
        Ok(self.find(id).map_or_else(|| ServerStatus::stopped(id), |server| server.status()))
    }

    fn list(&self) -> Result<Vec<ServerStatus>, EngineError> {
        let servers: Vec<Arc<Server>> = hold(&self.servers).values().cloned().collect();
        let mut all: Vec<ServerStatus> = servers.iter().map(|server| server.status()).collect();
        all.retain(|status| status.phase != Phase::Stopped);
        all.sort_by(|one, other| (&one.user, &one.server).cmp(&(&other.user, &other.server)));
        Ok(all)
    }

    fn journal(&self, id: &ServerId, lines: u16) -> Result<Vec<String>, EngineError> {
        let last = |server: Arc<Server>| server.with(|inner| inner.ring.last(usize::from(lines)));
        Ok(self.find(id).map_or_else(Vec::new, last))
    }

    fn set_limits(&self, _id: &ServerId, _limits: &Limits) -> Result<(), EngineError> {
        Err(EngineError::Unsupported("limits need control groups, which are systemd's"))
    }

    fn lives(&self, server: &ServerId) -> Result<bool, EngineError> {
        let phase = self.status(server)?.phase;
        Ok(matches!(phase, Phase::Starting | Phase::Running | Phase::Stopping))
    }

    fn vacate(&self, _server: &ServerId) -> Result<(), EngineError> {
        Err(EngineError::Unsupported("GPUs are leased by systemd's units alone"))
    }

    fn watch(&self) -> Result<Arc<Watch>, EngineError> {
        Ok(self.watchers.add())
    }

    fn holds_servers(&self) -> bool {
        true
    }

    fn shut_down(&self) {
        let servers: Vec<(ServerId, Arc<Server>)> =
            hold(&self.servers).iter().map(|(id, server)| (id.clone(), Arc::clone(server))).collect();
        for (id, _) in &servers {
            let _always_queued = self.stop(id);
        }
        self.services.stop_all();
        let end = Instant::now() + SHUT_DOWN_TIME;
        for (id, server) in &servers {
            if !server.wait_for_end(end.saturating_duration_since(Instant::now())) {
                log::warn!("server {id} has not ended in time; its keeper goes on ending it");
            }
        }
        self.services.wait_for_end(end);
    }
}
