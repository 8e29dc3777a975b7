//! Who holds scopes, through what, and towards whom they are used.

use std::fmt;

use hubgate_protocol::{ServerId, Username};

use crate::domain::entity::{GroupName, ServiceName};

use super::custom::CustomScopes;

/// Whose rights a credential carries.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A person.
    User(Username),
    /// A program.
    Service(ServiceName),
}

impl Owner {
    /// The person, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<&Username> {
        match self {
            Self::User(name) => Some(name),
            Self::Service(_) => None,
        }
    }

    /// The service, if it is one.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Service(name) => Some(name),
            Self::User(_) => None,
        }
    }

    /// The name alone.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::User(name) => name.as_str(),
            Self::Service(name) => name.as_str(),
        }
    }

    /// `user` or `service`, as in JupyterHub's models.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Service(_) => "service",
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

/// The OAuth client that a token was issued to; what `!server` and `!service` mean. `None` in its place is the hub itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {
    /// A user's server.
    Server(ServerId),
    /// A service.
    Service(ServiceName),
}

/// Who is in which group.
pub trait Membership {
    /// Whether the user is a member now.
    fn is_member(&self, user: &Username, group: &GroupName) -> bool;
}

/// Towards whom a scope is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// No one in particular: only a scope without filter will do.
    Any,
    /// A user.
    User(&'a Username),
    /// A server.
    Server(&'a ServerId),
    /// A group as such; its members are users.
    Group(&'a GroupName),
    /// A service.
    Service(&'a ServiceName),
}

/// Everything that gives the scopes of a credential their meaning.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    /// Whose credential it is.
    pub owner: &'a Owner,
    /// For whom it was issued; `None`: by the owner, for everything.
    pub client: Option<&'a Client>,
    /// The site's own scopes.
    pub custom: &'a CustomScopes,
    /// Who is in which group.
    pub groups: &'a dyn Membership,
}
