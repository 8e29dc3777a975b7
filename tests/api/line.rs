//! As many servers start at the same time as may; the others wait in line, and their people see where.

use hubgate::config::{Config, ProfileSpec, ProfileSpecs};
use hubgate::domain::limits::Limits;
use hubgate::state::{line, reload};
use hubgate::store::audit::AuditQuery;
use hubgate_protocol::{ErrorCode, Phase, Request};
use serde_json::json;

use crate::rest::Rest;
use crate::support::{Character, TestHub};

const USERS: [&str; 4] = ["ada", "bob", "cleo", "dan"];

/// A hub that starts two servers at the same time, with the cookies of its users.
async fn hub(character: Character, change: impl FnOnce(&mut Config)) -> (TestHub, Vec<String>) {
    let two = |config: &mut Config| {
        config.concurrent_spawn_limit = 2;
        config.spawn_queue_limit = 2;
        change(config);
    };
    let mut test = TestHub::with(character, two).await;
    for name in USERS {
        test = test.with_user(name);
    }
    reload::reload(&test.hub).await.unwrap();
    let mut cookies = Vec::new();
    for name in USERS {
        cookies.push(test.login(name).await);
    }
    (test, cookies)
}

async fn click(test: &TestHub, user: usize) -> u16 {
    let (name, cookie) = (USERS[user], &*test.login(USERS[user]).await);
    let xsrf = test.get("/jupyterhub/hub/token", cookie).await.xsrf();
    let form = format!("_xsrf={xsrf}");
    test.post(&format!("/jupyterhub/hub/spawn/{name}"), cookie, &form).await.status.as_u16()
}

fn places(test: &TestHub) -> [Option<usize>; 4] {
    USERS.map(|name| test.hub.servers.place(&name.parse().unwrap()).map(|place| place.number))
}

#[actix_web::test]
async fn those_who_come_later_wait_see_their_place_and_start_in_their_order() {
    let (test, cookies) = hub(Character::Obedient, |_| {}).await;
    for name in ["ada", "bob"] {
        test.server(name, Phase::Starting);
    }
    for user in [2, 3, 2] {
        assert_eq!(click(&test, user).await, 302);
    }
    assert_eq!((places(&test), test.started()), ([None, None, Some(1), Some(2)], vec![]));
    let dan = &cookies[3];
    for page in ["/jupyterhub/hub/spawn-pending/dan", "/jupyterhub/hub/home"] {
        let body = test.get(page, dan).await.body;
        assert!(
            body.contains("Place \u{2068}2\u{2069} in line") || body.contains("Place 2 in line"),
            "{body}"
        );
    }
    line::serve(&test.hub);
    assert_eq!(places(&test), [None, None, Some(1), Some(2)], "there is no room yet");
    test.server("ada", Phase::Running);
    line::serve(&test.hub);
    test.until(|all| all.iter().any(|one| matches!(one, Request::Start { .. }))).await;
    assert_eq!((places(&test), test.started()), ([None, None, None, Some(1)], vec!["cleo".to_owned()]));
    assert_eq!(
        test.hub.servers.phase(&"cleo".parse().unwrap()),
        Phase::Starting,
        "until the engine says more"
    );
    test.server("cleo", Phase::Starting);
    line::serve(&test.hub);
    assert_eq!(places(&test)[3], Some(1), "two are starting");
    test.server("bob", Phase::Failed);
    line::serve(&test.hub);
    test.until(|all| all.iter().filter(|one| matches!(one, Request::Start { .. })).count() == 2).await;
    assert_eq!(test.started(), ["cleo", "dan"]);
}

#[actix_web::test]
async fn whoever_leaves_the_line_is_never_started_and_the_others_move_up() {
    let (test, cookies) = hub(Character::Obedient, |config| config.concurrent_spawn_limit = 1).await;
    test.server("ada", Phase::Starting);
    for user in [1, 2] {
        click(&test, user).await;
    }
    let bob = &cookies[1];
    let xsrf = test.get("/jupyterhub/hub/token", bob).await.xsrf();
    test.post("/jupyterhub/hub/stop/bob", bob, &format!("_xsrf={xsrf}")).await;
    assert_eq!(places(&test), [None, None, Some(1), None]);
    assert_eq!(test.hub.servers.phase(&"bob".parse().unwrap()), Phase::Stopped);
    test.server("ada", Phase::Running);
    line::serve(&test.hub);
    test.until(|all| all.iter().any(|one| matches!(one, Request::Start { .. }))).await;
    assert_eq!(test.started(), ["cleo"]);
    assert!(!test.asked.lock().iter().any(|one| matches!(one, Request::Stop { .. })), "nothing of bob's ran");
}

#[actix_web::test]
async fn a_full_line_says_so_and_what_is_refused_is_refused_at_once() {
    let (test, _) = hub(Character::Obedient, |config| config.concurrent_spawn_limit = 1).await;
    test.server("ada", Phase::Starting);
    assert_eq!([click(&test, 1).await, click(&test, 2).await, click(&test, 3).await], [302, 302, 429]);
    assert_eq!(places(&test), [None, Some(1), Some(2), None]);
    let (test, _) = hub(Character::Obedient, |config| {
        config.spawn_queue_limit = 0;
        config.concurrent_spawn_limit = 1;
    })
    .await;
    test.server("ada", Phase::Starting);
    assert_eq!(click(&test, 1).await, 429, "as in JupyterHub");
}

