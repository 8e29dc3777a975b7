//! Servers through the API: made, started, changed, stopped and forgotten.

use hubgate_protocol::{Phase, Request};
use serde_json::json;

use crate::rest::{Rest, Row};

const SERVER: &str = "/users/alice/server";
const GPU: &str = "/users/alice/servers/gpu";
const UNSEEN: &str = "No access to resources or resources not found";

async fn named() -> Rest {
    Rest::with(|config| {
        config.allow_named_servers = true;
        config.named_server_limit_per_user = 2;
        config.slow_spawn_timeout = 0;
        config.slow_stop_timeout = 0;
    })
    .await
}

#[actix_web::test]
async fn a_server_is_read_by_those_who_may() {
    let mut rest = named().await;
    rest.token("other", "boss", &["read:servers!server=bob/"]).await;
    rest.token("state", "boss", &["admin:server_state", "read:servers"]).await;
    rest.test.server("alice", Phase::Running);
    let model = rest.json("GET", SERVER, "alice", "").await;
    assert_eq!(
        (&model["ready"], &model["stopped"], &model["pending"], &model["full_name"]),
        (&json!(true), &json!(false), &json!(null), &json!("alice/"))
    );
    assert_eq!(model["url"], "/jupyterhub/user/alice/");
    assert_eq!(model["progress_url"], "/jupyterhub/hub/api/users/alice/server/progress");
    assert!(model.get("state").is_none());
    assert_eq!(rest.json("GET", SERVER, "state", "").await["state"], json!({}));
    rest.hold(&[
        ("GET", SERVER, "", "", 403, "Missing or invalid credentials."),
        ("GET", SERVER, "bob", "", 404, UNSEEN),
        ("GET", SERVER, "other", "", 404, UNSEEN),
        ("GET", "/users/alice/servers/", "alice", "", 200, "alice/"),
        ("GET", GPU, "alice", "", 404, "null"),
        ("GET", "/users/alice/servers/..", "alice", "", 404, ""),
        ("GET", "/users/nobody/server", "boss", "", 404, "null"),
    ])
    .await;
}

