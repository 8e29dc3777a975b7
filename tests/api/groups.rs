//! Groups through the API: lists, creation, members, properties, and who may do what.

use serde_json::json;

use crate::rest::{Rest, names};

const NOT_HELD: &str = "Action is not authorized with current scopes; requires any of [";
const UNSEEN: &str = "No access to resources or resources not found";
const NOBODY: &str = "Missing or invalid credentials.";

async fn rest() -> Rest {
    let mut rest = Rest::new().await;
    rest.hold(&[
        ("POST", "/groups/staff", "boss", r#"{"users": ["alice"]}"#, 201, "\"staff\""),
        ("POST", "/groups/others", "boss", "", 201, "\"others\""),
    ])
    .await;
    rest.token("of-staff", "boss", &["admin:groups!group=staff", "list:groups!group=staff"]).await;
    rest.token("names", "boss", &["list:groups", "read:groups:name"]).await;
    rest.token("odd", "boss", &["list:groups!user=alice"]).await;
    rest
}

#[actix_web::test]
async fn a_list_shows_the_groups_that_the_caller_may_list() {
    let rest = rest().await;
    assert_eq!(names(&rest.json("GET", "/groups", "boss", "").await), ["staff", "others"]);
    assert_eq!(names(&rest.json("GET", "/groups", "of-staff", "").await), ["staff"]);
    assert_eq!(names(&rest.json("GET", "/groups?offset=1&limit=1", "boss", "").await), ["others"]);
    assert_eq!(
        rest.json("GET", "/groups/staff", "names", "").await,
        json!({"kind": "group", "name": "staff"})
    );
    let staff = json!({"kind": "group", "name": "staff", "users": ["alice"], "properties": {}, "roles": []});
    assert_eq!(rest.json("GET", "/groups/staff", "boss", "").await, staff);
    rest.hold(&[
        ("GET", "/groups", "", "", 403, NOBODY),
        ("GET", "/groups", "alice", "", 403, NOT_HELD),
        ("GET", "/groups", "odd", "", 403, "null"),
        ("GET", "/groups?limit=x", "boss", "", 400, "offset and limit must be integers"),
        ("GET", "/groups/staff", "alice", "", 403, NOT_HELD),
        ("GET", "/groups/others", "of-staff", "", 404, UNSEEN),
        ("GET", "/groups/nothing", "of-staff", "", 404, UNSEEN),
        ("GET", "/groups/nothing", "boss", "", 404, "No such group: nothing"),
        ("PATCH", "/groups/staff", "boss", "{}", 405, "null"),
    ])
    .await;
}

#[actix_web::test]
async fn groups_are_made_all_or_none() {
    let rest = rest().await;
    rest.hold(&[
        ("POST", "/groups", "", r#"{"groups": ["a"]}"#, 403, NOBODY),
        ("POST", "/groups", "alice", r#"{"groups": ["a"]}"#, 403, NOT_HELD),
        ("POST", "/groups", "of-staff", r#"{"groups": ["a"]}"#, 403, NOT_HELD),
        ("POST", "/groups", "boss", "", 400, "at least one group"),
        ("POST", "/groups", "boss", "[]", 400, "at least one group"),
        ("POST", "/groups", "boss", r#"{"groups": []}"#, 400, "at least one group"),
        ("POST", "/groups", "boss", r#"{"groups": "a"}"#, 400, "groups.groups must be a list of strings"),
        ("POST", "/groups", "boss", r#"{"groups": [5]}"#, 400, "groups.groups must be a list of strings"),
        ("POST", "/groups", "boss", r#"{"groups": ["a"], "x": 1}"#, 400, "Invalid JSON keys"),
        ("POST", "/groups", "boss", r#"{"groups": ["a/b"]}"#, 400, "groups.groups: "),
        ("POST", "/groups", "boss", r#"{"groups": ["new", "staff"]}"#, 409, "Group staff already exists"),
        ("POST", "/groups", "boss", r#"{"groups": ["new", "new"]}"#, 409, "Group new already exists"),
        ("POST", "/groups", "boss", r#"{"groups": ["new"], "users": ["zoe"]}"#, 400, "No such user: zoe"),
        ("GET", "/groups/new", "boss", "", 404, "No such group: new"),
        (
            "POST",
            "/groups",
            "boss",
            r#"{"groups": ["new", "newer"], "users": ["Alice", "bob"]}"#,
            201,
            "newer",
        ),
        ("POST", "/groups/staff", "boss", "", 409, "Group staff already exists"),
        ("POST", "/groups/x", "of-staff", "", 404, UNSEEN),
        ("POST", "/groups/x", "boss", r#"{"users": "alice"}"#, 400, "group.users must be a list of strings"),
        ("POST", "/groups/x", "boss", r#"{"surprise": 1}"#, 400, "Invalid JSON keys"),
        ("POST", "/groups/x", "boss", "[]", 400, "must be a JSON object"),
        ("POST", "/groups/x", "boss", "{not json", 400, "Invalid JSON in body of request"),
        ("POST", "/groups/a%2Fb", "boss", "", 400, "cannot be one of a group"),
        ("DELETE", "/groups/new", "alice", "", 403, NOT_HELD),
        ("DELETE", "/groups/new", "of-staff", "", 404, UNSEEN),
        ("DELETE", "/groups/new", "boss", "", 204, ""),
        ("DELETE", "/groups/new", "boss", "", 404, "No such group: new"),
    ])
    .await;
    assert_eq!(rest.json("GET", "/users/alice", "boss", "").await["groups"], json!(["newer", "staff"]));
}

#[actix_web::test]
async fn members_come_and_go_and_their_rights_with_them() {
    let mut rest = rest().await;
    rest.token("looks", "boss", &["read:users:name!group=staff"]).await;
    rest.hold(&[
        ("GET", "/users/bob", "looks", "", 404, UNSEEN),
        ("POST", "/groups/staff/users", "of-staff", r#"{"users": ["bob", "alice", "bob"]}"#, 200, "bob"),
        ("GET", "/users/bob", "looks", "", 200, "bob"),
        ("DELETE", "/groups/staff/users", "of-staff", r#"{"users": ["bob"]}"#, 200, "alice"),
        ("GET", "/users/bob", "looks", "", 404, UNSEEN),
        ("DELETE", "/groups/staff/users", "boss", r#"{"users": ["bob"]}"#, 200, "alice"),
        ("POST", "/groups/staff/users", "alice", r#"{"users": ["bob"]}"#, 403, NOT_HELD),
        ("POST", "/groups/others/users", "of-staff", r#"{"users": ["bob"]}"#, 404, UNSEEN),
        ("POST", "/groups/nothing/users", "boss", r#"{"users": ["bob"]}"#, 404, "No such group: nothing"),
        ("POST", "/groups/staff/users", "boss", r#"{"users": ["bob", "zoe"]}"#, 400, "No such user: zoe"),
        ("POST", "/groups/staff/users", "boss", r#"{"users": [5]}"#, 400, "group.users must be"),
        ("POST", "/groups/staff/users", "boss", "{}", 400, "Must specify users to add"),
        ("DELETE", "/groups/staff/users", "boss", "{}", 400, "Must specify users to delete"),
        ("POST", "/groups/staff/users", "boss", "", 400, "must be a JSON object"),
        ("GET", "/groups/staff/users", "boss", "", 405, "null"),
    ])
    .await;
    assert_eq!(rest.json("GET", "/groups/staff", "boss", "").await["users"], json!(["alice"]));
}

#[actix_web::test]
async fn properties_are_replaced_as_a_whole() {
    let rest = rest().await;
    let given = r#"{"quota": 5, "more": [true, null, {"a": "b"}]}"#;
    rest.hold(&[
        ("PUT", "/groups/staff/properties", "of-staff", given, 200, "quota"),
        ("PUT", "/groups/staff/properties", "alice", given, 403, NOT_HELD),
        ("PUT", "/groups/nothing/properties", "boss", given, 404, "No such group: nothing"),
        ("PUT", "/groups/staff/properties", "boss", "[]", 400, "Must specify properties"),
        ("PUT", "/groups/staff/properties", "boss", "", 400, "Must specify properties"),
        ("PUT", "/groups/staff/properties", "boss", r#"{"a": 1, "a": 2}"#, 400, "Invalid JSON in body"),
    ])
    .await;
    let kept = rest.json("GET", "/groups/staff", "boss", "").await;
    assert_eq!(kept["properties"], json!({"quota": 5, "more": [true, null, {"a": "b"}]}));
    rest.hold(&[("PUT", "/groups/staff/properties", "boss", "{}", 200, "\"properties\":{}")]).await;
}
