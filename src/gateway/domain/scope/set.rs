//! A set of expanded scopes and the question put to it with every request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hubgate_protocol::{ServerId, Username};

use crate::domain::entity::{GroupName, ServiceName};

use super::base::Base;
use super::holder::{Membership, Target};
use super::text::Filter;

/// Expanded scopes without `self` and bare filters. Reduced: a scope without filter swallows the filtered ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(pub(super) BTreeMap<Base, Reach>);

/// How far one scope goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    All,
    /// Never empty. Most scopes of a set go equally far, and share what they are limited to: see [`ScopeSet::share`].
    Only(Arc<Filters>),
}

/// To whom a scope is limited: any one of these suffices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Users, each with all their servers.
    pub users: BTreeSet<Username>,
    /// Servers.
    pub servers: BTreeSet<ServerId>,
    /// Groups, each with its members and their servers.
    pub groups: BTreeSet<GroupName>,
    /// Services.
    pub services: BTreeSet<ServiceName>,
}

/// How far a set goes with one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// Not at all.
    None,
    /// Everywhere.
    All,
    /// To these.
    Only(&'a Filters),
}

/// The answer to a check.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed.
    Held,
    /// Not towards this target, but towards another one: JupyterHub answers 404, so that nothing is learned of the target.
    Elsewhere,
    /// Not at all, or not without a filter where no target is named: 403.
    Missing,
}

impl ScopeSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it allows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the scope is held with any filter or none.
    #[must_use]
    pub fn holds(&self, base: &Base) -> bool {
        self.0.contains_key(base)
    }

    /// How far the scope goes: for lists, which are filtered.
    #[must_use]
    pub fn access(&self, base: &Base) -> Access<'_> {
        match self.0.get(base) {
            None => Access::None,
            Some(Reach::All) => Access::All,
            Some(Reach::Only(filters)) => Access::Only(filters),
        }
    }

    /// May `base` be used towards `target`? Allocates nothing.
    pub fn check(&self, base: &Base, target: &Target<'_>, groups: &dyn Membership) -> Verdict {
        match (self.access(base), target) {
            (Access::All, _) => Verdict::Held,
            (Access::None, _) | (Access::Only(_), Target::Any) => Verdict::Missing,
            (Access::Only(filters), target) if filters.cover(target, groups) => Verdict::Held,
            (Access::Only(_), _) => Verdict::Elsewhere,
        }
    }

    /// Adds a scope; `None` is the scope without filter.
    pub fn insert(&mut self, base: Base, filter: Option<Filter>) {
        let Some(filter) = filter else {
            self.0.insert(base, Reach::All);
            return;
        };
        if let Reach::Only(filters) = self.0.entry(base).or_insert_with(|| Reach::Only(Arc::default())) {
            Arc::make_mut(filters).insert(filter);
        }
    }

    /// Makes the set small, for one that is kept: what is equal in it is there once.
    pub fn share(&mut self) {
        let mut known: Vec<Arc<Filters>> = Vec::new();
        for reach in self.0.values_mut() {
            let Reach::Only(filters) = reach else { continue };
            match known.iter().find(|same| *same == filters) {
                Some(same) => *filters = Arc::clone(same),
                None => known.push(Arc::clone(filters)),
            }
        }
    }

    /// Adds everything of the other set.
    pub fn union(&mut self, other: &Self) {
        for (base, reach) in &other.0 {
            match (self.0.get_mut(base), reach) {
                (Some(Reach::All), _) => {}
                (Some(Reach::Only(own)), Reach::Only(more)) => Arc::make_mut(own).extend(more),
                (None, _) | (Some(_), Reach::All) => {
                    self.0.insert(base.clone(), reach.clone());
                }
            }
        }
    }

    /// Every scope with each of its filters, in no promised order.
    pub fn iter(&self) -> impl Iterator<Item = (&Base, Option<Filter>)> {
        self.0.iter().flat_map(|(base, reach)| {
            let (all, filters) = match reach {
                Reach::All => (Some(None), None),
                Reach::Only(filters) => (None, Some(filters)),
            };
            all.into_iter()
                .chain(filters.into_iter().flat_map(|filters| filters.iter()).map(Some))
                .map(move |filter| (base, filter))
        })
    }

    /// JupyterHub's text of every scope, sorted.
    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        let mut texts: Vec<String> = self
            .iter()
            .map(|(base, filter)| filter.map_or_else(|| base.to_string(), |of| format!("{base}!{of}")))
            .collect();
        texts.sort_unstable();
        texts
    }
}

impl Filters {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.servers.is_empty() && self.groups.is_empty() && self.services.is_empty()
    }

    /// Whether the target is one of them, or belongs to one. Allocates nothing.
    #[must_use]
    pub fn cover(&self, target: &Target<'_>, groups: &dyn Membership) -> bool {
        let user = |name: &Username| {
            self.users.contains(name) || self.groups.iter().any(|g| groups.is_member(name, g))
        };
        match target {
            Target::Any => false,
            Target::User(name) => user(name),
            Target::Server(id) => self.servers.contains(*id) || user(&id.user),
            Target::Group(name) => self.groups.contains(*name),
            Target::Service(name) => self.services.contains(*name),
        }
    }

    /// Each filter as a value.
    pub fn iter(&self) -> impl Iterator<Item = Filter> {
        let users = self.users.iter().cloned().map(Filter::User);
        let servers = self.servers.iter().cloned().map(Filter::Server);
        let groups = self.groups.iter().cloned().map(Filter::Group);
        users.chain(servers).chain(groups).chain(self.services.iter().cloned().map(Filter::Service))
    }

    fn insert(&mut self, filter: Filter) {
        match filter {
            Filter::User(name) => self.users.insert(name),
            Filter::Server(id) => self.servers.insert(id),
            Filter::Group(name) => self.groups.insert(name),
            Filter::Service(name) => self.services.insert(name),
        };
    }

    fn extend(&mut self, more: &Self) {
        self.users.extend(more.users.iter().cloned());
        self.servers.extend(more.servers.iter().cloned());
        self.groups.extend(more.groups.iter().cloned());
        self.services.extend(more.services.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::{CustomScopes, Owner, Scope, expand};

    #[test]
    fn a_set_that_is_kept_has_each_limit_once_and_means_the_same() {
        let owner = Owner::User("ada".parse().unwrap());
        let own = Scope { base: Base::Own, filter: None };
        let mut set = expand(&[own], &owner, None, &CustomScopes::default());
        let before = set.clone();
        set.share();
        assert_eq!(set, before);
        let limits: std::collections::HashSet<*const Filters> = set
            .0
            .values()
            .filter_map(|reach| if let Reach::Only(only) = reach { Some(Arc::as_ptr(only)) } else { None })
            .collect();
        assert!(set.0.len() > 10 && limits.len() == 1, "{} scopes, {} limits", set.0.len(), limits.len());
        set.insert(Base::ReadUsers, Some(Filter::User("bob".parse().unwrap())));
        assert_eq!(before.access(&Base::ListUsers), set.access(&Base::ListUsers));
    }
}
