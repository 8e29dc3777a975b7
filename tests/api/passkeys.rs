//! Passkeys as second factor and as the only one, with a device of our own.

use actix_web::http::StatusCode;
use hubgate::config::Authenticator;
use serde_json::Value;

use crate::authenticator::Device;
use crate::support::{Answer, Character, PASSWORD, TestHub};

const ADD: &str = "/jupyterhub/hub/factors/passkey";
/// Where one is sent whose login has ended meanwhile.
const LATE: &str = "/jupyterhub/hub/login?late=1";
const ALONE: &str = "/jupyterhub/hub/login/passkey";

/// What a page asks the device.
fn options(page: &Answer) -> Value {
    let (_, rest) = page.body.split_once("data-options=\"").unwrap_or_else(|| panic!("{}", page.body));
    serde_json::from_str(&rest.split('"').next().unwrap().replace("&#34;", "\"")).unwrap()
}

fn encoded(answer: &Value) -> String {
    let text = answer.to_string();
    percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The form of a page with the device's answer.
fn filled(page: &Answer, answer: &Value) -> String {
    let ceremony = page.field("ceremony").unwrap_or_default();
    format!("_xsrf={}&ceremony={ceremony}&name=My+phone&answer={}", page.xsrf(), encoded(answer))
}

fn signin(page: &Answer) -> String {
    format!("hubgate-signin={}", page.cookie("hubgate-signin").unwrap_or_else(|| panic!("{}", page.body)))
}

fn session(answer: &Answer) -> String {
    format!(
        "hubgate-session={}",
        answer.cookie("hubgate-session").unwrap_or_else(|| panic!("{}", answer.body))
    )
}

fn xsrf_cookie(page: &Answer) -> String {
    format!("_xsrf={}", page.cookie("_xsrf").unwrap())
}

impl TestHub {
    async fn with_passkey(self, name: &str) -> (Self, Device) {
        let test = self.with_user(name);
        let cookie = test.login(name).await;
        let mut device = Device::new();
        let page = test.get(ADD, &cookie).await;
        let answer = device.create(&options(&page));
        let added = test.post(ADD, &cookie, &filled(&page, &answer)).await;
        assert_eq!(added.status, StatusCode::OK, "{}", added.body);
        assert!(added.body.contains("recovery-codes"));
        (test, device)
    }

    async fn asked(&self, name: &str) -> Answer {
        let page = self.try_login(name, PASSWORD, "").await;
        assert_eq!((page.status, page.cookie("hubgate-session")), (StatusCode::OK, None), "{}", page.body);
        page
    }

    async fn prove(&self, page: &Answer, answer: &Value) -> Answer {
        self.post("/jupyterhub/hub/login/factor", &signin(page), &filled(page, answer)).await
    }

    async fn alone(&self, page: &Answer, answer: &Value) -> Answer {
        self.post(ALONE, &xsrf_cookie(page), &filled(page, answer)).await
    }
}

#[actix_web::test]
async fn a_login_with_a_passkey_asks_for_it_after_the_password() {
    let (test, mut device) = TestHub::new().await.with_passkey("alice").await;
    for _ in 0..2 {
        let page = test.asked("alice").await;
        assert!(page.body.contains("/passkey.js"), "{}", page.body);
        let asked = options(&page);
        assert_eq!(
            (asked["rpId"].as_str(), asked["userVerification"].as_str()),
            (Some("hub.test"), Some("required"))
        );
        let entered = test.prove(&page, &device.get(&asked)).await;
        assert_eq!(entered.status, StatusCode::FOUND, "{}", entered.body);
        let cookie = session(&entered);
        let factors = test.get("/jupyterhub/hub/factors", &cookie).await;
        assert!(factors.body.contains("value=\"My phone\""), "{}", factors.body);
    }
}

#[actix_web::test]
async fn an_answer_that_is_not_for_this_site_login_and_device_is_refused() {
    let (test, mut device) = TestHub::new().await.with_passkey("alice").await;
    let (test, mut other) = test.with_passkey("bob").await;
    let earlier = options(&test.asked("alice").await);
    type Spoil = fn(&mut Device);
    let spoiled: [Spoil; 4] = [
        |device| device.origin = "https://evil.test".to_owned(),
        |device| device.origin = "https://hub.test:8443".to_owned(),
        |device| device.host = "evil.test".to_owned(),
        |device| device.verifies = false,
    ];
    for spoil in spoiled {
        let page = test.asked("alice").await;
        spoil(&mut device);
        let answer = device.get(&options(&page));
        assert_eq!(test.prove(&page, &answer).await.status, StatusCode::FORBIDDEN);
        (device.origin, device.host, device.verifies) =
            ("https://hub.test".to_owned(), "hub.test".to_owned(), true);
    }
    let page = test.asked("alice").await;
    let asked = options(&page);
    for answer in
        [other.get(&asked), device.get(&earlier), device.get_as(&asked, "webauthn.create"), Value::Null]
    {
        let page = test.asked("alice").await;
        assert_eq!(test.prove(&page, &answer).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(test.prove(&page, &device.get(&asked)).await.status, StatusCode::FOUND);
}

#[actix_web::test]
async fn an_answer_counts_once_and_a_copied_device_is_noticed() {
    let (test, mut device) = TestHub::new().await.with_passkey("alice").await;
    let page = test.asked("alice").await;
    let answer = device.get(&options(&page));
    assert_eq!(test.prove(&page, &answer).await.status, StatusCode::FOUND);
    let again = test.prove(&page, &answer).await;
    assert_eq!((again.location(), again.cookie("hubgate-session")), (LATE, None));
    device.counter = 0;
    let page = test.asked("alice").await;
    assert_eq!(test.prove(&page, &device.get(&options(&page))).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn a_file_user_logs_in_by_a_passkey_alone() {
    let (test, mut device) = TestHub::new().await.with_passkey("alice").await;
    let login = test.get("/jupyterhub/hub/login?next=%2Fjupyterhub%2Fhub%2Ftoken", "").await;
    assert!(login.body.contains("id=\"passkey-login\""), "{}", login.body);
    let page = test.get(&format!("{ALONE}?next=%2Fjupyterhub%2Fhub%2Ftoken"), "").await;
    let asked = options(&page);
    assert_eq!(asked["allowCredentials"], Value::Array(Vec::new()));
    let answer = device.get(&asked);
    let form = format!("{}&next=%2Fjupyterhub%2Fhub%2Ftoken", filled(&page, &answer));
    let entered = test.post(ALONE, &xsrf_cookie(&page), &form).await;
    assert_eq!(
        (entered.status, entered.location()),
        (StatusCode::FOUND, "/jupyterhub/hub/token"),
        "{}",
        entered.body
    );
    assert_eq!(test.get("/jupyterhub/hub/home", &session(&entered)).await.status, StatusCode::OK);
    // The same answer once more, in the same browser.
    assert_eq!(test.alone(&page, &answer).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn nobody_logs_in_by_the_answer_of_another_browser_user_or_time() {
    let (test, mut device) = TestHub::new().await.with_passkey("alice").await;
    let (test, bobs) = test.with_passkey("bob").await;
    let (page, elsewhere) = (test.get(ALONE, "").await, test.get(ALONE, "").await);
    let answer = device.get(&options(&page));
    assert_eq!(test.alone(&elsewhere, &answer).await.status, StatusCode::FORBIDDEN);
    let own = device.handle.clone();
    for handle in [bobs.handle.clone(), None, Some("AAAA".to_owned())] {
        device.handle = handle;
        let page = test.get(ALONE, "").await;
        assert_eq!(test.alone(&page, &device.get(&options(&page))).await.status, StatusCode::FORBIDDEN);
    }
    device.handle = own;
    let mut stranger = Device::new();
    stranger.handle = device.handle.clone();
    assert_eq!(test.alone(&page, &stranger.get(&options(&page))).await.status, StatusCode::FORBIDDEN);
    test.pass(301);
    assert_eq!(test.alone(&page, &answer).await.status, StatusCode::FORBIDDEN);
    for answer in ["", "%7B%7D", "null", "%5B%5D", "%00", "{", &"9".repeat(60_000)] {
        let form =
            format!("_xsrf={}&ceremony={}&answer={answer}", page.xsrf(), page.field("ceremony").unwrap());
        assert_eq!(test.post(ALONE, &xsrf_cookie(&page), &form).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(test.hub.sessions.count(), 2);
}

#[actix_web::test]
async fn a_disabled_user_does_not_come_in_by_passkey() {
    let (test, mut device) = TestHub::with(Character::Obedient, |config| {
        config.blocked_users = vec!["mallory".parse().unwrap()];
    })
    .await
    .with_passkey("alice")
    .await;
    test.hub
        .store
        .write(|c| hubgate::store::users::rename(c, &"alice".parse().unwrap(), &"mallory".parse().unwrap()))
        .unwrap();
    let page = test.get(ALONE, "").await;
    let answer = test.alone(&page, &device.get(&options(&page))).await;
    assert_eq!((answer.status, answer.cookie("hubgate-session")), (StatusCode::FORBIDDEN, None));
}

#[actix_web::test]
async fn a_passkey_alone_is_enough_only_where_passwords_are_kept_here_and_the_site_says_so() {
    let off = TestHub::with(Character::Obedient, |config| config.allow_passkey_login = false).await;
    let pam = TestHub::with(Character::Obedient, |config| config.authenticator = Authenticator::Pam).await;
    let bare =
        TestHub::with(Character::Obedient, |config| config.public_url = "http://hub.test".to_owned()).await;
    for test in [off, pam, bare] {
        assert_eq!(test.get(ALONE, "").await.status, StatusCode::NOT_FOUND);
        let login = test.get("/jupyterhub/hub/login", "").await;
        assert!(!login.body.contains("passkey-login"));
        let form = format!("_xsrf={}&ceremony=x&answer=x", login.xsrf());
        let posted = test.post(ALONE, &xsrf_cookie(&login), &form).await;
        assert_eq!(posted.status, StatusCode::NOT_FOUND);
    }
}

#[actix_web::test]
async fn the_address_of_the_site_is_the_configured_one_before_the_requests() {
    let test =
        TestHub::with(Character::Obedient, |config| config.public_url = "https://hub.example.org".to_owned())
            .await;
    let test = test.with_user("alice");
    let cookie = test.login("alice").await;
    assert_eq!(options(&test.get(ADD, &cookie).await)["rp"]["id"], "hub.example.org");
    let bare =
        TestHub::with(Character::Obedient, |config| config.public_url = "https://192.0.2.7".to_owned()).await;
    let bare = bare.with_user("alice");
    let cookie = bare.login("alice").await;
    assert_eq!(bare.get(ADD, &cookie).await.status, StatusCode::NOT_FOUND);
    assert!(bare.get("/jupyterhub/hub/factors", &cookie).await.body.contains("no-passkeys"));
}

#[actix_web::test]
async fn where_everybody_needs_a_second_factor_a_passkey_is_one() {
    let test =
        TestHub::with(Character::Obedient, |config| config.second_factor_groups = vec!["*".to_owned()]).await;
    let test = test.with_user("alice");
    let page = test.asked("alice").await;
    let mut device = Device::new();
    let answer = device.create(&options(&page));
    let done = test.post("/jupyterhub/hub/login/enrolment", &signin(&page), &filled(&page, &answer)).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert!(done.body.contains("recovery-codes"));
    assert_eq!(test.get("/jupyterhub/hub/home", &session(&done)).await.status, StatusCode::OK);
    // Alone it is two factors already.
    let page = test.get(ALONE, "").await;
    let entered = test.alone(&page, &device.get(&options(&page))).await;
    assert_eq!(entered.status, StatusCode::FOUND, "{}", entered.body);
}

#[actix_web::test]
async fn a_passkey_is_renamed_and_removed_by_its_owner_alone() {
    let (test, mut device) = TestHub::new().await.with_passkey("alice").await;
    let test = test.with_user("bob");
    let page = test.asked("alice").await;
    let alice = session(&test.prove(&page, &device.get(&options(&page))).await);
    let bob = test.login("bob").await;
    let id = test.get("/jupyterhub/hub/factors", &alice).await.field("passkey").unwrap();
    let own = test.get("/jupyterhub/hub/factors", &alice).await;
    let form = format!("passkey={id}&name=%3Cb%3EKey%3C%2Fb%3E&_xsrf={}", own.xsrf());
    assert_eq!(test.post("/jupyterhub/hub/factors/rename", &alice, &form).await.status, StatusCode::FOUND);
    let renamed = test.get("/jupyterhub/hub/factors", &alice).await;
    assert!(renamed.body.contains("&#60;b&#62;Key") && !renamed.body.contains("<b>Key"), "{}", renamed.body);
    let theirs = test.get("/jupyterhub/hub/factors", &bob).await;
    for place in ["rename", "remove"] {
        let form = format!("passkey={id}&name=x&_xsrf={}", theirs.xsrf());
        let answer = test.post(&format!("/jupyterhub/hub/factors/{place}"), &bob, &form).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{place}");
    }
    let form = format!("passkey={id}&_xsrf={}", own.xsrf());
    assert_eq!(test.post("/jupyterhub/hub/factors/remove", &alice, &form).await.status, StatusCode::FOUND);
    test.login("alice").await;
}

#[actix_web::test]
async fn a_passkey_is_added_once() {
    let (test, mut device) = TestHub::new().await.with_passkey("alice").await;
    let test = test.with_user("bob");
    let bob = test.login("bob").await;
    let page = test.get(ADD, &bob).await;
    let answer = device.create(&options(&page));
    let known = test.post(ADD, &bob, &filled(&page, &answer)).await;
    assert_eq!(known.status, StatusCode::FORBIDDEN);
    assert!(known.body.contains("known here already"), "{}", known.body);
}
