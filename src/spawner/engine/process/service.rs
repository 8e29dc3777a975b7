//! Managed services where there is no systemd: each has a thread that keeps it running.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use hubgate_protocol::ServiceName;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::geteuid;

use super::launch::{Kept, keep, owned, utf8};
use super::plan::{Identity, Plan};
use super::ring::Ring;
use crate::config::{Process, UID_COUNT};
use crate::engine::ServiceRun;
use crate::hold::hold;
use crate::hub::Environment;
use crate::wake::{self, Bell, Ringer};

/// Pause before a service that ended is started again, the first time; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A service that ran for so long has earned a short pause again.
const LONG: Duration = Duration::from_secs(60);
/// It only waits and moves a few values.
const STACK: usize = 256 * 1024;

/// All managed services.
#[derive(Default)]
pub(super) struct Services {
    path: String,
    uid_base: u32,
    all: Mutex<HashMap<ServiceName, Arc<Service>>>,
}

#[derive(Default)]
struct Service {
    inner: Mutex<Inner>,
    ended: Condvar,
}

#[derive(Default)]
struct Inner {
    /// What is to run; nothing for a service that was stopped.
    wanted: Option<Arc<Plan>>,
    /// Wakes the thread; absent when there is none.
    ringer: Option<Ringer>,
}

impl Services {
    pub(super) fn new(settings: &Process) -> Self {
        let uid_base = settings.uid_base.saturating_add(UID_COUNT);
        Self { path: settings.path.clone(), uid_base, all: Mutex::default() }
    }

    /// Lets a service run from now on.
    pub(super) fn start(&self, run: &ServiceRun<'_>) -> io::Result<()> {
        let plan = Arc::new(self.plan(run)?);
        let name = &run.spec.name;
        let service = Arc::clone(hold(&self.all).entry(name.clone()).or_default());
        let mut inner = hold(&service.inner);
        if inner.wanted.as_ref() == Some(&plan) {
            return Ok(());
        }
        inner.wanted = Some(plan);
        if let Some(ringer) = &inner.ringer {
            ringer.ring();
            return Ok(());
        }
        let (ringer, bell) = wake::pair()?;
        let thread = Thread { name: name.clone(), service: Arc::clone(&service), bell };
        // The new thread waits for this lock before its first step.
        std::thread::Builder::new()
            .name("service".to_owned())
            .stack_size(STACK)
            .spawn(move || thread.run())?;
        inner.ringer = Some(ringer);
        Ok(())
    }

    /// Ends a service for good.
    pub(super) fn stop(&self, name: &ServiceName) {
        if let Some(service) = hold(&self.all).get(name) {
            service.stop();
        }
    }

    /// Ends all of them.
    pub(super) fn stop_all(&self) {
        hold(&self.all).values().for_each(|service| service.stop());
    }

    /// Waits until all that were stopped are gone.
    pub(super) fn wait_for_end(&self, end: Instant) {
        let all: Vec<Arc<Service>> = hold(&self.all).values().cloned().collect();
        for service in all {
            let patience = end.saturating_duration_since(Instant::now());
            let runs = |inner: &mut Inner| inner.ringer.is_some();
            let _in_time = service.ended.wait_timeout_while(hold(&service.inner), patience, runs);
        }
    }

    fn plan(&self, run: &ServiceRun<'_>) -> io::Result<Plan> {
        let mut env = Environment::default();
        env.set("PATH", self.path.as_str());
        env.set("LANG", "C.UTF-8");
        let (uid, root) = (geteuid(), geteuid().is_root());
        let identity = match &run.account {
            Some(host) if !root && host.uid != uid.as_raw() => {
                let text = format!("user {}: only root can run a service as another account", host.user);
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            Some(host) => {
                env.set("HOME", host.home.to_string_lossy());
                env.set("SHELL", host.shell().to_string_lossy());
                env.set("USER", host.user.as_str());
                env.set("LOGNAME", host.user.as_str());
                let groups_of = Some(host.user.to_string());
                Identity { uid: host.uid, gid: host.gid, groups_of }
            }
            None => {
                env.set("HOME", "/");
                let uid = self.uid_base.saturating_add(run.place);
                Identity { uid, gid: uid, groups_of: None }
            }
        };
        env.extend(&run.env);
        let home = run.spec.cwd.as_deref().map_or_else(|| Ok("/".to_owned()), utf8)?;
        let command = run.spec.command.clone();
        Ok(Plan { command, env: owned(&env), home, identity: root.then_some(identity), socket: false })
    }
}

impl Service {
    fn stop(&self) {
        let mut inner = hold(&self.inner);
        inner.wanted = None;
        if let Some(ringer) = &inner.ringer {
            ringer.ring();
        }
    }

