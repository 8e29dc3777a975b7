//! When users and servers were last used, from the moment of the use until the next batch is written to the database.

use std::collections::HashMap;
use std::hash::Hash;

use hubgate_protocol::{Phase, ServerId, ServerStatus, Username};
use parking_lot::Mutex;

use crate::domain::activity::Activity as Report;

/// Times that are not in the database yet, microseconds since 1970.
#[derive(Debug, Default)]
pub struct Activity {
    users: Mutex<HashMap<Username, i64>>,
    servers: Mutex<HashMap<ServerId, i64>>,
}

/// A batch for the database.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Users and when.
    pub users: Vec<(Username, i64)>,
    /// Servers and when.
    pub servers: Vec<(ServerId, i64)>,
}

impl Activity {
    /// Somebody did something at `at_us`.
    pub fn user(&self, name: &Username, at_us: i64) {
        note(&mut self.users.lock(), name, at_us);
    }

    /// A server was used at `at_us`.
    pub fn server(&self, id: &ServerId, at_us: i64) {
        note(&mut self.servers.lock(), id, at_us);
    }

    /// A server has said in its status when somebody last did something in it; a time to come counts as now.
    pub fn reported(&self, status: &ServerStatus, now_us: i64) {
        let said = Report::parse(&status.status_text).filter(|report| report.last_s > 0);
        if let Some(report) = said.filter(|_| status.phase == Phase::Running) {
            self.server(&status.id(), report.last_s.saturating_mul(1_000_000).min(now_us));
        }
    }

    /// The later of what the database says and what it will be told.
    #[must_use]
    pub fn of_user(&self, name: &Username, stored_us: Option<i64>) -> Option<i64> {
        stored_us.max(self.users.lock().get(name).copied())
    }

    /// The later of what the database says and what it will be told.
    #[must_use]
    pub fn of_server(&self, id: &ServerId, stored_us: Option<i64>) -> Option<i64> {
        stored_us.max(self.servers.lock().get(id).copied())
    }

    /// Takes what is to be written.
    #[must_use]
    pub fn take(&self) -> Batch {
        let users = std::mem::take(&mut *self.users.lock()).into_iter().collect();
        let servers = std::mem::take(&mut *self.servers.lock()).into_iter().collect();
        Batch { users, servers }
    }

    /// Puts back what could not be written.
    pub fn restore(&self, batch: Batch) {
        batch.users.iter().for_each(|(name, at_us)| self.user(name, *at_us));
        batch.servers.iter().for_each(|(id, at_us)| self.server(id, *at_us));
    }
}

/// Never moves a time back.
fn note<K: Eq + Hash + Clone>(times: &mut HashMap<K, i64>, key: &K, at_us: i64) {
    match times.get_mut(key) {
        Some(last) => *last = at_us.max(*last),
        None => {
            times.insert(key.clone(), at_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_server_says_itself_when_it_was_used_but_not_ahead_of_time() {
        let (activity, id) = (Activity::default(), "ada".parse().unwrap());
        let says = |last_s: i64, phase| ServerStatus {
            phase,
            status_text: format!("hubgate kernels=1 busy=0 terminals=0 connections=0 last={last_s}"),
            ..ServerStatus::stopped(&id)
        };
        activity.reported(&says(5, Phase::Stopping), 9_000_000);
        assert_eq!(activity.of_server(&id, None), None);
        activity.reported(&says(5, Phase::Running), 9_000_000);
        assert_eq!(activity.of_server(&id, None), Some(5_000_000));
        activity.reported(&says(i64::MAX, Phase::Running), 9_000_000);
        assert_eq!(activity.of_server(&id, None), Some(9_000_000));
    }

    #[test]
    fn the_latest_time_counts_whoever_knows_it() {
        let (activity, ada) = (Activity::default(), "ada".parse().unwrap());
        activity.user(&ada, 5);
        activity.user(&ada, 3);
        assert_eq!(activity.of_user(&ada, None), Some(5));
        assert_eq!(activity.of_user(&ada, Some(9)), Some(9));
        let batch = activity.take();
        assert_eq!(batch.users, [(ada.clone(), 5)]);
        assert_eq!(activity.of_user(&ada, None), None);
        activity.restore(batch);
        assert_eq!(activity.of_user(&ada, Some(1)), Some(5));
    }
}
