//! Every form, sent by whoever should not send it: the list is read from the routes, so that a new form cannot be forgotten.

use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::test::TestRequest;

use crate::support::TestHub;

const APP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/app.rs");
/// Forms of people who are not logged in: they have tokens of their own.
const BEFORE_LOGIN: [&str; 8] = [
    "/login",
    "/login/passkey",
    "/login/continue",
    "/login/factor",
    "/login/enrolment",
    "/login/terms",
    "/login/password",
    "/set-password",
];

/// The language of the pages: it has no token, since it harms nobody.
const HARMLESS: &str = "/language";

/// Every path of a page that takes a form.
fn forms() -> Vec<String> {
    let text = std::fs::read_to_string(APP).unwrap().replace('\n', " ");
    let mut found: Vec<String> = text
        .split(".route(")
        .filter(|route| route.contains("web::post()"))
        .filter_map(|route| Some(route.trim_start().strip_prefix('"')?.split_once('"')?.0.to_owned()))
        .collect();
    found.sort();
    found.dedup();
    found.retain(|path| path != HARMLESS);
    assert!(found.len() > 15 && found.iter().any(|path| path == "/token"), "{found:?}");
    found
}

fn form(path: &str, cookie: &str, body: &str) -> TestRequest {
    let path = path.replace("{owner}", "alice").replace("{name}", "alice").replace("{server}", "gpu");
    TestRequest::post()
        .uri(&format!("/jupyterhub/hub{path}"))
        .insert_header((COOKIE, cookie.to_owned()))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .insert_header(("accept", "text/html"))
        .set_payload(body.to_owned())
}

#[actix_web::test]
async fn no_form_without_the_token_of_its_own_session_changes_anything() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    let of_bob = test.get("/jupyterhub/hub/token", &bob).await.xsrf();
    for path in forms().iter().filter(|path| !BEFORE_LOGIN.contains(&path.as_str())) {
        for token in ["", "_xsrf=", "_xsrf=forged", &format!("_xsrf={of_bob}")] {
            let answer = test.send(form(path, &alice, token)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {token}: {}", answer.body);
        }
    }
    assert_eq!(test.hub.sessions.count(), 2);
}

#[actix_web::test]
async fn a_language_is_chosen_from_here_only_and_kept_for_the_pages_alone() {
    let test = TestHub::new().await;
    let chosen = test.send(form(HARMLESS, "", "language=zh-CN&next=%2Fjupyterhub%2Fhub%2Flogin")).await;
    assert_eq!((chosen.status, chosen.location()), (StatusCode::FOUND, "/jupyterhub/hub/login"));
    let cookie = format!("hubgate-language={}", chosen.cookie("hubgate-language").unwrap());
    assert!(test.get("/jupyterhub/hub/login", &cookie).await.body.contains("<html lang=\"zh-CN\">"));
    assert!(test.get("/jupyterhub/hub/login", "").await.body.contains("<html lang=\"en\">"));
    for (body, header) in
        [("language=zh-CN", ("sec-fetch-site", "cross-site")), ("language=xx", ("x-none", "1"))]
    {
        let refused = test.send(form(HARMLESS, "", body).insert_header(header)).await;
        assert!(refused.status.is_client_error() && refused.cookie("hubgate-language").is_none(), "{body}");
    }
    let elsewhere = test.send(form(HARMLESS, "", "language=en&next=https%3A%2F%2Fevil.test")).await;
    assert_eq!(elsewhere.location(), "/jupyterhub/hub/home");
}

#[actix_web::test]
async fn no_form_that_another_site_sent_changes_anything() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let token = format!("_xsrf={}", test.get("/jupyterhub/hub/token", &cookie).await.xsrf());
    for path in forms() {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-mode", "no-cors"),
            ("origin", "https://evil.test"),
        ] {
            let answer = test.send(form(&path, &cookie, &token).insert_header((name, value))).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {name}: {value}: {}", answer.body);
        }
    }
    assert_eq!(test.hub.sessions.count(), 1);
}
