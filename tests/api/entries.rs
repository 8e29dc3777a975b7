//! Entering the server of somebody else: only with a reason, for a time, and for all to see whom it concerns.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Config;
use hubgate::domain::audit::Action;
use hubgate::state::{entries, reload};
use hubgate::store::audit::Line;
use hubgate::store::entries::EntryRow;
use hubgate_protocol::{Phase, ServerId, Username};
use serde_json::{Value, json};

use crate::access::token;
use crate::support::{Answer, Character, TestHub, navigation, script};

const ENTER: &str = "/jupyterhub/hub/admin/enter/ada";
const HOME: &str = "/jupyterhub/hub/home";
const USER: &str = "/jupyterhub/hub/admin/user/ada";
const SERVER: &str = "/jupyterhub/user/ada/lab";

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn server() -> ServerId {
    "ada".parse().unwrap()
}

/// What the page of ada's server is told.
async fn banners(test: &TestHub, cookie: &str) -> Value {
    let answer = test.send(browser_script("/jupyterhub/hub/notices/ada", cookie)).await;
    serde_json::from_str::<Value>(&answer.body).unwrap()["banners"].clone()
}

fn browser_script(path: &str, cookie: &str) -> TestRequest {
    TestRequest::get()
        .uri(path)
        .insert_header(("cookie", cookie.to_owned()))
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("sec-fetch-mode", "cors"))
        .insert_header(("sec-fetch-dest", "empty"))
}

/// nginx's question about a program with a token of that user, at ada's server.
async fn token_question(test: &TestHub, owner: &str) -> TestRequest {
    let token = token(test, owner, &["inherit"]).await;
    script("GET", "/jupyterhub/user/ada/api/kernels")
        .uri("/auth")
        .insert_header(("authorization", format!("token {token}")))
}

/// A hub with an administrator, whose cookie this is, and a running server of ada.
async fn hub(change: impl FnOnce(&mut Config)) -> (TestHub, String) {
    let change = |config: &mut Config| {
        config.admin_users = vec![name("boss")];
        change(config);
    };
    let test = TestHub::with(Character::Obedient, change).await.with_user("boss").with_user("ada");
    reload::reload(&test.hub).await.unwrap();
    test.server("ada", Phase::Running);
    let boss = test.login("boss").await;
    (test, boss)
}

async fn send(test: &TestHub, cookie: &str, path: &str, fields: &str) -> Answer {
    let xsrf = test.get("/jupyterhub/hub/token", cookie).await.xsrf();
    test.post(path, cookie, &format!("_xsrf={xsrf}&{fields}")).await
}

async fn enter(test: &TestHub, cookie: &str) -> Answer {
    send(test, cookie, ENTER, "reason=Help+with+homework&next=%2Fjupyterhub%2Fuser%2Fada%2Flab").await
}

#[actix_web::test]
async fn an_administrator_says_why_first_and_is_in_then() {
    let (test, boss) = hub(|_| {}).await;
    let refused = test.ask(navigation(SERVER), &boss).await;
    assert_eq!((refused.status, refused.header("x-hubgate-reason")), (StatusCode::FORBIDDEN, "say-why"));
    assert_eq!(
        test.open_socket("/jupyterhub/user/ada/api/kernels/1/channels", &boss).await,
        StatusCode::FORBIDDEN
    );
    let page = test.get(&format!("{ENTER}?next={SERVER}"), &boss).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert_eq!(enter(&test, &boss).await.location(), SERVER);
    assert_eq!(test.ask(navigation(SERVER), &boss).await.status, StatusCode::OK);
    assert_eq!(
        test.ask(script("GET", "/jupyterhub/user/ada/api/kernels"), &boss).await.status,
        StatusCode::OK
    );
    let inside = test.hub.entries.of(&server());
    assert_eq!((inside[0].by.as_str(), inside[0].reason.as_str()), ("boss", "Help with homework"));
    let seen = test.hub.audit_of(&name("ada"), 9).await.unwrap();
    let entry = seen.iter().find(|line| line.action == Action::Entry.name()).unwrap();
    assert_eq!(
        (entry.actor.as_str(), entry.subject.as_str(), entry.address.as_str()),
        ("user:boss", "ada", "192.0.2.7")
    );
    assert_eq!(entry.details()["reason"], "Help with homework");
}

