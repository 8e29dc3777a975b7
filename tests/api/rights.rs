//! Rights that change while the gateway runs: by itself, and by others.

use hubgate::domain::scope::{Base, Client, Owner, Scope, Target, Verdict, server_from_text};
use hubgate::state::tokens::{self, issue, revoke, revoke_server};
use hubgate::state::uplinks::{Uplink, Via};
use hubgate::state::{logins, reload::reload};
use hubgate::store::shares::{self, With};
use hubgate::store::tokens::{NewToken, delete, insert};
use hubgate::store::{Object, groups, servers, users};
use hubgate_protocol::{Connection, Request, ServerId, Username};

use crate::support::TestHub;

fn user(name: &str) -> Username {
    name.parse().unwrap()
}

fn server(text: &str) -> ServerId {
    server_from_text(text).unwrap()
}

fn plain(owner: &str) -> NewToken {
    NewToken {
        owner: Owner::User(user(owner)),
        client: None,
        server: None,
        session_id: None,
        expires_us: None,
        note: String::new(),
        scopes: vec![Scope::unfiltered(Base::Inherit)],
    }
}

fn connection(port: u16) -> Connection {
    Connection { addr: "192.0.2.7".parse().unwrap(), port }
}

fn cut(asked: &[Request]) -> Vec<u16> {
    let cuts = asked.iter().filter_map(|request| match request {
        Request::Cut { connections } => Some(connections.iter().map(|connection| connection.port)),
        _ => None,
    });
    cuts.flatten().collect()
}

fn may_use(test: &TestHub, who: &str, place: &str) -> bool {
    let (directory, place) = (test.hub.directory(), server(place));
    let scopes = directory.scopes_of_user(&user(who));
    scopes.check(&Base::AccessServers, &Target::Server(&place), &*directory) == Verdict::Held
}

#[actix_web::test]
async fn an_issued_token_works_at_once_and_a_revoked_one_no_more() {
    let test = TestHub::new().await.with_user("alice");
    let (text, token) = issue(&test.hub, plain("alice")).await.unwrap();
    assert_eq!(test.hub.tokens.find(text.expose()).unwrap().id, token.id);
    let uplink = Uplink {
        via: Via::Token(token.id),
        visitor: token.owner.clone(),
        place: Client::Server(server("alice/")),
    };
    test.hub.uplinks.add(uplink, connection(7));
    revoke(&test.hub, &[token.id]).await.unwrap();
    assert!(test.hub.tokens.find(text.expose()).is_none());
    assert_eq!(cut(&test.asked.lock()), [7]);
    assert!(issue(&test.hub, plain("nobody")).await.is_err());
}

#[actix_web::test]
async fn what_another_process_issues_and_revokes_is_noticed_at_the_next_look() {
    let test = TestHub::new().await.with_user("alice");
    reload(&test.hub).await.unwrap();
    let id = test.hub.store.write(|c| insert(c, &tokens::hash("text"), &plain("alice"), 1)).unwrap();
    assert!(test.hub.tokens.find("text").is_none());
    reload(&test.hub).await.unwrap();
    assert!(test.hub.tokens.find("text").is_some());
    test.hub.store.write(|c| delete(c, &[id])).unwrap();
    reload(&test.hub).await.unwrap();
    assert!(test.hub.tokens.find("text").is_none());
}

#[actix_web::test]
async fn a_share_opens_at_once_and_its_end_cuts_at_once() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let bob = With::User(user("bob"));
    let (place, with) = (server("alice/"), bob.clone());
    let share = test.hub.change(move |c| {
        servers::ensure(c, &place, 1)?;
        shares::grant(c, &place, &with, &["access:servers!server=alice/".parse().unwrap()], 1)
    });
    let mut share = share.await.unwrap();
    assert!(may_use(&test, "bob", "alice/") && !may_use(&test, "bob", "alice/gpu"));
    let session = test.login("bob").await;
    let id = session.strip_prefix("hubgate-session=").unwrap();
    let via = Via::Session(hubgate::state::sessions::hash(id));
    let uplink =
        |place: &str| Uplink { via, visitor: Owner::User(user("bob")), place: Client::Server(server(place)) };
    test.hub.uplinks.add(uplink("alice/"), connection(1));
    test.hub.uplinks.add(uplink("bob/"), connection(2));
    share.scopes.clear();
    test.hub.change(move |c| shares::set_scopes(c, &share)).await.unwrap();
    assert!(!may_use(&test, "bob", "alice/"));
    assert_eq!(cut(&test.asked.lock()), [1]);
}

#[actix_web::test]
async fn a_user_deleted_by_the_command_line_is_out_everywhere() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (text, token) = issue(&test.hub, plain("alice")).await.unwrap();
    let cookie = test.login("alice").await;
    test.hub.uplinks.add(
        Uplink {
            via: Via::Token(token.id),
            visitor: token.owner.clone(),
            place: Client::Server(server("alice/")),
        },
        connection(3),
    );
    test.hub.store.write(|c| users::delete(c, &user("alice"))).unwrap();
    reload(&test.hub).await.unwrap();
    assert!(test.hub.tokens.find(text.expose()).is_none());
    assert!(test.hub.sessions.find(cookie.strip_prefix("hubgate-session=").unwrap(), 1).is_none());
    assert_eq!(cut(&test.asked.lock()), [3]);
}

