//! Groups, servers, tokens, OAuth, shares and pages of users, in real files.

use hubgate_protocol::{ServerId, Username};
use serde_json::json;

use super::groups::Group;
use super::oauth::{Code, ServerClient};
use super::share_codes::NewShareCode;
use super::shares::{self, Wanted, With};
use super::tokens::NewToken;
use super::user_list::{Sort, UserQuery, Within, list};
use super::*;
use crate::domain::entity::GroupName;
use crate::domain::scope::{Client, Owner, Scope, server_from_text};

struct Hub {
    _dir: tempfile::TempDir,
    store: Store,
}

fn hub(names: &[&str]) -> Hub {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("hubgate.sqlite")).unwrap();
    let new = |name: &&str| NewUser {
        name: name.parse().unwrap(),
        admin: false,
        password_hash: None,
        created_s: 1,
        standing: Standing::default(),
    };
    let all: Vec<NewUser> = names.iter().map(new).collect();
    store.write(|c| users::insert_many(c, &all)).unwrap();
    Hub { _dir: dir, store }
}

fn user(name: &str) -> Username {
    name.parse().unwrap()
}

fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

fn server(text: &str) -> ServerId {
    server_from_text(text).unwrap()
}

fn scopes(texts: &[&str]) -> Vec<Scope> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn plain(owner: &str) -> NewToken {
    NewToken {
        owner: Owner::User(user(owner)),
        client: None,
        server: None,
        session_id: None,
        expires_us: None,
        note: "n".to_owned(),
        scopes: scopes(&["inherit"]),
    }
}

fn issued_to(owner: &str, place: &str) -> NewToken {
    let client = Some((format!("client of {place}"), Client::Server(server(place))));
    NewToken { client, session_id: Some("s".to_owned()), expires_us: Some(100), ..plain(owner) }
}

#[test]
fn a_group_has_members_and_properties_until_it_goes() {
    let Hub { store, _dir } = hub(&["ada", "bob", "eve"]);
    let properties = json!({"room": 7}).as_object().cloned().unwrap();
    let ids: Vec<i64> =
        ["ada", "bob"].map(|name| store.read(|c| users::id_of(c, &user(name))).unwrap()).into();
    let id = store.write(|c| groups::insert(c, &group("physics 1"), &properties)).unwrap();
    store.write(|c| groups::add_members(c, id, &[ids[1], ids[0], ids[1]])).unwrap();
    let found = store.read(|c| groups::by_name(c, &group("physics 1"))).unwrap().unwrap();
    assert_eq!(found, Group { id, name: group("physics 1"), properties });
    assert_eq!(store.read(|c| groups::members(c, id)).unwrap(), [user("ada"), user("bob")]);
    store.write(|c| groups::remove_members(c, id, &ids[..1])).unwrap();
    assert_eq!(store.read(groups::memberships).unwrap(), [(group("physics 1"), user("bob"))]);
    assert!(store.write(|c| users::delete(c, &user("bob"))).unwrap());
    assert!(store.read(|c| groups::members(c, id)).unwrap().is_empty());
    assert!(store.write(|c| groups::delete(c, &group("physics 1"))).unwrap());
    assert!(store.write(|c| groups::insert(c, &group("physics 1"), &Object::new())).unwrap() > id);
}

#[test]
fn groups_come_in_pages_also_of_some_names_only() {
    let Hub { store, _dir } = hub(&[]);
    for name in ["a", "b", "c", "d"] {
        store.write(|c| groups::insert(c, &group(name), &Object::new())).unwrap();
    }
    let page = |only: Option<&[&str]>, offset, limit| {
        let only = only.map(|names| names.iter().map(|name| group(name)).collect());
        let (page, total) = store.read(|c| groups::list(c, only.as_ref(), offset, limit)).unwrap();
        (page.iter().map(|group| group.name.to_string()).collect::<String>(), total)
    };
    assert_eq!(page(None, 1, 2), ("bc".to_owned(), 4));
    assert_eq!(page(Some(&["d", "a", "x"]), 0, 9), ("ad".to_owned(), 2));
    assert_eq!(page(Some(&[]), 0, 9), (String::new(), 0));
}

