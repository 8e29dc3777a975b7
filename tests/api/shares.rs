//! Shares and share codes: what owners let others do, at once, and take back, at once.

use actix_web::http::StatusCode;
use hubgate::config::Config;
use hubgate::store::servers;
use hubgate_protocol::{Phase, ServerId};
use serde_json::json;

use crate::rest::Rest;

const NOT_HELD: &str = "Action is not authorized with current scopes; requires any of [shares]";
const UNSEEN: &str = "No access to resources or resources not found";
const NOBODY: &str = "Missing or invalid credentials.";
const SOCKET: &str = "/jupyterhub/user/alice/lent/api/kernels/x/channels";

/// Alice may share her servers, one of which is called `lent`; boss may do everything; bob is who gets something.
async fn rest() -> Rest {
    let mut rest = Rest::with(|config: &mut Config| config.allow_named_servers = true).await;
    let lent = ServerId { user: "alice".parse().unwrap(), server: "lent".parse().unwrap() };
    rest.test.hub.change(move |c| servers::insert(c, &lent, 0).map(drop)).await.unwrap();
    rest.hold(&[("POST", "/groups/staff", "boss", r#"{"users": ["bob"]}"#, 201, "")]).await;
    rest.token(
        "lender",
        "boss",
        &["shares!user=alice", "read:servers!user=alice", "read:users:name", "read:groups:name"],
    )
    .await;
    rest.token("shy", "boss", &["shares!user=alice"]).await;
    rest
}

#[actix_web::test]
async fn a_server_is_shared_with_users_and_groups_that_exist() {
    let rest = rest().await;
    let path = "/shares/alice/lent";
    let shared = rest.json("POST", path, "lender", r#"{"user": "bob"}"#).await;
    let server = json!({
        "user": {"name": "alice"}, "name": "lent", "url": "/jupyterhub/user/alice/lent/", "full_url": null, "ready": false
    });
    assert_eq!(shared["server"], server);
    assert_eq!(shared["scopes"], json!(["access:servers!server=alice/lent"]));
    assert_eq!(
        (&shared["kind"], &shared["user"], &shared["group"]),
        (&json!("user"), &json!({"name": "bob"}), &json!(null))
    );
    rest.hold(&[
        (
            "POST",
            path,
            "lender",
            r#"{"group": "staff", "scopes": ["read:servers"]}"#,
            200,
            "\"group\":{\"name\":\"staff\"}",
        ),
        (
            "POST",
            path,
            "lender",
            r#"{"user": "bob", "scopes": ["access:servers!server=alice/lent"]}"#,
            200,
            "",
        ),
        ("POST", "/shares/alice/", "lender", r#"{"user": "bob"}"#, 200, "/jupyterhub/user/alice/"),
        ("POST", path, "", r#"{"user": "bob"}"#, 403, NOBODY),
        ("POST", path, "bob", r#"{"user": "bob"}"#, 403, NOT_HELD),
        ("POST", path, "alice", r#"{"user": "bob"}"#, 403, NOT_HELD),
        ("POST", "/shares/bob/", "lender", r#"{"user": "bob"}"#, 404, UNSEEN),
        ("POST", "/shares/alice/none", "lender", r#"{"user": "bob"}"#, 404, "No such server: alice/none"),
        ("POST", "/shares/zoe/", "boss", r#"{"user": "bob"}"#, 404, "No such server: zoe/"),
        ("POST", path, "shy", r#"{"user": "bob"}"#, 403, "Need scope 'read:users:name'"),
        ("POST", path, "shy", r#"{"group": "staff"}"#, 403, "Need scope 'read:groups:name'"),
        (
            "POST",
            path,
            "lender",
            r#"{"user": "bob", "scopes": ["admin:users"]}"#,
            403,
            "admin:users!server=alice/lent",
        ),
        (
            "POST",
            path,
            "lender",
            r#"{"user": "bob", "scopes": ["read:servers!user=alice"]}"#,
            400,
            "only !server=alice/lent",
        ),
        ("POST", path, "lender", r#"{"user": "bob", "scopes": ["no:such"]}"#, 400, "does not exist"),
        (
            "POST",
            path,
            "lender",
            r#"{"user": "bob", "scopes": "x"}"#,
            400,
            "share.scopes must be a list of strings",
        ),
        ("POST", path, "lender", r#"{"user": "zoe"}"#, 400, "No such user: zoe"),
        ("POST", path, "lender", r#"{"group": "none"}"#, 400, "No such group: none"),
        ("POST", path, "lender", r#"{"user": "bob", "group": "staff"}"#, 400, "not both"),
        ("POST", path, "lender", "", 400, "Specify exactly one"),
        ("POST", path, "lender", r#"{"user": 5}"#, 400, "share.user must be a string"),
        ("POST", path, "lender", r#"{"user": "bob", "x": 1}"#, 400, "Invalid JSON keys"),
        ("POST", path, "lender", "[1]", 400, "must be a JSON object"),
        ("POST", "/shares/alice", "lender", r#"{"user": "bob"}"#, 405, "null"),
        ("GET", "/shares/alice?limit=1", "lender", "", 200, "\"total\":3"),
        ("GET", path, "lender", "", 200, "\"total\":2"),
        ("GET", "/shares/zoe", "boss", "", 404, "null"),
        ("GET", "/shares/alice", "bob", "", 404, UNSEEN),
        ("GET", "/users/bob/shared", "bob", "", 200, "\"total\":3"),
        ("GET", "/users/zoe/shared", "boss", "", 404, "No such user: zoe"),
        ("GET", "/users/bob/shared/alice/lent", "bob", "", 200, "access:servers!server=alice/lent"),
        ("GET", "/users/bob/shared/alice/none", "bob", "", 404, "No such share for user bob on alice/none"),
        ("GET", "/users/alice/shared", "bob", "", 404, UNSEEN),
        ("GET", "/groups/staff/shared", "boss", "", 200, "\"total\":1"),
        ("GET", "/groups/staff/shared", "bob", "", 403, "requires any of [read:groups:shares]"),
        ("GET", "/groups/none/shared", "boss", "", 404, "No such group: none"),
        ("GET", "/groups/staff/shared/alice/lent", "boss", "", 200, "read:servers!server=alice/lent"),
        ("GET", "/groups/staff/shared/alice/", "boss", "", 404, "No such share for group staff on alice/"),
    ])
    .await;
}

#[actix_web::test]
async fn a_share_is_taken_back_in_part_or_whole_and_left() {
    let rest = rest().await;
    let path = "/shares/alice/lent";
    let both = r#"{"user": "bob", "scopes": ["access:servers", "read:servers"]}"#;
    rest.hold(&[
        ("POST", path, "lender", both, 200, "read:servers"),
        ("PATCH", path, "bob", r#"{"user": "bob"}"#, 403, NOT_HELD),
        (
            "PATCH",
            path,
            "lender",
            r#"{"user": "bob", "scopes": ["read:servers!server=alice/lent"]}"#,
            200,
            "\"scopes\":[\"access:servers!server=alice/lent\"]",
        ),
        ("PATCH", path, "lender", r#"{"user": "zoe"}"#, 200, "{}"),
        ("PATCH", path, "lender", r#"{"group": "a/b"}"#, 200, "{}"),
        ("PATCH", path, "lender", "{}", 400, "Specify exactly one"),
        ("PATCH", "/shares/alice/none", "lender", r#"{"user": "bob"}"#, 404, "No such server"),
        ("PATCH", path, "lender", r#"{"user": "bob"}"#, 200, "{}"),
        ("GET", "/users/bob/shared", "bob", "", 200, "\"total\":0"),
        ("POST", path, "lender", both, 200, ""),
        ("DELETE", "/users/bob/shared/alice/lent", "alice", "", 404, UNSEEN),
        ("DELETE", "/users/bob/shared/alice/lent", "bob", "", 204, ""),
        ("DELETE", "/users/bob/shared/alice/lent", "bob", "", 404, "No such share for user bob"),
        ("POST", path, "lender", r#"{"group": "staff"}"#, 200, ""),
        ("DELETE", "/groups/staff/shared/alice/lent", "bob", "", 403, "requires any of [groups:shares]"),
        ("DELETE", "/groups/staff/shared/alice/lent", "boss", "", 204, ""),
        ("POST", path, "lender", both, 200, ""),
        ("DELETE", path, "bob", "", 403, NOT_HELD),
        ("DELETE", path, "lender", "", 204, ""),
        ("DELETE", path, "lender", "", 204, ""),
        ("GET", path, "lender", "", 200, "\"total\":0"),
    ])
    .await;
}

#[actix_web::test]
async fn a_share_opens_the_server_at_once_and_its_end_cuts_what_was_opened() {
    let rest = rest().await;
    let bob = rest.test.login("bob").await;
    rest.test.server("alice:lent", Phase::Running);
    assert_eq!(rest.test.open_socket(SOCKET, &bob).await, StatusCode::FORBIDDEN);
    rest.hold(&[("POST", "/shares/alice/lent", "lender", r#"{"group": "staff"}"#, 200, "")]).await;
    assert_eq!(rest.test.open_socket(SOCKET, &bob).await, StatusCode::OK);
    assert_eq!(rest.test.cut_connections(), 0);
    rest.hold(&[("DELETE", "/shares/alice/lent", "lender", "", 204, "")]).await;
    assert_eq!(rest.test.open_socket(SOCKET, &bob).await, StatusCode::FORBIDDEN);
    assert_eq!(rest.test.cut_connections(), 1);
}

#[actix_web::test]
async fn leaving_the_group_ends_what_the_group_may_do() {
    let rest = rest().await;
    let bob = rest.test.login("bob").await;
    rest.test.server("alice:lent", Phase::Running);
    rest.hold(&[("POST", "/shares/alice/lent", "lender", r#"{"group": "staff"}"#, 200, "")]).await;
    assert_eq!(rest.test.open_socket(SOCKET, &bob).await, StatusCode::OK);
    rest.hold(&[("DELETE", "/groups/staff/users", "boss", r#"{"users": ["bob"]}"#, 200, "")]).await;
    assert_eq!(rest.test.open_socket(SOCKET, &bob).await, StatusCode::FORBIDDEN);
    assert_eq!(rest.test.cut_connections(), 1);
}

#[actix_web::test]
async fn codes_are_made_shown_once_and_deleted() {
    let rest = rest().await;
    let path = "/share-codes/alice/lent";
    let made = rest.json("POST", path, "lender", r#"{"expires_in": 600}"#).await;
    let code = made["code"].as_str().unwrap().to_owned();
    assert!(code.len() >= 43, "{code}");
    assert_eq!(made["accept_url"], json!(format!("/jupyterhub/hub/accept-share?code={code}")));
    assert_eq!((&made["exchange_count"], &made["last_exchanged_at"]), (&json!(0), &json!(null)));
    let id = made["id"].as_str().unwrap().to_owned();
    let listed = rest.send("GET", path, "lender", "").await;
    assert!(listed.body.contains(&id) && !listed.body.contains(&code));
    let (by_id, by_code) = (format!("{path}?id={id}"), format!("{path}?code={code}"));
    rest.hold(&[
        ("POST", path, "bob", "", 403, NOT_HELD),
        ("POST", path, "lender", "", 200, "\"code\""),
        ("POST", path, "lender", r#"{"expires_in": "600"}"#, 200, "\"code\""),
        ("POST", path, "lender", r#"{"expires_in": 59}"#, 400, "expires_in must be an integer from 60"),
        ("POST", path, "lender", r#"{"expires_in": 31536001}"#, 400, "expires_in must be"),
        ("POST", path, "lender", r#"{"expires_in": null}"#, 400, "expires_in must be"),
        ("POST", path, "lender", r#"{"expires_in": 1e3}"#, 400, "expires_in must be"),
        ("POST", path, "lender", r#"{"user": "bob"}"#, 400, "Invalid JSON keys"),
        ("POST", path, "lender", r#"{"scopes": ["admin:users"]}"#, 403, "Do not have permission to grant"),
        ("POST", path, "lender", "[1]", 400, "must be a JSON object"),
        ("POST", "/share-codes/alice/none", "lender", "", 404, "No such server"),
        ("GET", "/share-codes/alice", "lender", "", 200, "\"total\":3"),
        ("GET", "/share-codes/alice", "bob", "", 404, UNSEEN),
        ("GET", "/share-codes/zoe", "boss", "", 404, "null"),
        ("DELETE", &by_id, "bob", "", 403, NOT_HELD),
        ("DELETE", &by_id, "lender", "", 204, ""),
        ("DELETE", &by_id, "lender", "", 404, "No code found matching id="),
        ("DELETE", &by_code, "lender", "", 404, "No matching code found"),
        ("DELETE", "/share-codes/alice/lent?id=5", "lender", "", 404, "No code found matching id=5"),
        ("DELETE", path, "lender", "", 204, ""),
        ("GET", path, "lender", "", 200, "\"total\":0"),
    ])
    .await;
}
