//! The four roles that every hub has.

use crate::domain::entity::RoleName;

use super::base::Base;
use super::text::{Own, Scope, ScopeFilter};

/// A named set of scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// One sentence for people.
    pub description: String,
    /// What it grants, as written.
    pub scopes: Vec<Scope>,
}

/// `admin`'s scopes; nobody can change them.
const ADMIN: [Base; 16] = [
    Base::AdminUi,
    Base::AdminUsers,
    Base::AdminServers,
    Base::AdminServices,
    Base::Tokens,
    Base::AdminGroups,
    Base::ListServices,
    Base::ReadServices,
    Base::ReadHub,
    Base::Proxy,
    Base::Shutdown,
    Base::AccessServices,
    Base::AccessServers,
    Base::ReadRoles,
    Base::ReadMetrics,
    Base::Shares,
];

/// What `self` stands for, each for the user alone and with what it includes.
pub(super) fn self_scopes() -> &'static [Base] {
    const {
        &[
            Base::ReadUsers,
            Base::UsersShares,
            Base::ReadShares,
            Base::UsersActivity,
            Base::Servers,
            Base::Tokens,
            Base::AccessServers,
        ]
    }
}

/// `user` (every user), `admin` (users and services with the mark), `server` (a server's own token), `token` (what a new token has).
#[must_use]
pub fn default_roles() -> Vec<Role> {
    let own = |base, own| Scope { base, filter: Some(ScopeFilter::Own(own)) };
    [
        ("user", "What every user may do", vec![Scope::unfiltered(Base::Own)]),
        ("admin", "Everything", ADMIN.into_iter().map(Scope::unfiltered).collect()),
        (
            "server",
            "What a server may do by itself",
            vec![own(Base::UsersActivity, Own::User), own(Base::AccessServers, Own::Server)],
        ),
        ("token", "What the owner may do", vec![Scope::unfiltered(Base::Inherit)]),
    ]
    .into_iter()
    .filter_map(|(name, description, scopes)| {
        Some(Role { name: name.parse().ok()?, description: description.to_owned(), scopes })
    })
    .collect()
}

/// Whether the role is one of the four, which no configuration can take away.
#[must_use]
pub fn is_default_role(name: &RoleName) -> bool {
    matches!(name.as_str(), "user" | "admin" | "server" | "token")
}
