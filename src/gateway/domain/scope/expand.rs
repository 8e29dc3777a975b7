//! From what is written to what is meant: included scopes, the holder's own, and a token held against its owner.

use std::collections::BTreeSet;

use super::base::Base;
use super::custom::CustomScopes;
use super::holder::{Client, Holder, Owner};
use super::role::self_scopes;
use super::set::ScopeSet;
use super::text::{Filter, Own, Scope, ScopeFilter};

/// Expands scopes for their holder: includes what they include, replaces `self` and bare filters, drops what means
/// nothing for this holder. `inherit` stays as it is: only a token has somebody to inherit from (see [`of_token`]).
#[must_use]
pub fn expand(scopes: &[Scope], owner: &Owner, client: Option<&Client>, custom: &CustomScopes) -> ScopeSet {
    let mut set = ScopeSet::new();
    for scope in scopes {
        match (&scope.base, &scope.filter) {
            (Base::Own, None) => {
                let Owner::User(name) = owner else { continue };
                for base in self_scopes() {
                    add(&mut set, base, Some(Filter::User(name.clone())), custom);
                }
            }
            (base, None) => add(&mut set, base, None, custom),
            (base, Some(ScopeFilter::Of(filter))) => add(&mut set, base, Some(filter.clone()), custom),
            (base, Some(ScopeFilter::Own(own))) => {
                if let Some(filter) = meant(*own, owner, client) {
                    add(&mut set, base, Some(filter), custom);
                }
            }
        }
    }
    set
}

fn add(set: &mut ScopeSet, base: &Base, filter: Option<Filter>, custom: &CustomScopes) {
    let mut included = BTreeSet::new();
    close(base, custom, &mut included);
    for base in included {
        if !(matches!(filter, Some(Filter::Server(_))) && base.is_lost_to_servers()) {
            set.insert(base, filter.clone());
        }
    }
}

fn close(base: &Base, custom: &CustomScopes, into: &mut BTreeSet<Base>) {
    if let Base::Custom(name) = base {
        custom.close(name, into);
    } else if into.insert(base.clone()) {
        for included in base.includes() {
            close(included, custom, into);
        }
    }
}

fn meant(own: Own, owner: &Owner, client: Option<&Client>) -> Option<Filter> {
    match (own, owner, client) {
        (Own::User, Owner::User(name), _) => Some(Filter::User(name.clone())),
        (Own::Server, _, Some(Client::Server(id))) => Some(Filter::Server(id.clone())),
        // The client goes before the owner: a token of a service for another service is about the latter.
        (Own::Service, _, Some(Client::Service(name))) | (Own::Service, Owner::Service(name), _) => {
            Some(Filter::Service(name.clone()))
        }
        _ => None,
    }
}

/// What every credential may read: who its owner is. Already expanded.
#[must_use]
pub fn identify_scopes(owner: &Owner) -> ScopeSet {
    let mut set = ScopeSet::new();
    match owner {
        Owner::User(name) => {
            set.insert(Base::ReadUsersName, Some(Filter::User(name.clone())));
            set.insert(Base::ReadUsersGroups, Some(Filter::User(name.clone())));
        }
        Owner::Service(name) => set.insert(Base::ReadServicesName, Some(Filter::Service(name.clone()))),
    }
    set
}

/// What is needed to use an OAuth client's server or service.
#[must_use]
pub fn access_scope(client: &Client) -> Scope {
    match client {
        Client::Server(id) => Scope::of(Base::AccessServers, Filter::Server(id.clone())),
        Client::Service(name) => Scope::of(Base::AccessServices, Filter::Service(name.clone())),
    }
}

/// What a token allows now: never more than `held`, what its owner holds now. With `inherit` it is just that.
#[must_use]
pub fn of_token(scopes: &[Scope], holder: &Holder<'_>, held: &ScopeSet) -> ScopeSet {
    if scopes.iter().any(|scope| *scope == Scope::unfiltered(Base::Inherit)) {
        return held.clone();
    }
    let mut asked = expand(scopes, holder.owner, holder.client, holder.custom);
    if let Some(client) = holder.client {
        asked.union(&expand(&[access_scope(client)], holder.owner, None, holder.custom));
    }
    asked.union(&identify_scopes(holder.owner));
    asked.intersect(held, holder.groups)
}
