//! What two sets have in common, and whether one lies within the other.

use std::collections::BTreeSet;

use super::holder::{Membership, Target};
use super::set::{Filters, Reach, ScopeSet};

impl ScopeSet {
    /// What both allow: never more than either. A user includes their servers, a group its members and their servers;
    /// two groups have in common only what is named, not who happens to be in both.
    #[must_use]
    pub fn intersect(&self, other: &Self, groups: &dyn Membership) -> Self {
        let common = self.0.iter().filter_map(|(base, own)| {
            let reach = match (own, other.0.get(base)?) {
                (Reach::All, reach) | (reach, Reach::All) => reach.clone(),
                (Reach::Only(a), Reach::Only(b)) => Reach::Only(common(a, b, groups)?.into()),
            };
            Some((base.clone(), reach))
        });
        Self(common.collect())
    }

    /// Whether the other set allows everything that this one does.
    #[must_use]
    pub fn is_subset(&self, of: &Self, groups: &dyn Membership) -> bool {
        self.0.iter().all(|(base, reach)| match (reach, of.0.get(base)) {
            (_, None) | (Reach::All, Some(Reach::Only(_))) => false,
            (_, Some(Reach::All)) => true,
            (Reach::Only(filters), Some(Reach::Only(wider))) => within(filters, wider, groups),
        })
    }

    /// The scopes of this set that the other one does not allow, as sorted text.
    #[must_use]
    pub fn missing(&self, from: &Self, groups: &dyn Membership) -> Vec<String> {
        let common = self.intersect(from, groups).to_strings();
        self.to_strings().into_iter().filter(|text| common.binary_search(text).is_err()).collect()
    }
}

/// The intersection may name more than `filters` does: a user who is named on the other side and here only by a group.
fn within(filters: &Filters, wider: &Filters, groups: &dyn Membership) -> bool {
    filters.users.iter().all(|name| wider.cover(&Target::User(name), groups))
        && filters.servers.iter().all(|id| wider.cover(&Target::Server(id), groups))
        && filters.groups.is_subset(&wider.groups)
        && filters.services.is_subset(&wider.services)
}

fn common(a: &Filters, b: &Filters, groups: &dyn Membership) -> Option<Filters> {
    let mut users = BTreeSet::new();
    let mut servers = BTreeSet::new();
    for (one, other) in [(a, b), (b, a)] {
        users.extend(one.users.iter().filter(|name| other.cover(&Target::User(name), groups)).cloned());
        servers.extend(one.servers.iter().filter(|id| other.cover(&Target::Server(id), groups)).cloned());
    }
    let common = Filters {
        users,
        servers,
        groups: a.groups.intersection(&b.groups).cloned().collect(),
        services: a.services.intersection(&b.services).cloned().collect(),
    };
    (!common.is_empty()).then_some(common)
}
