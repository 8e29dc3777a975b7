//! One scope with its filter, from and to JupyterHub's text: `read:users!group=ops`.

use std::fmt;
use std::str::FromStr;

use hubgate_protocol::{ServerId, ServerName, Username};
use serde::{Deserialize, Serialize};

use crate::domain::entity::{GroupName, ServiceName};

use super::base::Base;
use super::custom::CustomScopes;

/// Characters of an unknown scope that an error repeats.
const SHOWN: usize = 100;

/// To whom a scope is limited.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filter {
    /// One user and all their servers.
    User(Username),
    /// One server.
    Server(ServerId),
    /// A group, its members and their servers.
    Group(GroupName),
    /// One service.
    Service(ServiceName),
}

/// A filter that means its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Own {
    /// `!user`: the owner, if a user.
    User,
    /// `!server`: the server that the token was issued for.
    Server,
    /// `!service`: the service that owns the token or that it was issued for.
    Service,
}

/// The part after the exclamation mark.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeFilter {
    /// Whoever holds it.
    Own(Own),
    /// A name.
    Of(Filter),
}

/// A scope as people and configurations write it, not expanded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope {
    /// What may be done.
    pub base: Base,
    /// To whom; `None`: to everybody.
    pub filter: Option<ScopeFilter>,
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// The word of an old draft.
    #[error("Draft scope 'all' is now called 'inherit'")]
    Draft,
    /// No scope of that name.
    #[error("Scope '{0}' does not exist")]
    Unknown(String),
    /// The filter is not one of the four kinds, or names nothing that could exist.
    #[error("Scope filter '!{filter}' in scope '{scope}' does not exist")]
    Filter {
        /// The whole text.
        scope: String,
        /// What follows the exclamation mark.
        filter: String,
    },
}

impl Scope {
    /// A scope without filter.
    #[must_use]
    pub const fn unfiltered(base: Base) -> Self {
        Self { base, filter: None }
    }

    /// A scope for one user, server, group or service.
    #[must_use]
    pub const fn of(base: Base, filter: Filter) -> Self {
        Self { base, filter: Some(ScopeFilter::Of(filter)) }
    }

    /// Reads a text and makes sure that a scope of the site's own is defined.
    ///
    /// # Errors
    /// When there is no such scope or filter.
    pub fn read(text: &str, custom: &CustomScopes) -> Result<Self, ScopeError> {
        let scope: Self = text.parse()?;
        match &scope.base {
            Base::Custom(name) if !custom.knows(name) => Err(ScopeError::Unknown(shown(text))),
            _ => Ok(scope),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    /// Takes any well-formed `custom:` name; [`Scope::read`] also asks whether it is defined.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let (name, filter) = match text.split_once('!') {
            None => (text, None),
            Some((name, filter)) => (name, Some(filter)),
        };
        let base = match Base::of_name(name) {
            Some(base) => base,
            None if name == "all" => return Err(ScopeError::Draft),
            None => Base::Custom(name.parse().map_err(|_| ScopeError::Unknown(shown(text)))?),
        };
        let Some(filter) = filter else { return Ok(Self::unfiltered(base)) };
        match read_filter(filter) {
            Some(filter) => Ok(Self { base, filter: Some(filter) }),
            None => Err(ScopeError::Filter { scope: shown(text), filter: shown(filter) }),
        }
    }
}

fn read_filter(text: &str) -> Option<ScopeFilter> {
    let filter = match text.split_once('=') {
        None => {
            return match text {
                "user" => Some(ScopeFilter::Own(Own::User)),
                "server" => Some(ScopeFilter::Own(Own::Server)),
                "service" => Some(ScopeFilter::Own(Own::Service)),
                _ => None,
            };
        }
        Some(("user", name)) => Filter::User(name.parse().ok()?),
        Some(("server", text)) => Filter::Server(server_from_text(text)?),
        Some(("group", name)) => Filter::Group(name.parse().ok()?),
        Some(("service", name)) => Filter::Service(name.parse().ok()?),
        Some(_) => return None,
    };
    Some(ScopeFilter::Of(filter))
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Reads `alice/gpu`, and `alice/` for the default server.
#[must_use]
pub fn server_from_text(text: &str) -> Option<ServerId> {
    let (user, server) = text.split_once('/')?;
    Some(ServerId { user: user.parse().ok()?, server: server.parse::<ServerName>().ok()? })
}

/// The server in the text of scopes: `alice/gpu`, and `alice/` for the default server.
#[must_use]
pub fn server_text(server: &ServerId) -> String {
    format!("{}/{}", server.user, server.server)
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user={name}"),
            Self::Server(id) => write!(f, "server={}/{}", id.user, id.server),
            Self::Group(name) => write!(f, "group={name}"),
            Self::Service(name) => write!(f, "service={name}"),
        }
    }
}

impl fmt::Display for ScopeFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(Own::User) => f.write_str("user"),
            Self::Own(Own::Server) => f.write_str("server"),
            Self::Own(Own::Service) => f.write_str("service"),
            Self::Of(filter) => filter.fmt(f),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.filter {
            None => self.base.fmt(f),
            Some(filter) => write!(f, "{}!{filter}", self.base),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_written_as_it_was_read() {
        for text in [
            "users",
            "(no_scope)",
            "read:users!user",
            "access:servers!server",
            "access:services!service",
            "read:users!user=alice",
            "access:servers!server=alice/",
            "access:servers!server=alice/gpu",
            "read:groups!group=class 7=b!c",
            "access:services!service=whoami",
            "custom:lab:read!user=bob",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for text in [
            "",
            "all",
            "user",
            "Users",
            "users ",
            "users!",
            "users!all",
            "users!group",
            "users!user=",
            "users!user=../x",
            "users!server=alice",
            "users!server=alice/gpu/x",
            "users!server=/",
            "users!host=a",
            "custom:x",
            "users!!user",
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
        let long = "x".repeat(100_000).parse::<Scope>().unwrap_err();
        assert!(long.to_string().len() < 200);
    }

    #[test]
    fn a_scope_of_the_sites_own_must_be_defined_to_be_read() {
        let one = ("custom:lab:read".to_owned(), "Read.".to_owned(), Vec::new());
        let custom = CustomScopes::new(vec![one]).unwrap();
        assert!(Scope::read("custom:lab:read", &custom).is_ok());
        assert_eq!(
            Scope::read("custom:lab:write", &custom),
            Err(ScopeError::Unknown("custom:lab:write".to_owned()))
        );
    }
}
