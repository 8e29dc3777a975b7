//! Servers that nobody uses: warned, kept or stopped, and what their pages are told of it.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Config;
use hubgate::domain::cull::Why;
use hubgate::spawn::Event;
use hubgate::state::culling;
use hubgate::store::{keeps, users};
use hubgate_protocol::{Phase, Request, ServerId, ServerStatus};

use crate::support::{Answer, Character, TestHub, by_script};

const NOTICES: &str = "/jupyterhub/hub/notices/alice";
const KEEP: &str = "/jupyterhub/hub/keep/alice";

fn an_hour(config: &mut Config) {
    config.cull_idle_minutes = 60;
    config.cull_keep_hours_max = 8;
}

async fn hub(change: impl FnOnce(&mut Config)) -> TestHub {
    TestHub::with(Character::Obedient, change).await.with_user("alice").with_user("bob")
}

/// The server runs, and says itself that it was used so long ago.
fn runs(test: &TestHub, name: &str, busy: u32, unused_s: i64) {
    let id: ServerId = name.parse().unwrap();
    let now_s = test.hub.clock.now_s();
    let status = ServerStatus {
        phase: Phase::Running,
        since_ms: u64::try_from(now_s - 36_000).unwrap() * 1000,
        status_text: format!(
            "hubgate kernels=1 busy={busy} terminals=0 connections=1 last={}",
            now_s - unused_s
        ),
        ..ServerStatus::stopped(&id)
    };
    test.hub.servers.apply(Event::Changed(status));
}

fn stopped(test: &TestHub) -> Vec<String> {
    let asked = test.asked.lock();
    asked
        .iter()
        .filter_map(|request| match request {
            Request::Stop { user, server, .. } => {
                Some(ServerId { user: user.clone(), server: server.clone() }.to_string())
            }
            _ => None,
        })
        .collect()
}

fn due(test: &TestHub, name: &str) -> Option<(i64, Why, bool)> {
    let at = test.hub.culling.of(&name.parse().unwrap())?;
    Some((at.at_s - test.hub.clock.now_s(), at.why, at.soon))
}

