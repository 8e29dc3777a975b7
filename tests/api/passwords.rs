//! Passwords that are kept here: changed, forced to change, chosen by a link; and the first administrator.

use actix_web::http::StatusCode;
use hubgate::config::Authenticator;
use hubgate::state::logins::{self, Device, Method, Proven};
use hubgate::state::{links, setup};
use hubgate::store::links::{self as rows, Purpose};
use hubgate::store::passwords::{self, NewPassword};
use hubgate::store::users;

use crate::support::{Answer, Character, PASSWORD, TestHub};

const NEW: &str = "nine pale lanterns";

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Whether somebody gets in with a password.
async fn opens(test: &TestHub, name: &str, password: &str) -> bool {
    test.try_login(name, password, "").await.cookie("hubgate-session").is_some()
}

async fn change(test: &TestHub, cookie: &str, old: &str, new: (&str, &str)) -> Answer {
    let page = test.get("/jupyterhub/hub/password", cookie).await;
    let form = format!(
        "_xsrf={}&old={}&password={}&again={}",
        page.xsrf(),
        encode(old),
        encode(new.0),
        encode(new.1)
    );
    test.post("/jupyterhub/hub/password", cookie, &form).await
}

/// Gives somebody a password that they must change.
fn hand_out(test: &TestHub, name: &str) {
    let name = name.parse().unwrap();
    let known = test.hub.store.read(|c| users::by_name(c, &name)).unwrap().unwrap();
    let new = NewPassword { hash: known.password_hash.unwrap(), must_change: true, now_s: 0 };
    test.hub.store.write(|c| passwords::set(c, &name, &new)).unwrap();
}

/// A link's secret.
fn link(test: &TestHub, purpose: Purpose, name: Option<&str>) -> String {
    let id = name.map(|name| test.hub.store.read(|c| users::id_of(c, &name.parse().unwrap())).unwrap());
    let (secret, new) = links::fresh(purpose, id, test.hub.clock.now_s()).unwrap();
    test.hub.store.write(|c| rows::insert(c, &new)).unwrap();
    secret
}

#[actix_web::test]
async fn whoever_knows_the_old_password_sets_a_new_one_and_all_other_sessions_end() {
    let test = TestHub::new().await.with_user("alice");
    let (here, elsewhere) = (test.login("alice").await, test.login("alice").await);
    let done = change(&test, &here, PASSWORD, (NEW, NEW)).await;
    assert_eq!((done.status, done.location()), (StatusCode::FOUND, "/jupyterhub/hub/home"), "{}", done.body);
    let new = format!("hubgate-session={}", done.cookie("hubgate-session").unwrap());
    assert_eq!(test.get("/jupyterhub/hub/home", &new).await.status, StatusCode::OK);
    for old in [here, elsewhere] {
        assert_eq!(test.get("/jupyterhub/hub/home", &old).await.status, StatusCode::FOUND);
    }
    assert!(opens(&test, "alice", NEW).await && !opens(&test, "alice", PASSWORD).await);
}

#[actix_web::test]
async fn a_password_that_is_wrong_weak_or_mistyped_changes_nothing() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    for (old, new, status, part) in [
        ("wrong", (NEW, NEW), StatusCode::FORBIDDEN, "The old password is not right."),
        (PASSWORD, (NEW, "nine pale lantern"), StatusCode::BAD_REQUEST, "differ"),
        (PASSWORD, ("alice123", "alice123"), StatusCode::BAD_REQUEST, "too easy to guess"),
        (PASSWORD, ("k7#Rw", "k7#Rw"), StatusCode::BAD_REQUEST, "at least 8 characters"),
        (PASSWORD, ("", ""), StatusCode::BAD_REQUEST, "is empty"),
        (
            PASSWORD,
            ("nine pale\nlanterns", "nine pale\nlanterns"),
            StatusCode::BAD_REQUEST,
            "control character",
        ),
    ] {
        let answer = change(&test, &cookie, old, new).await;
        assert_eq!(answer.status, status, "{part}");
        assert!(answer.body.contains(part), "{part}: {}", answer.body);
    }
    assert_eq!(test.get("/jupyterhub/hub/home", &cookie).await.status, StatusCode::OK);
    assert!(opens(&test, "alice", PASSWORD).await);
}

