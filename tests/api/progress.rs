//! The stream of a start.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::spawn::Event;
use hubgate_protocol::{Phase, Request, ServerId, ServerStatus};

use crate::rest::Rest;
use crate::support::{Answer, Character, TestHub};

const PATH: &str = "/jupyterhub/hub/api/users/alice/server/progress";

async fn listen(test: &TestHub, cookie: &str, token: &str) -> Answer {
    test.send(
        TestRequest::get()
            .uri(PATH)
            .insert_header(("cookie", cookie.to_owned()))
            .insert_header(("sec-fetch-mode", "cors"))
            .insert_header(("x-xsrftoken", token.to_owned())),
    )
    .await
}

fn events(answer: &Answer) -> Vec<serde_json::Value> {
    answer
        .body
        .split("\n\n")
        .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
        .collect()
}

async fn logged_in(character: Character) -> (TestHub, String, String) {
    let test = TestHub::with(character, |_| {}).await.with_user("alice");
    let cookie = test.login("alice").await;
    let token = test.get("/jupyterhub/hub/home", &cookie).await.xsrf();
    (test, cookie, token)
}

#[actix_web::test]
async fn a_running_server_is_one_event() {
    let (test, cookie, token) = logged_in(Character::Obedient).await;
    test.server("alice", Phase::Running);
    let answer = listen(&test, &cookie, &token).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(
        events(&answer),
        [serde_json::json!({
            "progress": 100,
            "message": "Server ready at /jupyterhub/user/alice/",
            "html_message": "Server ready at <a href=\"/jupyterhub/user/alice/\">/jupyterhub/user/alice/</a>",
            "ready": true,
            "url": "/jupyterhub/user/alice/"
        })]
    );
}

#[actix_web::test]
async fn each_phase_of_a_start_is_an_event_until_it_is_ready() {
    let (test, cookie, token) = logged_in(Character::Obedient).await;
    test.server("alice", Phase::Starting);
    // The journal is read for the second event: when it has been asked for, the first one is out.
    let (answer, ()) = tokio::join!(listen(&test, &cookie, &token), async {
        let reads = |asked: &[Request], times| {
            asked.iter().filter(|request| matches!(request, Request::Journal { .. })).count() >= times
        };
        test.until(|asked| reads(asked, 1)).await;
        let id = "alice".parse::<ServerId>().unwrap();
        let starting = ServerStatus { phase: Phase::Starting, ..ServerStatus::stopped(&id) };
        test.hub.servers.apply(Event::Changed(ServerStatus { pid: Some(7), ..starting }));
        test.until(|asked| reads(asked, 2)).await;
        test.server("alice", Phase::Running);
    });
    let events = events(&answer);
    assert_eq!(events.get(1).unwrap()["progress"], 50, "no process yet");
    assert!(events.get(2).unwrap()["progress"].as_u64() >= Some(60), "{events:?}");
    assert_eq!(events.first().unwrap(), &serde_json::json!({"progress": 0, "message": "Server requested"}));
    assert_eq!(events.get(1).unwrap()["message"], "Spawning server...");
    assert_eq!(events.get(1).unwrap()["log"][0], "first line");
    assert_eq!(events.last().unwrap()["ready"], true);
}

#[actix_web::test]
async fn a_failure_is_named_with_its_log() {
    let (test, cookie, token) = logged_in(Character::Obedient).await;
    test.server("alice", Phase::Failed);
    let events = events(&listen(&test, &cookie, &token).await);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["failed"], true);
    assert!(events[0]["message"].as_str().unwrap().contains("The program that should start is missing"));
    assert_eq!(events[0]["log"][1], "<script>last</script>");
}

#[actix_web::test]
async fn a_failure_is_named_when_the_journal_cannot_be_read() {
    let (test, cookie, token) = logged_in(Character::SpeaksNonsense).await;
    test.server("alice", Phase::Failed);
    assert_eq!(events(&listen(&test, &cookie, &token).await)[0]["failed"], true);
}

#[actix_web::test]
async fn a_stream_ends_with_the_gateway() {
    let (test, cookie, token) = logged_in(Character::Obedient).await;
    test.server("alice", Phase::Starting);
    let (answer, ()) = tokio::join!(listen(&test, &cookie, &token), async {
        while test.hub.closing.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        test.hub.closing.send_replace(true);
    });
    assert_eq!(events(&answer)[0]["message"], "Server requested");
    assert!(events(&answer).iter().all(|event| event["ready"] != true));
}

#[actix_web::test]
async fn the_stream_is_for_ones_own_page_only() {
    let (test, cookie, token) = logged_in(Character::Obedient).await;
    let test = test.with_user("bob");
    let bob = test.login("bob").await;
    let bobs = test.get("/jupyterhub/hub/home", &bob).await.xsrf();
    for (cookie, token) in [("", token.as_str()), (&cookie, ""), (&cookie, &bobs)] {
        assert_eq!(listen(&test, cookie, token).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(listen(&test, &bob, &bobs).await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_start_that_is_given_up_is_told() {
    let (test, cookie, token) = logged_in(Character::Obedient).await;
    test.server("alice", Phase::Starting);
    let (answer, ()) = tokio::join!(listen(&test, &cookie, &token), async {
        test.until(|asked| asked.iter().any(|request| matches!(request, Request::Journal { .. }))).await;
        test.server("alice", Phase::Stopped);
    });
    let last = events(&answer).pop().unwrap();
    assert_eq!((&last["failed"], &last["message"]), (&true.into(), &"Spawn cancelled".into()));
}

#[actix_web::test]
async fn a_program_sees_no_log_and_nothing_of_a_server_that_does_not_start() {
    let mut rest = Rest::with(|config| config.allow_named_servers = true).await;
    rest.token("reader", "boss", &["read:servers!user=alice"]).await;
    rest.test.server("alice:gpu", Phase::Failed);
    let named = "/users/alice/servers/gpu/progress";
    rest.hold(&[
        ("GET", named, "alice", "", 404, "null"),
        ("PUT", "/users/alice/servers/gpu", "alice", "", 201, "gpu"),
        ("GET", "/users/alice/server/progress", "alice", "", 400, "alice is not starting..."),
        ("GET", named, "bob", "", 404, "No access to resources"),
        ("GET", named, "", "", 403, "Missing or invalid credentials."),
    ])
    .await;
    let by_program = rest.send("GET", named, "reader", "").await;
    assert!(by_program.body.contains("Spawn failed: "), "{}", by_program.body);
    assert!(!by_program.body.contains("last</script>"));
    assert!(rest.send("GET", named, "boss", "").await.body.contains("last</script>"));
}