#[test]
fn pages_of_users_are_filtered_sorted_and_cut_in_the_database() {
    let Hub { store, _dir } = hub(&["cleo", "ada", "bob", "adam"]);
    let id = store.write(|c| groups::insert(c, &group("g"), &Object::new())).unwrap();
    let bob = store.read(|c| users::id_of(c, &user("bob"))).unwrap();
    store.write(|c| groups::add_members(c, id, &[bob])).unwrap();
    store.write(|c| users::touch(c, &[(user("ada"), 5), (user("bob"), 9), (user("bob"), 3)])).unwrap();
    let all = UserQuery {
        within: Within::All,
        name_filter: None,
        among: None,
        except: None,
        sort: Sort::Id,
        descending: false,
        offset: 0,
        limit: 10,
    };
    let ask = |query: UserQuery| {
        let (page, total) = store.read(|c| list(c, &query)).unwrap();
        (page.iter().map(|user| user.name.as_str()).collect::<Vec<_>>().join(" "), total)
    };
    let is = |names: &str, total| (names.to_owned(), total);
    assert_eq!(ask(all.clone()), is("cleo ada bob adam", 4));
    assert_eq!(ask(UserQuery { sort: Sort::Name, limit: 2, offset: 1, ..all.clone() }), is("adam bob", 4));
    assert_eq!(
        ask(UserQuery { sort: Sort::Name, descending: true, ..all.clone() }),
        is("cleo bob adam ada", 4)
    );
    let active = UserQuery { sort: Sort::LastActivity, ..all.clone() };
    assert_eq!(ask(UserQuery { offset: 2, ..active.clone() }), is("ada bob", 4));
    assert_eq!(ask(UserQuery { descending: true, limit: 2, ..active }), is("bob ada", 4));
    assert_eq!(ask(UserQuery { name_filter: Some("DA".into()), ..all.clone() }), is("ada adam", 2));
    assert_eq!(ask(UserQuery { name_filter: Some("'; --".into()), ..all.clone() }), is("", 0));
    let some = |names: &[&str]| Some(names.iter().map(|name| user(name)).collect());
    assert_eq!(
        ask(UserQuery { among: some(&["ada", "bob"]), except: some(&["ada"]), ..all.clone() }),
        is("bob", 1)
    );
    let within = Within::Only { users: [user("cleo")].into(), groups: [group("g")].into() };
    assert_eq!(ask(UserQuery { within, ..all.clone() }), is("cleo bob", 2));
    let nobody = Within::Only { users: [].into(), groups: [].into() };
    assert_eq!(ask(UserQuery { within: nobody, ..all }), is("", 0));
}

#[test]
fn a_server_is_remembered_with_its_options() {
    let Hub { store, _dir } = hub(&["ada", "bob"]);
    let made = store.write(|c| servers::ensure(c, &server("ada/"), 3)).unwrap();
    assert_eq!(store.write(|c| servers::ensure(c, &server("ada/"), 4)).unwrap(), made);
    assert_eq!(store.write(|c| servers::ensure(c, &server("eve/"), 4)), Err(StoreError::NotFound));
    let options = json!({"image": "x"}).as_object().cloned().unwrap();
    let change = servers::Change {
        display_name: Some(Some("Mine".into())),
        user_options: Some(options.clone()),
        ..Default::default()
    };
    store.write(|c| servers::change(c, &server("ada/"), &change)).unwrap();
    store.write(|c| servers::set_started(c, made.id, Some(7))).unwrap();
    store
        .write(|c| servers::touch(c, &[(server("ada/"), 9), (server("ada/"), 8), (server("eve/"), 1)]))
        .unwrap();
    let now = store.read(|c| servers::by_id(c, &server("ada/"))).unwrap().unwrap();
    assert_eq!(
        (now.display_name.as_deref(), now.started_us, now.last_activity_us),
        (Some("Mine"), Some(7), Some(9))
    );
    assert_eq!(now.user_options, options);
    assert!(store.read(servers::named).unwrap().is_empty());
    store.write(|c| servers::touch(c, &[(server("ada/gpu"), 5), (server("bob/"), 5)])).unwrap();
    assert!(store.read(servers::named).unwrap().is_empty());
    let by_hand = store.read(|c| servers::by_id(c, &server("bob/"))).unwrap().unwrap();
    assert_eq!(by_hand.last_activity_us, Some(5));
    store.write(|c| servers::insert(c, &server("ada/gpu"), 5)).unwrap();
    assert_eq!(store.write(|c| servers::insert(c, &server("ada/gpu"), 5)), Err(StoreError::Exists));
    assert_eq!(store.read(servers::named).unwrap(), [server("ada/gpu")]);
    assert!(store.write(|c| servers::delete(c, &server("ada/gpu"))).unwrap());
    assert!(!store.write(|c| servers::delete(c, &server("ada/gpu"))).unwrap());
}

