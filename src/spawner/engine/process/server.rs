//! What is known and wanted of one server: shared by its supervisor and by those who ask.

use std::sync::{Arc, Condvar, Mutex};

use hubgate_protocol::{Exit, Phase, ServerId, ServerStatus};

use super::ring::Ring;
use super::watch::Watchers;
use crate::clock::unix_ms;
use crate::engine::Run;
use crate::hold::hold;
use crate::wake::Ringer;

/// The last order that was not carried out yet.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// Run so.
    Start(Box<Run>),
    /// End, then run so: a start that came before the stop was carried out.
    Restart(Box<Run>),
    /// End, and listen no more.
    Stop,
}

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    inner: Mutex<Inner>,
    /// Signalled when a supervisor ends.
    ended: Condvar,
    watchers: Arc<Watchers>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) status: ServerStatus,
    pub(super) ring: Ring,
    pub(super) order: Option<Order>,
    /// Wakes the supervisor; absent when there is none.
    pub(super) ringer: Option<Ringer>,
}

impl Server {
    pub(super) fn new(id: &ServerId, watchers: Arc<Watchers>) -> Self {
        let inner =
            Inner { status: ServerStatus::stopped(id), ring: Ring::default(), order: None, ringer: None };
        Self { inner: Mutex::new(inner), ended: Condvar::new(), watchers }
    }

    /// Everything, for as long as the closure takes.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        act(&mut hold(&self.inner))
    }

    pub(super) fn status(&self) -> ServerStatus {
        self.with(|inner| inner.status.clone())
    }

    /// Enters a phase, and tells the watchers in the order in which it happens.
    pub(super) fn enter(&self, phase: Phase, pid: Option<i32>, exit: Option<Exit>) {
        self.with(|inner| {
            let status = &mut inner.status;
            status.phase = phase;
            status.since_ms = unix_ms();
            status.pid = pid.and_then(|pid| u32::try_from(pid).ok());
            status.exit = exit;
            if !matches!(phase, Phase::Starting | Phase::Running) {
                status.status_text.clear();
            }
            self.watchers.publish(status);
        });
    }

    /// Tells the watchers what is there now.
    pub(super) fn publish(&self) {
        self.with(|inner| self.watchers.publish(&inner.status));
    }

    /// A line of the daemon's own in the server's log.
    pub(super) fn say(&self, text: &str) {
        self.with(|inner| inner.ring.say(&format!("hubgate: {text}")));
    }

    /// Orders a start. A stop that was not carried out yet still is, first.
    pub(super) fn order_start(inner: &mut Inner, run: Run) {
        let run = Box::new(run);
        inner.order = Some(match inner.order {
            Some(Order::Stop | Order::Restart(_)) => Order::Restart(run),
            Some(Order::Start(_)) | None => Order::Start(run),
        });
    }

    /// Takes the order, if there is one.
    pub(super) fn take_order(&self) -> Option<Order> {
        self.with(|inner| inner.order.take())
    }

    /// The supervisor's last act: it ends only if nobody has ordered a start meanwhile; else it gets that order.
    pub(super) fn end_unless_started(&self) -> Option<Run> {
        let again = self.with(|inner| match inner.order.take() {
            Some(Order::Start(run) | Order::Restart(run)) => Some(*run),
            _ => {
                inner.ringer = None;
                None
            }
        });
        self.ended.notify_all();
        again
    }

    /// Waits until no supervisor is left.
    pub(super) fn wait_for_end(&self, patience: std::time::Duration) -> bool {
        let inner = hold(&self.inner);
        let waited = self.ended.wait_timeout_while(inner, patience, |inner| inner.ringer.is_some());
        waited.is_ok_and(|(inner, _)| inner.ringer.is_none())
    }
}
