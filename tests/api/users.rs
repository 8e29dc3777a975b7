//! Users through the API: lists, one and many, their rights, and bodies that are refused.

use hubgate::config::{RoleSpec, Roles};
use serde_json::json;

use crate::rest::{Rest, names};

const NOT_HELD: &str = "Action is not authorized with current scopes; requires any of [";
const UNSEEN: &str = "No access to resources or resources not found";
const NOBODY: &str = "Missing or invalid credentials.";

#[actix_web::test]
async fn everybody_learns_who_they_are() {
    let mut rest = Rest::new().await;
    rest.token("narrow", "alice", &["read:servers!user"]).await;
    let me = rest.json("GET", "/user", "alice", "").await;
    assert_eq!((&me["kind"], &me["name"], &me["admin"]), (&json!("user"), &json!("alice"), &json!(false)));
    assert_eq!(me["scopes"].as_array().unwrap().len(), 15);
    assert!(me["token_id"].as_str().unwrap().starts_with('a') && me["session_id"].is_null());
    let me = rest.json("GET", "/user", "narrow", "").await;
    assert_eq!(me["servers"], json!({}));
    assert!(me.get("created").is_none());
    rest.hold(&[
        ("GET", "/user", "", "", 403, "null"),
        ("POST", "/user", "boss", "", 405, "null"),
        ("OPTIONS", "/user", "", "", 200, ""),
        ("HEAD", "/user", "boss", "", 405, ""),
        ("GET", "/user/", "boss", "", 404, "null"),
        ("GET", "/nothing", "", "", 404, "null"),
    ])
    .await;
}

#[actix_web::test]
async fn a_list_shows_whom_the_caller_may_list() {
    let mut rest = Rest::new().await;
    rest.token("names", "boss", &["list:users"]).await;
    rest.token("one", "boss", &["list:users!user=bob"]).await;
    rest.token("server", "boss", &["list:users!server=bob/"]).await;
    assert_eq!(names(&rest.json("GET", "/users", "boss", "").await), ["alice", "bob", "boss"]);
    assert_eq!(names(&rest.json("GET", "/users?sort=-name&limit=2", "names", "").await), ["boss", "bob"]);
    assert_eq!(names(&rest.json("GET", "/users", "one", "").await), ["bob"]);
    assert_eq!(names(&rest.json("GET", "/users?name_filter=BO&offset=1", "names", "").await), ["boss"]);
    let bob = rest.json("GET", "/users", "one", "").await;
    assert_eq!(bob[0], json!({"kind": "user", "name": "bob", "admin": false, "user_info": null}));
    rest.hold(&[
        ("GET", "/users", "", "", 403, NOBODY),
        ("GET", "/users", "alice", "", 403, NOT_HELD),
        ("GET", "/users", "server", "", 403, ""),
        ("GET", "/users?state=asleep", "boss", "", 400, "Unrecognized state filter"),
        ("GET", "/users?sort=password", "boss", "", 400, "sort must be"),
        ("GET", "/users?limit=1.5", "boss", "", 400, "offset and limit must be integers"),
        ("GET", "/users?offset=99999999999999999999", "boss", "", 400, "offset and limit must be integers"),
        ("GET", "/users?offset=9223372036854775807", "boss", "", 200, "[]"),
    ])
    .await;
}

#[actix_web::test]
async fn a_client_that_understands_pages_is_told_of_the_next_one() {
    let rest = Rest::new().await;
    let request = rest.request("GET", "/users?limit=2&sort=name", "boss", "");
    let answer = rest
        .test
        .send(request.insert_header(("accept", "a/b, application/jupyterhub-pagination+json")))
        .await;
    let page: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(names(&page["items"]), ["alice", "bob"]);
    let url = "https://hub.test/jupyterhub/hub/api/users?sort=name&offset=2&limit=2";
    let next = json!({"offset": 2, "limit": 2, "url": url});
    assert_eq!(page["_pagination"], json!({"offset": 0, "limit": 2, "total": 3, "next": next}));
}

#[actix_web::test]
async fn states_select_users_by_what_their_servers_do() {
    use hubgate_protocol::Phase::{Running, Starting};
    let rest = Rest::with(|config| config.allow_named_servers = true).await;
    rest.test.server("alice", Running);
    rest.test.server("bob:gpu", Starting);
    for (state, expected) in [
        ("active", &["alice", "bob"][..]),
        ("ready", &["alice"]),
        ("inactive", &["boss"]),
        ("", &["alice", "bob", "boss"]),
    ] {
        let list = rest.json("GET", &format!("/users?state={state}"), "boss", "").await;
        assert_eq!(names(&list), expected, "{state}");
    }
    let alice = rest.json("GET", "/users/alice", "boss", "").await;
    assert_eq!(alice["server"], "/jupyterhub/user/alice/");
    assert_eq!(alice["servers"][""]["ready"], true);
}

