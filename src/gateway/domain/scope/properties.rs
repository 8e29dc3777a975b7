//! Laws of the algebra, tried on thousands of sets that a small generator makes; every failure names its seed.

use std::collections::BTreeSet;

use hubgate_protocol::{ServerId, Username};

use crate::domain::entity::{GroupName, ServiceName};

use super::*;

const TRIES: u64 = 1500;
const USERS: [&str; 3] = ["alice", "bob", "carol"];
const SERVERS: [&str; 4] = ["alice/", "alice/gpu", "bob/", "carol/x"];
const GROUPS: [&str; 3] = ["ops", "lab", "empty"];
const SERVICES: [&str; 2] = ["whoami", "culler"];

/// `ops` is alice and bob, `lab` is bob and carol.
struct Directory;

impl Membership for Directory {
    fn is_member(&self, user: &Username, group: &GroupName) -> bool {
        matches!((group.as_str(), user.as_str()), ("ops", "alice" | "bob") | ("lab", "bob" | "carol"))
    }
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn scope(&mut self, filters: usize) -> Scope {
        // Few names, so that two sets often speak of the same thing.
        let names = [
            "users",
            "read:users",
            "servers",
            "admin:servers",
            "access:servers",
            "shares",
            "groups",
            "admin:groups",
            "access:services",
            "tokens",
            "self",
            "(no_scope)",
            "custom:lab:all",
            "custom:lab:one",
        ];
        let name = self.pick(&names);
        let filter = match self.below(filters) {
            0 => String::new(),
            1 | 2 => format!("!user={}", self.pick(&USERS)),
            3 | 4 => format!("!server={}", self.pick(&SERVERS)),
            5 => format!("!service={}", self.pick(&SERVICES)),
            6 => self.pick(&["!user", "!server", "!service"]).to_owned(),
            _ => format!("!group={}", self.pick(&GROUPS)),
        };
        format!("{name}{filter}").parse().unwrap()
    }

    fn scopes(&mut self, filters: usize) -> Vec<Scope> {
        (0..self.below(6)).map(|_| self.scope(filters)).collect()
    }

    fn owner(&mut self) -> Owner {
        match self.below(4) {
            0 => Owner::Service(self.pick(&SERVICES).parse().unwrap()),
            _ => Owner::User(self.pick(&USERS).parse().unwrap()),
        }
    }

    fn client(&mut self) -> Option<Client> {
        match self.below(3) {
            0 => None,
            1 => Some(Client::Service(self.pick(&SERVICES).parse().unwrap())),
            _ => Some(Client::Server(server_from_text(self.pick(&SERVERS)).unwrap())),
        }
    }

    fn set(&mut self, filters: usize) -> ScopeSet {
        let (scopes, owner, client) = (self.scopes(filters), self.owner(), self.client());
        expand(&scopes, &owner, client.as_ref(), &custom())
    }
}

/// Any filter, and all but groups.
const ALL: usize = 10;
const NO_GROUPS: usize = 7;

fn custom() -> CustomScopes {
    let define = |name: &str, includes: &[&str]| {
        (name.to_owned(), "Words.".to_owned(), includes.iter().map(|text| (*text).to_owned()).collect())
    };
    CustomScopes::new(vec![define("custom:lab:all", &["custom:lab:one"]), define("custom:lab:one", &[])])
        .unwrap()
}

/// What a set allows: every base towards every target there is.
fn allowed(set: &ScopeSet, with_groups: bool) -> BTreeSet<String> {
    let users: Vec<Username> = USERS.iter().map(|text| text.parse().unwrap()).collect();
    let servers: Vec<ServerId> = SERVERS.iter().map(|text| server_from_text(text).unwrap()).collect();
    let groups: Vec<GroupName> = GROUPS.iter().map(|text| text.parse().unwrap()).collect();
    let services: Vec<ServiceName> = SERVICES.iter().map(|text| text.parse().unwrap()).collect();
    let mut targets = vec![Target::Any];
    targets.extend(users.iter().map(Target::User));
    targets.extend(servers.iter().map(Target::Server));
    targets.extend(groups.iter().filter(|_| with_groups).map(Target::Group));
    targets.extend(services.iter().map(Target::Service));
    let bases: BTreeSet<&Base> = set.iter().map(|(base, _)| base).collect();
    let held = |base: &&Base, target: &&Target<'_>| set.check(base, target, &Directory) == Verdict::Held;
    bases
        .iter()
        .flat_map(|base| {
            targets.iter().filter(|target| held(base, target)).map(move |target| format!("{base} {target:?}"))
        })
        .collect()
}

fn tried(law: impl Fn(&mut Random, u64)) {
    for seed in 0..TRIES {
        law(&mut Random(seed), seed);
    }
}

#[test]
fn expanding_what_is_expanded_changes_nothing() {
    tried(|random, seed| {
        let (set, owner, client) = (random.set(ALL), random.owner(), random.client());
        let again: Vec<Scope> = set.to_strings().iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(expand(&again, &owner, client.as_ref(), &custom()), set, "seed {seed}");
    });
}

