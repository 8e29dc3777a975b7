//! A program of a server was killed for its memory: everybody whom it concerns is told.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Config;
use hubgate::domain::usage::MemoryKill;
use hubgate::state::reload;
use hubgate_protocol::{Phase, Username};

use crate::support::{Character, TestHub, by_script};

const GIB: u64 = 1 << 30;
const TOLD: &str = "The server had used 8.0 GiB of its 8.0 GiB";

async fn hub() -> TestHub {
    let change = |config: &mut Config| {
        config.admin_users = vec!["boss".parse().unwrap()];
        config.authenticate_prometheus = false;
    };
    let test = TestHub::with(Character::Obedient, change).await.with_user("boss").with_user("alice");
    reload::reload(&test.hub).await.unwrap();
    test.server("alice", Phase::Running);
    test
}

fn kill(test: &TestHub, count: u64, limit: Option<u64>) {
    let kill = MemoryKill { count, used: Some(8 * GIB), limit };
    test.hub.memory_killed(&"alice".parse().unwrap(), kill);
}

async fn banners(test: &TestHub, cookie: &str) -> Vec<(String, String)> {
    let ask = TestRequest::get().uri("/jupyterhub/hub/notices/alice");
    let answer = test.send(by_script(ask, cookie)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let told: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert!(told["again_s"].as_u64().unwrap() <= 3, "a page asks in time: {told}");
    let text = |banner: &serde_json::Value, key: &str| banner[key].as_str().unwrap().to_owned();
    told["banners"].as_array().unwrap().iter().map(|one| (text(one, "id"), text(one, "text"))).collect()
}

#[actix_web::test]
async fn lab_home_the_administrators_page_the_log_and_the_metrics_tell_of_it() {
    let test = hub().await;
    let (alice, boss) = (test.login("alice").await, test.login("boss").await);
    kill(&test, 1, Some(8 * GIB));
    let shown = banners(&test, &alice).await;
    let [(id, text)] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(id == "memory-1" && text.contains(TOLD), "{shown:?}");
    let home = test.get("/jupyterhub/hub/home", &alice).await.body;
    assert!(home.contains("id=\"killed\"") && home.contains(TOLD), "{home}");
    assert!(test.get("/jupyterhub/hub/admin/user/alice", &boss).await.body.contains(TOLD));
    let owner: Username = "alice".parse().unwrap();
    let lines = test.hub.audit_of(&owner, 9).await.unwrap();
    assert_eq!(
        lines.iter().filter(|line| line.action == "memory_kill").count(),
        1,
        "its owner reads it in the history"
    );
    let metrics = test.get("/jupyterhub/hub/metrics", "").await.body;
    assert!(metrics.contains("hubgate_memory_kills_total 1\n"), "{metrics}");
}

#[actix_web::test]
async fn another_kill_is_another_banner_and_the_next_run_tells_of_none() {
    let test = hub().await;
    let alice = test.login("alice").await;
    kill(&test, 1, Some(8 * GIB));
    kill(&test, 3, None);
    let shown = banners(&test, &alice).await;
    assert_eq!(shown.len(), 1);
    assert!(shown[0].0 == "memory-3" && shown[0].1.contains("the machine had none left"), "{shown:?}");
    test.server("alice", Phase::Stopped);
    test.hub.forget_memory_kills();
    test.server("alice", Phase::Running);
    assert_eq!(banners(&test, &alice).await, []);
}

#[actix_web::test]
async fn after_half_an_hour_nobody_is_told_any_more() {
    let test = hub().await;
    let alice = test.login("alice").await;
    kill(&test, 1, Some(8 * GIB));
    test.pass(1799);
    assert_eq!(banners(&test, &alice).await.len(), 1);
    test.pass(1);
    assert_eq!(banners(&test, &alice).await, []);
}