#[actix_web::test]
async fn users_are_made_all_or_none() {
    let mut rest = Rest::new().await;
    rest.token("maker", "boss", &["admin:users"]).await;
    rest.token("filtered", "boss", &["admin:users!user=new"]).await;
    rest.hold(&[
        ("POST", "/users", "", "{}", 403, NOBODY),
        ("POST", "/users", "alice", r#"{"usernames": ["x"]}"#, 403, NOT_HELD),
        ("POST", "/users", "filtered", r#"{"usernames": ["new"]}"#, 403, NOT_HELD),
        ("POST", "/users", "boss", "", 400, "Must specify at least one user to create"),
        (
            "POST",
            "/users",
            "boss",
            r#"{"usernames": "abc"}"#,
            400,
            "user.usernames must be a list of strings",
        ),
        ("POST", "/users", "boss", r#"{"usernames": ["ok", "a/b"]}"#, 400, "Invalid username: a/b"),
        ("POST", "/users", "boss", r#"{"usernames": ["a/b", "c d"]}"#, 400, "Invalid usernames: a/b, c d"),
        ("GET", "/users/ok", "boss", "", 404, "null"),
        ("POST", "/users", "boss", r#"{"usernames": ["alice", "bob"]}"#, 409, "All 2 users already exist"),
        ("POST", "/users", "boss", r#"{"usernames": ["Carol", "alice", "carol"]}"#, 201, r#""name":"carol""#),
        ("POST", "/users/dora", "filtered", "", 404, UNSEEN),
        ("POST", "/users/new", "filtered", "", 201, "new"),
        ("POST", "/users/new", "boss", "[1]", 409, "User new already exists"),
        ("POST", "/users/UPPER", "boss", "", 400, "Failed to create user"),
        ("POST", "/users/erin", "boss", r#"{"admin": 1}"#, 400, "user.admin must be a boolean"),
        ("POST", "/users/erin", "boss", r#"{"uid": 0}"#, 400, "uid"),
        ("POST", "/users/erin", "boss", r#"{"admin": true}"#, 201, r#""admin":true"#),
    ])
    .await;
}

#[actix_web::test]
async fn only_administrators_make_and_change_administrators() {
    let mut rest = Rest::with(|config| {
        config.load_roles = Roles(vec![RoleSpec {
            name: "user-keeper".parse().unwrap(),
            description: String::new(),
            scopes: Some(vec!["admin:users".parse().unwrap()]),
            users: vec!["bob".parse().unwrap()],
            groups: Vec::new(),
            services: Vec::new(),
        }]);
    })
    .await;
    rest.token("keeper", "bob", &["inherit"]).await;
    rest.hold(&[
        (
            "PATCH",
            "/users/alice",
            "keeper",
            r#"{"admin": true}"#,
            403,
            "Only admins can grant admin permissions",
        ),
        (
            "POST",
            "/users/carol",
            "keeper",
            r#"{"admin": true}"#,
            403,
            "Only admins can grant admin permissions",
        ),
        (
            "POST",
            "/users",
            "keeper",
            r#"{"usernames": ["carol"], "admin": true}"#,
            403,
            "Only admins can grant",
        ),
        ("PATCH", "/users/boss", "keeper", r#"{"admin": false}"#, 403, "Only admins can modify other admins"),
        ("PATCH", "/users/alice", "keeper", r#"{"admin": false}"#, 200, "alice"),
        ("PATCH", "/users/alice", "boss", r#"{"admin": true}"#, 200, r#""admin":true"#),
    ])
    .await;
}

#[actix_web::test]
async fn a_new_name_ends_what_was_opened_by_the_old_one() {
    let rest = Rest::new().await;
    let cookie = rest.test.login("alice").await;
    rest.hold(&[
        ("PATCH", "/users/alice", "alice", r#"{"name": "x"}"#, 403, NOT_HELD),
        ("PATCH", "/users/nobody", "boss", r#"{"name": "x"}"#, 404, "null"),
        ("PATCH", "/users/alice", "boss", r#"{"name": "bob"}"#, 400, "User bob already exists"),
        ("PATCH", "/users/alice", "boss", r#"{"name": "a/b"}"#, 400, "Invalid username: a/b"),
        ("PATCH", "/users/alice", "boss", r#"{"name": 5}"#, 400, "user.name must be a string"),
        ("PATCH", "/users/alice", "boss", r#"{"groups": []}"#, 400, "groups"),
        ("PATCH", "/users/alice", "boss", "", 400, ""),
        ("PATCH", "/users/alice", "boss", r#"{"name": "alice"}"#, 200, r#""name":"alice""#),
        ("GET", "/user", "alice", "", 200, "alice"),
        ("PATCH", "/users/alice", "boss", r#"{"name": "Anna"}"#, 200, r#""name":"anna""#),
        ("GET", "/users/alice", "boss", "", 404, "null"),
        ("GET", "/user", "alice", "", 403, "null"),
    ])
    .await;
    let request = rest.request("GET", "/user", "", "").insert_header(("cookie", cookie));
    assert_eq!(rest.test.send(request).await.status.as_u16(), 403);
}

#[actix_web::test]
async fn a_user_is_removed_with_everything_that_is_theirs() {
    let mut rest = Rest::new().await;
    rest.token("filtered", "boss", &["delete:users!user=bob"]).await;
    rest.hold(&[
        ("DELETE", "/users/bob", "", "", 403, NOBODY),
        ("DELETE", "/users/bob", "alice", "", 403, NOT_HELD),
        ("DELETE", "/users/alice", "filtered", "", 404, UNSEEN),
        ("DELETE", "/users/boss", "boss", "", 400, "Cannot delete yourself!"),
        ("DELETE", "/users/nobody", "boss", "", 404, "null"),
        ("DELETE", "/users/bob", "filtered", "", 204, ""),
        ("GET", "/users/bob", "boss", "", 404, "null"),
        ("GET", "/user", "bob", "", 403, "null"),
        ("DELETE", "/users/..", "boss", "", 404, ""),
    ])
    .await;
}
