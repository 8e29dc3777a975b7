//! Guessing passwords, keeping others out, finding out who exists: bounded, and alike whatever failed.

use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::test::TestRequest;
use futures_util::future::join_all;
use hubgate::config::Authenticator;
use hubgate::domain::guess::Guess;
use hubgate::store::{passwords, standing};

use crate::corpus::entries;
use crate::support::{Answer, Character, PASSWORD, TestHub};

const LOGIN: &str = "/jupyterhub/hub/login";

/// Logs in from that address, in a browser that has these cookies.
async fn from(test: &TestHub, address: &str, cookies: &str, (name, password): (&str, &str)) -> Answer {
    let page = test.get(LOGIN, "").await;
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let form = format!("username={}&password={}&_xsrf={}", encode(name), encode(password), page.xsrf());
    let request = TestRequest::post()
        .uri(LOGIN)
        .insert_header((COOKIE, format!("{cookies}; _xsrf={}", page.cookie("_xsrf").unwrap())))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(form);
    test.send_from(address, request).await
}

#[actix_web::test]
async fn nobody_locks_somebody_else_out() {
    let test = TestHub::new().await.with_user("alice");
    let first = from(&test, "198.51.100.9", "", ("alice", PASSWORD)).await;
    let device = first.set_cookie("hubgate-device");
    for part in ["Path=/jupyterhub/hub/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=34560000"] {
        assert!(device.contains(part), "{device}");
    }
    let device = format!("hubgate-device={}", first.cookie("hubgate-device").unwrap());
    // Strangers have used up what the account has, in the very network of its owner too.
    for n in 0..60 {
        let stranger = Guess::new("alice", format!("203.0.{n}.1").parse().unwrap());
        let (mut guesses, now_s) = (test.hub.guesses.lock(), test.hub.clock.now_s());
        if guesses.admit(&stranger, now_s).is_ok() {
            guesses.failed(&stranger, now_s);
        }
    }
    let unknown = from(&test, "198.51.100.9", "", ("alice", PASSWORD)).await;
    assert_eq!(unknown.status, StatusCode::TOO_MANY_REQUESTS);
    let known = from(&test, "198.51.100.9", &device, ("alice", PASSWORD)).await;
    assert_eq!(known.status, StatusCode::FOUND);
    assert_eq!(format!("hubgate-device={}", known.cookie("hubgate-device").unwrap()), device);
    for forged in ["hubgate-device=x.y", "hubgate-device=", &device.replace('.', "x")] {
        let answer = from(&test, "198.51.100.9", forged, ("alice", PASSWORD)).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{forged}");
    }
}

#[actix_web::test]
async fn aliases_of_one_account_count_together() {
    let test = TestHub::with(Character::Obedient, |config| {
        config.username_map.0.insert("boss".to_owned(), "alice".parse().unwrap());
    })
    .await
    .with_user("alice");
    let tries =
        join_all((0..6).map(|n| test.try_login(if n % 2 == 0 { "boss" } else { "alice" }, "wrong", "")))
            .await;
    let late = tries.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!(late, 1);
}

#[actix_web::test]
async fn a_dead_database_does_not_remove_the_bound() {
    let test = TestHub::new().await.with_user("alice");
    test.hub
        .store
        .write(|c| diesel::RunQueryDsl::execute(diesel::sql_query("DROP TABLE sessions"), c).map(drop))
        .unwrap();
    test.hub
        .store
        .write(|c| {
            diesel::RunQueryDsl::execute(diesel::sql_query("ALTER TABLE users RENAME TO lost"), c).map(drop)
        })
        .unwrap();
    let tries = join_all((0..20).map(|_| test.try_login("alice", "wrong", ""))).await;
    assert!(tries.iter().all(|answer| answer.status.is_client_error() || answer.status.is_server_error()));
    let statuses: Vec<StatusCode> = tries.iter().map(|answer| answer.status).collect();
    assert!(!statuses.contains(&StatusCode::FOUND), "{statuses:?}");
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
}

#[actix_web::test]
async fn what_failed_shows_in_neither_status_nor_size_nor_time_nor_headers() {
    let test = TestHub::new().await.with_user("alice").with_user("frozen");
    let frozen = "frozen".parse().unwrap();
    test.hub.store.write(|c| standing::set_disabled(c, &frozen, true)).unwrap();
    let names = ["alice", "nosuchuser", "root", "Alice", "x", "a.b", "张三", "frozen", "$(id)"];
    let tries = names.map(|name| {
        let test = &test;
        async move {
            let begun = Instant::now();
            let answer = from(test, "192.0.2.7", "", (name, "wrong")).await;
            (name, answer, begun.elapsed())
        }
    });
    let told = join_all(tries).await;
    let size = told[0].1.body.len();
    for (name, answer, took) in &told {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        assert_eq!(answer.body.len(), size, "{name}: {}", answer.body);
        assert_eq!(answer.header("retry-after"), "", "{name}");
        assert!(*took >= Duration::from_secs(1), "{name}: {took:?}");
    }
}

