//! The question that nginx asks.

use actix_web::http::StatusCode;
use hubgate_protocol::Phase;

use crate::support::{TestHub, navigation, question, script};

const LAB: &str = "/jupyterhub/user/alice/lab";

#[actix_web::test]
async fn the_owner_of_a_running_server_is_let_through_to_its_socket() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    let answer = test.ask(script("GET", LAB), &format!("a=b; {cookie}; c=d")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("x-hubgate-upstream"), "unix:/run/jupyter/alice.sock");
    assert_eq!((answer.header("x-hubgate-user"), answer.header("x-hubgate-owner")), ("alice", "alice"));
    assert_eq!(answer.header("x-hubgate-cookie"), "a=b; c=d");
    assert_eq!(answer.header("x-hubgate-authorization"), "");
}

#[actix_web::test]
async fn without_a_live_session_the_answer_is_401() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    for nobody in [
        "",
        "hubgate-session=",
        "hubgate-session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &cookie.to_uppercase(),
    ] {
        assert_eq!(test.ask(navigation(LAB), nobody).await.status, StatusCode::UNAUTHORIZED, "{nobody}");
    }
    let two = format!("{cookie}; hubgate-session=BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB");
    assert_eq!(test.ask(navigation(LAB), &two).await.status, StatusCode::UNAUTHORIZED);
    test.pass(15 * 24 * 3600);
    assert_eq!(test.ask(navigation(LAB), &cookie).await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn another_user_is_refused_alike_whether_the_owner_exists_or_not() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let cookie = test.login("bob").await;
    test.server("alice", Phase::Running);
    let there = test.ask(navigation(LAB), &cookie).await;
    let nowhere = test.ask(navigation("/jupyterhub/user/nobody1/lab"), &cookie).await;
    assert_eq!((there.status, there.header("x-hubgate-reason")), (StatusCode::FORBIDDEN, "not-yours"));
    assert_eq!(
        (nowhere.status, nowhere.header("x-hubgate-reason")),
        (there.status, there.header("x-hubgate-reason"))
    );
}

#[actix_web::test]
async fn a_path_that_nginx_reads_differently_reaches_nobody() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    test.server("bob", Phase::Running);
    for raw in ["alice/../bob/lab", "alice/..%2fbob/lab", "alice/%2e%2e/bob/lab", "alice//../bob/x"] {
        let answer = test
            .ask(question("GET", &format!("/jupyterhub/user/{raw}"), "/jupyterhub/user/bob/lab"), &cookie)
            .await;
        assert_eq!(
            (answer.status, answer.header("x-hubgate-upstream")),
            (StatusCode::FORBIDDEN, ""),
            "{raw}"
        );
    }
}

#[actix_web::test]
async fn a_question_with_a_header_missing_is_refused() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    for (method, raw, normalised) in
        [("", LAB, LAB), ("GET", "", LAB), ("GET", LAB, ""), ("get", LAB, LAB), ("FOO", LAB, LAB)]
    {
        let answer = test.ask(question(method, raw, normalised), &cookie).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {raw} {normalised}");
    }
}

#[actix_web::test]
async fn a_websocket_needs_our_origin() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    let uri = "/jupyterhub/user/alice/api/kernels/x/channels";
    let socket = |origin: &str| {
        script("GET", uri)
            .insert_header(("x-orig-upgrade", "websocket"))
            .insert_header(("x-orig-origin", origin))
    };
    assert_eq!(test.ask(socket("https://hub.test"), &cookie).await.status, StatusCode::OK);
    for origin in ["", "null", "https://evil.test", "https://hub.test.evil.test"] {
        assert_eq!(test.ask(socket(origin), &cookie).await.status, StatusCode::FORBIDDEN, "{origin}");
    }
}

#[actix_web::test]
async fn a_forgotten_tab_starts_nothing() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    for phase in [Phase::Stopped, Phase::Listening, Phase::Failed] {
        test.server("alice", phase);
        let answer = test.ask(script("GET", "/jupyterhub/user/alice/api/kernels"), &cookie).await;
        assert_eq!(
            (answer.status, answer.header("x-hubgate-reason")),
            (StatusCode::FORBIDDEN, "not-running")
        );
    }
    assert!(test.asked.lock().is_empty());
}

#[actix_web::test]
async fn a_token_is_never_passed_on() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    let answer = test.ask(script("GET", LAB).insert_header(("authorization", "token abc")), &cookie).await;
    assert_eq!((answer.status, answer.header("x-hubgate-authorization")), (StatusCode::OK, ""));
    let answer = test.ask(script("GET", LAB).insert_header(("authorization", "token abc")), "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
