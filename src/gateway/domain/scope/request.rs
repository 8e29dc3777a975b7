//! Which of the scopes that an OAuth client asks for it gets.

use std::collections::BTreeSet;

use super::expand::expand;
use super::holder::Holder;
use super::set::ScopeSet;
use super::text::{Scope, ScopeFilter};

/// A request after it has been held against what the user has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// What is given; abbreviations stay abbreviations.
    pub allowed: BTreeSet<Scope>,
    /// What was asked for and is not given, or not in full.
    pub refused: BTreeSet<Scope>,
}

/// Intersects what is asked for with what is held: first as it is written, so that `self` stays `self`; then, where
/// that leaves something, by meaning.
#[must_use]
pub fn resolve(asked: &BTreeSet<Scope>, held: &BTreeSet<Scope>, holder: &Holder<'_>) -> Request {
    let mut request = Request {
        allowed: asked.intersection(held).cloned().collect(),
        refused: asked.difference(held).cloned().collect(),
    };
    let meaning = |scopes: &[Scope]| expand(scopes, holder.owner, holder.client, holder.custom);
    let all = |scopes: &BTreeSet<Scope>| meaning(&scopes.iter().cloned().collect::<Vec<_>>());
    let have = all(held);
    for scope in request.refused.clone() {
        let given = all(&request.allowed);
        let wanted = without(&meaning(std::slice::from_ref(&scope)), &given);
        if wanted.is_subset(&have, holder.groups) {
            request.refused.remove(&scope);
            request.allowed.insert(scope);
        } else {
            let common = wanted.intersect(&have, holder.groups);
            request.allowed.extend(
                common
                    .iter()
                    .map(|(base, filter)| Scope { base: base.clone(), filter: filter.map(ScopeFilter::Of) }),
            );
        }
    }
    request
}

/// The scopes of one set that the other does not have in the same words.
fn without(set: &ScopeSet, other: &ScopeSet) -> ScopeSet {
    let known: BTreeSet<_> = other.iter().collect();
    let mut rest = ScopeSet::new();
    for (base, filter) in set.iter().filter(|scope| !known.contains(scope)) {
        rest.insert(base.clone(), filter);
    }
    rest
}
