//! Inputs of the shared corpus that reach the gateway without nginx.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::domain::{cookie, next};

use crate::corpus::entries;
use crate::support::{PASSWORD, TestHub};

/// The entries of one target, as bytes, with their expected class.
fn corpus(target: &str) -> Vec<(String, Vec<u8>, String)> {
    entries(target).into_iter().map(|entry| (entry.id, entry.bytes, entry.expect)).collect()
}

#[actix_web::test]
async fn no_cookie_header_but_a_plain_one_is_a_session() {
    let id = "A".repeat(43);
    for (name, input, expect) in corpus("cookie_header") {
        let header = String::from_utf8_lossy(&input)
            .replace("VALID", &id)
            .replace("VALI%44", "AAAA%44")
            .replace("OTHER", &"B".repeat(43));
        let one = matches!(cookie::session(&header), cookie::Session::One(found) if found == id);
        assert_eq!(one, expect == "accept", "{name}: {header:.80}");
    }
}

#[actix_web::test]
async fn no_next_leaves_the_hub() {
    for (name, input, expect) in corpus("next_url") {
        let Ok(text) = String::from_utf8(input) else { continue };
        let target = if text.starts_with("/hub/") || text.starts_with("/user/") {
            format!("/jupyterhub{text}")
        } else {
            text
        };
        let kept = next::safe("/jupyterhub", &target.replace("HOST", "https://hub.test")).is_some();
        // A link to another user's server is a link: it answers 403 itself.
        let harmless = target == "/jupyterhub/user/bob/";
        assert_eq!(kept, expect == "accept" || harmless, "{name}: {target:.80}");
    }
}

#[actix_web::test]
async fn no_form_is_a_server_error() {
    let test = TestHub::new().await.with_user("alice");
    for (name, input, _) in corpus("form_body") {
        let request = TestRequest::post()
            .uri("/jupyterhub/hub/login")
            .insert_header(("content-type", "application/x-www-form-urlencoded"));
        let status = test.send(request.set_payload(input)).await.status;
        assert!(
            [StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN, StatusCode::PAYLOAD_TOO_LARGE].contains(&status),
            "{name}: {status}"
        );
    }
    for (name, input, _) in corpus("content_type") {
        let media = String::from_utf8_lossy(&input).into_owned();
        let Ok(media) = actix_web::http::header::HeaderValue::from_str(&media) else { continue };
        let request = TestRequest::post().uri("/jupyterhub/hub/login").insert_header(("content-type", media));
        let status = test.send(request.set_payload("username=alice&password=x&_xsrf=x")).await.status;
        assert!(status.is_client_error(), "{name}: {status}");
    }
}

#[actix_web::test]
async fn a_strange_user_name_is_a_failed_login() {
    let test = TestHub::new().await.with_user("alice");
    let page = test.get("/jupyterhub/hub/login", "").await;
    let cookie = format!("_xsrf={}", page.cookie("_xsrf").unwrap());
    let mut answers = Vec::new();
    for (name, input, expect) in corpus("username_login") {
        if input.starts_with(b"username=") || input.starts_with(b"password=") {
            let answer = test.post("/jupyterhub/hub/login", &cookie, &String::from_utf8_lossy(&input)).await;
            assert!(answer.status.is_client_error(), "{name}: {}", answer.status);
            continue;
        }
        let user = percent_encoding::percent_encode(&input, percent_encoding::NON_ALPHANUMERIC).to_string();
        let password =
            percent_encoding::utf8_percent_encode(PASSWORD, percent_encoding::NON_ALPHANUMERIC).to_string();
        let form = format!("username={user}&password={password}&_xsrf={}", page.xsrf());
        let (test, cookie) = (&test, &cookie);
        answers.push(async move {
            (name, expect, input, test.post("/jupyterhub/hub/login", cookie, &form).await)
        });
    }
    for (name, expect, input, answer) in futures_util::future::join_all(answers).await {
        let alice = input == b"alice";
        assert_eq!(answer.status == StatusCode::FOUND, alice, "{name} {expect}: {}", answer.status);
        assert!(
            answer.status.is_redirection() || answer.status.is_client_error(),
            "{name}: {}",
            answer.status
        );
        assert!(!answer.body.contains("<script>alert"), "{name}");
    }
    assert_eq!(test.hub.sessions.count(), 1);
}

#[actix_web::test]
async fn what_is_not_there_is_a_404_in_the_clients_form() {
    let test = TestHub::new().await;
    for path in [
        "/",
        "/nothing",
        "/jupyterhub/nothing",
        "/jupyterhub/hub/nothing",
        "/jupyterhub/hub/static/%",
        "/jupyterhub/hub/static/../../etc/passwd",
    ] {
        let answer =
            test.send(TestRequest::get().uri(path).insert_header(("accept", "application/json"))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.starts_with('{'), "{path}: {}", answer.body);
    }
}