#[actix_web::test]
async fn what_is_no_reason_lets_nobody_in() {
    let (test, boss) = hub(|_| {}).await;
    for reason in ["", "help", "++++++++", "a%0Ab+cdefgh", &"x".repeat(201)] {
        let answer = send(&test, &boss, ENTER, &format!("reason={reason}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{reason}");
    }
    assert!(test.hub.entries.of(&server()).is_empty());
    let absent = send(&test, &boss, "/jupyterhub/hub/admin/enter/nobody", "reason=Help+there").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND, "{}", absent.body);
}

#[actix_web::test]
async fn leaving_and_time_end_it_with_its_websockets() {
    let (test, boss) = hub(|_| {}).await;
    let socket = "/jupyterhub/user/ada/api/kernels/1/channels";
    enter(&test, &boss).await;
    assert_eq!(test.open_socket(socket, &boss).await, StatusCode::OK);
    let left = send(&test, &boss, "/jupyterhub/hub/admin/leave/ada", "").await;
    assert_eq!(left.status, StatusCode::FOUND, "{}", left.body);
    assert_eq!(test.cut_connections(), 1);
    assert_eq!(test.ask(navigation(SERVER), &boss).await.status, StatusCode::FORBIDDEN);
    enter(&test, &boss).await;
    assert_eq!(test.open_socket(socket, &boss).await, StatusCode::OK);
    test.pass(3599);
    entries::end_expired(&test.hub).await.unwrap();
    assert_eq!(test.ask(navigation(SERVER), &boss).await.status, StatusCode::OK);
    test.pass(1);
    assert_eq!(test.ask(navigation(SERVER), &boss).await.status, StatusCode::FORBIDDEN);
    entries::end_expired(&test.hub).await.unwrap();
    assert_eq!(test.cut_connections(), 2);
}

#[actix_web::test]
async fn a_restart_forgets_no_entry() {
    let (test, boss) = hub(|_| {}).await;
    enter(&test, &boss).await;
    let stored = test.hub.store.read(|c| hubgate::store::entries::live(c, 1_800_000_000)).unwrap();
    assert_eq!(stored, test.hub.entries.of(&server()));
}

#[actix_web::test]
async fn where_it_is_off_not_even_administrators_enter() {
    let (test, boss) = hub(|config| config.admin_access = false).await;
    let refused = test.ask(navigation(SERVER), &boss).await;
    assert_eq!((refused.status, refused.header("x-hubgate-reason")), (StatusCode::FORBIDDEN, "not-yours"));
    assert_eq!(test.get(ENTER, &boss).await.status, StatusCode::FORBIDDEN);
    assert_eq!(enter(&test, &boss).await.status, StatusCode::FORBIDDEN);
    assert!(test.hub.entries.of(&server()).is_empty());
    let by_token = test.send(token_question(&test, "boss").await).await;
    assert_eq!((by_token.status, by_token.header("x-hubgate-reason")), (StatusCode::FORBIDDEN, "not-yours"));
    assert!(!test.get(USER, &boss).await.body.contains(ENTER), "no link to what is refused");
    let owner = test.send(token_question(&test, "ada").await).await;
    assert_eq!(owner.status, StatusCode::OK);
}

#[actix_web::test]
async fn whoever_was_in_is_out_when_the_hub_starts_anew_without_that_policy() {
    let (test, _) = hub(|config| config.admin_access = false).await;
    let (by, reason) = (name("boss"), "Help with homework".to_owned());
    let row = EntryRow { by, server: server(), reason, begun_s: 1_800_000_000, until_s: 1_800_003_600 };
    test.hub.change(move |c| hubgate::store::entries::put(c, &row)).await.unwrap();
    assert!(test.hub.entries.of(&server()).is_empty());
}

