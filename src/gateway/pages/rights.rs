//! What somebody or something may do, in words.

use hubgate_protocol::Username;

use crate::domain::scope::{Access, Base, CustomScopes, Scope, ScopeSet, describe, meaning, reach};
use crate::words::{Language, Message};

/// How many of those whom a scope reaches are named.
const NAMED: usize = 5;

/// One scope for people.
pub struct Right {
    /// The scope as it is written: `read:users!group=ops`.
    pub scope: String,
    /// What it allows.
    pub words: String,
    /// To whom it is limited; empty: to nobody.
    pub reach: String,
}

/// To whom words about scopes are told.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Who reads.
    pub user: &'a Username,
    /// In what language.
    pub language: Language,
    /// The site's own scopes.
    pub custom: &'a CustomScopes,
}

impl Reader<'_> {
    /// A scope as it is written.
    #[must_use]
    pub fn right(&self, scope: &Scope) -> Right {
        let told = describe(scope, self.user, self.custom);
        let reach = told.reach.map(|reach| reach.in_language(self.language)).unwrap_or_default();
        Right { scope: scope.to_string(), words: told.words.in_language(self.language), reach }
    }

    /// A scope as far as somebody holds it, at most five of those whom it reaches by name.
    #[must_use]
    pub fn held(&self, base: &Base, held: &ScopeSet) -> Right {
        let words = meaning(base, self.custom).in_language(self.language);
        let reach = match held.access(base) {
            Access::None | Access::All => String::new(),
            Access::Only(filters) => {
                let all: Vec<_> = filters.iter().collect();
                let named = all.iter().take(NAMED).map(|filter| reach(filter, self.user));
                let mut names: Vec<String> = named.map(|one| one.in_language(self.language)).collect();
                if let Some(more) = all.len().checked_sub(NAMED).filter(|more| *more > 0) {
                    let more = Message::new("reach-more").count("n", u64::try_from(more).unwrap_or(u64::MAX));
                    names.push(more.in_language(self.language));
                }
                names.join(&self.language.say("reach-and"))
            }
        };
        Right { scope: base.to_string(), words, reach }
    }
}
