//! Scopes in words: for pages that ask or tell what somebody may do, and for the documentation.

use hubgate_protocol::Username;

use super::base::Base;
use super::custom::CustomScopes;
use super::text::{Filter, Own, Scope, ScopeFilter, server_text};
use crate::words::{Message, Sentence};

/// One scope in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// What it allows.
    pub words: Sentence,
    /// To whom it is limited; `None`: to nobody.
    pub reach: Option<Message>,
}

/// Describes one scope to `user`.
#[must_use]
pub fn describe(scope: &Scope, user: &Username, custom: &CustomScopes) -> Description {
    let reach = scope.filter.as_ref().map(|filter| match filter {
        ScopeFilter::Own(Own::User) => Message::new("reach-you"),
        ScopeFilter::Own(Own::Server) => Message::new("reach-this-server"),
        ScopeFilter::Own(Own::Service) => Message::new("reach-this-service"),
        ScopeFilter::Of(filter) => reach(filter, user),
    });
    Description { words: meaning(&scope.base, custom), reach }
}

/// What a scope allows.
#[must_use]
pub fn meaning(base: &Base, custom: &CustomScopes) -> Sentence {
    match base {
        Base::Custom(name) => custom.description(name).into(),
        base => base.meaning().map_or_else(|| "".into(), Sentence::from),
    }
}

/// To whom a filter limits, told to `user`.
#[must_use]
pub fn reach(filter: &Filter, user: &Username) -> Message {
    match filter {
        Filter::User(name) if name == user => Message::new("reach-you"),
        Filter::User(name) => Message::new("reach-user").with("name", name),
        Filter::Server(id) => Message::new("reach-server").with("name", server_text(id)),
        Filter::Group(name) => Message::new("reach-group").with("name", name),
        Filter::Service(name) => Message::new("reach-service").with("name", name),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::domain::scope::table;
    use crate::words::Language;

    /// The text of `docs/SCOPES.md`.
    fn document() -> String {
        let mut text = String::from(include_str!("document.md"));
        text.push_str("\n| Scope | Allows to | Includes |\n|---|---|---|\n");
        for base in table() {
            let includes: Vec<String> = base.includes().iter().map(|name| format!("`{name}`")).collect();
            let meaning = base.meaning().unwrap().in_language(Language::English);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| `{base}` | {meaning} | {} |", includes.join(" "));
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
    fn a_scope_is_described_to_whoever_reads() {
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
            let reach = words.reach.map(|reach| reach.in_language(Language::English)).unwrap_or_default();
            assert_eq!(reach, filter, "{scope}");
            assert!(!words.words.in_language(Language::Chinese).is_empty());
        }
    }
}