async fn notices(test: &TestHub, cookie: &str) -> serde_json::Value {
    let answer = test.send(by_script(TestRequest::get().uri(NOTICES), cookie)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

async fn keep_by_script(test: &TestHub, cookie: &str) -> Answer {
    test.send(by_script(TestRequest::post().uri(KEEP), cookie).insert_header(("x-hubgate-keep", "1"))).await
}

#[actix_web::test]
async fn an_idle_server_is_warned_then_stopped_and_its_user_stays() {
    let test = hub(an_hour).await;
    runs(&test, "alice", 0, 3100);
    runs(&test, "bob", 1, 9999);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(due(&test, "alice"), Some((600, Why::Idle, true)));
    assert_eq!(due(&test, "bob"), Some((3600, Why::Idle, false)), "it computes");
    test.pass(599);
    runs(&test, "bob", 1, 9999);
    culling::look(&test.hub).await.unwrap();
    assert!(stopped(&test).is_empty());
    test.pass(1);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(stopped(&test), ["alice"]);
    test.server("alice", Phase::Stopped);
    culling::look(&test.hub).await.unwrap();
    let cookie = test.login("alice").await;
    assert!(
        test.get("/jupyterhub/hub/home", &cookie)
            .await
            .body
            .contains("Nobody used it, so the hub stopped it")
    );
    let written = test.hub.store.read(keeps::culled).unwrap();
    assert_eq!(written.first().unwrap().1.why, Why::Idle, "it is remembered over a restart");
    let alice: hubgate_protocol::Username = "alice".parse().unwrap();
    assert_eq!(test.hub.culling.ended(&"alice".parse().unwrap()).unwrap().why, Why::Idle);
    assert!(test.hub.store.read(|c| users::by_name(c, &alice)).unwrap().is_some());
    let kept = test.hub.audit_of(&alice, 9).await.unwrap();
    let culls =
        kept.iter().filter(|line| (line.actor.as_str(), line.action.as_str()) == ("hub", "server_cull"));
    assert_eq!(culls.count(), 1);
    assert_eq!(due(&test, "alice"), None);
    runs(&test, "alice", 0, 0);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(test.hub.store.read(keeps::culled).unwrap(), [], "it runs again");
    assert!(test.get("/jupyterhub/hub/home", &cookie).await.body.contains("It stops if nobody uses it"));
}

#[actix_web::test]
async fn home_says_when_it_stops_keeps_it_by_one_click_and_says_afterwards_when_and_why() {
    let test = hub(an_hour).await;
    let cookie = test.login("alice").await;
    runs(&test, "alice", 0, 3000);
    culling::look(&test.hub).await.unwrap();
    let warned = test.get("/jupyterhub/hub/home", &cookie).await;
    for told in ["It stops if nobody uses it:", "2027-01-15 08:10 UTC", "id=\"keep\""] {
        assert!(warned.body.contains(told), "{told}: {}", warned.body);
    }
    test.post(KEEP, &cookie, &format!("_xsrf={}", warned.xsrf())).await;
    test.pass(8 * 3600 - 600);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(due(&test, "alice"), Some((600, Why::Idle, true)), "warned again, for as long");
    test.pass(600);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(stopped(&test), ["alice"]);
    test.server("alice", Phase::Stopped);
    test.pass(7 * 86_400);
    let cookie = test.login("alice").await;
    let home = test.get("/jupyterhub/hub/home", &cookie).await.body;
    for told in
        ["Nobody used it, so the hub stopped it:", "2027-01-15 16:00 UTC", "Saved files are all there."]
    {
        assert!(home.contains(told), "{told}: {home}");
    }
}

#[actix_web::test]
async fn one_use_takes_the_warning_back() {
    let test = hub(an_hour).await;
    runs(&test, "alice", 0, 3500);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(
        due(&test, "alice"),
        Some((600, Why::Idle, true)),
        "warned for the whole time, though it is late"
    );
    test.pass(590);
    runs(&test, "alice", 0, 0);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(due(&test, "alice"), Some((3600, Why::Idle, false)));
    test.pass(3600);
    culling::look(&test.hub).await.unwrap();
    assert!(stopped(&test).is_empty(), "the first warning does not count for the second");
}

#[actix_web::test]
async fn a_server_that_says_nothing_is_kept_and_one_that_the_api_hears_of_is_not() {
    let test = hub(an_hour).await;
    let silent = |name: &str| {
        let since_ms = u64::try_from(test.hub.clock.now_s() - 9999).unwrap() * 1000;
        let stopped = ServerStatus::stopped(&name.parse().unwrap());
        test.hub.servers.apply(Event::Changed(ServerStatus { phase: Phase::Running, since_ms, ..stopped }));
    };
    silent("alice");
    silent("bob");
    test.hub.activity.server(&"bob".parse().unwrap(), (test.hub.clock.now_s() - 60) * 1_000_000);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(due(&test, "alice"), None);
    assert_eq!(due(&test, "bob"), Some((3540, Why::Idle, false)));
}

#[actix_web::test]
async fn only_so_many_servers_are_stopped_within_a_minute() {
    let test = hub(|config| {
        an_hour(config);
        config.cull_warning_minutes = 0;
        config.cull_per_minute_max = 2;
    })
    .await;
    for (name, unused_s) in [("a", 4000), ("b", 7000), ("c", 5000), ("d", 6000), ("e", 100)] {
        runs(&test, name, 0, unused_s);
    }
    culling::look(&test.hub).await.unwrap();
    culling::look(&test.hub).await.unwrap();
    assert_eq!(stopped(&test), ["b", "d"], "those that were unused for longest go first");
    test.server("b", Phase::Stopped);
    test.server("d", Phase::Stopped);
    test.pass(60);
    culling::look(&test.hub).await.unwrap();
    assert_eq!(stopped(&test), ["b", "d", "c", "a"]);
}

#[actix_web::test]
async fn whoever_keeps_a_server_keeps_it_within_the_policy() {
    let test = hub(an_hour).await;
    let cookie = test.login("alice").await;
    runs(&test, "alice", 0, 3500);
    culling::look(&test.hub).await.unwrap();
    let token = test.get("/jupyterhub/hub/home", &cookie).await.xsrf();
    let kept = test.post(KEEP, &cookie, &format!("_xsrf={token}")).await;
    assert_eq!((kept.status, kept.location()), (StatusCode::FOUND, "/jupyterhub/hub/home"));
    assert_eq!(due(&test, "alice"), Some((8 * 3600, Why::Idle, false)));
    let never = hub(|config| config.cull_keep_hours_max = 0).await;
    let cookie = never.login("alice").await;
    runs(&never, "alice", 0, 3500);
    assert_eq!(keep_by_script(&never, &cookie).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn the_page_of_a_server_is_told_when_it_stops_and_keeps_it_by_one_click() {
    let test = hub(an_hour).await;
    let cookie = test.login("alice").await;
    runs(&test, "alice", 0, 60);
    culling::look(&test.hub).await.unwrap();
    let calm = notices(&test, &cookie).await;
    assert_eq!((&calm["banners"], &calm["again_s"]), (&serde_json::json!([]), &3.into()));
    test.pass(3000);
    culling::look(&test.hub).await.unwrap();
    let warned = notices(&test, &cookie).await;
    let banner = &warned["banners"][0];
    assert_eq!(banner["text"], "Nobody is using this server: it stops in 10 minutes. What is saved stays.");
    assert_eq!(banner["act"]["address"], KEEP);
    let kept = keep_by_script(&test, &cookie).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.body);
    assert!(kept.body.contains(r#""banners":[]"#), "{}", kept.body);
    let chinese = by_script(TestRequest::get().uri(NOTICES), &format!("{cookie}; hubgate-language=zh-CN"));
    assert!(test.send(chinese).await.body.contains("隐藏"));
}

#[actix_web::test]
async fn the_page_of_a_stopped_server_starts_nothing_and_asks_no_more() {
    let test = hub(|config| {
        an_hour(config);
        config.cull_warning_minutes = 0;
    })
    .await;
    let cookie = test.login("alice").await;
    runs(&test, "alice", 0, 4000);
    culling::look(&test.hub).await.unwrap();
    test.server("alice", Phase::Stopped);
    let after = notices(&test, &cookie).await;
    assert_eq!(after["again_s"], 0);
    assert_eq!(after["banners"][0]["act"]["address"], "/jupyterhub/hub/spawn/alice");
    assert_eq!(keep_by_script(&test, &cookie).await.status, StatusCode::CONFLICT);
    assert!(!test.asked.lock().iter().any(|request| matches!(request, Request::Start { .. })));
}

#[actix_web::test]
async fn nobody_else_asks_for_the_notices_of_a_server_or_keeps_it() {
    let test = hub(an_hour).await;
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    runs(&test, "alice", 0, 3500);
    for (cookie, site, status) in [
        (&alice, "same-origin", StatusCode::OK),
        (&alice, "cross-site", StatusCode::FORBIDDEN),
        (&alice, "same-site", StatusCode::FORBIDDEN),
        (&alice, "none", StatusCode::FORBIDDEN),
        (&alice, "", StatusCode::FORBIDDEN),
        (&bob, "same-origin", StatusCode::NOT_FOUND),
        (&String::new(), "same-origin", StatusCode::FORBIDDEN),
    ] {
        let with = |request: TestRequest| {
            let request = request.insert_header(("cookie", cookie.clone()));
            if site.is_empty() { request } else { request.insert_header(("sec-fetch-site", site)) }
        };
        let read = test.send(with(TestRequest::get().uri(NOTICES))).await;
        assert_eq!(read.status, status, "{site}: {}", read.body);
        let kept = with(TestRequest::post().uri(KEEP)).insert_header(("x-hubgate-keep", "1"));
        assert_eq!(test.send(kept).await.status, status, "{site}");
    }
    let bare = by_script(TestRequest::post().uri(KEEP), &alice);
    assert!(
        test.send(bare).await.status.is_client_error(),
        "without the header it is a form without its token"
    );
}

#[actix_web::test]
async fn programs_keep_servers_too() {
    let mut rest = crate::rest::Rest::with(an_hour).await;
    rest.token("starter", "boss", &["start:servers!user=alice"]).await;
    let path = "/users/alice/server/keep";
    rest.hold(&[("POST", path, "starter", "", 409, "not running")]).await;
    runs(&rest.test, "alice", 0, 3500);
    rest.hold(&[
        ("POST", path, "starter", r#"{"hours": 2}"#, 200, r#""kept_until":"2027-01-15T10:00:00Z""#),
        ("POST", path, "starter", r#"{"hours": 99}"#, 200, r#""kept_until":"2027-01-15T16:00:00Z""#),
        ("POST", path, "starter", r#"{"hours": 0}"#, 400, "1 or more"),
        ("POST", path, "bob", "", 404, ""),
        ("POST", path, "", "", 403, "Missing or invalid credentials."),
    ])
    .await;
}

#[actix_web::test]
async fn shell_files_that_are_broken_are_told_beside_the_work() {
    let test = hub(|_| {}).await;
    let alice = test.login("alice").await;
    for (more, told) in [("", false), (" shell=failed", true)] {
        let id: ServerId = "alice".parse().unwrap();
        let status_text = format!("hubgate kernels=0 last=1{more}");
        let status = ServerStatus { phase: Phase::Running, status_text, ..ServerStatus::stopped(&id) };
        test.hub.servers.apply(Event::Changed(status));
        let shown = notices(&test, &alice).await.to_string();
        assert_eq!(shown.contains("Your login shell did not end in time"), told, "{shown}");
    }
}

#[actix_web::test]
async fn a_disk_that_is_nearly_full_is_told_beside_the_work() {
    let test = hub(|_| {}).await;
    let alice = test.login("alice").await;
    for (used, told) in [(96, false), (97, true), (100, true), (0, false)] {
        let id: ServerId = "alice".parse().unwrap();
        let status_text = format!("hubgate kernels=0 last=1 disk_used={used} disk_total=100");
        let status = ServerStatus { phase: Phase::Running, status_text, ..ServerStatus::stopped(&id) };
        test.hub.servers.apply(Event::Changed(status));
        let shown = notices(&test, &alice).await.to_string();
        assert_eq!(shown.contains(&format!("is {used} % full")), told, "{used}: {shown}");
    }
}
