//! The page of the system and `GET /checks`: whether what the hub stands on is well, and where the configuration comes from.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Config;
use hubgate::state::managed;
use hubgate_protocol::{ErrorCode, Request};
use serde_json::Value;

use crate::support::{Character, TestHub, navigation};

const SYSTEM: &str = "/jupyterhub/hub/admin/system";
const RESTART: &str = "/jupyterhub/hub/admin/service/culler";
const SERVICES: &str = "[[services]]\nname = \"culler\"\ncommand = [\"/bin/culler\"]\n\n[[services]]\nname = \"outside\"\nurl = \"http://127.0.0.1:9\"\n";

/// A hub with an administrator, whose cookie this is, and a service that it runs.
async fn hub(dir: &tempfile::TempDir, character: Character) -> (TestHub, String) {
    let file = dir.path().join("services.toml");
    std::fs::write(&file, SERVICES).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = "# the site\nsite_title = \"Physics\"\nadmin_users = [\"boss\"]\n";
    let read = Config::parse(Path::new("/etc/hubgate/hubgate.toml"), text).unwrap();
    let change = |config: &mut Config| {
        config.services_file = file;
        config.admin_users = read.admin_users;
        config.site_title = read.site_title;
        config.origin = read.origin;
    };
    let test = TestHub::with(character, change).await.with_user("boss").with_user("ada");
    hubgate::state::reload::reload(&test.hub).await.unwrap();
    let boss = test.login("boss").await;
    (test, boss)
}

async fn checks(test: &TestHub, cookie: &str) -> Vec<Value> {
    let xsrf = test.get("/jupyterhub/hub/token", cookie).await.xsrf();
    let request = TestRequest::get().uri("/jupyterhub/hub/api/checks");
    let request = request.insert_header(("cookie", cookie)).insert_header(("x-xsrftoken", xsrf));
    let answer = test.send(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

async fn check(test: &TestHub, cookie: &str, name: &str) -> Value {
    checks(test, cookie).await.into_iter().find(|one| one["name"] == name).unwrap()
}

#[actix_web::test]
async fn every_value_says_from_which_line_of_the_file_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let (test, boss) = hub(&dir, Character::Obedient).await;
    let page = test.get(SYSTEM, &boss).await.body;
    let row = |key: &str| {
        let row = page.split(&format!("<code>{key}</code>")).nth(1).unwrap();
        row.split("</tr>").next().unwrap().to_owned()
    };
    assert!(row("site_title").contains("/etc/hubgate/hubgate.toml:2"), "{}", row("site_title"));
    assert!(row("admin_users").contains("/etc/hubgate/hubgate.toml:3"), "{}", row("admin_users"));
    assert!(row("workers").contains("default"), "{}", row("workers"));
}

#[actix_web::test]
async fn the_page_and_the_api_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (test, boss) = hub(&dir, Character::Obedient).await;
    let page = test.get(SYSTEM, &boss).await.body;
    let shown: Vec<&str> =
        page.split("data-check=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let all = checks(&test, &boss).await;
    let named: Vec<&str> = all.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(shown, named);
    for name in
        ["database", "spawner", "audit", "certificate", "service culler", "nginx", "configuration", "version"]
    {
        assert!(named.contains(&name), "{name}: {named:?}");
    }
    let version = check(&test, &boss, "version").await["detail"].to_string();
    assert!(version.contains(env!("CARGO_PKG_VERSION")) && version.contains("SQLite 3."), "{version}");
    let read = check(&test, &boss, "configuration").await["detail"].to_string();
    assert!(read.contains("2027-01-15 08:00") && read.contains("/etc/hubgate/hubgate.toml"), "{read}");
}

#[actix_web::test]
async fn a_question_of_nginx_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (test, boss) = hub(&dir, Character::Obedient).await;
    let before = check(&test, &boss, "nginx").await["detail"].to_string();
    assert!(before.contains("has not asked"), "{before}");
    test.pass(60);
    test.ask(navigation("/jupyterhub/user/ada/lab"), "").await;
    let after = check(&test, &boss, "nginx").await["detail"].to_string();
    assert!(after.contains("2027-01-15 08:01"), "{after}");
}

#[actix_web::test]
async fn a_database_that_cannot_be_written_and_a_spawner_that_refuses_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (test, boss) = hub(&dir, Character::SpeaksNonsense).await;
    assert_eq!(check(&test, &boss, "database").await["well"], true);
    assert_eq!(check(&test, &boss, "spawner").await["well"], false);
    std::fs::remove_file(test.hub.config.database()).unwrap();
    assert_eq!(check(&test, &boss, "database").await["well"], false);
    assert_eq!(test.get(SYSTEM, &boss).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_service_that_the_hub_runs_shows_what_it_does_and_is_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let (test, boss) = hub(&dir, Character::Obedient).await;
    assert_eq!(check(&test, &boss, "service culler").await["well"], false, "nobody has started it");
    managed::start(&test.hub, &"culler".parse().unwrap()).await.unwrap();
    assert_eq!(check(&test, &boss, "service culler").await["well"], true);
    let page = test.get(SYSTEM, &boss).await;
    assert!(page.body.contains("> running</td>"), "{}", page.body);
    assert_eq!(page.body.matches("/hub/admin/service/").count(), 1, "the one outside is not ours");
    test.asked.lock().clear();
    let form = format!("_xsrf={}", page.xsrf());
    assert_eq!(test.post(RESTART, &boss, &form).await.location(), SYSTEM);
    let asked = test.asked.lock().clone();
    assert!(
        matches!(asked.as_slice(), [Request::StopService { .. }, Request::StartService { .. }]),
        "{asked:?}"
    );
    let kept = test.hub.audit_lines(hubgate::store::audit::AuditQuery { limit: 1, ..Default::default() });
    let kept = kept.await.unwrap();
    assert_eq!((kept[0].action.as_str(), kept[0].subject.as_str()), ("service_changed", "culler"));
    for absent in ["outside", "nobody", "A%20b"] {
        let path = format!("/jupyterhub/hub/admin/service/{absent}");
        assert_eq!(test.post(&path, &boss, &form).await.status, StatusCode::NOT_FOUND, "{absent}");
    }
}

#[actix_web::test]
async fn only_who_administers_services_restarts_them_and_a_refusal_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (test, boss) = hub(&dir, Character::Refuses(ErrorCode::NoService)).await;
    let ada = test.login("ada").await;
    let form = |page: crate::support::Answer| format!("_xsrf={}", page.xsrf());
    let own = form(test.get("/jupyterhub/hub/token", &ada).await);
    let refused = test.post(RESTART, &ada, &own).await.status;
    assert!([StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&refused), "{refused}");
    assert!(test.asked.lock().iter().all(|one| !matches!(one, Request::StopService { .. })));
    let form = form(test.get("/jupyterhub/hub/token", &boss).await);
    let answer = test.post(RESTART, &boss, &form).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.body.contains("hubgate-service@culler.service"), "{}", answer.body);
}