#[test]
fn a_token_reads_back_as_it_was_made_and_its_text_is_nowhere() {
    let Hub { store, _dir } = hub(&["ada", "bob"]);
    for new in
        [plain("ada"), issued_to("bob", "ada/gpu"), NewToken { server: Some(server("ada/")), ..plain("ada") }]
    {
        let hash = openssl::sha::sha256(format!("{new:?}").as_bytes());
        let id = store.write(|c| tokens::insert(c, &hash, &new, 3)).unwrap();
        let live = store.read(|c| tokens::live(c, 50)).unwrap();
        let row = live.into_iter().find(|row| row.id == id).unwrap();
        assert_eq!((row.hash, row.new, row.created_us, row.last_activity_us), (hash, new, 3, None));
    }
    assert_eq!(store.read(|c| tokens::live(c, 100)).unwrap().len(), 2);
    assert_eq!(store.write(|c| tokens::delete_expired(c, 100)).unwrap(), 1);
    store.write(|c| tokens::touch(c, &[(1, 9), (1, 8)])).unwrap();
    assert_eq!(store.read(|c| tokens::live(c, 100)).unwrap()[0].last_activity_us, Some(9));
    assert_eq!(store.write(|c| tokens::delete(c, &[1, 2, 77])).unwrap(), 1);
    assert_eq!(store.write(|c| tokens::insert(c, &[9; 32], &plain("eve"), 3)), Err(StoreError::NotFound));
}

#[test]
fn a_deleted_user_takes_everything_that_was_theirs_and_what_others_had_of_it() {
    let Hub { store, _dir } = hub(&["ada", "bob"]);
    let client = ServerClient {
        identifier: "client of ada/".to_owned(),
        server: server("ada/"),
        secret_hash: [1; 32],
        redirect_uri: "/user/ada/oauth_callback".to_owned(),
        description: "d".to_owned(),
        allowed_scopes: scopes(&["read:users!user"]),
    };
    store.write(|c| oauth::put_client(c, &client, 1)).unwrap();
    assert_eq!(store.read(|c| oauth::client(c, &client.identifier)).unwrap(), Some(client.clone()));
    let with = With::User(user("bob"));
    let shared = scopes(&["access:servers!server=ada/"]);
    store.write(|c| shares::grant(c, &server("ada/"), &with, &shared, 1)).unwrap();
    store.write(|c| tokens::insert(c, &[1; 32], &plain("ada"), 1)).unwrap();
    store.write(|c| tokens::insert(c, &[2; 32], &issued_to("bob", "ada/"), 1)).unwrap();
    store.write(|c| tokens::insert(c, &[3; 32], &plain("bob"), 1)).unwrap();
    let before = store.read(revision::read).unwrap();
    assert!(store.write(|c| users::delete(c, &user("ada"))).unwrap());
    let after = store.read(revision::read).unwrap();
    assert!(after.rights > before.rights && after.directory > before.directory);
    let left: Vec<_> = store.read(|c| tokens::live(c, 1)).unwrap().into_iter().map(|row| row.hash).collect();
    assert_eq!(left, [[3; 32]]);
    assert_eq!(store.read(|c| oauth::client(c, &client.identifier)).unwrap(), None);
    assert_eq!(store.read(|c| shares::list(c, &Wanted::All, 0, 9)).unwrap().1, 0);
}

#[test]
fn a_client_that_goes_takes_its_codes_and_tokens_along() {
    let Hub { store, _dir } = hub(&["ada", "bob"]);
    store.write(|c| tokens::insert(c, &[2; 32], &issued_to("bob", "ada/"), 1)).unwrap();
    let code = Code {
        client_id: "client of ada/".to_owned(),
        user: user("bob"),
        session_id: Some("s".to_owned()),
        redirect_uri: "/x".to_owned(),
        scopes: scopes(&["access:servers!server=ada/"]),
        challenge: Some(("c".to_owned(), "S256".to_owned())),
        expires_us: 300,
    };
    store.write(|c| oauth::insert_code(c, &[5; 32], &code)).unwrap();
    assert_eq!(store.read(|c| oauth::code(c, &[5; 32], 299)).unwrap(), Some(code.clone()));
    assert_eq!(store.read(|c| oauth::code(c, &[5; 32], 300)).unwrap(), None);
    assert!(store.write(|c| oauth::delete_code(c, &[5; 32])).unwrap());
    assert!(!store.write(|c| oauth::delete_code(c, &[5; 32])).unwrap());
    store.write(|c| oauth::insert_code(c, &[6; 32], &code)).unwrap();
    store.write(|c| oauth::delete_client(c, "client of ada/")).unwrap();
    assert!(store.read(|c| tokens::live(c, 1)).unwrap().is_empty());
    assert_eq!(store.read(|c| oauth::code(c, &[6; 32], 1)).unwrap(), None);
}

