//! Reports of activity: from servers, about themselves and their owner.

use crate::rest::Rest;

const PATH: &str = "/users/alice/activity";

#[actix_web::test]
async fn a_report_moves_times_forward_only() {
    let mut rest = Rest::new().await;
    rest.token(
        "reporter",
        "alice",
        &["users:activity!user", "read:users:activity!user", "read:servers!user"],
    )
    .await;
    let at = |time: &str| {
        format!(r#"{{"last_activity": "{time}", "servers": {{"": {{"last_activity": "{time}"}}}}}}"#)
    };
    rest.test.server("alice", hubgate_protocol::Phase::Running);
    rest.hold(&[
        ("POST", PATH, "reporter", &at("2027-06-01T00:00:00Z"), 400, "more than an hour in the future"),
        ("POST", PATH, "reporter", &at("2027-01-15T08:30:00+00:00"), 200, ""),
        ("POST", PATH, "reporter", &at("2026-01-02T03:04:05.678901Z"), 200, ""),
        ("GET", "/users/alice", "reporter", "", 200, r#""last_activity":"2027-01-15T08:30:00Z""#),
        ("GET", "/users/alice/server", "reporter", "", 200, r#""last_activity":"2027-01-15T08:30:00Z""#),
    ])
    .await;
}

#[actix_web::test]
async fn a_report_is_taken_whole_or_not_at_all() {
    let rest = Rest::new().await;
    let form = "servers must be a dict of the form";
    rest.hold(&[
        ("POST", PATH, "", "{}", 403, "Missing or invalid credentials."),
        ("POST", PATH, "bob", "{}", 404, "No access to resources"),
        ("POST", "/users/nobody/activity", "boss", "{}", 404, "No such user: 'nobody'"),
        ("POST", PATH, "alice", "", 400, "body must be a json dict"),
        ("POST", PATH, "alice", "{}", 400, "at least one of"),
        ("POST", PATH, "alice", r#"{"last_activity": 5}"#, 400, "Not a valid timestamp: 5"),
        ("POST", PATH, "alice", r#"{"last_activity": "yesterday"}"#, 400, "Not a valid timestamp: 'yesterday'"),
        ("POST", PATH, "alice", r#"{"servers": [1]}"#, 400, form),
        ("POST", PATH, "alice", r#"{"servers": {"": 5}}"#, 400, form),
        ("POST", PATH, "alice", r#"{"servers": {"": {}}}"#, 400, form),
        ("POST", PATH, "alice", r#"{"servers": {"": {"last_activity": null}}}"#, 400, "Not a valid timestamp: null"),
        ("POST", PATH, "alice", r#"{"last_activity": "2027-01-15T08:10:00Z", "servers": {"no": {"last_activity": "2026-01-01"}}}"#, 400, "No such server 'no' for user alice"),
        ("GET", PATH, "alice", "", 405, "null"),
    ])
    .await;
    let alice = rest.json("GET", "/users/alice", "boss", "").await;
    assert_ne!(alice["last_activity"], "2027-01-15T08:10:00Z");
}

#[actix_web::test]
async fn what_administrators_needed_once_is_off() {
    let rest = Rest::new().await;
    rest.hold(&[
        ("POST", "/users/alice/admin-access", "boss", "", 403, "admin access to user servers disabled"),
        ("POST", "/users/alice/admin-access", "bob", "", 404, "No access to resources"),
        ("POST", "/users/alice/admin-access", "", "", 403, "Missing or invalid credentials."),
    ])
    .await;
}