#[test]
fn scopes_are_expanded_each_by_itself() {
    tried(|random, seed| {
        let (a, b, owner, client) = (random.scopes(ALL), random.scopes(ALL), random.owner(), random.client());
        let expand = |scopes: &[Scope]| expand(scopes, &owner, client.as_ref(), &custom());
        let mut union = expand(&a);
        union.union(&expand(&b));
        assert_eq!(expand(&[a, b].concat()), union, "seed {seed}");
    });
}

#[test]
fn a_union_allows_what_either_allows() {
    tried(|random, seed| {
        let (a, b) = (random.set(ALL), random.set(ALL));
        let mut union = a.clone();
        union.union(&b);
        let either: BTreeSet<String> = &allowed(&a, true) | &allowed(&b, true);
        assert_eq!(allowed(&union, true), either, "seed {seed}");
        let mut other = b;
        other.union(&a);
        assert_eq!(union, other, "seed {seed}");
    });
}

#[test]
fn an_intersection_never_widens() {
    tried(|random, seed| {
        let (a, b) = (random.set(ALL), random.set(ALL));
        let common = a.intersect(&b, &Directory);
        let both: BTreeSet<String> = &allowed(&a, true) & &allowed(&b, true);
        assert!(allowed(&common, true).is_subset(&both), "seed {seed}");
        assert!(common.is_subset(&a, &Directory) && common.is_subset(&b, &Directory), "seed {seed}");
    });
}

#[test]
fn an_intersection_is_the_same_from_both_sides_and_with_itself() {
    tried(|random, seed| {
        let (a, b) = (random.set(ALL), random.set(ALL));
        let common = a.intersect(&b, &Directory);
        assert_eq!(common, b.intersect(&a, &Directory), "seed {seed}");
        assert_eq!(common, common.intersect(&a, &Directory), "seed {seed}");
        assert_eq!(a, a.intersect(&a, &Directory), "seed {seed}");
        assert!(a.intersect(&ScopeSet::new(), &Directory).is_empty(), "seed {seed}");
    });
}

/// With groups it may lose something: who is in two groups is not looked for.
#[test]
fn filters_compose_without_loss_where_one_side_names_no_groups() {
    tried(|random, seed| {
        let (a, b) = (random.set(ALL), random.set(NO_GROUPS));
        let common = a.intersect(&b, &Directory);
        let both: BTreeSet<String> = &allowed(&a, false) & &allowed(&b, false);
        assert_eq!(allowed(&common, false), both, "seed {seed}");
    });
}

#[test]
fn a_subset_misses_nothing_and_allows_no_more() {
    let mut subsets = 0;
    for seed in 0..TRIES {
        let random = &mut Random(seed);
        let (a, b) = (random.set(ALL), random.set(ALL));
        let subset = a.is_subset(&b, &Directory);
        assert_eq!(subset, a.missing(&b, &Directory).is_empty(), "seed {seed}");
        if subset {
            assert!(allowed(&a, true).is_subset(&allowed(&b, true)), "seed {seed}");
            subsets += 1;
        }
    }
    assert!(subsets > 100, "only {subsets} of the pairs were subsets");
}

#[test]
fn a_token_never_allows_more_than_its_owner() {
    tried(|random, seed| {
        let (asked, held, owner, client) =
            (random.scopes(ALL), random.set(ALL), random.owner(), random.client());
        let custom = custom();
        let holder = Holder { owner: &owner, client: client.as_ref(), custom: &custom, groups: &Directory };
        let token = of_token(&asked, &holder, &held);
        assert!(token.is_subset(&held, &Directory), "seed {seed}");
        let inherit = [asked, vec![Scope::unfiltered(Base::Inherit)]].concat();
        assert_eq!(of_token(&inherit, &holder, &held), held, "seed {seed}");
    });
}

#[test]
fn an_oauth_client_gets_only_what_it_asked_for_and_the_user_has() {
    tried(|random, seed| {
        let (asked, held) = (random.scopes(ALL), random.scopes(ALL));
        let (owner, client, custom) = (random.owner(), random.client(), custom());
        let holder = Holder { owner: &owner, client: client.as_ref(), custom: &custom, groups: &Directory };
        let request = resolve(&asked.iter().cloned().collect(), &held.iter().cloned().collect(), &holder);
        let meaning = |scopes: &[Scope]| expand(scopes, &owner, client.as_ref(), &custom);
        let given = meaning(&request.allowed.iter().cloned().collect::<Vec<_>>());
        assert!(given.is_subset(&meaning(&asked), &Directory), "seed {seed}");
        assert!(given.is_subset(&meaning(&held), &Directory), "seed {seed}");
        assert!(request.allowed.is_disjoint(&request.refused), "seed {seed}");
        assert!(asked.iter().all(|scope| request.allowed.contains(scope) || request.refused.contains(scope)));
    });
}
