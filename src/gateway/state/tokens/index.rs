//! Live tokens by their text. Those that came from a JupyterHub have salted hashes: they are looked for by their first
//! bytes, after all others, so that ours are found as fast as ever.

use std::collections::HashMap;
use std::sync::Arc;

use super::Token;
use crate::domain::imported::{Prefix, prefix};
use crate::store::Hash;

#[derive(Debug, Default)]
pub(super) struct Index {
    by_hash: HashMap<Hash, Arc<Token>>,
    by_prefix: HashMap<Prefix, Vec<Arc<Token>>>,
}

impl Index {
    /// The token that hubgate made and whose text has this hash.
    pub(super) fn by_hash(&self, hash: &Hash) -> Option<&Arc<Token>> {
        self.by_hash.get(hash)
    }

    /// The token of this text, of those that came from a JupyterHub.
    pub(super) fn imported(&self, text: &str) -> Option<&Arc<Token>> {
        let near = self.by_prefix.get(&prefix(text)?)?;
        near.iter().find(|token| token.imported.as_ref().is_some_and(|hash| hash.is_of(text)))
    }

    pub(super) fn insert(&mut self, token: &Arc<Token>) {
        match &token.imported {
            Some(imported) => self.by_prefix.entry(imported.prefix()).or_default().push(token.clone()),
            None => drop(self.by_hash.insert(token.hash, token.clone())),
        }
    }

    pub(super) fn remove(&mut self, token: &Token) {
        match &token.imported {
            Some(imported) => {
                if let Some(near) = self.by_prefix.get_mut(&imported.prefix()) {
                    near.retain(|other| other.id != token.id);
                }
            }
            None => drop(self.by_hash.remove(&token.hash)),
        }
    }
}

impl<'t> FromIterator<&'t Arc<Token>> for Index {
    fn from_iter<I: IntoIterator<Item = &'t Arc<Token>>>(tokens: I) -> Self {
        let mut index = Self::default();
        tokens.into_iter().for_each(|token| index.insert(token));
        index
    }
}