#[test]
fn a_share_grows_shrinks_and_is_found_by_everybody_it_concerns() {
    let Hub { store, _dir } = hub(&["ada", "bob"]);
    let known = store.write(|c| servers::ensure(c, &server("ada/gpu"), 1)).unwrap();
    let bob = store.read(|c| users::id_of(c, &user("bob"))).unwrap();
    let g = store.write(|c| groups::insert(c, &group("g"), &Object::new())).unwrap();
    store.write(|c| groups::add_members(c, g, &[bob])).unwrap();
    let grant = |with: &With, texts: &[&str]| {
        store.write(|c| shares::grant(c, &server("ada/gpu"), with, &scopes(texts), 7)).unwrap()
    };
    let direct = With::User(user("bob"));
    grant(&direct, &["access:servers!server=ada/gpu"]);
    let mut share = grant(&direct, &["read:servers!server=ada/gpu", "access:servers!server=ada/gpu"]);
    assert_eq!(share.scopes, scopes(&["access:servers!server=ada/gpu", "read:servers!server=ada/gpu"]));
    grant(&With::Group(group("g")), &["access:servers!server=ada/gpu"]);
    let count = |wanted: &Wanted| store.read(|c| shares::list(c, wanted, 0, 1)).unwrap().1;
    for (wanted, number) in [
        (Wanted::All, 2),
        (Wanted::Owner(known.user_id), 2),
        (Wanted::Server(known.id), 2),
        (Wanted::User(bob), 2),
        (Wanted::Group(g), 1),
    ] {
        assert_eq!(count(&wanted), number, "{wanted:?}");
    }
    share.scopes.clear();
    store.write(|c| shares::set_scopes(c, &share)).unwrap();
    assert_eq!(store.read(|c| shares::find(c, &server("ada/gpu"), &direct)).unwrap(), None);
    assert_eq!(store.write(|c| shares::delete_of_server(c, known.id)).unwrap(), 1);
    let nobody = With::User(user("eve"));
    let refused =
        store.write(|c| shares::grant(c, &server("ada/gpu"), &nobody, &scopes(&["access:servers"]), 7));
    assert_eq!(refused, Err(StoreError::NotFound));
}

#[test]
fn a_share_code_is_exchanged_until_it_ends() {
    let Hub { store, _dir } = hub(&["ada"]);
    let known = store.write(|c| servers::ensure(c, &server("ada/"), 1)).unwrap();
    let scopes = scopes(&["access:servers!server=ada/"]);
    let new = NewShareCode { hash: [1; 32], server_id: known.id, scopes, created_us: 1, expires_us: 50 };
    let code = store.write(|c| share_codes::insert(c, &new)).unwrap();
    store.write(|c| share_codes::exchanged(c, code.id, 9)).unwrap();
    let now = store.read(|c| share_codes::by_hash(c, &[1; 32], 49)).unwrap().unwrap();
    assert_eq!((now.exchange_count, now.last_exchanged_us, &now.scopes), (1, Some(9), &new.scopes));
    assert_eq!(store.read(|c| share_codes::by_hash(c, &[1; 32], 50)).unwrap(), None);
    let wanted = share_codes::Wanted::Owner(known.user_id);
    assert_eq!(store.read(|c| share_codes::list(c, wanted, 1, (0, 9))).unwrap(), (vec![now], 1));
    let other = share_codes::Wanted::Server(known.id + 1);
    assert_eq!(store.read(|c| share_codes::list(c, other, 1, (0, 9))).unwrap().1, 0);
    assert!(!store.write(|c| share_codes::delete(c, known.id + 1, code.id)).unwrap());
    assert_eq!(store.write(|c| share_codes::delete_expired(c, 50)).unwrap(), 1);
}

#[test]
fn a_service_of_the_api_goes_with_its_tokens() {
    let Hub { store, _dir } = hub(&["ada"]);
    let spec = json!({"url": "http://127.0.0.1:9"}).as_object().cloned().unwrap();
    let row =
        services::ServiceRow { name: "x".parse().unwrap(), spec, token_hash: Some([3; 32]), created_us: 1 };
    store.write(|c| services::insert(c, &row)).unwrap();
    assert_eq!(store.read(services::all).unwrap(), std::slice::from_ref(&row));
    let client = Some(("service-x".to_owned(), Client::Service(row.name.clone())));
    store.write(|c| tokens::insert(c, &[4; 32], &NewToken { client, ..plain("ada") }, 1)).unwrap();
    assert!(store.write(|c| services::delete(c, &row.name)).unwrap());
    assert!(store.read(|c| tokens::live(c, 1)).unwrap().is_empty());
}

#[test]
fn a_renamed_user_keeps_rows_and_loses_clients_of_the_old_name() {
    let Hub { store, _dir } = hub(&["ada", "bob"]);
    store.write(|c| tokens::insert(c, &[1; 32], &plain("ada"), 1)).unwrap();
    store.write(|c| users::rename(c, &user("ada"), &user("adele"))).unwrap();
    assert_eq!(store.write(|c| users::rename(c, &user("adele"), &user("bob"))), Err(StoreError::Exists));
    let live = store.read(|c| tokens::live(c, 1)).unwrap();
    assert_eq!(live[0].new.owner, Owner::User(user("adele")));
}
