//! Directories of a configuration and a database that are made up.

use hubgate_protocol::Services;

use super::*;
use crate::config::{Config, RoleSpec, Roles};
use crate::domain::scope::{Base, Client, Target, Verdict, server_from_text};
use crate::domain::xsrf::Key;
use crate::store::tokens::{NewToken, TokenRow};

fn user(name: &str) -> Username {
    name.parse().unwrap()
}

fn role(name: &str, scopes: &[&str], users: &[&str], groups: &[&str], services: &[&str]) -> RoleSpec {
    RoleSpec {
        name: name.parse().unwrap(),
        description: String::new(),
        scopes: Some(scopes.iter().map(|text| text.parse().unwrap()).collect()),
        users: users.iter().map(|text| text.parse().unwrap()).collect(),
        groups: groups.iter().map(|text| text.parse().unwrap()).collect(),
        services: services.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn config() -> Config {
    let roles = vec![
        role("reader", &["read:users!group=physics"], &["eve"], &["physics"], &[]),
        role("cull", &["admin:servers"], &[], &[], &["culler"]),
    ];
    Config { load_roles: Roles(roles), admin_users: vec![user("root-like")], ..Config::default() }
}

fn site() -> Arc<Site> {
    let services: Services = toml::from_str(
        "[[services]]\nname = \"culler\"\n[[services]]\nname = \"web\"\nadmin = true\nurl = \"http://127.0.0.1:9/\"\n",
    )
    .unwrap();
    Arc::new(Site::new(&config(), &services, &Key::from([7; 32])).unwrap())
}

fn facts() -> Facts {
    let physics: GroupName = "physics".parse().unwrap();
    let share = |with, text: &str| Share {
        id: 1,
        server: server_from_text("ada/").unwrap(),
        with,
        scopes: vec![text.parse().unwrap()],
        created_us: 0,
    };
    Facts {
        admins: vec![user("ada")],
        barred: vec![(user("bob"), Some(50)), (user("eve"), None), (user("eve"), Some(90))],
        logins: vec![("Zhang".parse().unwrap(), user("zhang"))],
        memberships: vec![(physics.clone(), user("bob"))],
        named: vec![server_from_text("bob/gpu").unwrap()],
        shares: vec![
            share(With::User(user("eve")), "access:servers!server=ada/"),
            share(With::Group(physics), "access:servers!server=ada/x"),
        ],
        services: Vec::new(),
        ..Facts::default()
    }
}

fn directory() -> Directory {
    Directory::new(site(), facts())
}

fn token(owner: Owner, scopes: &[&str], client: Option<Client>) -> Token {
    let new = NewToken {
        owner,
        client: client.map(|client| ("c".to_owned(), client)),
        server: None,
        session_id: None,
        expires_us: None,
        note: String::new(),
        scopes: scopes.iter().map(|text| text.parse().unwrap()).collect(),
    };
    Token::new(TokenRow { id: 1, hash: [0; 32], new, created_us: 0, last_activity_us: None, imported: None })
}

fn may(directory: &Directory, scopes: &ScopeSet, base: Base, place: &str) -> bool {
    let place = server_from_text(place).unwrap();
    scopes.check(&base, &Target::Server(&place), directory) == Verdict::Held
}

#[test]
fn everybody_may_use_what_is_theirs_and_administrators_everything() {
    let directory = directory();
    let of = |name: &str| directory.scopes_of_user(&user(name));
    assert!(may(&directory, &of("zoe"), Base::AccessServers, "zoe/gpu"));
    assert!(!may(&directory, &of("zoe"), Base::AccessServers, "ada/"));
    for admin in ["ada", "root-like"] {
        assert!(directory.is_admin(&user(admin)));
        assert!(may(&directory, &of(admin), Base::StartServers, "zoe/"));
    }
}

#[test]
fn what_is_shared_reaches_the_user_and_the_members_of_the_group() {
    let directory = directory();
    let of = |name: &str| directory.scopes_of_user(&user(name));
    assert!(may(&directory, &of("eve"), Base::AccessServers, "ada/"));
    assert!(!may(&directory, &of("eve"), Base::AccessServers, "ada/x"));
    assert!(may(&directory, &of("bob"), Base::AccessServers, "ada/x"));
}

#[test]
fn roles_come_from_the_configuration_to_users_groups_and_services() {
    let directory = directory();
    let roles = |name: &str| directory.roles_of_user(&user(name)).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(
        (roles("eve"), roles("ada"), roles("bob")),
        ("reader user".into(), "admin user".into(), "user".into())
    );
    let reads = |name: &str| {
        let scopes = directory.scopes_of_user(&user(name));
        scopes.check(&Base::ReadUsers, &Target::User(&user("bob")), &directory) == Verdict::Held
    };
    assert!(reads("eve") && reads("bob") && !reads("zoe"));
    let culler = directory.scopes_of_service(&"culler".parse().unwrap());
    assert!(may(&directory, &culler, Base::DeleteServers, "ada/") && !culler.holds(&Base::AccessServers));
    assert_eq!(
        directory.roles_of_service(&"web".parse().unwrap()).into_iter().collect::<Vec<_>>(),
        ["admin"]
    );
    assert!(
        directory
            .raw_scopes(&Owner::User(user("bob")))
            .contains(&"read:users!group=physics".parse().unwrap())
    );
}

#[test]
fn a_token_has_no_more_than_it_was_made_for_and_than_its_owner_has() {
    let directory = directory();
    let narrow =
        directory.scopes_of_token(&token(Owner::User(user("bob")), &["read:servers", "admin:users"], None));
    assert!(
        may(&directory, &narrow, Base::ReadServers, "bob/")
            && !may(&directory, &narrow, Base::ReadServers, "ada/")
    );
    assert!(!narrow.holds(&Base::AdminUsers) && !narrow.holds(&Base::StartServers));
}

#[test]
fn a_token_of_a_client_reaches_the_client_while_its_owner_may() {
    let to = |owner: &str| {
        let client = Client::Server(server_from_text("ada/").unwrap());
        let token = token(Owner::User(user(owner)), &[], Some(client));
        // One directory remembers what a token of that id may do.
        directory().scopes_of_token(&token)
    };
    assert!(may(&directory(), &to("eve"), Base::AccessServers, "ada/"));
    assert!(!may(&directory(), &to("zoe"), Base::AccessServers, "ada/"));
}

#[test]
fn a_path_means_a_named_server_only_if_there_is_one() {
    let directory = directory();
    assert_eq!(directory.server_at(&user("bob"), "gpu"), server_from_text("bob/gpu").unwrap());
    for (owner, segment) in [("bob", "lab"), ("ada", "gpu"), ("bob", "")] {
        assert!(directory.server_at(&user(owner), segment).server.is_default());
    }
}

#[test]
fn services_have_tokens_clients_and_places() {
    let directory = directory();
    let web = directory.service(&"web".parse().unwrap()).unwrap();
    assert_eq!((web.upstream(), web.is_managed(), web.made), (Some("127.0.0.1:9"), false, false));
    let client = web.client.as_ref().unwrap();
    assert_eq!(
        (client.identifier.as_str(), client.redirect_uri.as_str()),
        ("service-web", "/jupyterhub/services/web/oauth_callback")
    );
    assert!(
        directory.service_of_client("service-web").is_some()
            && directory.service_of_client("service-culler").is_none()
    );
    let ids: BTreeSet<i64> = directory.service_tokens().iter().map(|token| token.id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids, Directory::new(site(), facts()).service_tokens().iter().map(|token| token.id).collect());
}

#[test]
fn members_are_asked_for_from_both_sides() {
    let directory = directory();
    let named = |name: &str| name.parse::<GroupName>().unwrap();
    assert!(directory.members(&named("none")).is_empty());
    assert_eq!(directory.members(&named("physics")), &[user("bob")].into());
    assert_eq!(directory.groups_of(&user("bob")).len(), 1);
    assert!(
        directory.is_member(&user("bob"), &named("physics"))
            && !directory.is_member(&user("ada"), &named("physics"))
    );
}

#[test]
fn who_is_kept_out_is_so_from_the_earliest_of_their_times() {
    let directory = directory();
    assert!(!directory.bars(&user("bob"), 49) && directory.bars(&user("bob"), 50));
    assert!(directory.bars(&user("eve"), 0) && !directory.bars(&user("ada"), i64::MAX));
}

#[test]
fn a_text_means_a_name_or_whoever_logs_in_by_it() {
    let directory = directory();
    for (text, name) in [("ada", "ada"), ("Zhang", "zhang"), ("A.B@x.cn", "id--abxcn-")] {
        assert!(directory.user_named(text).unwrap().as_str().starts_with(name), "{text}");
    }
    assert!(directory.user_named("a/b").is_none() && directory.user_named("").is_none());
}
