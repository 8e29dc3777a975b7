//! Which scopes a client asks for: those it names, or all it may have, and those that come with every token.

use std::collections::BTreeSet;

use crate::domain::scope::{Base, Client, CustomScopes, Own, Scope, ScopeFilter, access_scope};

/// What every token through a client holds: who its owner is, and access to the client itself.
#[must_use]
pub fn required(client: &Client) -> BTreeSet<Scope> {
    let own = |base| Scope { base, filter: Some(ScopeFilter::Own(Own::User)) };
    [access_scope(client), own(Base::ReadUsersGroups), own(Base::ReadUsersName)].into()
}

/// The scopes that a request names, with [`required`]. Without names they are `default`, what the client may ask for.
/// Names of roles are taken too, if all are. `None` where one is neither.
#[must_use]
pub fn asked(
    names: &[String],
    default: &[Scope],
    client: &Client,
    custom: &CustomScopes,
    role: &dyn Fn(&str) -> Option<Vec<Scope>>,
) -> Option<BTreeSet<Scope>> {
    let mut scopes = required(client);
    if names.is_empty() {
        scopes.extend(default.iter().cloned());
        return Some(scopes);
    }
    // `identify` is JupyterHub's old word for what every token holds.
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "identify").collect();
    let as_scopes: Option<Vec<Scope>> = names.iter().map(|name| Scope::read(name, custom).ok()).collect();
    let as_roles = || names.iter().map(|name| role(name)).collect::<Option<Vec<_>>>();
    scopes.extend(match as_scopes {
        Some(scopes) => scopes,
        None => as_roles()?.concat(),
    });
    Some(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(names: &[&str]) -> Option<Vec<String>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let default: Vec<Scope> = vec!["read:users!user".parse().unwrap()];
        let role = |name: &str| (name == "reader").then(|| vec!["read:users".parse().unwrap()]);
        let client = Client::Service("whoami".parse().unwrap());
        let scopes = asked(&names, &default, &client, &CustomScopes::default(), &role)?;
        let mut texts: Vec<String> = scopes.iter().map(Scope::to_string).collect();
        texts.sort();
        Some(texts)
    }

    #[test]
    fn without_names_a_client_asks_for_what_it_may_and_always_for_the_name() {
        let all = [
            "access:services!service=whoami",
            "read:users!user",
            "read:users:groups!user",
            "read:users:name!user",
        ];
        assert_eq!(ask(&[]).unwrap(), all);
        assert_eq!(ask(&["identify"]).unwrap().len(), 3);
    }

    #[test]
    fn names_are_scopes_or_all_of_them_roles() {
        assert!(ask(&["reader"]).unwrap().contains(&"read:users".to_owned()));
        for names in [
            &["reader", "read:hub"][..],
            &["no:such"],
            &["custom:unknown"],
            &["read:users!where=x"],
            &["read:users!user="],
        ] {
            assert_eq!(ask(names), None, "{names:?}");
        }
    }
}
