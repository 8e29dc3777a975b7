//! Scopes of the site's own (`custom:…`): defined in the configuration, understood by services.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::base::Base;

/// Longest name in bytes.
const MAX: usize = 255;

/// The name of a scope of the site's own: `custom:[a-z0-9][a-z0-9_\-*:]+[a-z0-9_*]`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomScope(Arc<str>);

impl CustomScope {
    /// The name as text, with `custom:`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a definition is refused; says where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomError {
    /// The name does not fit.
    #[error(
        "\"{0}\" is not a name for a custom scope: use custom: and then a-z 0-9 - _ : *, beginning with a letter or digit, not ending with a hyphen or colon"
    )]
    Name(String),
    /// It would include a scope that is not defined here.
    #[error(
        "custom scope \"{scope}\" includes \"{included}\", which is not defined: define it under [custom_scopes]"
    )]
    Unknown {
        /// What is defined.
        scope: String,
        /// What it names.
        included: String,
    },
    /// It would include one of the hub's own scopes.
    #[error(
        "custom scope \"{scope}\" includes \"{included}\", which is not custom: assign several scopes together by a role"
    )]
    NotCustom {
        /// What is defined.
        scope: String,
        /// What it names.
        included: String,
    },
    /// Nobody could be told what the scope is for.
    #[error("custom scope \"{0}\" has no description: write one, people read it before they allow it")]
    NoDescription(String),
}

impl FromStr for CustomScope {
    type Err = CustomError;

    fn from_str(text: &str) -> Result<Self, CustomError> {
        let refused = || CustomError::Name(text.chars().take(MAX).collect());
        let bytes = text.strip_prefix("custom:").ok_or_else(refused)?.as_bytes();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let [first, middle @ .., last] = bytes else { return Err(refused()) };
        let fits = plain(*first)
            && !middle.is_empty()
            && middle.iter().all(|b| plain(*b) || matches!(b, b'_' | b'-' | b'*' | b':'))
            && (plain(*last) || matches!(last, b'_' | b'*'))
            && text.len() <= MAX;
        if fits { Ok(Self(text.into())) } else { Err(refused()) }
    }
}

impl fmt::Display for CustomScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All scopes of the site's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomScopes(BTreeMap<CustomScope, Definition>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Definition {
    description: String,
    includes: Vec<CustomScope>,
}

impl CustomScopes {
    /// Reads definitions: name, description, names of what is included.
    ///
    /// # Errors
    /// The first definition that does not hold.
    pub fn new(definitions: Vec<(String, String, Vec<String>)>) -> Result<Self, CustomError> {
        let mut scopes = BTreeMap::new();
        for (name, description, includes) in definitions {
            if description.trim().is_empty() {
                return Err(CustomError::NoDescription(name));
            }
            let includes = includes.iter().map(|text| included(&name, text)).collect::<Result<_, _>>()?;
            scopes.insert(name.parse()?, Definition { description, includes });
        }
        let unknown = scopes.iter().find_map(|(scope, definition): (&CustomScope, &Definition)| {
            let included = definition.includes.iter().find(|included| !scopes.contains_key(*included))?;
            Some(CustomError::Unknown { scope: scope.to_string(), included: included.to_string() })
        });
        match unknown {
            Some(unknown) => Err(unknown),
            None => Ok(Self(scopes)),
        }
    }

    /// Whether the scope is defined.
    #[must_use]
    pub fn knows(&self, scope: &CustomScope) -> bool {
        self.0.contains_key(scope)
    }

    /// What the site says it is for; empty when not defined.
    #[must_use]
    pub fn description(&self, scope: &CustomScope) -> &str {
        self.0.get(scope).map_or("", |definition| definition.description.as_str())
    }

    /// Adds the scope and everything it includes; a scope that is not defined adds nothing.
    pub(super) fn close(&self, scope: &CustomScope, into: &mut BTreeSet<Base>) {
        let Some(definition) = self.0.get(scope) else { return };
        // Definitions may go in circles: what is there already has been followed.
        if into.insert(Base::Custom(scope.clone())) {
            for included in &definition.includes {
                self.close(included, into);
            }
        }
    }
}

fn included(scope: &str, text: &str) -> Result<CustomScope, CustomError> {
    match Base::of_name(text) {
        Some(_) => Err(CustomError::NotCustom { scope: scope.to_owned(), included: text.to_owned() }),
        None => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str, includes: &[&str]) -> (String, String, Vec<String>) {
        (name.to_owned(), "Words.".to_owned(), includes.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn names_are_those_of_jupyterhub() {
        for name in ["custom:jupyter_server:read:*", "custom:a:b", "custom:123", "custom:x-y"] {
            assert!(name.parse::<CustomScope>().is_ok(), "{name}");
        }
        for name in [
            "",
            "custom:",
            "custom:a",
            "custom:ab",
            "custom:ab-",
            "custom:ab:",
            "custom::ab",
            "Custom:abc",
            "custom:aBc",
            "users",
        ] {
            assert!(name.parse::<CustomScope>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_definition_includes_only_what_is_defined_and_custom() {
        let both = vec![definition("custom:read", &["custom:read:one"]), definition("custom:read:one", &[])];
        let scopes = CustomScopes::new(both).unwrap();
        assert!(scopes.knows(&"custom:read:one".parse().unwrap()));
        assert_eq!(scopes.description(&"custom:read".parse().unwrap()), "Words.");
        for (name, includes) in [
            ("custom:read", "custom:gone"),
            ("custom:read", "users"),
            ("custom:read", "nonsense"),
            ("nonsense", "custom:read"),
        ] {
            assert!(CustomScopes::new(vec![definition(name, &[includes])]).is_err(), "{name} {includes}");
        }
        assert!(CustomScopes::new(vec![("custom:read".to_owned(), " ".to_owned(), Vec::new())]).is_err());
    }

    #[test]
    fn a_circle_of_definitions_ends() {
        let circle =
            vec![definition("custom:one", &["custom:two"]), definition("custom:two", &["custom:one"])];
        let mut closed = BTreeSet::new();
        CustomScopes::new(circle).unwrap().close(&"custom:one".parse().unwrap(), &mut closed);
        assert_eq!(closed.len(), 2);
    }
}
