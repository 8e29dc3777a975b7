//! What somebody holds as a tree: every scope once, below one that includes it.

use std::collections::BTreeSet;

use super::base::{Base, table};
use super::set::ScopeSet;

/// One step of a walk through the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A scope.
    Scope(Base),
    /// Those that the scope before it includes begin.
    Down,
    /// They end.
    Up,
}

/// A walk through the scopes that are held, those of the site's own at the end.
#[must_use]
pub fn tree(held: &ScopeSet) -> Vec<Step> {
    let own: Vec<&Base> = table().iter().filter(|base| held.holds(base)).collect();
    let mut below = BTreeSet::new();
    own.iter().for_each(|base| within(base, &mut below));
    let (mut steps, mut seen) = (Vec::new(), BTreeSet::new());
    for root in own.into_iter().filter(|base| !below.contains(base)) {
        walk(root, held, &mut seen, &mut steps);
    }
    let customs = held.iter().map(|(base, _)| base).filter(|base| matches!(base, Base::Custom(_)));
    let customs: BTreeSet<&Base> = customs.collect();
    steps.extend(customs.into_iter().cloned().map(Step::Scope));
    steps
}

/// Everything that a scope includes, directly or not.
fn within<'b>(base: &'b Base, into: &mut BTreeSet<&'b Base>) {
    for included in base.includes() {
        if into.insert(included) {
            within(included, into);
        }
    }
}

fn walk<'b>(base: &'b Base, held: &ScopeSet, seen: &mut BTreeSet<&'b Base>, steps: &mut Vec<Step>) {
    if !seen.insert(base) {
        return;
    }
    steps.push(Step::Scope(base.clone()));
    let at = steps.len();
    for included in base.includes().iter().filter(|included| held.holds(included)) {
        walk(included, held, seen, steps);
    }
    if steps.len() > at {
        steps.insert(at, Step::Down);
        steps.push(Step::Up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::{CustomScopes, Owner, Scope, expand};

    fn held(scopes: &[&str]) -> (ScopeSet, Vec<Step>) {
        let scopes: Vec<Scope> = scopes.iter().map(|text| text.parse().unwrap()).collect();
        let owner = Owner::User("ada".parse().unwrap());
        let one = ("custom:lab:read".to_owned(), "Read.".to_owned(), Vec::new());
        let set = expand(&scopes, &owner, None, &CustomScopes::new(vec![one]).unwrap());
        let steps = tree(&set);
        (set, steps)
    }

    #[test]
    fn every_scope_that_is_held_stands_there_once_and_no_other() {
        let everything: Vec<&str> = table().iter().map(Base::name).filter(|name| *name != "self").collect();
        for scopes in [vec!["self"], vec!["servers!group=g", "custom:lab:read"], everything] {
            let (set, steps) = held(&scopes);
            let mut shown: Vec<&Base> = Vec::new();
            let mut depth = 0_i32;
            for step in &steps {
                match step {
                    Step::Scope(base) => shown.push(base),
                    Step::Down => depth += 1,
                    Step::Up => depth -= 1,
                }
                assert!(depth >= 0);
            }
            assert_eq!(depth, 0);
            shown.sort_unstable();
            let mut all: Vec<&Base> = set.iter().map(|(base, _)| base).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(shown, all);
        }
    }

    #[test]
    fn a_scope_stands_below_the_one_that_includes_it() {
        let (_, steps) = held(&["tokens"]);
        let words = [Step::Scope(Base::Tokens), Step::Down, Step::Scope(Base::ReadTokens), Step::Up];
        assert_eq!(steps, words);
    }
}
