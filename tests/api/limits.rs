//! Limits of users and groups: who may set them, which one counts, and that servers that run are told at once.

use hubgate::config::Memory;
use hubgate_protocol::{Limits, Phase, Request};
use serde_json::json;

use crate::rest::Rest;

const NOT_HELD: &str = "Action is not authorized with current scopes; requires any of [";
const UNSEEN: &str = "No access to resources or resources not found";

async fn rest() -> Rest {
    let mut rest = Rest::with(|config| config.mem_limit = Memory(Some(1 << 30))).await;
    rest.hold(&[("POST", "/groups/physics", "boss", r#"{"users": ["alice"]}"#, 201, "\"physics\"")]).await;
    rest.token("of-physics", "boss", &["admin:groups!group=physics", "admin:users!group=physics"]).await;
    rest
}

/// What the spawner was told last about the limits of a server.
fn told(rest: &Rest) -> Option<(String, Limits)> {
    rest.test.asked.lock().iter().rev().find_map(|request| match request {
        Request::SetLimits { user, limits, .. } => Some((user.to_string(), *limits)),
        _ => None,
    })
}

#[actix_web::test]
async fn the_largest_of_the_groups_counts_and_the_users_own_entry_before_it() {
    let rest = rest().await;
    rest.hold(&[("POST", "/groups/staff", "boss", r#"{"users": ["alice"]}"#, 201, "\"staff\"")]).await;
    let memory = |answer: serde_json::Value| answer["effective"]["mem_limit"].clone();
    let now = || async { memory(rest.json("GET", "/users/alice/limits", "boss", "").await) };
    assert_eq!(now().await, json!({"value": 1 << 30, "source": "site"}));
    rest.json("PUT", "/groups/physics/limits", "boss", r#"{"mem_limit": "2G"}"#).await;
    rest.json("PUT", "/groups/staff/limits", "boss", r#"{"mem_limit": "4G", "cpu_limit": 1.5}"#).await;
    assert_eq!(now().await, json!({"value": 4_i64 << 30, "source": "group:staff"}));
    let answer = rest.json("PUT", "/users/alice/limits", "boss", r#"{"mem_limit": 3221225472}"#).await;
    assert_eq!(memory(answer.clone()), json!({"value": 3_i64 << 30, "source": "user"}));
    assert_eq!(answer["effective"]["cpu_limit"], json!({"value": 1.5, "source": "group:staff"}));
    assert_eq!(memory(rest.json("DELETE", "/users/alice/limits", "boss", "").await)["source"], "group:staff");
}

#[actix_web::test]
async fn a_server_that_runs_is_told_before_the_answer_and_only_where_something_changes() {
    let rest = rest().await;
    rest.test.server("alice", Phase::Running);
    rest.test.server("bob", Phase::Running);
    rest.json("PUT", "/groups/physics/limits", "boss", r#"{"mem_limit": "2G"}"#).await;
    let limits = Limits { memory_max: Some(2 << 30), ..Limits::default() };
    assert_eq!(told(&rest), Some(("alice".to_owned(), limits)));
    rest.test.asked.lock().clear();
    rest.json("PUT", "/groups/physics/limits", "boss", r#"{"mem_limit": 2147483648}"#).await;
    assert_eq!(told(&rest), None);
    rest.json("DELETE", "/groups/physics/limits", "boss", "").await;
    assert_eq!(told(&rest).map(|(_, limits)| limits.memory_max), Some(Some(1 << 30)));
}

#[actix_web::test]
async fn a_guarantee_is_never_more_than_the_limit() {
    let rest = rest().await;
    rest.test.server("alice", Phase::Running);
    let answer = rest.json("PUT", "/users/alice/limits", "boss", r#"{"mem_guarantee": "512M"}"#).await;
    assert_eq!(answer["effective"]["mem_guarantee"], json!({"value": 512 << 20, "source": "user"}));
    assert_eq!(told(&rest).and_then(|(_, limits)| limits.memory_low), Some(512 << 20));
    rest.json("PUT", "/users/alice/limits", "boss", r#"{"mem_guarantee": "4G"}"#).await;
    let limits = told(&rest).unwrap().1;
    assert_eq!((limits.memory_low, limits.memory_max), (Some(1 << 30), Some(1 << 30)));
    rest.hold(&[(
        "PUT",
        "/users/alice/limits",
        "boss",
        r#"{"mem_guarantee": "1M"}"#,
        400,
        "limits.mem_guarantee must be 64M",
    )])
    .await;
}

#[actix_web::test]
async fn a_quota_of_the_disk_is_the_accounts_and_no_profiles() {
    let rest = rest().await;
    rest.test.server("alice", Phase::Running);
    rest.json("PUT", "/groups/physics/limits", "boss", r#"{"disk_quota": "5G"}"#).await;
    assert_eq!(told(&rest).and_then(|(_, limits)| limits.disk_quota), Some(5 << 30));
    let answer = rest.json("PUT", "/users/alice/limits", "boss", r#"{"disk_quota": "20G"}"#).await;
    assert_eq!(answer["effective"]["disk_quota"], json!({"value": 20_i64 << 30, "source": "user"}));
    assert_eq!(answer["limits"]["disk_quota"], json!(20_i64 << 30));
    let cookie = rest.test.login("boss").await;
    let page = rest.test.get("/jupyterhub/hub/admin/user/alice", &cookie).await.body;
    assert!(page.contains("name=\"disk_quota\" value=\"20G\"") && page.contains("20.0 GiB"), "{page}");
}

#[actix_web::test]
async fn a_start_brings_the_limits_along() {
    let rest = rest().await;
    rest.json("PUT", "/users/bob/limits", "boss", r#"{"tasks_limit": 100, "cpu_weight": 20}"#).await;
    rest.send("POST", "/users/bob/server", "boss", "").await;
    let started = rest.test.asked.lock().iter().find_map(|request| match request {
        Request::Start { limits, .. } => Some(*limits),
        _ => None,
    });
    let limits =
        Limits { memory_max: Some(1 << 30), tasks_max: Some(100), cpu_weight: Some(20), ..Limits::default() };
    assert_eq!(started, Some(limits));
}

#[actix_web::test]
async fn only_who_administers_them_sets_limits_and_nonsense_changes_nothing() {
    let rest = rest().await;
    let good = r#"{"mem_limit": "2G"}"#;
    rest.hold(&[
        ("PUT", "/users/bob/limits", "alice", good, 403, NOT_HELD),
        ("PUT", "/users/bob/limits", "of-physics", good, 404, UNSEEN),
        ("PUT", "/users/nobody/limits", "boss", good, 404, "null"),
        ("PUT", "/groups/nothing/limits", "boss", good, 404, "No such group"),
        ("DELETE", "/groups/nothing/limits", "boss", "", 404, "No such group"),
        ("PUT", "/groups/physics/limits", "alice", good, 403, NOT_HELD),
        ("PUT", "/users/bob/limits", "boss", r#"{"mem_limit": "2 GB"}"#, 400, "limits.mem_limit must be"),
        ("PUT", "/users/bob/limits", "boss", r#"{"mem_limit": true}"#, 400, "limits.mem_limit must be"),
        ("PUT", "/users/bob/limits", "boss", r#"{"mem_limit": -1}"#, 400, "limits.mem_limit must be"),
        ("PUT", "/users/bob/limits", "boss", r#"{"cpu_limit": 0}"#, 400, "limits.cpu_limit must be"),
        ("PUT", "/users/bob/limits", "boss", r#"{"cpu_weight": 10001}"#, 400, "limits.cpu_weight must be"),
        ("PUT", "/users/bob/limits", "boss", r#"{"memory": 1}"#, 400, "is not a field of limits"),
        ("PUT", "/users/bob/limits", "boss", "{", 400, "Invalid JSON"),
    ])
    .await;
    let bob = rest.json("GET", "/users/bob/limits", "boss", "").await;
    assert_eq!(bob["limits"]["mem_limit"], json!(null));
    rest.json("PUT", "/users/alice/limits", "of-physics", good).await;
    assert_eq!(
        rest.json("GET", "/users/alice/limits", "alice", "").await["limits"]["mem_limit"],
        2_i64 << 30
    );
}
