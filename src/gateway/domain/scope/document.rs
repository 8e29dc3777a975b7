//! Scopes in words: for the page that asks for consent, and for the documentation.

use hubgate_protocol::Username;

use super::base::Base;
use super::custom::CustomScopes;
use super::text::{Filter, Own, Scope, ScopeFilter, server_text};

/// One scope in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The scope without filter.
    pub scope: String,
    /// What it allows.
    pub description: String,
    /// To whom it is limited; empty: to nobody.
    pub filter: String,
}

/// Describes one scope to `user`.
#[must_use]
pub fn describe(scope: &Scope, user: &Username, custom: &CustomScopes) -> Description {
    let filter = match &scope.filter {
        None => String::new(),
        Some(ScopeFilter::Own(Own::User)) => "only you".to_owned(),
        Some(ScopeFilter::Own(Own::Server)) => "this server".to_owned(),
        Some(ScopeFilter::Own(Own::Service)) => "this service".to_owned(),
        Some(ScopeFilter::Of(Filter::User(name))) if name == user => "only you".to_owned(),
        Some(ScopeFilter::Of(Filter::User(name))) => format!("user {name}"),
        Some(ScopeFilter::Of(Filter::Server(id))) => format!("server {}", server_text(id)),
        Some(ScopeFilter::Of(Filter::Group(name))) => format!("users in group {name}"),
        Some(ScopeFilter::Of(Filter::Service(name))) => format!("service {name}"),
    };
    let description = match &scope.base {
        Base::Custom(name) => custom.description(name),
        base => base.meaning(),
    };
    Description { scope: scope.base.to_string(), description: description.to_owned(), filter }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::domain::scope::table;

    /// The text of `docs/SCOPES.md`.
    fn document() -> String {
        let mut text = String::from(include_str!("document.md"));
        text.push_str("\n| Scope | Allows to | Includes |\n|---|---|---|\n");
        for (name, meaning, includes) in table() {
            let includes: Vec<String> = includes.iter().map(|name| format!("`{name}`")).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| `{name}` | {meaning} | {} |", includes.join(" "));
        }
        text
    }

    /// `HUBGATE_REWRITE=1 cargo test -p hubgate --lib scope` writes the file anew.
    #[test]
    fn the_document_is_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SCOPES.md");
        if std::env::var_os("HUBGATE_REWRITE").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == document(),
            "docs/SCOPES.md is not the table: run this test with HUBGATE_REWRITE=1"
        );
    }

    #[test]
    fn a_scope_is_described_to_the_one_who_reads() {
        let alice: Username = "alice".parse().unwrap();
        for (scope, filter) in [
            ("users", ""),
            ("users!user", "only you"),
            ("users!user=alice", "only you"),
            ("users!user=bob", "user bob"),
            ("servers!server=bob/", "server bob/"),
            ("users!group=ops", "users in group ops"),
            ("access:services!service=whoami", "service whoami"),
        ] {
            let words = describe(&scope.parse().unwrap(), &alice, &CustomScopes::default());
            assert_eq!(words.filter, filter, "{scope}");
            assert!(!words.description.is_empty());
        }
    }
}
