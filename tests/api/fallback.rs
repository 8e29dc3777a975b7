//! Requests that nginx may not pass on, answered as their client expects.

use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use hubgate_protocol::Phase;

use crate::support::{Answer, Character, TestHub, navigation, question, script};

const LAB: &str = "/jupyterhub/user/alice/lab";

async fn fall(test: &TestHub, question: actix_web::test::TestRequest, cookie: &str) -> Answer {
    test.send(question.uri(LAB).insert_header((COOKIE, cookie))).await
}

#[actix_web::test]
async fn a_person_without_session_is_sent_to_login_and_will_come_back() {
    let test = TestHub::new().await;
    let answer = fall(&test, navigation("/jupyterhub/user/alice/lab?x=1&next=https://evil.test/"), "").await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let target = "/jupyterhub/hub/login?next=%2Fjupyterhub%2Fuser%2Falice%2Flab%3Fx%3D1%26next%3Dhttps%3A%2F%2Fevil%2Etest%2F";
    assert_eq!(answer.location(), target);
}

#[actix_web::test]
async fn a_script_without_session_gets_json_and_no_redirect() {
    let test = TestHub::new().await;
    let answer = fall(&test, script("GET", LAB), "").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::UNAUTHORIZED, ""));
    assert_eq!(answer.body, r#"{"message":"Log in first.","status":401}"#);
}

#[actix_web::test]
async fn a_stopped_server_sends_people_to_its_spawn_page_and_scripts_away() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let person = fall(&test, navigation(LAB), &cookie).await;
    assert_eq!(person.location(), "/jupyterhub/hub/spawn/alice?next=%2Fjupyterhub%2Fuser%2Falice%2Flab");
    let poll = fall(&test, script("GET", LAB), &cookie).await;
    assert_eq!((poll.status, poll.header("retry-after")), (StatusCode::FAILED_DEPENDENCY, "30"));
    test.server("alice", Phase::Starting);
    let person = fall(&test, navigation(LAB), &cookie).await;
    assert!(person.location().starts_with("/jupyterhub/hub/spawn-pending/alice?next="));
    let socket = fall(
        &test,
        script("GET", LAB)
            .insert_header(("x-orig-upgrade", "websocket"))
            .insert_header(("x-orig-origin", "https://hub.test")),
        &cookie,
    )
    .await;
    assert_eq!((socket.status, socket.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "3"));
}

#[actix_web::test]
async fn a_failed_server_shows_its_cause_and_its_own_log_as_text() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Failed);
    let answer = fall(&test, navigation(LAB), &cookie).await;
    assert_eq!(answer.status, StatusCode::FAILED_DEPENDENCY);
    assert!(answer.body.contains("The program that should start is missing"), "{}", answer.body);
    assert!(answer.body.contains("first line"));
    assert!(!answer.body.contains("<script>last"));
    assert!(!answer.body.contains("_xsrf"), "a service worker of the server may read this page");
}

#[actix_web::test]
async fn a_failed_server_is_explained_without_log_when_the_spawner_is_gone() {
    let test = TestHub::with(Character::SpeaksNonsense, |_| {}).await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Failed);
    let answer = fall(&test, navigation(LAB), &cookie).await;
    assert_eq!(answer.status, StatusCode::FAILED_DEPENDENCY);
    assert!(answer.body.contains("There are none."));
}

#[actix_web::test]
async fn a_server_that_gives_no_answer_is_a_502_with_a_remedy() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    let answer = fall(&test, navigation(LAB).insert_header(("x-hubgate-failed", "502")), &cookie).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.body.contains("gave no usable answer"));
    let raced = fall(&test, script("GET", LAB).insert_header(("x-hubgate-failed", "")), &cookie).await;
    assert_eq!((raced.status, raced.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
}

#[actix_web::test]
async fn refusals_have_their_own_status() {
    let test = TestHub::new().await.with_user("bob");
    let cookie = test.login("bob").await;
    let status = async |question| fall(&test, question, &cookie).await.status;
    assert_eq!(status(navigation(LAB)).await, StatusCode::FORBIDDEN);
    assert_eq!(
        status(question("GET", "/jupyterhub/user/bob/../alice/", "/jupyterhub/user/alice/")).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        status(question("FOO", "/jupyterhub/user/bob/", "/jupyterhub/user/bob/")).await,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[actix_web::test]
async fn an_address_without_the_slash_behind_the_name_moves_to_the_one_with_it() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    for (uri, path, target) in [
        ("/jupyterhub/user/alice?a=b", "/jupyterhub/user/alice", "/jupyterhub/user/alice/?a=b"),
        ("/jupyterhub/services/x", "/jupyterhub/services/x", "/jupyterhub/services/x/"),
    ] {
        let asked = test.ask(question("GET", uri, path), &cookie).await;
        assert_eq!((asked.status, asked.header("x-hubgate-reason")), (StatusCode::FORBIDDEN, "no-slash"));
        let answer = fall(&test, question("GET", uri, path), &cookie).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::MOVED_PERMANENTLY, target));
    }
    let written =
        test.ask(question("POST", "/jupyterhub/user/alice", "/jupyterhub/user/alice"), &cookie).await;
    assert_eq!(written.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_site_may_keep_the_status_that_old_clients_know() {
    let test =
        TestHub::with(Character::Obedient, |config| config.use_legacy_stopped_server_status_code = true)
            .await
            .with_user("alice");
    let cookie = test.login("alice").await;
    assert_eq!(fall(&test, script("GET", LAB), &cookie).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
