//! A profile's GPUs are its servers' own; who comes when others have them waits in line and sees where.

use std::time::Duration;

use hubgate::config::{Config, ProfileSpec, ProfileSpecs};
use hubgate::state::servers::{Place, Wait};
use hubgate::state::{line, reload};
use hubgate_protocol::{Phase, Request};

use crate::support::{Character, TestHub};

const USERS: [&str; 4] = ["ada", "bob", "cleo", "dan"];

fn profiles(config: &mut Config) {
    let gpu = |name: &str, gpus| ProfileSpec { gpus, ..ProfileSpec::new(name) };
    config.profiles =
        ProfileSpecs(vec![ProfileSpec::new("plain"), gpu("one", 1), gpu("two", 2), gpu("nine", 9)]);
}

/// A hub on a host with two GPUs, of which ada and bob have one each.
async fn hub() -> TestHub {
    let mut test = TestHub::with(Character::Obedient, profiles).await;
    for name in USERS {
        test = test.with_user(name);
    }
    reload::reload(&test.hub).await.unwrap();
    holders(&test, Some("ada"), Some("bob"));
    test
}

fn holders(test: &TestHub, first: Option<&str>, second: Option<&str>) {
    let gpus = [("GPU-0", first), ("GPU-1", second)];
    let owned = gpus.map(|(id, holder)| (id.to_owned(), holder.map(str::to_owned)));
    test.host.lock().gpus = owned.into_iter().collect();
}

async fn start(test: &TestHub, name: &str, profile: &str) -> crate::support::Answer {
    let cookie = test.login(name).await;
    let xsrf = test.get("/jupyterhub/hub/token", &cookie).await.xsrf();
    let form = format!("_xsrf={xsrf}&profile={profile}");
    test.post(&format!("/jupyterhub/hub/spawn/{name}"), &cookie, &form).await
}

/// Whose starts the spawner was asked for, with the GPUs of each.
fn started(test: &TestHub) -> Vec<(String, u32)> {
    let asked = test.asked.lock();
    let starts = asked.iter().filter_map(|request| match request {
        Request::Start { user, manner, .. } => Some((user.to_string(), manner.gpus)),
        _ => None,
    });
    starts.collect()
}

fn place(test: &TestHub, name: &str) -> Option<Place> {
    test.hub.servers.place(&name.parse().unwrap())
}

fn gpu_place(number: usize) -> Option<Place> {
    Some(Place { wait: Wait::Gpu, number })
}

#[actix_web::test]
async fn who_finds_no_gpu_waits_sees_their_place_and_starts_when_one_is_free() {
    let test = hub().await;
    for name in ["cleo", "dan"] {
        assert_eq!(start(&test, name, "one").await.status.as_u16(), 302);
    }
    assert_eq!([place(&test, "cleo"), place(&test, "dan")], [gpu_place(1), gpu_place(2)]);
    let cookie = test.login("dan").await;
    for page in ["/jupyterhub/hub/spawn-pending/dan", "/jupyterhub/hub/home"] {
        let body = test.get(page, &cookie).await.body.replace(['\u{2068}', '\u{2069}'], "");
        assert!(body.contains("Place 2 in line for a GPU"), "{body}");
    }
    line::serve_gpus(&test.hub).await;
    assert_eq!(started(&test), vec![], "none is free");
    holders(&test, Some("ada"), None);
    let serve = line::serve_gpus(&test.hub);
    let cleo = async {
        test.until(|all| all.iter().any(|one| matches!(one, Request::Start { .. }))).await;
        holders(&test, Some("ada"), Some("cleo"));
        test.server("cleo", Phase::Running);
    };
    tokio::join!(serve, cleo);
    assert_eq!(started(&test), vec![("cleo".to_owned(), 1)]);
    assert_eq!([place(&test, "cleo"), place(&test, "dan")], [None, gpu_place(1)]);
}

#[actix_web::test]
async fn who_needs_no_gpu_waits_for_none_and_who_needs_more_is_not_passed_by() {
    let test = hub().await;
    start(&test, "cleo", "two").await;
    holders(&test, Some("ada"), None);
    start(&test, "dan", "one").await;
    assert_eq!([place(&test, "cleo"), place(&test, "dan")], [gpu_place(1), gpu_place(2)]);
    line::serve_gpus(&test.hub).await;
    assert_eq!(started(&test), vec![], "one is free, and two are needed first");
    start(&test, "ada", "plain").await;
    assert_eq!(started(&test), vec![("ada".to_owned(), 0)]);
}

#[actix_web::test]
async fn who_leaves_the_line_gets_none_and_what_the_host_does_not_have_is_refused() {
    let test = hub().await;
    start(&test, "cleo", "one").await;
    let cookie = test.login("cleo").await;
    let xsrf = test.get("/jupyterhub/hub/token", &cookie).await.xsrf();
    test.post("/jupyterhub/hub/stop/cleo", &cookie, &format!("_xsrf={xsrf}")).await;
    assert_eq!(
        (place(&test, "cleo"), test.hub.servers.phase(&"cleo".parse().unwrap())),
        (None, Phase::Stopped)
    );
    holders(&test, None, None);
    line::serve_gpus(&test.hub).await;
    assert_eq!(started(&test), vec![]);
    let refused = start(&test, "dan", "nine").await;
    assert_eq!(refused.status.as_u16(), 502);
    assert!(refused.body.contains("more GPUs than spawner.toml names"), "{}", refused.body);
    assert_eq!(started(&test), vec![]);
}

#[actix_web::test]
async fn a_gpu_that_is_taken_at_the_last_moment_is_waited_for() {
    let test = hub().await;
    start(&test, "cleo", "one").await;
    start(&test, "dan", "one").await;
    // The spawner says that one is free, and when it is asked for it is not.
    test.host.lock().gpus.insert("GPU-1".to_owned(), Some("cleo".to_owned()));
    let serve = line::serve_gpus(&test.hub);
    tokio::time::timeout(Duration::from_secs(5), serve).await.unwrap();
    assert_eq!(started(&test), vec![("cleo".to_owned(), 1)]);
    assert_eq!([place(&test, "cleo"), place(&test, "dan")], [gpu_place(1), gpu_place(2)]);
}
