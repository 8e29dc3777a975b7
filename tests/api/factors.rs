//! Second factors: codes of an app, recovery codes, whom the site asks for one.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Config;
use hubgate::store::{Hash, Object, factors, groups, users};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::json;

use crate::support::{Answer, Character, PASSWORD, TestHub};

/// The fixed clock of the tests stands at the beginning of a step.
const STEP_S: i64 = 30;
/// Where one is sent whose login has ended meanwhile.
const LATE: &str = "/jupyterhub/hub/login?late=1";

fn demanded(config: &mut Config) {
    config.second_factor_groups = vec!["*".to_owned()];
}

/// The cookie of the login that a page goes on with.
fn signin(page: &Answer) -> String {
    format!("hubgate-signin={}", page.cookie("hubgate-signin").unwrap())
}

fn session(answer: &Answer) -> String {
    format!(
        "hubgate-session={}",
        answer.cookie("hubgate-session").unwrap_or_else(|| panic!("{}", answer.body))
    )
}

/// The code of a secret that a page showed, at a moment: RFC 4226, section 5.3.
fn code_of(text: &str, at_s: i64) -> String {
    let key = PKey::hmac(&base32(text)).unwrap();
    let mut signer = Signer::new(MessageDigest::sha1(), &key).unwrap();
    let mac = signer.sign_oneshot_to_vec(&(at_s / STEP_S).to_be_bytes()).unwrap();
    let at = usize::from(mac[19] & 0xf);
    let number = u32::from_be_bytes(mac[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn base32(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text.chars().map(|sign| format!("{:05b}", alphabet.find(sign).unwrap())).collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1.split(after).next().unwrap()
}

fn secret(page: &Answer) -> String {
    between(&page.body, "id=\"app-secret\">", "<").to_owned()
}

fn recovery_codes(page: &Answer) -> Vec<String> {
    between(&page.body, "id=\"recovery-codes\">", "</pre>").split_whitespace().map(str::to_owned).collect()
}

impl TestHub {
    fn now_s(&self) -> i64 {
        self.hub.clock.now_s()
    }

    /// Adds an app on one's own page; its secret and the recovery codes.
    async fn add_app(&self, cookie: &str) -> (String, Vec<String>) {
        let page = self.get("/jupyterhub/hub/factors/app", cookie).await;
        let secret = secret(&page);
        let code = code_of(&secret, self.now_s());
        let form = format!("app={}&code={code}&_xsrf={}", page.field("app").unwrap(), page.xsrf());
        let done = self.post("/jupyterhub/hub/factors/app", cookie, &form).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.body);
        (secret, recovery_codes(&done))
    }

    /// Logs in as far as the page of the second factor.
    async fn half_login(&self, name: &str) -> Answer {
        let page = self.try_login(name, PASSWORD, "?next=%2Fjupyterhub%2Fhub%2Ftoken").await;
        assert_eq!((page.status, page.cookie("hubgate-session")), (StatusCode::OK, None), "{}", page.body);
        let cookie = page.set_cookie("hubgate-signin");
        for part in ["Path=/jupyterhub/hub/login", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=300"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        page
    }

    async fn try_code(&self, page: &Answer, code: &str) -> Answer {
        let form = format!("code={code}&_xsrf={}", page.xsrf());
        self.post("/jupyterhub/hub/login/factor", &signin(page), &form).await
    }

    /// With an app, some time after its first code.
    async fn with_app(self, name: &str) -> (Self, String, Vec<String>) {
        let test = self.with_user(name);
        let cookie = test.login(name).await;
        let (secret, codes) = test.add_app(&cookie).await;
        test.pass(2 * STEP_S);
        (test, secret, codes)
    }
}

#[actix_web::test]
async fn a_login_with_an_app_needs_its_code_and_goes_where_it_was_to_go() {
    let (test, secret, _) = TestHub::new().await.with_app("alice").await;
    let before = test.hub.sessions.count();
    let page = test.half_login("alice").await;
    assert_eq!(test.hub.sessions.count(), before);
    let answer = test.try_code(&page, &code_of(&secret, test.now_s())).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::FOUND, "/jupyterhub/hub/token"));
    assert_eq!(test.get("/jupyterhub/hub/home", &session(&answer)).await.status, StatusCode::OK);
    let again = test.try_code(&page, &code_of(&secret, test.now_s() + STEP_S)).await;
    assert_eq!((again.location(), again.cookie("hubgate-session")), (LATE, None));
}

#[actix_web::test]
async fn the_cookie_of_a_login_under_way_opens_nothing() {
    let (test, ..) = TestHub::new().await.with_app("alice").await;
    let page = test.half_login("alice").await;
    let value = page.cookie("hubgate-signin").unwrap();
    for cookie in [signin(&page), format!("hubgate-session={value}")] {
        for place in ["home", "factors", "token"] {
            let answer = test.get(&format!("/jupyterhub/hub/{place}"), &cookie).await;
            assert!(answer.location().starts_with("/jupyterhub/hub/login"), "{place}: {}", answer.status);
        }
    }
}

#[actix_web::test]
async fn a_code_counts_once() {
    let (test, secret, _) = TestHub::new().await.with_app("alice").await;
    let code = code_of(&secret, test.now_s());
    let page = test.half_login("alice").await;
    assert_eq!(test.try_code(&page, &code).await.status, StatusCode::FOUND);
    let page = test.half_login("alice").await;
    let again = test.try_code(&page, &code).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.body.contains("used before"), "{}", again.body);
    // Nor an earlier one, which the app showed before.
    let page = test.half_login("alice").await;
    let earlier = code_of(&secret, test.now_s() - STEP_S);
    assert_eq!(test.try_code(&page, &earlier).await.status, StatusCode::FORBIDDEN);
    test.pass(STEP_S);
    let page = test.half_login("alice").await;
    assert_eq!(test.try_code(&page, &code_of(&secret, test.now_s())).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn the_code_that_added_an_app_does_not_log_in() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let (secret, _) = test.add_app(&cookie).await;
    let page = test.half_login("alice").await;
    assert_eq!(test.try_code(&page, &code_of(&secret, test.now_s())).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn five_wrong_codes_end_a_login_and_the_next_login_waits() {
    let (test, secret, codes) = TestHub::new().await.with_app("alice").await;
    let mut page = test.half_login("alice").await;
    for n in 1..=5 {
        let answer = test.try_code(&page, "000000").await;
        if n == 5 {
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.body);
            assert!(answer.body.contains("Log in again."));
            break;
        }
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{n}");
        page = answer;
    }
    assert_eq!(test.try_code(&page, "000000").await.location(), LATE);
    let kept = test.hub.audit_of(&"alice".parse().unwrap(), 50).await.unwrap();
    let refused = kept.iter().filter(|line| line.action == "login_refused");
    assert_eq!(refused.filter(|line| line.details()["why"] == "second factor").count(), 5);
    // The right code waits now, a recovery code does not.
    let page = test.half_login("alice").await;
    let answer = test.try_code(&page, &code_of(&secret, test.now_s())).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(test.try_code(&answer, &codes[0]).await.status, StatusCode::FOUND);
    test.pass(61);
    let page = test.half_login("alice").await;
    assert_eq!(test.try_code(&page, &code_of(&secret, test.now_s())).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn two_codes_at_once_are_one_try() {
    let (test, ..) = TestHub::new().await.with_app("alice").await;
    let page = test.half_login("alice").await;
    let form = format!("code=000000&_xsrf={}", page.xsrf());
    let cookie = signin(&page);
    let tries = (0..4).map(|_| test.post("/jupyterhub/hub/login/factor", &cookie, &form));
    let answers = futures_util::future::join_all(tries).await;
    let wrong = answers.iter().filter(|answer| answer.body.contains("This is wrong")).count();
    let late = answers.iter().filter(|answer| answer.location() == LATE).count();
    assert_eq!((wrong, late), (1, 3));
}

#[actix_web::test]
async fn a_recovery_code_gets_in_once_and_is_stored_as_a_hash() {
    let (test, _, codes) = TestHub::new().await.with_app("alice").await;
    assert_eq!(codes.len(), 10);
    let page = test.half_login("alice").await;
    let typed = codes[3].to_uppercase().replace('-', "+");
    assert_eq!(test.try_code(&page, &typed).await.status, StatusCode::FOUND);
    let page = test.half_login("alice").await;
    assert_eq!(test.try_code(&page, &codes[3]).await.status, StatusCode::FORBIDDEN);
    let left = test.hub.store.read(|c| {
        let id = users::id_of(c, &"alice".parse().unwrap())?;
        factors::held(c, id)
    });
    assert_eq!(left.unwrap().recovery_codes, 9);
    let file = std::fs::read(test.path("state/hubgate.sqlite-wal")).unwrap();
    let stored = |text: &str| file.windows(text.len()).any(|found| found == text.as_bytes());
    assert!(!stored(&codes[0]) && !stored(&codes[0].replace('-', "")));
}

#[actix_web::test]
async fn somebody_elses_recovery_code_is_worth_nothing() {
    let (test, _, codes) = TestHub::new().await.with_app("alice").await;
    let (test, ..) = test.with_app("bob").await;
    let page = test.half_login("bob").await;
    assert_eq!(test.try_code(&page, &codes[0]).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn a_login_that_waits_too_long_ends() {
    let (test, secret, _) = TestHub::new().await.with_app("alice").await;
    let page = test.half_login("alice").await;
    test.pass(300);
    let answer = test.try_code(&page, &code_of(&secret, test.now_s())).await;
    assert_eq!((answer.location(), answer.cookie("hubgate-session")), (LATE, None));
}

#[actix_web::test]
async fn the_form_of_the_second_factor_is_of_this_browser_and_site() {
    let (test, secret, _) = TestHub::new().await.with_app("alice").await;
    let (page, other) = (test.half_login("alice").await, test.half_login("alice").await);
    let code = code_of(&secret, test.now_s());
    for (cookie, token) in
        [(signin(&other), page.xsrf()), (String::new(), page.xsrf()), (signin(&page), String::new())]
    {
        let form = format!("code={code}&_xsrf={token}");
        let answer = test.post("/jupyterhub/hub/login/factor", &cookie, &form).await;
        assert_eq!((answer.location(), answer.cookie("hubgate-session")), (LATE, None));
    }
    let foreign = TestRequest::post()
        .uri("/jupyterhub/hub/login/factor")
        .insert_header(("cookie", signin(&page)))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .insert_header(("sec-fetch-site", "cross-site"))
        .set_payload(format!("code={code}&_xsrf={}", page.xsrf()));
    assert_eq!(test.send(foreign).await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.try_code(&page, &code).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn somebody_blocked_between_password_and_code_stays_out() {
    let (test, secret, _) = TestHub::new().await.with_app("alice").await;
    let page = test.half_login("alice").await;
    test.hub.store.write(|c| users::delete(c, &"alice".parse().unwrap())).unwrap();
    let answer = test.try_code(&page, &code_of(&secret, test.now_s())).await;
    assert!(answer.cookie("hubgate-session").is_none(), "{}", answer.status);
}

#[actix_web::test]
async fn where_everybody_needs_one_it_is_set_up_before_there_is_a_session() {
    let test = TestHub::with(Character::Obedient, demanded).await.with_user("alice");
    let page = test.half_login("alice").await;
    assert!(page.body.contains("data:image/svg+xml;base64,"), "{}", page.body);
    assert_eq!(test.hub.sessions.count(), 0);
    let (app, secret) = (page.field("app").unwrap(), secret(&page));
    let form = |code: &str, page: &Answer| format!("app={app}&code={code}&_xsrf={}", page.xsrf());
    let place = "/jupyterhub/hub/login/enrolment";
    let wrong = test.post(place, &signin(&page), &form("000000", &page)).await;
    assert_eq!((wrong.status, wrong.field("app").unwrap()), (StatusCode::FORBIDDEN, app.clone()));
    let code = code_of(&secret, test.now_s());
    let done = test.post(place, &signin(&wrong), &form(&code, &wrong)).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(recovery_codes(&done).len(), 10);
    assert!(done.body.contains("href=\"/jupyterhub/hub/token\""), "{}", done.body);
    assert_eq!(test.get("/jupyterhub/hub/home", &session(&done)).await.status, StatusCode::OK);
    test.pass(STEP_S);
    let page = test.half_login("alice").await;
    assert_eq!(test.try_code(&page, &code_of(&secret, test.now_s())).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn only_members_of_the_named_groups_need_one() {
    let test =
        TestHub::with(Character::Obedient, |config| config.second_factor_groups = vec!["staff".to_owned()])
            .await;
    let test = test.with_user("alice").with_user("bob");
    let staff = "staff".parse().unwrap();
    test.hub
        .change(move |c| {
            let group = groups::insert(c, &staff, &Object::new())?;
            let alice = users::id_of(c, &"alice".parse().unwrap())?;
            groups::add_members(c, group, &[alice])
        })
        .await
        .unwrap();
    test.half_login("alice").await;
    test.login("bob").await;
}

#[actix_web::test]
async fn the_last_factor_of_somebody_who_needs_one_stays() {
    let (test, ..) = TestHub::new().await.with_app("alice").await;
    let cookie = session_of(&test, "alice").await;
    let page = test.get("/jupyterhub/hub/factors", &cookie).await;
    let form = format!("_xsrf={}", page.xsrf());
    assert_eq!(test.post("/jupyterhub/hub/factors/remove", &cookie, &form).await.status, StatusCode::FOUND);
    assert_eq!(
        test.post("/jupyterhub/hub/factors/remove", &cookie, &form).await.status,
        StatusCode::NOT_FOUND
    );
    test.login("alice").await;

    let test = TestHub::with(Character::Obedient, demanded).await.with_user("alice");
    let cookie = enrolled(&test, "alice").await;
    let page = test.get("/jupyterhub/hub/factors", &cookie).await;
    let form = format!("_xsrf={}", page.xsrf());
    let kept = test.post("/jupyterhub/hub/factors/remove", &cookie, &form).await;
    assert_eq!(kept.status, StatusCode::CONFLICT);
    assert!(kept.body.contains("Add another one first."));
}

/// A session of somebody with an app, by a recovery code.
async fn session_of(test: &TestHub, name: &str) -> String {
    let user = name.parse().unwrap();
    let code = hubgate::domain::recovery::text(&[9; 10]);
    let hash: Hash = hubgate::domain::recovery::hash(&code).unwrap();
    test.hub
        .store
        .write(|c| {
            let id = users::id_of(c, &user)?;
            factors::put_recovery_codes(c, id, &[hash])
        })
        .unwrap();
    let page = test.half_login(name).await;
    let answer = test.try_code(&page, &code).await;
    session(&answer)
}

/// A session of somebody who sets their first factor up at login.
async fn enrolled(test: &TestHub, name: &str) -> String {
    let page = test.half_login(name).await;
    let code = code_of(&secret(&page), test.now_s());
    let form = format!("app={}&code={code}&_xsrf={}", page.field("app").unwrap(), page.xsrf());
    let done = test.post("/jupyterhub/hub/login/enrolment", &signin(&page), &form).await;
    session(&done)
}

#[actix_web::test]
async fn new_recovery_codes_end_the_old_ones() {
    let (test, _, old) = TestHub::new().await.with_app("alice").await;
    let page = test.half_login("alice").await;
    let answer = test.try_code(&page, &old[0]).await;
    let cookie = session(&answer);
    let page = test.get("/jupyterhub/hub/factors", &cookie).await;
    assert!(page.body.contains("id=\"recovery-left\">9<"), "{}", page.body);
    let shown =
        test.post("/jupyterhub/hub/factors/recovery", &cookie, &format!("_xsrf={}", page.xsrf())).await;
    let new = recovery_codes(&shown);
    let page = test.half_login("alice").await;
    let refused = test.try_code(&page, &old[1]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(test.try_code(&refused, &new[1]).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn an_offer_is_for_one_person_and_ten_minutes() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    let page = test.get("/jupyterhub/hub/factors/app", &alice).await;
    let code = code_of(&secret(&page), test.now_s());
    let foreign = test.get("/jupyterhub/hub/factors/app", &bob).await;
    let form = format!("app={}&code={code}&_xsrf={}", page.field("app").unwrap(), foreign.xsrf());
    assert_eq!(test.post("/jupyterhub/hub/factors/app", &bob, &form).await.status, StatusCode::FORBIDDEN);
    test.pass(601);
    let code = code_of(&secret(&page), test.now_s());
    let form = format!("app={}&code={code}&_xsrf={}", page.field("app").unwrap(), page.xsrf());
    let late = test.post("/jupyterhub/hub/factors/app", &alice, &form).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN);
    assert!(late.body.contains("here is a new secret"));
    for app in ["", "AAAA", "%00"] {
        let form = format!("app={app}&code={code}&_xsrf={}", page.xsrf());
        assert_eq!(
            test.post("/jupyterhub/hub/factors/app", &alice, &form).await.status,
            StatusCode::FORBIDDEN
        );
    }
}

#[actix_web::test]
async fn a_token_by_password_is_refused_where_a_second_factor_is_needed() {
    let (test, ..) = TestHub::new().await.with_app("alice").await;
    let test = test.with_user("bob");
    for (name, status) in [("alice", StatusCode::FORBIDDEN), ("bob", StatusCode::CREATED)] {
        let request = TestRequest::post()
            .uri(&format!("/jupyterhub/hub/api/users/{name}/tokens"))
            .set_json(json!({"auth": {"username": name, "password": PASSWORD}}));
        let answer = test.send(request).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.body.contains("needs a second factor"), name == "alice", "{}", answer.body);
    }
}

#[actix_web::test]
async fn a_reset_takes_every_factor_and_ends_the_sessions() {
    let (test, ..) = TestHub::new().await.with_app("alice").await;
    let cookie = session_of(&test, "alice").await;
    assert!(hubgate::state::factors::reset(&test.hub, &"alice".parse().unwrap()).await.unwrap());
    assert_eq!(test.get("/jupyterhub/hub/home", &cookie).await.status, StatusCode::FOUND);
    test.login("alice").await;
    assert!(!hubgate::state::factors::reset(&test.hub, &"alice".parse().unwrap()).await.unwrap());
}

#[actix_web::test]
async fn a_secret_sealed_with_another_key_lets_nobody_in() {
    let (test, secret, codes) = TestHub::new().await.with_app("alice").await;
    test.hub
        .store
        .write(|c| {
            let id = users::id_of(c, &"alice".parse().unwrap())?;
            let app = factors::App { sealed: "A".repeat(60), last_step: 0, created_s: 0 };
            factors::put_app(c, id, &app)
        })
        .unwrap();
    let page = test.half_login("alice").await;
    let answer = test.try_code(&page, &code_of(&secret, test.now_s())).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let page = test.half_login("alice").await;
    assert_eq!(test.try_code(&page, &codes[0]).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn hostile_codes_are_wrong_and_nothing_more() {
    let (test, ..) = TestHub::new().await.with_app("alice").await;
    for code in
        ["", "%00", "%27+OR+1=1", "12345", "1234567", "%EF%BC%91", "-1", "%2B12345", &"9".repeat(60_000)]
    {
        let page = test.half_login("alice").await;
        let status = test.try_code(&page, code).await.status;
        assert!(
            matches!(status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS),
            "{code:.20}: {status}"
        );
    }
}
