//! Who may come in: each rule lets in or keeps out by itself, and the answer says which one it was.

use actix_web::http::StatusCode;
use hubgate::config::Config;
use hubgate_protocol::Username;

use crate::host::pam;
use crate::support::{Answer, PASSWORD, TestHub};

type Change = fn(&mut Config);

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

async fn login(test: &TestHub, who: &str) -> Answer {
    test.try_login(who, PASSWORD, "").await
}

async fn enters(change: Change, who: &str) -> bool {
    login(&pam(change).await, who).await.status == StatusCode::FOUND
}

#[actix_web::test]
async fn without_a_rule_nobody_comes_in_and_is_told_that_it_is_not_the_password() {
    let test = pam(|_| {}).await;
    let answer = login(&test, "alice").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("nothing in this hub&#39;s configuration lets you in"), "{}", answer.body);
    assert!(!answer.body.contains("Invalid username or password"));
    assert_eq!((answer.cookie("hubgate-session"), test.hub.sessions.count()), (None, 0));
    let wrong = test.try_login("alice", "wrong", "").await;
    assert!(wrong.body.contains("Invalid username or password"));
}

#[actix_web::test]
async fn every_permission_lets_in_whom_it_names_and_nobody_else() {
    let cases: [(Change, &str, &str); 6] = [
        (|config| config.allow_all = true, "guest", ""),
        (|config| config.allowed_users = vec![name("bob")], "bob", "alice"),
        (|config| config.allowed_groups = vec!["physics".to_owned()], "alice", "guest"),
        (|config| config.admin_users = vec![name("guest")], "guest", "alice"),
        (|config| config.admin_groups = vec!["wheel".to_owned()], "root_of_all", "alice"),
        (|config| config.allowed_groups = vec!["guest".to_owned()], "guest", "bob"),
    ];
    for (at, (change, inside, outside)) in cases.into_iter().enumerate() {
        assert!(enters(change, inside).await, "case {at}: {inside} stays out");
        assert!(outside.is_empty() || !enters(change, outside).await, "case {at}: {outside} comes in");
    }
}

#[actix_web::test]
async fn who_is_known_already_comes_in_only_where_the_site_says_so() {
    for (allowed, expected) in [(true, StatusCode::FOUND), (false, StatusCode::FORBIDDEN)] {
        let test = pam(|config| config.allow_existing_users = allowed).await.with_user("alice");
        assert_eq!(login(&test, "alice").await.status, expected);
        assert_eq!(login(&test, "bob").await.status, StatusCode::FORBIDDEN);
    }
}

#[actix_web::test]
async fn a_block_goes_before_every_permission() {
    let change: Change = |config| {
        config.allow_all = true;
        config.admin_users = vec![name("alice")];
        config.blocked_users = vec![name("alice")];
    };
    let test = pam(change).await;
    let answer = login(&test, "alice").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("The administrator has blocked your user name."), "{}", answer.body);
    assert_eq!(login(&test, "bob").await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn a_pattern_decides_which_names_are_asked_for_at_all() {
    let change: Change = |config| {
        config.allow_all = true;
        config.username_pattern = "[a-z]+".to_owned();
    };
    let test = pam(change).await;
    assert_eq!(login(&test, "alice").await.status, StatusCode::FOUND);
    assert!(login(&test, "root_of_all").await.body.contains("Invalid username or password"));
}

#[actix_web::test]
async fn members_of_the_admin_groups_are_administrators_from_their_login_on() {
    let test = pam(|config| config.admin_groups = vec!["wheel".to_owned()]).await;
    let cookie = test.login("root_of_all").await;
    assert!(test.hub.directory().is_admin(&name("root_of_all")));
    let list = test.send(
        actix_web::test::TestRequest::get()
            .uri("/jupyterhub/hub/api/users")
            .insert_header(("cookie", cookie)),
    );
    assert_eq!(list.await.status, StatusCode::OK);
    let plain = pam(|config| config.allow_all = true).await;
    plain.login("root_of_all").await;
    assert!(!plain.hub.directory().is_admin(&name("root_of_all")));
}

#[actix_web::test]
async fn a_password_that_is_kept_here_is_a_permission_only_where_it_is_asked_for() {
    let file = TestHub::new().await.with_user("alice");
    assert_eq!(login(&file, "alice").await.status, StatusCode::FOUND);
    let pam = pam(|_| {}).await.with_user("alice");
    assert_eq!(login(&pam, "alice").await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn the_api_gives_no_token_to_whom_the_rules_keep_out() {
    let ask = |who: &str| {
        let body = format!(r#"{{"auth": {{"username": "{who}", "password": "{PASSWORD}"}}}}"#);
        actix_web::test::TestRequest::post()
            .uri(&format!("/jupyterhub/hub/api/users/{who}/tokens"))
            .insert_header(("content-type", "application/json"))
            .set_payload(body)
    };
    let test = pam(|config| config.allowed_users = vec![name("bob")]).await;
    let test = test.with_user("alice").with_user("bob");
    assert_eq!(test.send(ask("alice")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.send(ask("bob")).await.status, StatusCode::CREATED);
}
