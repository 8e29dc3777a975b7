//! Answers of JupyterHub's own scope functions (`tests/hub/record_scopes.py`), and ours to the same questions.

use std::collections::{BTreeMap, BTreeSet};

use hubgate_protocol::{ServerId, Username};
use serde::Deserialize;

use crate::domain::entity::{GroupName, ServiceName};

use super::*;

#[derive(Debug, Deserialize)]
struct Case {
    ask: String,
    #[serde(default)]
    scopes: Vec<Scope>,
    #[serde(default)]
    a: Vec<Scope>,
    #[serde(default)]
    b: Vec<Scope>,
    #[serde(default)]
    have: Vec<Scope>,
    #[serde(default)]
    bases: Vec<Scope>,
    #[serde(default)]
    role: String,
    owner: Option<(String, String)>,
    client: Option<(String, String)>,
    answer: Vec<String>,
    #[serde(default)]
    refused: Vec<String>,
}

/// The members of the recorded world.
struct Directory;

impl Membership for Directory {
    fn is_member(&self, user: &Username, group: &GroupName) -> bool {
        matches!((group.as_str(), user.as_str()), ("ops", "alice" | "bob") | ("lab", "bob" | "carol"))
    }
}

fn cases(ask: &str) -> Vec<Case> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hub/scopes.json");
    let all: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all.into_iter().filter(|case| case.ask == ask).collect()
}

fn custom() -> CustomScopes {
    let define = |name: &str, includes: &[&str]| {
        (name.to_owned(), "Words.".to_owned(), includes.iter().map(|text| (*text).to_owned()).collect())
    };
    CustomScopes::new(vec![define("custom:lab:all", &["custom:lab:one"]), define("custom:lab:one", &[])])
        .unwrap()
}

impl Case {
    fn owner(&self) -> Owner {
        match self.owner.as_ref().map(|(kind, name)| (kind.as_str(), name)) {
            Some(("service", name)) => Owner::Service(name.parse().unwrap()),
            Some((_, name)) => Owner::User(name.parse().unwrap()),
            None => Owner::User("nobody".parse().unwrap()),
        }
    }

    fn client(&self) -> Option<Client> {
        self.client.as_ref().map(|(kind, name)| match kind.as_str() {
            "service" => Client::Service(name.parse().unwrap()),
            _ => Client::Server(server_from_text(name).unwrap()),
        })
    }

    /// Scopes that are expanded already.
    fn set(&self, scopes: &[Scope]) -> ScopeSet {
        let mut set = ScopeSet::new();
        for scope in scopes {
            let filter = scope.filter.clone().map(|filter| match filter {
                ScopeFilter::Of(filter) => filter,
                ScopeFilter::Own(_) => panic!("{scope} is not expanded"),
            });
            set.insert(scope.base.clone(), filter);
        }
        set
    }
}

#[test]
fn scopes_expand_as_in_jupyterhub() {
    let (expand_cases, closures) = (cases("expand"), cases("closure"));
    assert_eq!((expand_cases.len(), closures.len()), (150, 50));
    for case in expand_cases.into_iter().chain(closures) {
        // Of `self` and `inherit` the table of closures says only that they include nothing by themselves.
        let meta = case.ask == "closure" && case.scopes.iter().any(|scope| scope.base == Base::Own);
        let set = expand(&case.scopes, &case.owner(), case.client().as_ref(), &custom());
        assert!(meta || set.to_strings() == case.answer, "{case:?}: {:?}", set.to_strings());
    }
}

#[test]
fn the_table_has_the_names_of_jupyterhub_in_its_order() {
    let theirs: Vec<String> = cases("closure").iter().map(|case| case.scopes[0].to_string()).collect();
    let ours: Vec<&str> = table().iter().map(Base::name).collect();
    assert_eq!(theirs.iter().filter(|name| !name.starts_with("custom:")).collect::<Vec<_>>(), ours);
}

#[test]
fn the_default_roles_are_those_of_jupyterhub() {
    let theirs: BTreeMap<String, Vec<String>> =
        cases("role").into_iter().map(|case| (case.role, case.answer)).collect();
    let ours = default_roles().into_iter().map(|role| {
        let mut scopes: Vec<String> = role.scopes.iter().map(Scope::to_string).collect();
        scopes.sort();
        (role.name.to_string(), scopes)
    });
    assert_eq!(theirs, ours.collect());
}

#[test]
fn sets_intersect_as_in_jupyterhub() {
    let cases = cases("intersect");
    assert_eq!(cases.len(), 250);
    for case in cases {
        let common = case.set(&case.a).intersect(&case.set(&case.b), &Directory);
        assert_eq!(common.to_strings(), case.answer, "{case:?}");
    }
}

#[test]
fn a_scope_is_held_where_jupyterhub_says_so() {
    for case in cases("check") {
        let set = case.set(&case.have);
        let mut held: Vec<String> = Vec::new();
        for base in &case.bases {
            let text = |filter: String| format!("{base}{filter}");
            let mut ask = |target: Target<'_>, filter: String| {
                if set.check(&base.base, &target, &Directory) == Verdict::Held {
                    held.push(text(filter));
                }
            };
            ask(Target::Any, String::new());
            for name in ["alice", "bob", "carol"] {
                ask(Target::User(&name.parse::<Username>().unwrap()), format!("!user={name}"));
            }
            for name in ["alice/", "alice/gpu", "bob/", "carol/x"] {
                let id: ServerId = server_from_text(name).unwrap();
                ask(Target::Server(&id), format!("!server={name}"));
            }
            for name in ["ops", "lab", "empty"] {
                ask(Target::Group(&name.parse::<GroupName>().unwrap()), format!("!group={name}"));
            }
            for name in ["whoami", "culler"] {
                ask(Target::Service(&name.parse::<ServiceName>().unwrap()), format!("!service={name}"));
            }
        }
        held.sort();
        assert_eq!(held, case.answer, "{case:?}");
    }
}

/// Which abbreviations survive depends on the order of a Python set: the meaning of what is given does not.
#[test]
fn requests_of_clients_are_cut_as_in_jupyterhub() {
    let cases = cases("resolve");
    assert_eq!(cases.len(), 150);
    let mut same = 0;
    for case in cases {
        let (owner, client, custom) = (case.owner(), case.client(), custom());
        let holder = Holder { owner: &owner, client: client.as_ref(), custom: &custom, groups: &Directory };
        let request =
            resolve(&case.scopes.iter().cloned().collect(), &case.have.iter().cloned().collect(), &holder);
        let text =
            |scopes: &BTreeSet<Scope>| -> BTreeSet<String> { scopes.iter().map(Scope::to_string).collect() };
        let meaning = |texts: &BTreeSet<String>| {
            let scopes: Vec<Scope> = texts.iter().map(|text| text.parse().unwrap()).collect();
            expand(&scopes, &owner, client.as_ref(), &custom)
        };
        let theirs: BTreeSet<String> = case.answer.iter().cloned().collect();
        same += usize::from(text(&request.allowed) == theirs);
        assert_eq!(meaning(&text(&request.allowed)), meaning(&theirs), "{case:?}: {request:?}");
        assert_eq!(text(&request.refused), case.refused.iter().cloned().collect(), "{case:?}");
    }
    assert!(same > 140, "only {same} in the same words");
}
