//! My sessions, and proving again who one is before something dangerous.

use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, USER_AGENT};
use actix_web::test::TestRequest;
use hubgate::state::reload;
use hubgate_protocol::Phase;

use crate::support::{PASSWORD, TestHub, browser};

const PAGE: &str = "/jupyterhub/hub/sessions";
const TOKEN: &str = "/jupyterhub/hub/token";
const AGAIN: &str = "/jupyterhub/hub/reauthenticate";
const SOCKET: &str = "/jupyterhub/user/alice/api/kernels/x/channels";

async fn alone(test: &TestHub, cookie: &str) -> bool {
    !test.get(PAGE, cookie).await.body.contains("end-others")
}

#[actix_web::test]
async fn ones_sessions_are_told_apart_by_device_and_address() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (cookie, _bob) = (test.login("alice").await, test.login("bob").await);
    let page = test.get("/jupyterhub/hub/login", "").await;
    let login = browser(TestRequest::post().uri("/jupyterhub/hub/login"))
        .insert_header((COOKIE, format!("_xsrf={}", page.cookie("_xsrf").unwrap())))
        .insert_header((
            USER_AGENT,
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0 \"<b>",
        ))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(format!("username=alice&password=correct+horse&_xsrf={}", page.xsrf()));
    test.pass(60);
    assert_eq!(test.send(login).await.status, StatusCode::FOUND);
    let page = test.get(PAGE, &cookie).await.body;
    assert_eq!(page.matches("192.0.2.7").count(), 2, "{page}");
    for part in [
        "Firefox on Linux",
        "Unknown device</bdi> <strong>(this one)",
        "2027-01-15 08:00",
        "2027-01-15 08:01",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<b>") && !page.contains("bob"));
}

#[actix_web::test]
async fn one_session_is_ended_from_another_and_all_others_at_once() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (here, there, bob) = (test.login("alice").await, test.login("alice").await, test.login("bob").await);
    test.server("alice", Phase::Running);
    assert_eq!(test.open_socket(SOCKET, &there).await, StatusCode::OK);
    let page = test.get(PAGE, &here).await;
    let token = page.xsrf();
    let id = test.hub.sessions.find(there.split_once('=').unwrap().1, 1).unwrap().public_id.clone();
    let of_bob = test.hub.sessions.find(bob.split_once('=').unwrap().1, 1).unwrap().public_id.clone();
    let end = |id: &str, token: &str| format!("id={id}&_xsrf={token}");
    let url = format!("{PAGE}/end");
    assert_eq!(test.post(&url, &here, &end(&id, "forged")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.post(&url, &here, &end(&of_bob, &token)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(test.post(&url, &here, &end(&id, &token)).await.location(), PAGE);
    assert_eq!(test.cut_connections(), 1);
    assert_eq!(test.get(PAGE, &there).await.status, StatusCode::FOUND);
    assert_eq!(test.post(&url, &here, &end(&id, &token)).await.status, StatusCode::NOT_FOUND);
    let (second, third) = (test.login("alice").await, test.login("alice").await);
    assert!(!alone(&test, &here).await);
    test.post(&format!("{PAGE}/end-others"), &here, &format!("_xsrf={token}")).await;
    assert!(alone(&test, &here).await);
    for ended in [second, third] {
        assert_eq!(test.get(PAGE, &ended).await.status, StatusCode::FOUND);
    }
    assert_eq!(test.get(PAGE, &bob).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn ending_the_session_that_asks_is_a_logout() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let page = test.get(PAGE, &cookie).await;
    let form = format!("id={}&_xsrf={}", page.field("id").unwrap(), page.xsrf());
    let answer = test.post(&format!("{PAGE}/end"), &cookie, &form).await;
    assert_eq!(
        (answer.location(), answer.cookie("hubgate-session").unwrap()),
        ("/jupyterhub/hub/login", String::new())
    );
    assert_eq!(test.hub.sessions.count(), 0);
}

#[actix_web::test]
async fn a_token_needs_a_proof_of_the_last_minutes() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let form = format!("note=x&_xsrf={}", test.get(TOKEN, &cookie).await.xsrf());
    assert_eq!(test.post(TOKEN, &cookie, &form).await.status, StatusCode::OK);
    test.pass(15 * 60);
    let asked = test.post(TOKEN, &cookie, &form).await;
    assert_eq!(asked.location(), format!("{AGAIN}?next=%2Fjupyterhub%2Fhub%2Ftoken"));
    let by_script = TestRequest::post()
        .uri("/jupyterhub/hub/api/users/alice/tokens")
        .insert_header((COOKIE, cookie.clone()))
        .insert_header(("x-xsrftoken", test.get(TOKEN, &cookie).await.xsrf()))
        .insert_header(("content-type", "application/json"));
    let refused = test.send(by_script.set_payload("{}")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("Prove again"), "{}", refused.body);
    assert_eq!(test.hub.tokens.of(&hubgate::domain::scope::Owner::User("alice".parse().unwrap())).len(), 1);
}

#[actix_web::test]
async fn whoever_proves_it_again_goes_on_under_another_id_with_their_websockets() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let old = test.login("alice").await;
    test.server("alice", Phase::Running);
    assert_eq!(test.open_socket(SOCKET, &old).await, StatusCode::OK);
    test.pass(15 * 60);
    let page = test.get(&format!("{AGAIN}?next=%2Fjupyterhub%2Fhub%2Ftoken"), &old).await;
    let form = |password: &str| format!("password={password}&_xsrf={}&next={TOKEN}", page.xsrf());
    assert_eq!(test.post(AGAIN, &old, &form("wrong")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.get(TOKEN, &old).await.status, StatusCode::OK);
    let answer = test.post(AGAIN, &old, &form("correct+horse")).await;
    assert_eq!(answer.location(), TOKEN);
    let new = format!("hubgate-session={}", answer.cookie("hubgate-session").unwrap());
    assert_ne!(new, old);
    assert_eq!(test.get(TOKEN, &old).await.status, StatusCode::FOUND);
    let form = format!("note=x&_xsrf={}", test.get(TOKEN, &new).await.xsrf());
    assert_eq!(test.post(TOKEN, &new, &form).await.status, StatusCode::OK);
    reload::reload(&test.hub).await.unwrap();
    assert_eq!(test.cut_connections(), 0);
    *test.hub.gate.lock().await = hubgate::store::Revisions::NONE;
    reload::reload(&test.hub).await.unwrap();
    assert_eq!(test.get(TOKEN, &new).await.status, StatusCode::OK);
    assert_eq!(test.get(TOKEN, &old).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn guesses_at_the_proof_are_bounded_like_those_at_the_login() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.pass(15 * 60);
    let token = test.get(AGAIN, &cookie).await.xsrf();
    for _ in 0..5 {
        let form = format!("password=wrong&_xsrf={token}");
        assert_eq!(test.post(AGAIN, &cookie, &form).await.status, StatusCode::FORBIDDEN);
    }
    let form = format!("password={}&_xsrf={token}", PASSWORD.replace(' ', "+"));
    assert_eq!(test.post(AGAIN, &cookie, &form).await.status, StatusCode::TOO_MANY_REQUESTS);
}
