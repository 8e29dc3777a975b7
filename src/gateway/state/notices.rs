//! The announcements, in memory: every page asks for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use hubgate_protocol::Username;
use parking_lot::RwLock;

use super::Hub;
use crate::domain::entity::GroupName;
use crate::domain::notice::{Notice, Stage};

/// All announcements, the newest first.
#[derive(Debug, Default)]
pub struct Notices(RwLock<Arc<Vec<Arc<Notice>>>>);

impl Notices {
    /// Takes what the database says.
    pub(super) fn replace(&self, all: Vec<Notice>) {
        *self.0.write() = Arc::new(all.into_iter().map(Arc::new).collect());
    }

    /// All of them: those to come and those that are over too.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<Arc<Notice>>> {
        self.0.read().clone()
    }

    fn shown(&self, groups: &BTreeSet<GroupName>, now_s: i64) -> Vec<Arc<Notice>> {
        let all = self.all();
        let wanted =
            |notice: &&Arc<Notice>| notice.said.stage(now_s) == Stage::Shown && notice.said.is_for(groups);
        all.iter().filter(wanted).cloned().collect()
    }
}

impl Hub {
    /// What everybody is told now, the newest first.
    #[must_use]
    pub fn notices_for_all(&self) -> Vec<Arc<Notice>> {
        self.notices.shown(&BTreeSet::new(), self.clock.now_s())
    }

    /// What a user is told now: what everybody is, and what the groups of that user are.
    #[must_use]
    pub fn notices_for(&self, user: &Username) -> Vec<Arc<Notice>> {
        self.notices.shown(self.directory().groups_of(user), self.clock.now_s())
    }
}