#[actix_web::test]
async fn a_lock_of_the_host_does_not_tell_who_exists() {
    let test = TestHub::with(Character::Talks, |config| config.authenticator = Authenticator::Pam).await;
    let mut told = Vec::new();
    for name in ["locked", "nobody1", "bob"] {
        let mut texts = Vec::new();
        for _ in 0..5 {
            let body = test.try_login(name, "wrong", "").await.body;
            let (_, alert) = body.split_once("role=\"alert\"").unwrap();
            texts.push(alert.split("</p>").next().unwrap().to_owned());
        }
        told.push(texts);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    assert_ne!(told[0][2], told[0][3]);
}

#[actix_web::test]
async fn visitors_who_do_not_log_in_leave_nothing_behind() {
    let test = TestHub::new().await.with_user("alice");
    for _ in 0..200 {
        test.get(LOGIN, &format!("CockpitLang={}", "z".repeat(7000))).await;
    }
    assert_eq!((test.hub.sessions.count(), test.hub.guesses.lock().counts()), (0, 0));
    assert_eq!(test.hub.store.read(hubgate::store::users::count).unwrap(), 1);
}

#[actix_web::test]
async fn no_password_of_the_corpus_gets_in_but_the_right_one() {
    let test = TestHub::new().await.with_user("alice");
    let tries = entries("password_login").into_iter().enumerate().map(|(n, entry)| {
        let test = &test;
        async move {
            let password = String::from_utf8(entry.bytes).unwrap();
            let answer = from(test, &format!("203.0.{n}.1"), "", ("alice", &password)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", entry.id);
        }
    });
    join_all(tries).await;
    let right = entries("password_login").into_iter().find(|entry| entry.expect == "accept").unwrap();
    let right = String::from_utf8(right.bytes).unwrap();
    let secret = hubgate_protocol::Secret::try_from(right.clone()).unwrap();
    let new = passwords::NewPassword {
        hash: hubgate::password::hash(&secret).unwrap(),
        must_change: false,
        now_s: 0,
    };
    test.hub.store.write(|c| passwords::set(c, &"alice".parse().unwrap(), &new)).unwrap();
    assert_eq!(from(&test, "198.51.100.1", "", ("alice", &right)).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn twenty_tabs_need_one_login_and_two_redirects_each() {
    let test = TestHub::new().await.with_user("alice");
    let tabs: Vec<String> = (0..20).map(|n| format!("/jupyterhub/hub/token?tab={n}")).collect();
    let mut pages = Vec::new();
    for tab in &tabs {
        let sent = test.get(tab, "hubgate-session=").await;
        assert!(sent.location().starts_with("/jupyterhub/hub/login?next="), "{tab}");
        pages.push((sent.location().to_owned(), test.get(sent.location(), "").await));
    }
    // Opened at once, they share the cookie of the last: the first one's form is good all the same.
    let cookie = format!("_xsrf={}", pages[19].1.cookie("_xsrf").unwrap());
    let form = |page: &Answer| {
        let next = page.field("next").unwrap();
        let next = percent_encoding::utf8_percent_encode(&next, percent_encoding::NON_ALPHANUMERIC);
        format!("username=alice&password=correct+horse&next={next}&_xsrf={}", page.xsrf())
    };
    let post = |cookie: String, page: &Answer| {
        TestRequest::post()
            .uri(LOGIN)
            .insert_header((COOKIE, cookie))
            .insert_header(("sec-fetch-site", "same-origin"))
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(form(page))
    };
    let done = test.send(post(cookie, &pages[0].1)).await;
    assert_eq!(done.location(), tabs[0]);
    let session = format!("hubgate-session={}", done.cookie("hubgate-session").unwrap());
    let cookies = format!("{session}; _xsrf={}", done.cookie("_xsrf").unwrap());
    for (tab, (login, page)) in tabs.iter().zip(&pages).skip(1) {
        assert_eq!(test.get(login, &cookies).await.location(), tab);
        assert_eq!(test.get(tab, &cookies).await.status, StatusCode::OK);
        // Whoever fills in the form of another tab all the same lands where that one was to go.
        assert_eq!(test.send(post(cookies.clone(), page)).await.status, StatusCode::FOUND);
    }
    assert_eq!(test.hub.sessions.count(), 1);
}
