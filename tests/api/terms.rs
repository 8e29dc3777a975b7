//! The site's terms: accepted once for each text, before the session begins.

use std::path::Path;

use actix_web::http::StatusCode;
use hubgate::config::Config;

use crate::support::{Answer, Character, PASSWORD, TestHub, browser};

const TOKEN: &str = "/jupyterhub/hub/token";

/// A hub whose terms are that text.
async fn hub(dir: &Path, text: &str) -> TestHub {
    let path = dir.join("terms.txt");
    std::fs::write(&path, text).unwrap();
    TestHub::with(Character::Obedient, |config: &mut Config| config.terms_file = path)
        .await
        .with_user("alice")
}

async fn begun(test: &TestHub) -> Answer {
    test.try_login("alice", PASSWORD, "?next=%2Fjupyterhub%2Fhub%2Ftoken").await
}

async fn accept(test: &TestHub, asked: &Answer) -> Answer {
    let cookie = format!("hubgate-signin={}", asked.cookie("hubgate-signin").unwrap());
    test.post("/jupyterhub/hub/login/terms", &cookie, &format!("_xsrf={}", asked.xsrf())).await
}

#[actix_web::test]
async fn terms_are_accepted_once_and_the_login_goes_where_it_was_to_go() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path(), "Be kind.\n<script>alert(1)</script>").await;
    let asked = begun(&test).await;
    assert_eq!((asked.status, asked.cookie("hubgate-session")), (StatusCode::OK, None));
    assert!(asked.body.contains("Be kind.") && !asked.body.contains("<script>alert"), "{}", asked.body);
    let done = accept(&test, &asked).await;
    assert_eq!((done.status, done.location()), (StatusCode::FOUND, TOKEN), "{}", done.body);
    assert!(done.cookie("hubgate-session").is_some());
    let next = begun(&test).await;
    assert_eq!((next.status, next.location()), (StatusCode::FOUND, TOKEN));
}

#[actix_web::test]
async fn a_changed_text_asks_again() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path(), "Be kind.").await;
    accept(&test, &begun(&test).await).await;
    std::fs::write(dir.path().join("terms.txt"), "Be very kind.").unwrap();
    let asked = begun(&test).await;
    assert!(asked.body.contains("Be very kind.") && asked.cookie("hubgate-session").is_none());
    assert_eq!(accept(&test, &asked).await.location(), TOKEN);
}

#[actix_web::test]
async fn a_text_that_changes_while_it_is_read_is_shown_anew() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path(), "Be kind.").await;
    let asked = begun(&test).await;
    std::fs::write(dir.path().join("terms.txt"), "Be very kind.").unwrap();
    let again = accept(&test, &asked).await;
    assert_eq!((again.status, again.cookie("hubgate-session")), (StatusCode::OK, None));
    assert!(again.body.contains("Be very kind."));
}

#[actix_web::test]
async fn nobody_comes_in_unasked_while_the_text_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path(), "Be kind.").await;
    std::fs::remove_file(dir.path().join("terms.txt")).unwrap();
    let answer = begun(&test).await;
    assert_eq!((answer.status, answer.cookie("hubgate-session")), (StatusCode::SERVICE_UNAVAILABLE, None));
}

#[actix_web::test]
async fn a_form_without_the_token_of_the_login_accepts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path(), "Be kind.").await;
    let asked = begun(&test).await;
    let cookie = format!("hubgate-signin={}", asked.cookie("hubgate-signin").unwrap());
    let answer = test.post("/jupyterhub/hub/login/terms", &cookie, "_xsrf=x").await;
    assert_eq!(answer.location(), "/jupyterhub/hub/login?late=1");
    assert!(begun(&test).await.cookie("hubgate-session").is_none());
}

#[actix_web::test]
async fn the_terms_can_be_read_at_any_time_where_there_are_some() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path(), "Be kind.").await;
    let page = test.send(browser(actix_web::test::TestRequest::get().uri("/jupyterhub/hub/terms"))).await;
    assert!(
        page.status == StatusCode::OK
            && page.body.contains("Be kind.")
            && !page.body.contains("terms-accept")
    );
    let login = test.get("/jupyterhub/hub/login", "").await;
    assert!(login.body.contains("/hub/terms"));
    let none = TestHub::new().await;
    assert_eq!(none.get("/jupyterhub/hub/terms", "").await.status, StatusCode::NOT_FOUND);
}
