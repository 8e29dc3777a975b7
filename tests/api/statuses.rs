//! Every status that people can meet says what happened, what to do, and how the administrator finds it, in their language.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_LANGUAGE, COOKIE};
use actix_web::test::TestRequest;
use hubgate_protocol::Phase;

use crate::support::{Answer, TestHub, browser, navigation, question, script};

const LAB: &str = "/jupyterhub/user/alice/lab";
const REFERENCE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn get(path: &str) -> TestRequest {
    browser(TestRequest::get().uri(path))
}

fn post(path: &str, form: &str) -> TestRequest {
    browser(TestRequest::post().uri(path))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(form.to_owned())
}

fn html(question: TestRequest) -> TestRequest {
    question.insert_header(("x-orig-accept", "text/html"))
}

/// A way to each status, for somebody who is logged in where it needs that.
async fn answers(test: &TestHub, language: &str) -> Vec<(u16, Answer)> {
    let cookie = test.login("alice").await;
    let xsrf = test.get("/jupyterhub/hub/home", &cookie).await.xsrf();
    let large = "x".repeat(70_000);
    let failed = |status: &'static str| navigation(LAB).insert_header(("x-hubgate-failed", status));
    let ways = [
        (400, "", post("/jupyterhub/hub/language", "language=xx")),
        (401, "", html(script("GET", LAB)).uri(LAB)),
        (403, "", get("/jupyterhub/hub/setup")),
        (404, "", get("/jupyterhub/hub/nothing")),
        (405, "", html(question("FOO", LAB, LAB)).uri(LAB)),
        (409, &*cookie, post("/jupyterhub/hub/factors/recovery", &format!("_xsrf={xsrf}"))),
        (413, "", post("/jupyterhub/hub/language", &format!("language={large}"))),
        (424, &*cookie, html(script("GET", LAB)).uri(LAB)),
        (502, &*cookie, failed("502").uri(LAB)),
        (503, &*cookie, failed("").uri(LAB)),
    ];
    let mut seen = Vec::new();
    for (status, cookie, request) in ways {
        test.server("alice", if status >= 500 { Phase::Running } else { Phase::Stopped });
        let request = request
            .insert_header((COOKIE, cookie))
            .insert_header((ACCEPT_LANGUAGE, language))
            .insert_header(("x-request-id", REFERENCE));
        seen.push((status, test.send(request).await));
    }
    seen.push((429, guessed(test, language).await));
    seen
}

/// The answer to somebody who guesses the secret of a link.
async fn guessed(test: &TestHub, language: &str) -> Answer {
    let path = format!("/jupyterhub/hub/setup/{}", "0".repeat(64));
    for _ in 0..200 {
        let request =
            get(&path).insert_header((ACCEPT_LANGUAGE, language)).insert_header(("x-request-id", REFERENCE));
        let answer = test.send(request).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return answer;
        }
    }
    panic!("nobody is bounded");
}

fn part<'p>(page: &'p str, from: &str) -> &'p str {
    let rest = page.split_once(from).map_or("", |(_, rest)| rest);
    rest.split_once('<').map_or("", |(part, _)| part)
}

fn chinese(text: &str) -> bool {
    text.chars().any(|sign| ('\u{4e00}'..='\u{9fff}').contains(&sign))
}

#[actix_web::test]
async fn every_status_has_a_cause_a_remedy_and_a_reference_in_both_languages() {
    for (language, tag) in [("en", "en"), ("zh-CN", "zh-CN")] {
        let test = TestHub::new().await.with_user("alice");
        for (status, answer) in answers(&test, language).await {
            assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
            let page = &answer.body;
            assert!(page.contains(&format!("<html lang=\"{tag}\">")), "{status}: {page}");
            for said in [part(page, "<h1>"), part(page, "id=\"remedy\">"), part(page, "class=\"status\">")] {
                assert!(!said.is_empty(), "{status}: {page}");
                assert_eq!(chinese(said), language != "en", "{status}: {said}");
            }
            assert!(part(page, "id=\"reference\">").contains(REFERENCE), "{status}: {page}");
        }
    }
}

#[actix_web::test]
async fn an_error_keeps_the_navigation_of_whoever_is_logged_in_but_tells_scripts_no_token() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let nothing = "/jupyterhub/hub/nothing";
    let page = test.get(nothing, &cookie).await;
    assert!(page.body.contains("id=\"logout\"") && page.body.contains("name=\"_xsrf\""), "{}", page.body);
    assert!(!page.body.contains("/hub/admin\""));
    let fetched = TestRequest::get()
        .uri(nothing)
        .insert_header((COOKIE, cookie.as_str()))
        .insert_header(("accept", "text/html"))
        .insert_header(("sec-fetch-mode", "cors"))
        .insert_header(("sec-fetch-dest", "empty"))
        .insert_header(("sec-fetch-site", "same-origin"));
    let fetched = test.send(fetched).await;
    assert!(fetched.status == StatusCode::NOT_FOUND && !fetched.body.contains("_xsrf"), "{}", fetched.body);
    test.server("alice", Phase::Running);
    let below = navigation(LAB).insert_header(("x-hubgate-failed", "502")).uri(LAB);
    let below = test.send(browser(below).insert_header((COOKIE, cookie.as_str()))).await;
    assert!(below.status == StatusCode::BAD_GATEWAY && !below.body.contains("_xsrf"), "{}", below.body);
}
