//! Managed services start with the gateway.

use std::os::unix::fs::PermissionsExt as _;

use hubgate::config::WatchSource;
use hubgate::tasks;
use hubgate_protocol::Request;

use crate::support::{Character, TestHub};

const FILE: &str = "
[[services]]
name = \"culler\"
command = [\"/bin/culler\"]

[[services]]
name = \"outside\"
url = \"http://127.0.0.1:9\"
";

async fn hub(dir: &tempfile::TempDir) -> TestHub {
    let file = dir.path().join("services.toml");
    std::fs::write(&file, FILE).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    TestHub::with(Character::Obedient, |config| {
        config.services_file = file;
        config.watch = WatchSource::Spawner;
    })
    .await
}

fn started(asked: &[Request]) -> Vec<(String, String)> {
    let service = |request: &Request| match request {
        Request::StartService { name, token } => Some((name.to_string(), token.expose().to_owned())),
        _ => None,
    };
    asked.iter().filter_map(service).collect()
}

#[actix_web::test]
async fn the_spawner_is_asked_for_each_managed_service_with_the_token_that_the_hub_knows() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(&dir).await;
    let tasks = tasks::start(&test.hub);
    test.until(|asked| !started(asked).is_empty()).await;
    let all = started(&test.asked.lock());
    let token = test.hub.site.token_of("culler", None).unwrap();
    assert_eq!(all, [("culler".to_owned(), token.expose().to_owned())]);
    tasks.end().await;
}

#[actix_web::test]
async fn a_service_that_the_file_does_not_name_any_more_is_stopped_once() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(&dir).await;
    let known = test.hub.config.started_services();
    std::fs::write(&known, "[\"culler\",\"forgotten\"]").unwrap();
    let tasks = tasks::start(&test.hub);
    test.until(|asked| !started(asked).is_empty()).await;
    tasks.end().await;
    let stopped = |request: &Request| matches!(request, Request::StopService { .. });
    let all: Vec<Request> = test.asked.lock().iter().filter(|one| stopped(one)).cloned().collect();
    assert_eq!(all, [Request::StopService { name: "forgotten".parse().unwrap() }]);
    assert_eq!(std::fs::read_to_string(known).unwrap(), "[\"culler\"]");
}
