//! Exams: members get servers as the exam says, teachers keep theirs, and all ends by itself.

use hubgate::config::{ProfileSpec, ProfileSpecs};
use hubgate::state::exams;
use hubgate_protocol::{Phase, Request};
use serde_json::json;

use crate::rest::Rest;

const NOT_HELD: &str = "Action is not authorized with current scopes; requires any of [";
/// An hour after the beginning of the tests' clock, 1800000000.
const UNTIL: &str = "2027-01-15T09:00:00Z";
const STRICT: &str = r#"{"until": "2027-01-15T09:00:00Z", "network": false, "terminals": false}"#;

/// `alice` sits the exam, `boss` looks after it.
async fn rest() -> Rest {
    let rest = Rest::with(|config| {
        config.profiles = ProfileSpecs(vec![ProfileSpec::new("own"), ProfileSpec::new("exam")]);
    })
    .await;
    let members = r#"{"users": ["alice", "boss"]}"#;
    rest.hold(&[("POST", "/groups/class", "boss", members, 201, "\"class\"")]).await;
    rest
}

/// Servers that the spawner was told to stop, and those that it was told to start, with what their start takes away.
fn asked(rest: &Rest) -> (Vec<String>, Vec<(String, bool, bool)>) {
    let (mut stopped, mut started) = (Vec::new(), Vec::new());
    for request in rest.test.asked.lock().iter() {
        match request {
            Request::Stop { user, .. } => stopped.push(user.to_string()),
            Request::Start { user, manner, .. } => {
                started.push((user.to_string(), manner.offline, manner.no_terminals));
            }
            _ => {}
        }
    }
    (stopped, started)
}

/// Starts a server and says that it runs.
async fn run(rest: &Rest, user: &str) {
    rest.send("POST", &format!("/users/{user}/server"), user, "").await;
    rest.test.server(user, Phase::Running);
}

/// Looks what is due, and lets a server that is told to stop end.
async fn look(rest: &Rest, user: &str) {
    rest.test.asked.lock().clear();
    exams::look(&rest.test.hub).await.unwrap();
    rest.test.until(|all| all.iter().any(|one| matches!(one, Request::Stop { .. }))).await;
    rest.test.server(user, Phase::Stopped);
    rest.test.until(|all| all.iter().any(|one| matches!(one, Request::Start { .. }))).await;
    rest.test.server(user, Phase::Running);
}

#[actix_web::test]
async fn servers_of_members_are_started_anew_and_those_of_teachers_are_not() {
    let rest = rest().await;
    run(&rest, "alice").await;
    run(&rest, "boss").await;
    rest.test.pass(60);
    let exam = rest.json("PUT", "/groups/class/exam", "boss", STRICT).await;
    assert_eq!((&exam["network"], &exam["terminals"]), (&json!(false), &json!(false)));
    look(&rest, "alice").await;
    let once = (vec!["alice".to_owned()], vec![("alice".to_owned(), true, true)]);
    assert_eq!(asked(&rest), once);
    exams::look(&rest.test.hub).await.unwrap();
    assert_eq!(asked(&rest), once, "once is enough");
}

#[actix_web::test]
async fn at_its_time_an_exam_is_over_and_leaves_nothing_behind() {
    let rest = rest().await;
    rest.json("PUT", "/groups/class/exam", "boss", STRICT).await;
    run(&rest, "alice").await;
    assert_eq!(asked(&rest).1, [("alice".to_owned(), true, true)]);
    rest.test.pass(3601);
    look(&rest, "alice").await;
    assert_eq!(asked(&rest).1, [("alice".to_owned(), false, false)]);
    rest.hold(&[("GET", "/groups/class/exam", "boss", "", 404, "There is no exam")]).await;
    exams::look(&rest.test.hub).await.unwrap();
    assert!(rest.test.hub.directory().exams().is_empty());
}

#[actix_web::test]
async fn an_exam_can_be_ended_early_and_names_the_profile_of_all() {
    let rest = rest().await;
    let body = format!(r#"{{"until": "{UNTIL}", "profile": "exam"}}"#);
    rest.json("PUT", "/groups/class/exam", "boss", &body).await;
    let profile = |user: &str| rest.test.hub.forced_profile(&user.parse().unwrap());
    assert_eq!((profile("alice"), profile("boss"), profile("bob")), (Some("exam".to_owned()), None, None));
    rest.send("DELETE", "/groups/class/exam", "boss", "").await;
    assert_eq!(profile("alice"), None);
}

#[actix_web::test]
async fn only_who_administers_the_group_begins_an_exam_and_nonsense_changes_nothing() {
    let rest = rest().await;
    rest.hold(&[
        ("PUT", "/groups/class/exam", "alice", STRICT, 403, NOT_HELD),
        ("DELETE", "/groups/class/exam", "alice", "", 403, NOT_HELD),
        ("PUT", "/groups/nothing/exam", "boss", STRICT, 404, "No such group"),
        ("DELETE", "/groups/class/exam", "boss", "", 404, "There is no exam"),
        ("PUT", "/groups/class/exam", "boss", "{}", 400, "exam.until is missing"),
        ("PUT", "/groups/class/exam", "boss", r#"{"until": "soon"}"#, 400, "must be a time"),
        ("PUT", "/groups/class/exam", "boss", r#"{"until": "2027-01-15T07:59:59Z"}"#, 400, "in the future"),
        ("PUT", "/groups/class/exam", "boss", r#"{"until": "2028-01-15T07:59:59Z"}"#, 400, "a week"),
        (
            "PUT",
            "/groups/class/exam",
            "boss",
            r#"{"until": "2027-01-15T09:00:00Z", "network": 1}"#,
            400,
            "exam.network",
        ),
    ])
    .await;
    assert!(rest.test.hub.directory().exams().is_empty());
}
