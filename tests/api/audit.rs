//! The audit log: what comes into it, who may read it, and how it is filtered and taken away.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Config;
use hubgate::state::reload;
use hubgate::store::audit::{AuditQuery, Line, Verdict, verify};
use hubgate_protocol::Username;
use serde_json::{Value, json};

use crate::support::{Character, PASSWORD, TestHub};

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

/// A hub with an administrator, and their cookie.
async fn hub() -> (TestHub, String) {
    let change = |config: &mut Config| config.admin_users = vec![name("boss")];
    let test = TestHub::with(Character::Obedient, change).await.with_user("boss").with_user("ada");
    reload::reload(&test.hub).await.unwrap();
    let boss = test.login("boss").await;
    (test, boss)
}

async fn lines(test: &TestHub) -> Vec<Line> {
    let mut all = test.hub.audit_lines(AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap();
    all.reverse();
    all
}

fn spoken(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| format!("{} {} {}", line.actor, line.action, line.subject)).collect()
}

/// A call of the API in the session of that cookie, as a page of ours makes it.
async fn call(
    test: &TestHub,
    cookie: &str,
    request: TestRequest,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let xsrf = test.get("/jupyterhub/hub/token", cookie).await.xsrf();
    let request = request.insert_header(("cookie", cookie)).insert_header(("x-xsrftoken", xsrf));
    let request = match body {
        Some(body) => request.set_json(body),
        None => request,
    };
    let answer = test.send(request).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

#[actix_web::test]
async fn logging_in_failing_and_leaving_are_written_down_with_the_address() {
    let (test, boss) = hub().await;
    test.try_login("ada", "wrong", "").await;
    test.try_login("my secret password", "oops", "").await;
    let xsrf = test.get("/jupyterhub/hub/token", &boss).await.xsrf();
    test.post("/jupyterhub/hub/logout", &boss, &format!("_xsrf={xsrf}")).await;
    let all = lines(&test).await;
    assert_eq!(
        spoken(&all),
        ["user:boss login boss", "hub login_refused ada", "hub login_refused ", "user:boss logout boss"]
    );
    assert_eq!(all[0].address, "192.0.2.7");
    assert_eq!(all[1].details()["address"], "192.0.2.7");
    let whole: String = all.iter().map(|line| line.event.as_str()).collect();
    assert!(!whole.contains("secret") && !whole.contains(PASSWORD), "{whole}");
    assert!(matches!(test.hub.store.read(verify), Ok(Verdict::Whole { lines: 4, .. })));
}

#[actix_web::test]
async fn what_administrators_do_by_the_api_is_there_when_it_is_acknowledged() {
    let (test, boss) = hub().await;
    let users = "/jupyterhub/hub/api/users";
    call(&test, &boss, TestRequest::post().uri(users), Some(json!({ "usernames": ["eve"] }))).await;
    call(&test, &boss, TestRequest::patch().uri(&format!("{users}/eve")), Some(json!({ "disabled": true })))
        .await;
    let groups = "/jupyterhub/hub/api/groups/lab";
    call(&test, &boss, TestRequest::post().uri(groups), Some(json!({}))).await;
    call(
        &test,
        &boss,
        TestRequest::post().uri(&format!("{groups}/users")),
        Some(json!({ "users": ["eve"] })),
    )
    .await;
    call(&test, &boss, TestRequest::post().uri(&format!("{users}/ada/tokens")), Some(json!({}))).await;
    call(&test, &boss, TestRequest::post().uri(&format!("{users}/ada/server")), None).await;
    call(&test, &boss, TestRequest::delete().uri(&format!("{users}/eve")), None).await;
    let stored = test.hub.store.read(|c| {
        hubgate::store::audit::list(
            c,
            &AuditQuery { actor: Some("user:boss".into()), limit: 50, ..AuditQuery::default() },
        )
    });
    let mut stored = stored.unwrap();
    stored.reverse();
    let did: Vec<String> = stored.iter().map(|line| format!("{} {}", line.action, line.subject)).collect();
    assert_eq!(
        did,
        [
            "login boss",
            "user_added eve",
            "user_changed eve",
            "group_changed lab",
            "group_changed lab",
            "token_made ada",
            "server_start ada",
            "user_deleted eve"
        ]
    );
    assert_eq!(stored[4].details(), json!({ "added": ["eve"] }));
}

#[actix_web::test]
async fn the_log_is_read_by_those_who_administer_everybody_alone() {
    let (test, boss) = hub().await;
    let ada = test.login("ada").await;
    let own = "/jupyterhub/hub/api/audit?action=login&who=ada&limit=5";
    let (status, found) = call(&test, &boss, TestRequest::get().uri(own), None).await;
    assert_eq!((status, found[0]["actor"].as_str()), (StatusCode::OK, Some("user:ada")), "{found}");
    assert_eq!(found[0]["hash"].as_str().map(str::len), Some(64));
    assert_eq!(call(&test, &ada, TestRequest::get().uri(own), None).await.0, StatusCode::FORBIDDEN);
    for bad in ["action=nonsense", "since=yesterday", "before=x"] {
        let uri = format!("/jupyterhub/hub/api/audit?{bad}");
        assert_eq!(
            call(&test, &boss, TestRequest::get().uri(&uri), None).await.0,
            StatusCode::BAD_REQUEST,
            "{bad}"
        );
    }
    for path in ["audit", "audit.csv", "audit.jsonl"] {
        let path = format!("/jupyterhub/hub/admin/{path}");
        assert_eq!(test.get(&path, &ada).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(test.get(&path, &boss).await.status, StatusCode::OK, "{path}");
    }
}

#[actix_web::test]
async fn the_page_filters_and_its_files_hold_what_it_shows() {
    let (test, boss) = hub().await;
    test.login("ada").await;
    let page = test.get("/jupyterhub/hub/admin/audit?subject=ada&action=login", &boss).await;
    assert!(page.body.contains("id=\"line-2\"") && !page.body.contains("id=\"line-1\""), "{}", page.body);
    let wrong = test.get("/jupyterhub/hub/admin/audit?since=yesterday", &boss).await;
    assert!(wrong.status == StatusCode::OK && wrong.body.contains("role=\"alert\""), "{}", wrong.body);
    let csv = test.get("/jupyterhub/hub/admin/audit.csv?subject=ada", &boss).await;
    assert_eq!(csv.body.lines().count(), 2, "{}", csv.body);
    let json = test.get("/jupyterhub/hub/admin/audit.jsonl?subject=ada", &boss).await;
    assert_eq!(serde_json::from_str::<Value>(&json.body).unwrap()["subject"], "ada");
}
