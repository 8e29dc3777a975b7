//! Tokens through the API: what they may hold, whose they are, and how they end.

use actix_web::test::TestRequest;
use serde_json::json;

use crate::rest::{API, Rest};
use crate::support::PASSWORD;

const TOKENS: &str = "/users/alice/tokens";

#[actix_web::test]
async fn a_token_is_told_once_and_does_what_it_was_made_for() {
    let mut rest = Rest::new().await;
    let made = rest
        .json("POST", TOKENS, "alice", r#"{"note": "mine", "scopes": ["read:users!user"], "expires_in": 60}"#)
        .await;
    assert_eq!(
        (&made["note"], &made["user"], &made["kind"]),
        (&json!("mine"), &json!("alice"), &json!("api_token"))
    );
    assert_eq!(
        made["scopes"],
        json!([
            "read:users!user=alice",
            "read:users:activity!user=alice",
            "read:users:groups!user=alice",
            "read:users:name!user=alice"
        ])
    );
    let (id, text) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert_eq!(text.len(), 64);
    rest.known("made", text);
    rest.hold(&[
        ("GET", "/users/alice", "made", "", 200, "alice"),
        ("GET", "/users/bob", "made", "", 404, "No access to resources"),
        ("GET", TOKENS, "made", "", 403, "requires any of [read:tokens]"),
        ("POST", TOKENS, "made", "", 403, "User alice not found or no permissions to generate tokens"),
    ])
    .await;
    let again = rest.json("GET", &format!("{TOKENS}/{id}"), "alice", "").await;
    assert_eq!((&again["id"], again.get("token")), (&json!(id), None));
    let list = rest.json("GET", TOKENS, "boss", "").await;
    assert_eq!(list["api_tokens"].as_array().unwrap().len(), 2);
    rest.test.pass(60);
    assert_eq!(rest.send("GET", "/user", "made", "").await.status.as_u16(), 403);
    assert_eq!(rest.json("GET", TOKENS, "boss", "").await["api_tokens"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn nobody_gets_more_than_the_owner_holds() {
    let rest = Rest::new().await;
    let beyond = "Not assigning requested scopes";
    rest.hold(&[
        ("POST", TOKENS, "alice", r#"{"scopes": ["admin:users"]}"#, 400, beyond),
        ("POST", TOKENS, "alice", r#"{"scopes": ["inherit", "read:hub"]}"#, 400, beyond),
        ("POST", TOKENS, "alice", r#"{"scopes": ["read:users!user=bob"]}"#, 400, beyond),
        ("POST", TOKENS, "alice", r#"{"roles": ["admin"]}"#, 400, beyond),
        ("POST", TOKENS, "boss", r#"{"scopes": ["admin:users"]}"#, 400, beyond),
        ("POST", TOKENS, "alice", r#"{"scopes": ["admin:users!user="]}"#, 400, "does not exist"),
        ("POST", TOKENS, "alice", r#"{"scopes": ["no:such"]}"#, 400, "Scope 'no:such' does not exist"),
        ("POST", TOKENS, "alice", r#"{"scopes": ["custom:none"]}"#, 400, "does not exist"),
        ("POST", TOKENS, "alice", r#"{"roles": ["no-such-role"]}"#, 400, "no-such-role"),
        (
            "POST",
            TOKENS,
            "alice",
            r#"{"roles": ["user"], "scopes": ["self"]}"#,
            400,
            "Can only assign one of scopes or roles",
        ),
        ("POST", TOKENS, "alice", r#"{"roles": ["user"]}"#, 201, "servers!user=alice"),
        ("POST", TOKENS, "alice", r#"{"scopes": []}"#, 201, "read:users:name!user=alice"),
        ("POST", TOKENS, "alice", r#"{"scopes": null, "surprise": 1}"#, 201, "tokens!user=alice"),
    ])
    .await;
}

#[actix_web::test]
async fn bodies_are_looked_at_field_by_field() {
    let rest = Rest::new().await;
    rest.hold(&[
        ("POST", TOKENS, "alice", "[]", 201, "Requested via api"),
        ("POST", TOKENS, "boss", "", 201, "Requested via api by user boss"),
        ("POST", TOKENS, "alice", "[1]", 400, "Body must be a JSON dict or empty"),
        ("POST", TOKENS, "alice", "{not json", 400, "Invalid JSON in body of request"),
        ("POST", TOKENS, "alice", r#"{"note": 5}"#, 400, "token.note must be a string"),
        ("POST", TOKENS, "alice", r#"{"expires_in": 1.5}"#, 400, "token.expires_in must be an integer"),
        ("POST", TOKENS, "alice", r#"{"expires_in": 0}"#, 400, "expires_in must be 1 to"),
        ("POST", TOKENS, "alice", r#"{"expires_in": 18446744073709551615}"#, 400, "expires_in must be 1 to"),
        ("POST", TOKENS, "alice", r#"{"expires_in": null}"#, 201, r#""expires_at":null"#),
        ("POST", TOKENS, "alice", r#"{"scopes": "self"}"#, 400, "token.scopes must be a list of strings"),
    ])
    .await;
    let bounded = Rest::with(|config| config.token_expires_in_max_seconds = 100).await;
    bounded
        .hold(&[
            ("POST", TOKENS, "alice", r#"{"expires_in": 101}"#, 400, "must not exceed 100"),
            ("POST", TOKENS, "alice", "", 201, r#""expires_at":"2027-01-15T08:01:40Z""#),
        ])
        .await;
}

#[actix_web::test]
async fn tokens_of_others_are_for_those_who_hold_the_scope() {
    let mut rest = Rest::new().await;
    rest.token("keeper", "boss", &["tokens!user=alice"]).await;
    let id = rest.json("POST", TOKENS, "keeper", "").await["id"].as_str().unwrap().to_owned();
    let one = format!("{TOKENS}/{id}");
    let at_bob = format!("/users/bob/tokens/{id}");
    rest.hold(&[
        ("GET", &one, "", "", 403, "Missing or invalid credentials."),
        ("GET", &one, "bob", "", 404, "No access to resources"),
        ("GET", &at_bob, "bob", "", 404, &format!("No such token {id} for user bob")),
        ("GET", "/users/alice/tokens/", "alice", "", 404, "No such token  for user alice"),
        ("GET", "/users/alice/tokens/x1", "alice", "", 404, "No such token x1"),
        ("GET", "/users/nobody/tokens", "boss", "", 404, "No such user: nobody"),
        ("POST", "/users/nobody/tokens", "boss", "", 403, "User nobody not found or no permissions"),
        ("POST", "/users/bob/tokens", "keeper", "", 403, "User bob not found or no permissions"),
        ("PUT", TOKENS, "alice", "", 405, "null"),
        ("DELETE", &one, "bob", "", 404, "No access to resources"),
        ("DELETE", &one, "keeper", "", 204, ""),
        ("DELETE", &one, "keeper", "", 404, "No such token"),
    ])
    .await;
}

#[actix_web::test]
async fn a_revoked_token_is_nobody_at_once() {
    let mut rest = Rest::new().await;
    let made = rest.json("POST", TOKENS, "alice", "").await;
    rest.known("made", made["token"].as_str().unwrap());
    let own = format!("{TOKENS}/{}", made["id"].as_str().unwrap());
    rest.hold(&[
        ("GET", "/user", "made", "", 200, "alice"),
        ("DELETE", &own, "made", "", 204, ""),
        ("GET", "/user", "made", "", 403, "null"),
    ])
    .await;
}

#[actix_web::test]
async fn a_password_is_enough_for_a_token() {
    let rest = Rest::new().await;
    let auth =
        |name: &str, password: &str| json!({"auth": {"username": name, "password": password}}).to_string();
    rest.hold(&[
        ("POST", TOKENS, "", &auth("alice", PASSWORD), 201, r#""token":"#),
        ("POST", TOKENS, "", &auth("alice", "wrong"), 403, "null"),
        ("POST", TOKENS, "", &auth("bob", PASSWORD), 403, "User alice not found or no permissions"),
        ("POST", TOKENS, "", r#"{"auth": {"username": "alice"}}"#, 403, "null"),
        ("POST", TOKENS, "", r#"{"auth": 5}"#, 403, "null"),
        ("POST", TOKENS, "", "", 403, "null"),
    ])
    .await;
}

#[actix_web::test]
async fn a_page_needs_the_token_of_its_session() {
    let rest = Rest::new().await;
    let cookie = rest.test.login("alice").await;
    let xsrf = rest.test.get("/jupyterhub/hub/home", &cookie).await.xsrf();
    let by_page = |method: &str, query: &str| {
        TestRequest::default()
            .method(method.parse().unwrap())
            .uri(&format!("{API}/user{query}"))
            .insert_header(("cookie", cookie.clone()))
    };
    let cors = ("sec-fetch-mode", "cors");
    let status = async |request| rest.test.send(request).await.status.as_u16();
    assert_eq!(status(by_page("GET", "")).await, 200);
    assert_eq!(status(by_page("GET", "").insert_header(("sec-fetch-mode", "navigate"))).await, 200);
    for refused in [
        by_page("GET", "").insert_header(cors),
        by_page("GET", "?_xsrf=wrong").insert_header(cors),
        by_page("GET", "").insert_header(("sec-fetch-mode", "no-cors")),
        by_page("GET", "").insert_header(("sec-fetch-dest", "iframe")),
    ] {
        assert_eq!(status(refused).await, 403);
    }
    assert_eq!(status(by_page("GET", &format!("?_xsrf={xsrf}")).insert_header(cors)).await, 200);
    assert_eq!(
        status(by_page("GET", "").insert_header(cors).insert_header(("x-xsrftoken", xsrf.clone()))).await,
        200
    );
    let post = |media: &str| {
        TestRequest::post()
            .uri(&format!("{API}{TOKENS}"))
            .insert_header(("cookie", cookie.clone()))
            .insert_header(("x-csrftoken", xsrf.clone()))
            .insert_header(("content-type", media.to_owned()))
            .set_payload("{}")
    };
    assert_eq!(status(post("application/json; charset=utf-8")).await, 201);
    assert_eq!(status(post("text/plain")).await, 403);
}