    fn wants(&self, plan: &Arc<Plan>) -> bool {
        hold(&self.inner).wanted.as_ref() == Some(plan)
    }

    /// What to run next; `None` ends the thread that asks.
    fn next(&self) -> Option<Arc<Plan>> {
        let mut inner = hold(&self.inner);
        if inner.wanted.is_none() {
            inner.ringer = None;
            self.ended.notify_all();
        }
        inner.wanted.clone()
    }
}

struct Thread {
    name: ServiceName,
    service: Arc<Service>,
    bell: Bell,
}

impl Thread {
    fn run(self) {
        let mut pause = PAUSE;
        while let Some(plan) = self.service.next() {
            let began = Instant::now();
            match keep(&plan, Stdio::null()) {
                Ok(kept) => self.live(kept, &plan),
                Err(error) => log::error!("service {} cannot be started: {error}", self.name),
            }
            if !self.service.wants(&plan) {
                pause = PAUSE;
                continue;
            }
            if began.elapsed() >= LONG {
                pause = PAUSE;
            }
            log::warn!("service {} has ended; it is started again in {} s", self.name, pause.as_secs());
            self.rest(pause, &plan);
            pause = (pause * 2).min(PAUSE_MAX);
        }
        log::info!("service {} is stopped", self.name);
    }

    /// One life, until no process is left.
    fn live(&self, mut kept: Kept, plan: &Arc<Plan>) {
        log::info!("service {} started pid={}", self.name, kept.main);
        let mut lines = Ring::default();
        let mut asked = false;
        loop {
            let mut fds = [&kept.control.as_fd(), &kept.log.as_fd(), &self.bell.as_fd()]
                .map(|fd| PollFd::new(*fd, PollFlags::POLLIN));
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(error) => break self.failed("poll", &error),
            }
            let [control, log, bell] = fds.map(|fd| fd.any().unwrap_or(false));
            if bell {
                self.bell.clear();
            }
            if !asked && !self.service.wants(plan) {
                asked = true;
                // Closing the sending half is the one thing that a daemon says to a keeper.
                let _gone = kept.control.shutdown(std::net::Shutdown::Write);
            }
            if log {
                let _goes_on = self.tell(&mut kept, &mut lines);
            }
            // Of its events the end of the stream is enough: then no process is left.
            let mut event = [0; 512];
            if control && !matches!(kept.control.read(&mut event), Ok(1..)) {
                break;
            }
        }
        if let Err(error) = kept.keeper.wait() {
            self.failed("its keeper", &error);
        }
        while self.tell(&mut kept, &mut lines) {}
    }

    /// Hands on what the service wrote; false at its end.
    fn tell(&self, kept: &mut Kept, lines: &mut Ring) -> bool {
        let mut chunk = [0; 8192];
        // `poll` said that a read does not wait, or nobody is left who could write.
        let len = kept.log.read(&mut chunk).unwrap_or_default();
        lines.take(chunk.get(..len).unwrap_or_default());
        lines.finished().for_each(|line| log::info!("service {}: {line}", self.name));
        len > 0
    }

    /// Waits for a time, or until something else is wanted.
    fn rest(&self, pause: Duration, plan: &Arc<Plan>) {
        let end = Instant::now() + pause;
        while self.service.wants(plan) && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let _again = poll(&mut [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)], timeout);
            self.bell.clear();
        }
    }

    fn failed(&self, what: &str, error: &dyn Display) {
        log::error!("service {}: {what}: {error}", self.name);
    }
}
