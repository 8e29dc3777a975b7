//! What PAM asks beyond the password, in the browser.

use actix_web::http::StatusCode;
use hubgate::config::Authenticator;
use hubgate_protocol::Request;

use crate::support::{Answer, Character, PASSWORD, TestHub};

const LOGIN: &str = "/jupyterhub/hub/login";
const CONTINUE: &str = "/jupyterhub/hub/login/continue";

async fn talking() -> TestHub {
    TestHub::with(Character::Talks, |config| {
        config.authenticator = Authenticator::Pam;
        config.allow_all = true;
    })
    .await
}

/// Answers the page that was shown last, in the browser that it was shown to.
async fn answer(test: &TestHub, page: &Answer, fields: &str) -> Answer {
    let cookie = format!("hubgate-signin={}", page.cookie("hubgate-signin").unwrap_or_default());
    test.post(CONTINUE, &cookie, &format!("_xsrf={}&{fields}", page.xsrf())).await
}

#[actix_web::test]
async fn a_second_prompt_is_answered_on_a_page_of_its_own() {
    let test = talking().await;
    let page = test.try_login("alice", PASSWORD, "?next=%2Fjupyterhub%2Fhub%2Ftoken").await;
    assert_eq!((page.status, test.hub.sessions.count()), (StatusCode::OK, 0));
    for part in [
        "One more step",
        "Welcome to &#60;b&#62;the&#60;/b&#62; machine",
        ">Verification code</label>",
        "name=\"answer1\" type=\"password\"",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains(PASSWORD));
    let cookie = page.set_cookie("hubgate-signin");
    for part in ["Path=/jupyterhub/hub/login", "HttpOnly", "Secure", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let done = answer(&test, &page, "answer1=123456").await;
    assert_eq!((done.status, done.location()), (StatusCode::FOUND, "/jupyterhub/hub/token"));
    let id = done.cookie("hubgate-session").unwrap();
    let session = test.hub.sessions.find(&id, test.hub.clock.now_s()).unwrap();
    assert_eq!((session.user.as_str(), session.ticket.is_some()), ("alice", true));
}

#[actix_web::test]
async fn a_step_is_taken_once_and_in_its_own_browser_only() {
    let test = talking().await;
    let page = test.try_login("alice", PASSWORD, "").await;
    let (own, token) = (format!("hubgate-signin={}", page.cookie("hubgate-signin").unwrap()), page.xsrf());
    let other = test.try_login("alice", PASSWORD, "").await;
    let other = format!("hubgate-signin={}", other.cookie("hubgate-signin").unwrap());
    for (cookie, token) in [("", token.as_str()), (&other, &token), (&own, "")] {
        let lost = test.post(CONTINUE, cookie, &format!("answer1=123456&_xsrf={token}")).await;
        assert_eq!(lost.location(), "/jupyterhub/hub/login?late=1", "{cookie}");
    }
    assert!(test.get(&format!("{LOGIN}?late=1"), "").await.body.contains("took too long"));
    assert_eq!(answer(&test, &page, "answer1=123456").await.location(), "/jupyterhub/hub/");
    assert_eq!(answer(&test, &page, "answer1=123456").await.location(), "/jupyterhub/hub/login?late=1");
}

#[actix_web::test]
async fn whoever_takes_too_long_begins_again() {
    let test = talking().await;
    let page = test.try_login("alice", PASSWORD, "").await;
    test.pass(301);
    assert_eq!(answer(&test, &page, "answer1=123456").await.location(), "/jupyterhub/hub/login?late=1");
    let page = test.try_login("gone", PASSWORD, "").await;
    let late = answer(&test, &page, "answer0=123456").await;
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(late.body.contains("Logging in is not possible right now"), "{}", late.body);
}

#[actix_web::test]
async fn a_wrong_code_reads_like_a_wrong_password_and_counts_like_one() {
    let test = talking().await;
    for n in 0..5 {
        let page = test.try_login("alice", PASSWORD, "").await;
        let wrong = answer(&test, &page, "answer1=000000").await;
        assert_eq!(wrong.status, StatusCode::FORBIDDEN);
        let text = if n < 3 { "Invalid username or password." } else { "Too many wrong passwords" };
        assert!(wrong.body.contains(text), "{n}: {}", wrong.body);
    }
    let page = test.try_login("alice", PASSWORD, "").await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
}

#[actix_web::test]
async fn texts_to_be_read_and_several_prompts_at_once_are_pages_too() {
    let test = talking().await;
    let page = test.try_login("dave", PASSWORD, "").await;
    assert!(page.body.contains("The lab closes at six.") && page.body.contains("I have read it"));
    let page = answer(&test, &page, "x=").await;
    assert!(page.body.contains("name=\"answer0\" type=\"text\""), "{}", page.body);
    assert!(page.body.contains("name=\"answer1\" type=\"password\""));
    let missing = answer(&test, &page, "answer0=1").await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    let page = test.try_login("dave", PASSWORD, "").await;
    let page = answer(&test, &page, "x=").await;
    assert_eq!(answer(&test, &page, "answer0=1&answer1=7").await.location(), "/jupyterhub/hub/");
}

#[actix_web::test]
async fn an_expired_password_is_changed_on_the_way_in() {
    let test = talking().await;
    let page = test.try_login("carol", PASSWORD, "").await;
    assert!(page.body.contains("Your password has expired"), "{}", page.body);
    assert!(page.body.contains("autocomplete=\"new-password\""));
    let page = answer(&test, &page, "answer1=short&answer2=short").await;
    assert!(page.body.contains("class=\"alert\" role=\"alert\">BAD PASSWORD"), "{}", page.body);
    let done = answer(&test, &page, "answer1=long+enough&answer2=long+enough").await;
    assert_eq!(done.location(), "/jupyterhub/hub/");
}

#[actix_web::test]
async fn a_login_can_be_given_up() {
    let test = talking().await;
    let page = test.try_login("alice", PASSWORD, "").await;
    assert_eq!(answer(&test, &page, "cancel=1").await.location(), LOGIN);
    assert_eq!(answer(&test, &page, "answer1=123456").await.location(), "/jupyterhub/hub/login?late=1");
}

#[actix_web::test]
async fn a_program_that_cannot_be_asked_is_refused_by_the_api() {
    let test = talking().await;
    let ask = |name: &str| {
        actix_web::test::TestRequest::post()
            .uri(&format!("/jupyterhub/hub/api/users/{name}/tokens"))
            .set_json(serde_json::json!({"auth": {"username": name, "password": PASSWORD}}))
    };
    assert_eq!(test.send(ask("alice")).await.status, StatusCode::FORBIDDEN);
    let asked = test.asked.lock();
    let conversed = asked.iter().any(|one| matches!(one, Request::Authenticate { converse: true, .. }));
    assert!(!asked.is_empty() && !conversed);
}

#[actix_web::test]
async fn seven_reasons_have_seven_texts() {
    let test = TestHub::with(Character::Talks, |config| {
        config.authenticator = Authenticator::Pam;
        config.allowed_users = vec!["alice".parse().unwrap()];
    })
    .await;
    let mut texts = std::collections::BTreeSet::new();
    for (name, password, text) in [
        ("bob", "wrong", "Invalid username or password."),
        ("oldpassword", PASSWORD, "Your password has expired."),
        ("oldaccount", PASSWORD, "Your account has expired."),
        ("nologin", PASSWORD, "Nobody may log in at the moment"),
        ("badtime", PASSWORD, "Your account may not log in here at this time."),
        ("nobackend", PASSWORD, "Logging in is not possible right now."),
        ("bob", PASSWORD, "You are not on the list"),
    ] {
        let answer = test.try_login(name, password, "").await;
        if text != "You are not on the list" {
            assert!(answer.body.contains(text), "{name}: {}", answer.body);
        }
        let told =
            answer.body.split_once("role=\"alert\"").or_else(|| answer.body.split_once("<h1>")).unwrap().1;
        texts.insert(told.split("</").next().unwrap().to_owned());
    }
    for _ in 0..3 {
        assert!(test.try_login("locked", PASSWORD, "").await.body.contains("Invalid username or password."));
    }
    let locked = test.try_login("locked", PASSWORD, "").await;
    assert!(locked.body.contains("Too many wrong passwords"), "{}", locked.body);
    assert_eq!(texts.len(), 7, "{texts:#?}");
}

#[actix_web::test]
async fn a_fresh_proof_may_need_a_conversation_too() {
    let test = talking().await;
    let page = test.try_login("alice", PASSWORD, "").await;
    let done = answer(&test, &page, "answer1=123456").await;
    let old = format!("hubgate-session={}", done.cookie("hubgate-session").unwrap());
    test.pass(15 * 60);
    let again = "/jupyterhub/hub/reauthenticate";
    let token = test.get(again, &old).await.xsrf();
    let form = format!("password=correct+horse&next=/jupyterhub/hub/token&_xsrf={token}");
    let page = test.post(again, &old, &form).await;
    assert!(page.body.contains("Verification code"), "{}", page.body);
    let cookies = format!("{old}; hubgate-signin={}", page.cookie("hubgate-signin").unwrap());
    let done = test.post(CONTINUE, &cookies, &format!("answer1=123456&_xsrf={}", page.xsrf())).await;
    assert_eq!(done.location(), "/jupyterhub/hub/token");
    assert_ne!(format!("hubgate-session={}", done.cookie("hubgate-session").unwrap()), old);
}