#[actix_web::test]
async fn a_form_of_another_session_changes_no_password() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    let token = test.get("/jupyterhub/hub/password", &bob).await.xsrf();
    let form = format!("_xsrf={token}&old={0}&password={1}&again={1}", encode(PASSWORD), encode(NEW));
    assert_eq!(test.post("/jupyterhub/hub/password", &alice, &form).await.status, StatusCode::FORBIDDEN);
    assert!(opens(&test, "alice", PASSWORD).await);
}

#[actix_web::test]
async fn a_password_of_the_host_is_changed_on_the_host() {
    let test = TestHub::with(Character::Obedient, |config| config.authenticator = Authenticator::Pam).await;
    let proven = Proven {
        user: "alice".parse().unwrap(),
        login: "alice".parse().unwrap(),
        method: Method::Pam,
        account: None,
        claims: None,
        ticket: None,
        password_hash: None,
        terms: None,
    };
    let device = Device { address: "192.0.2.7".parse().unwrap(), agent: String::new(), before: None };
    let begun = logins::begin(&test.hub, proven, device).await.unwrap();
    let page = test.get("/jupyterhub/hub/password", &format!("hubgate-session={}", begun.id)).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("passwd"), "{}", page.body);
}

#[actix_web::test]
async fn a_password_that_was_handed_out_is_changed_before_the_session_begins() {
    let test = TestHub::new().await.with_user("alice");
    hand_out(&test, "alice");
    let asked = test.try_login("alice", PASSWORD, "?next=%2Fjupyterhub%2Fhub%2Ftoken").await;
    assert_eq!((asked.status, asked.cookie("hubgate-session")), (StatusCode::OK, None));
    assert!(asked.body.contains("Choose a new password"), "{}", asked.body);
    let send = async |from: &Answer, password: &str| {
        let cookie = format!("hubgate-signin={}", from.cookie("hubgate-signin").unwrap());
        let (xsrf, password) = (from.xsrf(), encode(password));
        let form = format!("_xsrf={xsrf}&password={password}&again={password}");
        test.post("/jupyterhub/hub/login/password", &cookie, &form).await
    };
    let again = send(&asked, "alice123").await;
    assert_eq!((again.status, again.cookie("hubgate-session")), (StatusCode::BAD_REQUEST, None));
    let used_up = send(&asked, NEW).await;
    assert_eq!(used_up.location(), "/jupyterhub/hub/login?late=1");
    let done = send(&again, NEW).await;
    assert_eq!((done.status, done.location()), (StatusCode::FOUND, "/jupyterhub/hub/token"));
    assert!(done.cookie("hubgate-session").is_some());
    assert!(opens(&test, "alice", NEW).await && !opens(&test, "alice", PASSWORD).await);
}

#[actix_web::test]
async fn a_handed_out_password_makes_no_token() {
    let test = TestHub::new().await.with_user("alice");
    hand_out(&test, "alice");
    let body = serde_json::json!({ "auth": { "username": "alice", "password": PASSWORD } }).to_string();
    let request = actix_web::test::TestRequest::post().uri("/jupyterhub/hub/api/users/alice/tokens");
    let answer = test.send(request.set_payload(body)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("must be changed first"), "{}", answer.body);
}

