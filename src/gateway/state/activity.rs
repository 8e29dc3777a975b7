//! When users and servers were last used, from the moment of the use until the next batch is written to the database.

use std::collections::HashMap;
use std::hash::Hash;

use hubgate_protocol::{ServerId, Username};
use parking_lot::Mutex;

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