#[actix_web::test]
async fn what_is_refused_when_the_turn_comes_is_told() {
    let (test, _) =
        hub(Character::Refuses(ErrorCode::NoAccount), |config| config.concurrent_spawn_limit = 1).await;
    test.server("ada", Phase::Starting);
    assert_eq!(click(&test, 1).await, 302);
    test.server("ada", Phase::Running);
    line::serve(&test.hub);
    let bob = "bob".parse().unwrap();
    test.hub.servers.wait(&bob, std::time::Duration::from_secs(5), |now| now.phase == Phase::Stopped).await;
    assert!(test.hub.starting.refusal(&bob).is_some());
    assert_eq!(places(&test), [None; 4]);
}

#[actix_web::test]
async fn the_api_shows_a_start_in_line_as_a_start_and_its_events_tell_the_place() {
    let rest = Rest::with(|config| {
        config.concurrent_spawn_limit = 1;
        config.slow_spawn_timeout = 0;
    })
    .await;
    rest.test.server("bob", Phase::Starting);
    let path = "/users/alice/server";
    rest.hold(&[("POST", path, "alice", "", 202, ""), ("POST", path, "alice", "", 202, "")]).await;
    let model = rest.json("GET", path, "alice", "").await;
    assert_eq!((&model["pending"], &model["stopped"]), (&json!("spawn"), &json!(false)));
    let (events, ()) = tokio::join!(rest.send("GET", "/users/alice/server/progress", "alice", ""), async {
        // The stream says where it waits, and ends when the start is cancelled.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        rest.hold(&[("DELETE", path, "alice", "", 204, "")]).await;
    });
    assert!(
        events.body.contains("\"place\":1") && events.body.contains("Waiting in line: place 1"),
        "{}",
        events.body
    );
    assert!(events.body.contains("Spawn cancelled"), "{}", events.body);
    assert!(rest.test.asked.lock().iter().all(|one| !matches!(one, Request::Start { .. })));
}

#[actix_web::test]
async fn who_waits_keeps_the_place_the_options_and_who_asked_over_a_restart() {
    let with_profile = |config: &mut Config| {
        let limits = Limits { memory: Some(3 << 30), ..Limits::default() };
        let large = ProfileSpec { limits, ..ProfileSpec::new("large") };
        config.profiles = ProfileSpecs(vec![ProfileSpec::new("small"), large]);
    };
    let (test, cookies) = hub(Character::Obedient, with_profile).await;
    for name in ["ada", "bob"] {
        test.server(name, Phase::Starting);
    }
    line::save(&test.hub).unwrap();
    assert!(!test.hub.config.line().exists(), "nobody waits");
    let xsrf = test.get("/jupyterhub/hub/token", &cookies[3]).await.xsrf();
    let form = format!("_xsrf={xsrf}&profile=large");
    let asked = test.post("/jupyterhub/hub/spawn/dan", &cookies[3], &form).await;
    assert_eq!((asked.status.as_u16(), click(&test, 2).await), (302, 302), "{}", asked.body);
    assert_eq!(places(&test), [None, None, Some(2), Some(1)]);
    line::save(&test.hub).unwrap();

    let test = test.restarted().await;
    for name in ["ada", "bob"] {
        test.server(name, Phase::Starting);
    }
    line::restore(&test.hub);
    assert_eq!(places(&test), [None, None, Some(2), Some(1)]);
    for (user, others) in [("ada", 1), ("bob", 2)] {
        test.server(user, Phase::Running);
        line::serve(&test.hub);
        test.until(|all| all.iter().filter(|one| matches!(one, Request::Start { .. })).count() == others)
            .await;
    }
    assert_eq!(test.started(), ["dan", "cleo"]);
    let with_limit = test.asked.lock().iter().filter(|one| format!("{one:?}").contains("3221225472")).count();
    assert_eq!(with_limit, 1, "dan's profile");
    let mut actors = Vec::new();
    while actors.len() < 2 {
        let query = AuditQuery { limit: 9, action: Some("server_start".to_owned()), ..AuditQuery::default() };
        actors = test.hub.audit_lines(query).await.unwrap().into_iter().map(|line| line.actor).collect();
    }
    actors.sort();
    assert_eq!(actors, ["user:cleo", "user:dan"]);
}

#[actix_web::test]
async fn a_line_of_long_ago_and_a_file_that_is_none_bring_nobody_back() {
    let (test, _) = hub(Character::Obedient, |_| {}).await;
    for name in ["ada", "bob"] {
        test.server(name, Phase::Starting);
    }
    click(&test, 2).await;
    line::save(&test.hub).unwrap();
    let file = test.hub.config.line();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(301);
    let age = || std::fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    age();
    line::save(&test.hub).unwrap();
    let test = test.restarted().await;
    line::restore(&test.hub);
    assert_eq!(places(&test)[2], Some(1), "who has waited for long still waited when the gateway ended");
    age();
    let test = test.restarted().await;
    line::restore(&test.hub);
    assert_eq!(places(&test), [None; 4]);
    line::save(&test.hub).unwrap();
    assert!(!file.exists(), "it is not read a third time");
    std::fs::write(&file, b"[{\"server\": \"../x\"}]").unwrap();
    line::restore(&test.hub);
    assert_eq!(places(&test), [None; 4]);
}