#[actix_web::test]
async fn a_link_sets_a_password_once() {
    let test = TestHub::new().await.with_user("alice");
    let session = test.login("alice").await;
    let secret = link(&test, Purpose::Password, Some("alice"));
    let address = format!("/jupyterhub/hub/set-password/{secret}");
    let send = async |page: &Answer, password: &str| {
        let (xsrf, password) = (page.xsrf(), encode(password));
        let form = format!("_xsrf={xsrf}&secret={secret}&password={password}&again={password}");
        test.post("/jupyterhub/hub/set-password", "", &form).await
    };
    let page = test.get(&address, "").await;
    assert_eq!((page.status, page.header("referrer-policy")), (StatusCode::OK, "no-referrer"));
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(test.get(&address, "").await.status, StatusCode::OK, "looking uses nothing up");
    assert_eq!(send(&page, "alice123").await.status, StatusCode::BAD_REQUEST);
    assert!(opens(&test, "alice", PASSWORD).await, "the old password stays until then");
    assert_eq!(send(&page, NEW).await.location(), "/jupyterhub/hub/login");
    assert_eq!(send(&page, "yet another lantern").await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.get(&address, "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.get("/jupyterhub/hub/home", &session).await.status, StatusCode::FOUND);
    assert!(opens(&test, "alice", NEW).await && !opens(&test, "alice", PASSWORD).await);
}

#[actix_web::test]
async fn links_that_do_not_hold_look_alike_and_are_bounded() {
    let test = TestHub::new().await.with_user("alice");
    let over = link(&test, Purpose::Password, Some("alice"));
    test.pass(links::LIFE_S);
    let setup = link(&test, Purpose::Setup, None);
    let unknown = "A".repeat(43);
    let mut bodies = Vec::new();
    for secret in [over.as_str(), setup.as_str(), unknown.as_str(), "x", "..", "%00"] {
        let answer = test.get(&format!("/jupyterhub/hub/set-password/{secret}"), "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{secret}");
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0] && !body.contains("alice")));
    let mut waits = 0;
    for n in 0..100 {
        let answer = test.get(&format!("/jupyterhub/hub/set-password/{n:043}"), "").await;
        waits += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(waits >= 40, "{waits} of 100 guesses had to wait");
}

#[actix_web::test]
async fn nobody_sets_the_hub_up_without_the_link_of_the_console() {
    let test = TestHub::new().await;
    assert_eq!(test.get("/jupyterhub/hub/setup", "").await.status, StatusCode::FORBIDDEN);
    for secret in ["x".to_owned(), "A".repeat(43)] {
        let address = format!("/jupyterhub/hub/setup/{secret}");
        assert_eq!(test.get(&address, "").await.status, StatusCode::FORBIDDEN);
        let form = format!("secret={secret}&username=mallory&password={0}&again={0}", encode(NEW));
        assert_eq!(test.post("/jupyterhub/hub/setup", "", &form).await.status, StatusCode::FORBIDDEN);
    }
    assert!(test.hub.store.read(users::admins).unwrap().is_empty());
}

#[actix_web::test]
async fn the_first_administrator_comes_by_the_link_and_nobody_after_them() {
    let test = TestHub::new().await;
    let offer = || setup::offer(&test.hub.store, &test.hub.config, test.hub.clock.now_s()).unwrap();
    let (first, second) = (offer().unwrap(), offer().unwrap());
    let path = |address: &str| format!("/jupyterhub{}", address.split_once("/jupyterhub").unwrap().1);
    assert_eq!(test.get(&path(&first), "").await.status, StatusCode::FORBIDDEN, "the last link counts");
    let page = test.get(&path(&second), "").await;
    assert_eq!(page.status, StatusCode::OK);
    let secret = page.field("secret").unwrap();
    let send = async |name: &str, password: &str| {
        let (xsrf, password) = (page.xsrf(), encode(password));
        let form =
            format!("_xsrf={xsrf}&secret={secret}&username={name}&password={password}&again={password}");
        test.post("/jupyterhub/hub/setup", "", &form).await
    };
    for (name, password) in [("root", NEW), ("Boss", NEW), ("boss", "password1")] {
        assert_eq!(send(name, password).await.status, StatusCode::BAD_REQUEST, "{name}");
    }
    assert_eq!(send("boss", NEW).await.location(), "/jupyterhub/hub/login");
    assert_eq!(send("mallory", NEW).await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.hub.store.read(users::admins).unwrap(), ["boss".parse().unwrap()]);
    assert!(opens(&test, "boss", NEW).await);
    assert_eq!(offer(), None);
}
