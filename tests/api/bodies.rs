//! Hostile bodies and credentials, from the shared corpus.

use actix_web::test::TestRequest;

use crate::corpus::entries;
use crate::rest::{API, Rest};

#[actix_web::test]
async fn no_hostile_body_is_more_than_a_mistake_of_its_sender() {
    let rest = Rest::new().await;
    for entry in entries("json_body") {
        let text = String::from_utf8_lossy(&entry.bytes).into_owned();
        let (method, path, who) =
            if text.contains("expires_in") || text.contains("scopes") || text.contains("roles") {
                ("POST", "/users/alice/tokens", "alice")
            } else if entry.bytes == br#"{"admin":true}"# {
                ("PATCH", "/users/alice", "alice")
            } else {
                ("POST", "/users", "boss")
            };
        let request = rest.request(method, path, who, "").set_payload(entry.bytes);
        let status = rest.test.send(request).await.status.as_u16();
        assert!(status == 400 || (who == "alice" && status == 403), "{}: {status}", entry.id);
    }
    assert_eq!(rest.json("GET", "/users", "boss", "").await.as_array().unwrap().len(), 3);
}

#[actix_web::test]
async fn a_body_is_bounded() {
    let rest = Rest::new().await;
    let answer = rest.send("POST", "/users", "boss", &" ".repeat(1024 * 1024 + 1)).await;
    assert_eq!(answer.status.as_u16(), 413);
    assert!(answer.body.contains("1048576"), "{}", answer.body);
}

#[actix_web::test]
async fn only_the_exact_header_is_a_credential() {
    let mut rest = Rest::new().await;
    let token = rest.token("own", "alice", &["inherit"]).await;
    let expired = rest.json("POST", "/users/alice/tokens", "alice", r#"{"expires_in": 1}"#).await;
    let expired = expired["token"].as_str().unwrap();
    let others = rest.token("other", "bob", &["inherit"]).await;
    rest.test.pass(1);
    for entry in entries("authorization_header") {
        let text = String::from_utf8(entry.bytes).unwrap();
        let header =
            text.replace("OTHER_USERS_TOKEN", &others).replace("EXPIRED", expired).replace("TOKEN", &token);
        let request =
            TestRequest::get().uri(&format!("{API}/users/alice")).insert_header(("authorization", header));
        let status = rest.test.send(request).await.status.as_u16();
        let expected: &[u16] = if entry.expect == "accept" { &[200] } else { &[400, 401, 403, 404] };
        assert!(expected.contains(&status), "{}: {status}", entry.id);
    }
    let twice = TestRequest::get()
        .uri(&format!("{API}/user"))
        .append_header(("authorization", format!("token {token}")));
    let twice = twice.append_header(("authorization", format!("token {others}")));
    assert_eq!(rest.test.send(twice).await.status.as_u16(), 400);
}
