//! Logging in.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Authenticator;
use hubgate_protocol::ErrorCode;

use crate::support::{Character, PASSWORD, TestHub, browser};

#[actix_web::test]
async fn the_right_password_opens_a_session_and_leads_to_ones_server() {
    let test = TestHub::new().await.with_user("alice");
    let answer = test.try_login("alice", PASSWORD, "").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::FOUND, "/jupyterhub/hub/"));
    let cookie = answer.set_cookie("hubgate-session");
    for part in ["Path=/jupyterhub/", "HttpOnly", "Secure", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(test.hub.sessions.count(), 1);
}

#[actix_web::test]
async fn all_failures_look_alike() {
    let test = TestHub::new().await.with_user("alice");
    let wrong = test.try_login("alice", "wrong", "").await;
    for (name, password) in [
        ("nobody1", "wrong"),
        ("root", PASSWORD),
        ("alice", ""),
        ("Alice", PASSWORD),
        ("alice ", PASSWORD),
        ("a\nb", "x"),
        ("' OR 1=1", "x"),
    ] {
        let other = test.try_login(name, password, "").await;
        assert_eq!(other.status, wrong.status, "{name}");
        assert!(other.body.contains("Invalid username or password."), "{name}: {}", other.body);
    }
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(test.hub.sessions.count(), 0);
}

#[actix_web::test]
async fn after_five_wrong_guesses_even_the_right_password_waits() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    for _ in 0..5 {
        assert_eq!(test.try_login("alice", "wrong", "").await.status, StatusCode::FORBIDDEN);
    }
    let answer = test.try_login("alice", PASSWORD, "").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "300"));
    assert_eq!(test.try_login("bob", PASSWORD, "").await.status, StatusCode::FOUND);
    test.pass(301);
    assert_eq!(test.try_login("alice", PASSWORD, "").await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn next_survives_login_and_never_leaves_the_site() {
    let test = TestHub::new().await.with_user("alice");
    let kept =
        test.try_login("alice", PASSWORD, "?next=%2Fjupyterhub%2Fuser%2Falice%2Flab%3Fx%3D1%26y%3D2").await;
    assert_eq!(kept.location(), "/jupyterhub/user/alice/lab?x=1&y=2");
    for hostile in [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "/jupyterhub/..//evil.test",
        "/jupyterhub/hub/login",
        "javascript:alert(1)",
    ] {
        let encoded = percent_encoding::utf8_percent_encode(hostile, percent_encoding::NON_ALPHANUMERIC);
        let answer = test.try_login("alice", PASSWORD, &format!("?next={encoded}")).await;
        assert_eq!(answer.location(), "/jupyterhub/hub/", "{hostile}");
    }
}

#[actix_web::test]
async fn a_new_login_ends_the_session_that_the_browser_had() {
    let test = TestHub::new().await.with_user("alice");
    let old = test.login("alice").await;
    let page = test.get("/jupyterhub/hub/login", "").await;
    let form = format!("username=alice&password=correct+horse&_xsrf={}", page.xsrf());
    let cookies = format!("{old}; _xsrf={}", page.cookie("_xsrf").unwrap());
    let answer = test.post("/jupyterhub/hub/login", &cookies, &form).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_ne!(format!("hubgate-session={}", answer.cookie("hubgate-session").unwrap()), old);
    assert_eq!(test.get("/jupyterhub/hub/home", &old).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn a_login_form_of_another_browser_or_site_is_refused() {
    let test = TestHub::new().await.with_user("alice");
    let page = test.get("/jupyterhub/hub/login", "").await;
    let other = test.get("/jupyterhub/hub/login", "").await;
    let form = format!("username=alice&password=correct+horse&_xsrf={}", page.xsrf());
    for cookie in [String::new(), format!("_xsrf={}", other.cookie("_xsrf").unwrap()), "_xsrf=".to_owned()] {
        assert_eq!(
            test.post("/jupyterhub/hub/login", &cookie, &form).await.status,
            StatusCode::FORBIDDEN,
            "{cookie}"
        );
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-mode", "no-cors"),
        ("origin", "https://evil.test"),
    ] {
        let request = TestRequest::post()
            .uri("/jupyterhub/hub/login")
            .insert_header(("cookie", format!("_xsrf={}", page.cookie("_xsrf").unwrap())))
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .insert_header((name, value))
            .set_payload(form.clone());
        assert_eq!(test.send(request).await.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert_eq!(test.hub.sessions.count(), 0);
}

#[actix_web::test]
async fn a_browsers_own_form_has_a_null_origin_and_is_let_in() {
    let test = TestHub::new().await.with_user("alice");
    let page = test.get("/jupyterhub/hub/login", "").await;
    let request = browser(TestRequest::post().uri("/jupyterhub/hub/login"))
        .insert_header(("origin", "null"))
        .insert_header(("cookie", format!("_xsrf={}", page.cookie("_xsrf").unwrap())))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(format!("username=alice&password=correct+horse&_xsrf={}", page.xsrf()));
    assert_eq!(test.send(request).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn pam_that_cannot_be_asked_is_not_a_wrong_password() {
    for character in [Character::Refuses(ErrorCode::Busy), Character::SpeaksNonsense] {
        let test = TestHub::with(character, |config| config.authenticator = Authenticator::Pam).await;
        let answer = test.try_login("alice", "x", "").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[actix_web::test]
async fn anonymous_visits_leave_nothing_behind() {
    let test = TestHub::new().await;
    for n in 0..50 {
        test.get("/jupyterhub/hub/login", &format!("x={n}; hubgate-session={}", "A".repeat(43))).await;
    }
    assert_eq!(test.hub.sessions.count(), 0);
}

#[actix_web::test]
async fn hub_pages_are_not_for_scripts_or_frames_of_other_pages() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    for (mode, dest) in
        [("cors", "empty"), ("no-cors", "image"), ("navigate", "iframe"), ("same-origin", "empty")]
    {
        for page in ["home", "login", "logout", "spawn-pending/alice"] {
            let request = TestRequest::get().uri(&format!("/jupyterhub/hub/{page}"));
            let request = request
                .insert_header(("sec-fetch-mode", mode))
                .insert_header(("sec-fetch-dest", dest))
                .insert_header(("cookie", cookie.clone()));
            assert_eq!(test.send(request).await.status, StatusCode::FORBIDDEN, "{page} {mode} {dest}");
        }
    }
    let page = test
        .send(browser(TestRequest::get().uri("/jupyterhub/hub/home")).insert_header(("cookie", cookie)))
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
}

#[actix_web::test]
async fn the_ca_certificate_is_offered_where_there_is_one() {
    let test = TestHub::new().await;
    assert_eq!(test.get("/jupyterhub/hub/ca.crt", "").await.status, StatusCode::NOT_FOUND);
    std::fs::write(test.path("ca.crt"), "PEM").unwrap();
    assert_eq!(test.get("/jupyterhub/hub/ca.crt", "").await.body, "PEM");
    assert!(test.get("/jupyterhub/hub/login", "").await.body.contains("/jupyterhub/hub/ca.crt"));
}
