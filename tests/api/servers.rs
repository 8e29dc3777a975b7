//! Home, start and stop.

use actix_web::http::StatusCode;
use hubgate::state::endings;
use hubgate_protocol::{ErrorCode, Exit, Phase, Request, ServerId, ServerStatus};

use crate::support::{Character, TestHub, browser};

#[actix_web::test]
async fn home_says_what_the_unit_does_and_offers_what_fits() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let steps = [
        (Phase::Stopped, "stopped", "id=\"start\""),
        (Phase::Starting, "starting", "id=\"stop\""),
        (Phase::Running, "running", "id=\"open\""),
        (Phase::Failed, "failed", "id=\"start\""),
    ];
    for (phase, word, control) in steps {
        test.server("alice", phase);
        let page = test.get("/jupyterhub/hub/home", &cookie).await.body;
        assert!(
            page.contains(&format!("<strong id=\"server-state\">{word}</strong>")) && page.contains(control),
            "{phase:?} {page}"
        );
    }
}

#[actix_web::test]
async fn a_person_who_comes_to_the_spawn_page_starts_the_server_and_sees_progress() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let answer =
        test.get("/jupyterhub/hub/spawn/alice?next=%2Fjupyterhub%2Fuser%2Falice%2Ftree", &cookie).await;
    assert_eq!(
        answer.location(),
        "/jupyterhub/hub/spawn-pending/alice?next=%2Fjupyterhub%2Fuser%2Falice%2Ftree"
    );
    assert!(
        matches!(test.asked.lock().as_slice(), [Request::Start { user, .. }] if user.as_str() == "alice")
    );
    let page = test.get(answer.location(), &cookie).await;
    assert!(page.body.contains("data-next=\"/jupyterhub/user/alice/tree\""), "{}", page.body);
    test.server("alice", Phase::Running);
    assert_eq!(test.get(answer.location(), &cookie).await.location(), "/jupyterhub/user/alice/tree");
}

#[actix_web::test]
async fn a_link_on_another_site_asks_before_it_starts() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let request = browser(actix_web::test::TestRequest::get().uri("/jupyterhub/hub/spawn/alice"))
        .insert_header(("cookie", cookie.clone()));
    let page = test.send(request.insert_header(("sec-fetch-site", "cross-site"))).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(test.asked.lock().is_empty());
    let answer = test.post("/jupyterhub/hub/spawn/alice", &cookie, &format!("_xsrf={}", page.xsrf())).await;
    assert_eq!(answer.location(), "/jupyterhub/hub/spawn-pending/alice");
    assert_eq!(test.asked.lock().len(), 1);
}

#[actix_web::test]
async fn a_running_server_is_not_started_again() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    assert_eq!(
        test.get("/jupyterhub/hub/spawn/alice", &cookie).await.location(),
        "/jupyterhub/user/alice/lab"
    );
    assert!(test.asked.lock().is_empty());
}

#[actix_web::test]
async fn nobody_starts_or_stops_somebody_elses_server() {
    let test = TestHub::new().await.with_user("bob");
    let cookie = test.login("bob").await;
    let token = test.get("/jupyterhub/hub/home", &cookie).await.xsrf();
    let form = format!("_xsrf={token}");
    for user in ["alice", "nobody1", "..", "%2e%2e", "x%3bid"] {
        assert_eq!(
            test.get(&format!("/jupyterhub/hub/spawn/{user}"), &cookie).await.status,
            StatusCode::NOT_FOUND,
            "{user}"
        );
        assert_eq!(
            test.post(&format!("/jupyterhub/hub/spawn/{user}"), &cookie, &form).await.status,
            StatusCode::NOT_FOUND,
            "{user}"
        );
        assert_eq!(
            test.post(&format!("/jupyterhub/hub/stop/{user}"), &cookie, &form).await.status,
            StatusCode::NOT_FOUND,
            "{user}"
        );
    }
    assert!(test.asked.lock().is_empty());
}

#[actix_web::test]
async fn stop_stops() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let token = test.get("/jupyterhub/hub/home", &cookie).await.xsrf();
    let answer = test.post("/jupyterhub/hub/stop/alice", &cookie, &format!("_xsrf={token}")).await;
    assert_eq!(answer.location(), "/jupyterhub/hub/home");
    assert!(matches!(test.asked.lock().as_slice(), [Request::Stop { .. }]));
}

#[actix_web::test]
async fn a_start_that_is_refused_says_what_to_do() {
    let cases = [
        (ErrorCode::Forbidden, StatusCode::FORBIDDEN, "Log out and in again"),
        (ErrorCode::NoAccount, StatusCode::FORBIDDEN, "create it"),
        (ErrorCode::Busy, StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment"),
        (ErrorCode::Engine, StatusCode::BAD_GATEWAY, "journal of hubgate-spawner"),
    ];
    for (error, status, remedy) in cases {
        let test = TestHub::with(Character::Refuses(error), |_| {}).await.with_user("alice");
        let cookie = test.login("alice").await;
        let answer = test.get("/jupyterhub/hub/spawn/alice", &cookie).await;
        assert_eq!(answer.status, status);
        assert!(answer.body.contains(remedy), "{error:?} {}", answer.body);
    }
}

#[actix_web::test]
async fn pages_of_a_person_need_a_session_and_come_back_after_login() {
    let test = TestHub::new().await;
    for page in
        ["/jupyterhub/hub/home", "/jupyterhub/hub/spawn/alice?next=%2Fjupyterhub%2Fx", "/jupyterhub/hub/"]
    {
        let encoded = percent_encoding::utf8_percent_encode(page, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(test.get(page, "").await.location(), format!("/jupyterhub/hub/login?next={encoded}"));
    }
    assert_eq!(test.get("/jupyterhub", "").await.location(), "/jupyterhub/hub/");
}

#[actix_web::test]
async fn a_head_request_is_a_get_without_its_body() {
    let test = TestHub::new().await;
    for path in ["health", "login", "home"] {
        let path = format!("/jupyterhub/hub/{path}");
        let head = test
            .send(actix_web::test::TestRequest::default().method(actix_web::http::Method::HEAD).uri(&path))
            .await;
        assert_eq!(head.status, test.get(&path, "").await.status, "{path}");
    }
}

#[actix_web::test]
async fn home_says_how_the_last_run_ended_until_the_next_one() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let ends = async |phase: Phase, exit: Option<Exit>| {
        test.get("/jupyterhub/hub/spawn/alice", &cookie).await;
        test.server("alice", Phase::Running);
        test.pass(60);
        let id = "alice".parse::<ServerId>().unwrap();
        let status = ServerStatus { phase, exit, ..ServerStatus::stopped(&id) };
        let ending = endings::of(&test.hub, &status).unwrap();
        endings::write(&test.hub, id, ending).await.unwrap();
        test.server("alice", Phase::Stopped);
        test.get("/jupyterhub/hub/home", &cookie).await.body
    };
    let memory = Some(Exit { result: "oom-kill".to_owned(), status: 9 });
    assert!(ends(Phase::Stopped, None).await.contains("It ended by itself:"));
    assert!(ends(Phase::Failed, memory).await.contains("used more memory than it may have"));
    test.get("/jupyterhub/hub/spawn/alice", &cookie).await;
    let home = test.get("/jupyterhub/hub/home", &cookie).await.body;
    assert!(!home.contains("id=\"ended\""), "{home}");
}