#[actix_web::test]
async fn the_use_of_a_token_is_written_down_once_in_a_while() {
    let (test, _) = hub(|_| {}).await;
    let entries = |lines: Vec<Line>| lines.into_iter().filter(|line| line.action == "entry").count();
    for (pass_s, known) in [(0, 1), (3599, 1), (1, 2)] {
        test.pass(pass_s);
        assert_eq!(test.send(token_question(&test, "boss").await).await.status, StatusCode::OK);
        assert_eq!(entries(test.hub.audit_of(&name("ada"), 9).await.unwrap()), known);
    }
    assert_eq!(test.send(token_question(&test, "ada").await).await.status, StatusCode::OK);
    assert_eq!(entries(test.hub.audit_of(&name("ada"), 9).await.unwrap()), 2, "the own server is no entry");
    let ada = test.login("ada").await;
    let home = test.get("/jupyterhub/hub/home", &ada).await.body;
    assert!(home.contains("By a token."), "{home}");
}

#[actix_web::test]
async fn the_owner_sees_who_is_in_why_and_until_when_and_later_that_they_were() {
    let (test, boss) = hub(|_| {}).await;
    let ada = test.login("ada").await;
    assert!(!test.get(HOME, &ada).await.body.contains("data-entry"));
    assert_eq!(banners(&test, &ada).await, json!([]));
    send(&test, &boss, ENTER, "reason=Help+%3Cb%3E").await;
    let home = test.get(HOME, &ada).await.body;
    for part in ["boss is in your server ada", "Help &#60;b&#62;", "2027-01-15 09:00 UTC", "/hub/history"] {
        assert!(home.contains(part), "{part}: {home}");
    }
    let told = banners(&test, &ada).await;
    let text = "boss is in this server until 2027-01-15 09:00 UTC. The reason given: Help <b>";
    assert_eq!((&told[0]["text"], &told[0]["hides"]), (&json!(text), &json!(false)));
    let own = banners(&test, &boss).await;
    assert!(own[0]["text"].as_str().unwrap().contains("of ada until"), "{own}");
    assert_eq!(own[0]["act"]["address"], ENTER);
    send(&test, &boss, "/jupyterhub/hub/admin/leave/ada", "").await;
    assert_eq!(banners(&test, &ada).await, json!([]));
    let later = test.get(HOME, &ada).await.body;
    assert!(later.contains("boss entered your server ada") && later.contains("Help &#60;b&#62;"), "{later}");
    test.pass(8 * 86_400);
    let ada = test.login("ada").await;
    assert!(!test.get(HOME, &ada).await.body.contains("data-entry"));
}

#[actix_web::test]
async fn everybody_reads_their_own_history_and_nobody_elses() {
    let (test, boss) = hub(|_| {}).await;
    enter(&test, &boss).await;
    let ada = test.login("ada").await;
    let history = test.get("/jupyterhub/hub/history", &ada).await.body;
    assert!(history.contains("Entered a server") && history.contains("Help with homework"), "{history}");
    assert_eq!(history.matches("192.0.2.7").count(), 1, "her own log-in alone says from where: {history}");
    assert_eq!(history.matches("<tr id=").count(), 2, "{history}");
    let script = test.send(browser_script("/jupyterhub/hub/history", &ada)).await;
    assert_eq!(script.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn the_page_of_a_user_leads_where_the_reason_is_asked_for() {
    let (test, boss) = hub(|_| {}).await;
    let page = test.get(USER, &boss).await.body;
    assert!(page.contains(&format!("href=\"{ENTER}\"")), "{page}");
    assert!(!page.contains("href=\"/jupyterhub/user/"), "{page}");
}

#[actix_web::test]
async fn nobody_enters_what_is_not_theirs_to_enter() {
    let (test, boss) = hub(|_| {}).await;
    let ada = test.login("ada").await;
    let into_boss = "/jupyterhub/hub/admin/enter/boss";
    for answer in [test.get(into_boss, &ada).await, send(&test, &ada, into_boss, "reason=I+want+to").await] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.body);
    }
    let forged = test.post(ENTER, &boss, "reason=Help+with+homework").await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let home = test.get("/jupyterhub/hub/admin/enter/ada?next=https://evil.example/", &ada).await;
    assert_eq!(home.location(), "/jupyterhub/user/ada/");
}