#[actix_web::test]
async fn groups_and_named_servers_are_seen_as_soon_as_they_are_made() {
    let test = TestHub::new().await.with_user("alice");
    let made = test.hub.change(|c| {
        let id = groups::insert(c, &"g".parse().unwrap(), &Object::new())?;
        let alice = users::id_of(c, &user("alice"))?;
        groups::add_members(c, id, &[alice])?;
        servers::insert(c, &server("alice/gpu"), 1)
    });
    made.await.unwrap();
    let directory = test.hub.directory();
    assert_eq!(directory.groups_of(&user("alice")).len(), 1);
    assert_eq!(directory.server_at(&user("alice"), "gpu"), server("alice/gpu"));
}

#[actix_web::test]
async fn tokens_of_a_login_end_with_it() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let id = cookie.strip_prefix("hubgate-session=").unwrap();
    let session = test.hub.sessions.find(id, test.hub.clock.now_s()).unwrap();
    let within = NewToken { session_id: Some(session.public_id.clone()), ..plain("alice") };
    let (text, _) = issue(&test.hub, within).await.unwrap();
    let (kept, _) = issue(&test.hub, plain("alice")).await.unwrap();
    logins::end(&test.hub, &session).await.unwrap();
    assert!(test.hub.tokens.find(text.expose()).is_none() && test.hub.tokens.find(kept.expose()).is_some());
}

#[actix_web::test]
async fn a_server_that_stopped_leaves_no_tokens_behind() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let own = NewToken { server: Some(server("alice/")), ..plain("alice") };
    let client = Some(("jupyterhub-user-alice".to_owned(), Client::Server(server("alice/"))));
    let (own, _) = issue(&test.hub, own).await.unwrap();
    let (browser, _) = issue(&test.hub, NewToken { client, ..plain("bob") }).await.unwrap();
    assert_eq!(test.hub.tokens.servers(), [server("alice/")].into());
    revoke_server(&test.hub, &server("alice/")).await.unwrap();
    assert!(test.hub.tokens.find(own.expose()).is_none() && test.hub.tokens.find(browser.expose()).is_none());
    *test.hub.gate.lock().await = hubgate::store::Revisions::NONE;
    reload(&test.hub).await.unwrap();
    assert_eq!(test.hub.tokens.count(), 0);
}

#[actix_web::test]
async fn a_use_is_written_down_in_batches_for_token_and_owner() {
    let test = TestHub::new().await.with_user("alice");
    let (text, token) = issue(&test.hub, plain("alice")).await.unwrap();
    assert!(test.hub.tokens.find(text.expose()).is_some());
    let now_us = test.hub.clock.now_us();
    let stored =
        || test.hub.store.read(|c| users::by_name(c, &user("alice"))).unwrap().unwrap().last_activity_us;
    assert_eq!(stored(), None);
    assert_eq!(test.hub.activity.of_user(&user("alice"), stored()), Some(now_us));
    logins::save_seen(&test.hub).await.unwrap();
    assert_eq!(stored(), Some(now_us));
    assert_eq!(token.last_activity_us(), Some(now_us));
}

#[actix_web::test]
async fn users_and_groups_that_the_configuration_names_are_made() {
    let test = TestHub::with(crate::support::Character::Obedient, |config| {
        config.load_groups = hubgate::config::Groups(vec![hubgate::config::GroupSpec {
            name: "physics".parse().unwrap(),
            users: vec![user("ada")],
            properties: Object::new(),
        }]);
    })
    .await;
    reload(&test.hub).await.unwrap();
    assert!(test.hub.store.read(|c| users::by_name(c, &user("ada"))).unwrap().is_some());
    assert_eq!(test.hub.directory().groups_of(&user("ada")).len(), 1);
}

#[actix_web::test]
async fn a_login_has_a_public_id_that_opens_nothing_and_goes_with_the_logout() {
    let test = TestHub::new().await.with_user("alice");
    let answer = test.try_login("alice", crate::support::PASSWORD, "").await;
    let cookie = answer.set_cookie("jupyterhub-session-id=");
    assert!(cookie.contains("HttpOnly") && cookie.contains("Path=/jupyterhub/"), "{cookie}");
    assert!(!cookie.contains("Max-Age"), "{cookie}");
    let (id, public) =
        (answer.cookie("hubgate-session").unwrap(), answer.cookie("jupyterhub-session-id").unwrap());
    let session = test.hub.sessions.find(&id, test.hub.clock.now_s()).unwrap();
    assert_eq!((&session.public_id, public.len()), (&public, 32));
    assert!(test.hub.sessions.find(&public, test.hub.clock.now_s()).is_none());
    logins::end(&test.hub, &session).await.unwrap();
    assert!(!test.hub.sessions.is_public(&public, test.hub.clock.now_s()));
}
