//! What went wrong elsewhere, tried here: see docs/ADVISORIES.md.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Authenticator;

use crate::rest::Rest;
use crate::support::{Character, PASSWORD, TestHub};

/// Addresses of every form of a page, as `app` has them, but for those that people without a session fill in: these have
/// tests of their own.
fn forms() -> Vec<String> {
    let routes = include_str!("../../src/gateway/app.rs");
    let posted =
        routes.lines().filter(|line| line.contains("web::post()")).filter_map(|line| line.split('"').nth(1));
    // The language of the pages has no token: it harms nobody.
    let open = ["/login", "/set-password", "/setup", "/language"];
    posted
        .filter(|path| !open.iter().any(|open| path.starts_with(open)))
        .map(|path| {
            format!(
                "/hub{}",
                path.replace("{owner}", "alice").replace("{server}", "x").replace("{name}", "alice")
            )
        })
        .collect()
}

fn form(path: &str, cookie: &str, body: String) -> TestRequest {
    TestRequest::post()
        .uri(&format!("/jupyterhub{path}"))
        .insert_header(("cookie", cookie.to_owned()))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(body)
}

#[actix_web::test]
async fn no_form_is_taken_without_the_token_of_its_session() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    let own = test.get("/jupyterhub/hub/home", &alice).await.xsrf();
    let others = test.get("/jupyterhub/hub/home", &bob).await.xsrf();
    assert!(forms().len() > 15);
    for path in forms() {
        for (token, header) in [
            (String::new(), None),
            ("_xsrf=".to_owned(), None),
            (format!("_xsrf={others}"), None),
            (format!("_xsrf={own}"), Some(("sec-fetch-site", "cross-site"))),
            (format!("_xsrf={own}"), Some(("sec-fetch-site", "same-site"))),
            (format!("_xsrf={own}"), Some(("sec-fetch-mode", "no-cors"))),
            (format!("_xsrf={own}"), Some(("origin", "https://evil.test"))),
        ] {
            let mut request = form(&path, &alice, token.clone());
            if let Some(header) = header {
                request = request.insert_header(header);
            }
            let answer = test.send(request).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {token} {header:?}: {}", answer.body);
        }
        // Without a session there is nothing to forge, and nothing happens either.
        let answer = test.send(form(&path, "", format!("_xsrf={own}"))).await;
        assert!(
            [StatusCode::FORBIDDEN, StatusCode::FOUND, StatusCode::UNAUTHORIZED].contains(&answer.status),
            "{path}"
        );
    }
    assert_eq!(
        test.get("/jupyterhub/hub/home", &alice).await.status,
        StatusCode::OK,
        "alice is still logged in"
    );
}

#[actix_web::test]
async fn a_cookie_that_somebody_else_tossed_in_is_nobody() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    for both in [format!("{alice}; {bob}"), format!("{bob}; {alice}"), format!("hubgate-session=x; {alice}")]
    {
        assert_eq!(test.get("/jupyterhub/hub/home", &both).await.status, StatusCode::FOUND, "{both}");
    }
    // A token of another session, tossed in as cookie and field alike, fits nobody's form.
    let others = test.get("/jupyterhub/hub/home", &bob).await.xsrf();
    let cookie = format!("{alice}; _xsrf={others}");
    let answer = test.send(form("/hub/logout", &cookie, format!("_xsrf={others}"))).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn a_filtered_administrator_makes_nobody() {
    let mut rest = Rest::new().await;
    rest.hold(&[("POST", "/groups/g", "boss", "", 201, "")]).await;
    rest.hold(&[("POST", "/groups/g/users", "boss", r#"{"users": ["alice"]}"#, 200, "")]).await;
    for (who, scopes) in [
        ("of-group", &["admin:users!group=g", "admin:groups!group=g", "list:users!group=g"][..]),
        ("of-user", &["admin:users!user=alice", "list:users!user=alice"]),
    ] {
        rest.token(who, "boss", scopes).await;
        for body in [r#"{"usernames": ["eve"]}"#, r#"{"usernames": ["alice", "eve"], "admin": true}"#] {
            rest.hold(&[("POST", "/users", who, body, 403, "")]).await;
        }
        rest.hold(&[
            ("POST", "/groups", who, r#"{"groups": ["mine"]}"#, 403, ""),
            ("POST", "/users/eve", who, "", 404, ""),
            ("DELETE", "/users/bob", who, "", 404, ""),
        ])
        .await;
    }
    rest.hold(&[("GET", "/users/eve", "boss", "", 404, ""), ("GET", "/groups/mine", "boss", "", 404, "")])
        .await;
}

#[actix_web::test]
async fn a_first_login_defines_no_password() {
    let test = TestHub::new().await.with_user("alice");
    for name in ["newcomer", "root", "admin"] {
        for _ in 0..2 {
            assert_ne!(test.try_login(name, PASSWORD, "").await.status, StatusCode::FOUND, "{name}");
        }
    }
    assert_eq!(test.try_login("alice", PASSWORD, "").await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn guesses_are_limited_although_the_database_cannot_be_written() {
    let test = TestHub::with(Character::Talks, |config| config.authenticator = Authenticator::Pam).await;
    std::fs::rename(test.path("state/hubgate.sqlite"), test.path("state/elsewhere.sqlite")).unwrap();
    let mut last = StatusCode::OK;
    for _ in 0..8 {
        last = test.try_login("bob", "wrong", "").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[actix_web::test]
async fn many_addresses_to_come_back_to_leave_the_cookies_as_small_as_one() {
    let test = TestHub::new().await.with_user("alice");
    let mut sizes = std::collections::BTreeSet::new();
    for number in 0..200 {
        let page =
            test.get(&format!("/jupyterhub/hub/login?next=%2Fjupyterhub%2Fuser%2Fa{number}%2F"), "").await;
        sizes.insert(page.set_cookie("_xsrf").len());
    }
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 8, "{sizes:?}");
    assert!(sizes.iter().max().unwrap() < &400, "{sizes:?}");
}