#[actix_web::test]
async fn named_servers_are_made_within_the_limits() {
    let rest = named().await;
    let full = "User alice already has the maximum of 2 named servers.";
    rest.hold(&[
        ("PUT", SERVER, "alice", "", 409, "User alice already has a default server"),
        ("PUT", GPU, "bob", "", 404, UNSEEN),
        ("PUT", GPU, "alice", r#"{"display_name": "My  GPU"}"#, 400, "Invalid display_name"),
        ("PUT", GPU, "alice", r#"{"display_name": 5}"#, 400, "display_name must be a string"),
        (
            "PUT",
            GPU,
            "alice",
            r#"{"display_name": "My GPU", "user_options": {"a": [1]}}"#,
            201,
            r#""display_name":"My GPU""#,
        ),
        ("PUT", GPU, "alice", "", 409, "User alice already has server gpu"),
        ("PUT", "/users/alice/servers/Bad%20Name", "alice", "", 400, "Invalid server_name: 'Bad Name'"),
        ("PUT", "/users/alice/servers/lab", "alice", "", 400, "Invalid server_name: 'lab'"),
        ("PUT", "/users/alice/servers/cpu", "alice", "", 201, r#""display_name":"cpu""#),
        ("PUT", "/users/alice/servers/tpu", "alice", "", 400, full),
        ("POST", "/users/alice/servers/tpu", "alice", "", 400, full),
        ("GET", GPU, "alice", "", 200, r#""user_options":{"a":[1]}"#),
        ("GET", "/users/alice?include_stopped_servers", "alice", "", 200, "alice/gpu"),
    ])
    .await;
    let off = Rest::new().await;
    let refused = "Named servers are not enabled.";
    let rows: [Row<'_>; 3] = [
        ("PUT", GPU, "alice", "", 400, refused),
        ("POST", GPU, "alice", "", 400, refused),
        ("DELETE", GPU, "alice", "", 400, refused),
    ];
    off.hold(&rows).await;
}

#[actix_web::test]
async fn a_start_is_asked_of_the_machine_once() {
    let mut rest = named().await;
    rest.token("starter", "boss", &["start:servers!user=alice"]).await;
    rest.hold(&[
        ("POST", SERVER, "", "", 403, "Missing or invalid credentials."),
        ("POST", SERVER, "bob", "", 404, UNSEEN),
        ("POST", "/users/nobody/server", "boss", "", 404, "null"),
        ("POST", SERVER, "alice", "[1]", 400, "Body must be a JSON object"),
        ("POST", SERVER, "alice", r#"{"user_options": []}"#, 400, "user_options must be an object"),
        ("POST", SERVER, "starter", r#"{"profile": "big"}"#, 202, ""),
        ("GET", SERVER, "alice", "", 200, r#""user_options":{"profile":"big"}"#),
    ])
    .await;
    let started = |asked: &[Request]| asked.iter().filter(|one| matches!(one, Request::Start { .. })).count();
    assert_eq!(started(&rest.test.asked.lock()), 1);
    rest.test.server("alice", Phase::Starting);
    rest.hold(&[("POST", SERVER, "alice", "", 202, "")]).await;
    rest.test.server("alice", Phase::Running);
    rest.hold(&[("POST", SERVER, "alice", "", 400, "alice is already running")]).await;
    rest.test.server("alice", Phase::Stopping);
    rest.hold(&[("POST", SERVER, "alice", "", 400, "alice is pending stop")]).await;
    assert_eq!(started(&rest.test.asked.lock()), 1);
}

#[actix_web::test]
async fn a_start_is_told_as_soon_as_it_is_over() {
    let rest = Rest::with(|config| config.allow_named_servers = true).await;
    let asked = |asked: &[Request]| asked.iter().any(|one| matches!(one, Request::Start { .. }));
    let (answer, ()) = tokio::join!(rest.send("POST", GPU, "alice", ""), async {
        rest.test.until(asked).await;
        rest.test.server("alice:gpu", Phase::Running);
    });
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (201, ""));
    let (answer, ()) = tokio::join!(rest.send("POST", SERVER, "alice", ""), async {
        rest.test
            .until(|all| all.iter().filter(|one| matches!(one, Request::Start { .. })).count() == 2)
            .await;
        rest.test.server("alice", Phase::Failed);
    });
    assert_eq!(answer.status.as_u16(), 424);
    assert!(answer.body.contains("Spawner failed to start"), "{}", answer.body);
}

#[actix_web::test]
async fn a_site_bounds_how_many_servers_run() {
    let rest = Rest::with(|config| config.active_server_limit = 1).await;
    rest.test.server("bob", Phase::Running);
    rest.hold(&[("POST", SERVER, "alice", "", 429, "Active user limit exceeded")]).await;
    let rest = Rest::with(|config| {
        config.concurrent_spawn_limit = 1;
        config.spawn_queue_limit = 0;
    })
    .await;
    rest.test.server("bob", Phase::Starting);
    let answer = rest.send("POST", SERVER, "alice", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "30"));
}

#[actix_web::test]
async fn a_server_is_stopped_and_forgotten() {
    let mut rest = named().await;
    rest.token("stopper", "boss", &["delete:servers!server=alice/gpu"]).await;
    rest.hold(&[
        ("DELETE", SERVER, "alice", "", 204, ""),
        ("DELETE", SERVER, "alice", r#"{"remove": true}"#, 400, "Cannot delete the default server"),
        ("DELETE", GPU, "stopper", "", 404, "alice has no server named 'gpu'"),
        ("PUT", GPU, "alice", "", 201, "gpu"),
        ("DELETE", SERVER, "stopper", "", 404, UNSEEN),
        ("DELETE", GPU, "stopper", "[1]", 400, "Body must be a JSON object"),
        ("DELETE", GPU, "stopper", r#"{"remove": 1}"#, 400, "remove must be a boolean"),
    ])
    .await;
    let stops = |asked: &[Request]| asked.iter().filter(|one| matches!(one, Request::Stop { .. })).count();
    assert_eq!(stops(&rest.test.asked.lock()), 0);
    rest.test.server("alice:gpu", Phase::Running);
    rest.hold(&[("DELETE", GPU, "stopper", r#"{"remove": true}"#, 202, "")]).await;
    assert_eq!(stops(&rest.test.asked.lock()), 1);
    rest.test.server("alice:gpu", Phase::Stopping);
    rest.hold(&[("DELETE", GPU, "stopper", "", 202, "")]).await;
    rest.test.server("alice:gpu", Phase::Stopped);
    while rest.send("GET", GPU, "alice", "").await.status.as_u16() != 404 {
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn a_server_that_does_not_run_is_changed() {
    let rest = named().await;
    rest.hold(&[
        ("PUT", GPU, "alice", "", 201, "gpu"),
        ("PATCH", GPU, "bob", r#"{"name": "x"}"#, 404, UNSEEN),
        ("PATCH", GPU, "alice", "", 400, "Must specify at least one field to modify."),
        ("PATCH", GPU, "alice", "[1]", 400, "Body must be a JSON object"),
        ("PATCH", GPU, "alice", r#"{"surprise": 1}"#, 400, "surprise"),
        (
            "PATCH",
            GPU,
            "alice",
            r#"{"name": "new", "user_options": []}"#,
            400,
            "user_options must be an object",
        ),
        ("PATCH", GPU, "alice", r#"{"name": "gpu"}"#, 409, "User alice already has server 'gpu'"),
        ("PATCH", GPU, "alice", r#"{"name": ""}"#, 409, "already has server"),
        ("PATCH", GPU, "alice", r#"{"name": "Bad Name"}"#, 400, "Invalid server_name"),
        (
            "PATCH",
            "/users/alice/servers/no",
            "alice",
            r#"{"name": "new"}"#,
            404,
            "User alice has no such server 'no'",
        ),
        ("PATCH", GPU, "alice", r#"{"display_name": "Big machine"}"#, 200, "Big machine"),
        (
            "PATCH",
            GPU,
            "alice",
            r#"{"name": "big", "user_options": {"a": 1}}"#,
            200,
            r#""full_name":"alice/big""#,
        ),
        ("GET", GPU, "alice", "", 404, "null"),
    ])
    .await;
    rest.test.server("alice:big", Phase::Running);
    let active = "alice:big is active. Please stop it before modifying it.";
    rest.hold(&[("PATCH", "/users/alice/servers/big", "alice", r#"{"name": "x"}"#, 400, active)]).await;
}
