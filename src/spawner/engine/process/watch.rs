//! Changes of servers, handed to everybody who watches.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use hubgate_protocol::ServerStatus;

use crate::hold::hold;

/// Changes kept for a watcher that does not read; one that is further behind has lost some, and is told so.
const BEHIND_MAX: usize = 4096;

/// One watcher's queue.
#[derive(Debug, Default)]
pub struct Watch {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    changes: VecDeque<ServerStatus>,
    lost: bool,
}

/// What a watcher finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A change.
    Changed(Box<ServerStatus>),
    /// Nothing for as long as it was willing to wait.
    Quiet,
    /// Changes were lost: begin anew with a list.
    Lost,
}

impl Watch {
    /// The next change, or what there is instead after `patience`.
    pub fn next(&self, patience: Duration) -> Next {
        let empty = |queue: &mut Queue| queue.changes.is_empty() && !queue.lost;
        let (mut queue, _timed_out) = self
            .filled
            .wait_timeout_while(hold(&self.queue), patience, empty)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.lost {
            return Next::Lost;
        }
        queue.changes.pop_front().map_or(Next::Quiet, |change| Next::Changed(Box::new(change)))
    }

    fn push(&self, change: &ServerStatus) {
        let mut queue = hold(&self.queue);
        // A server that says something new every millisecond costs a slow watcher one entry, not thousands; a change of
        // phase always stands for itself.
        if let Some(last) = queue
            .changes
            .iter_mut()
            .rev()
            .find(|last| last.user == change.user && last.server == change.server)
            && last.phase == change.phase
            && last.pid == change.pid
        {
            *last = change.clone();
        } else if queue.changes.len() < BEHIND_MAX {
            queue.changes.push_back(change.clone());
        } else {
            queue.lost = true;
        }
        self.filled.notify_all();
    }
}

/// All watchers; those who left are forgotten at the next change.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<Vec<Weak<Watch>>>);

impl Watchers {
    /// A new watcher, who sees every change from now on.
    pub fn add(&self) -> Arc<Watch> {
        let watch = Arc::new(Watch::default());
        hold(&self.0).push(Arc::downgrade(&watch));
        watch
    }

    /// Tells everybody.
    pub fn publish(&self, change: &ServerStatus) {
        hold(&self.0).retain(|watch| watch.upgrade().map(|watch| watch.push(change)).is_some());
    }
}

#[cfg(test)]
mod tests {
    use hubgate_protocol::{Phase, ServerId};

    use super::*;

    fn change(name: &str, phase: Phase, text: &str) -> ServerStatus {
        let stopped = ServerStatus::stopped(&ServerId::default_of(name.parse().unwrap()));
        ServerStatus { phase, status_text: text.to_owned(), ..stopped }
    }

    #[test]
    fn phases_come_one_by_one_and_texts_of_one_phase_melt_together() {
        let watchers = Watchers::default();
        let watch = watchers.add();
        watchers.publish(&change("a", Phase::Starting, ""));
        watchers.publish(&change("a", Phase::Running, "1"));
        watchers.publish(&change("b", Phase::Running, "x"));
        watchers.publish(&change("a", Phase::Running, "2"));
        let next = || match watch.next(Duration::ZERO) {
            Next::Changed(change) => (change.user.to_string(), change.phase, change.status_text),
            other => panic!("{other:?}"),
        };
        assert_eq!(next(), ("a".to_owned(), Phase::Starting, String::new()));
        assert_eq!(next(), ("a".to_owned(), Phase::Running, "2".to_owned()));
        assert_eq!(next(), ("b".to_owned(), Phase::Running, "x".to_owned()));
        assert_eq!(watch.next(Duration::ZERO), Next::Quiet);
    }

    #[test]
    fn a_watcher_far_behind_is_told_that_it_lost_changes() {
        let watchers = Watchers::default();
        let watch = watchers.add();
        for n in 0..=BEHIND_MAX {
            watchers.publish(&change("a", if n % 2 == 0 { Phase::Running } else { Phase::Failed }, ""));
        }
        assert_eq!(watch.next(Duration::ZERO), Next::Lost);
    }

    #[test]
    fn a_watcher_that_left_is_forgotten() {
        let watchers = Watchers::default();
        drop(watchers.add());
        watchers.publish(&change("a", Phase::Running, ""));
        assert!(hold(&watchers.0).is_empty());
    }
}
