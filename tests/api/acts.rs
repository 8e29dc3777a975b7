//! Every act that somebody may be asked about later is in the audit log when it is acknowledged: by whom, what, to whom.

use std::collections::BTreeSet;

use hubgate::config::Config;
use hubgate::state::{audit::started, reload};
use hubgate::store::audit::{AuditQuery, Line, list};
use hubgate_protocol::Phase;

use crate::rest::Rest;
use crate::support::{Character, TestHub};

/// What the database holds, the oldest first: nothing that still waits in memory.
fn lines(test: &TestHub) -> Vec<Line> {
    let query = AuditQuery { limit: 1000, ..AuditQuery::default() };
    let mut lines = test.hub.store.read(|c| list(c, &query)).unwrap();
    lines.reverse();
    lines
}

fn said(line: &Line) -> String {
    format!("{} {} {}", line.actor, line.action, line.subject)
}

/// Method, path, who asks, body, and the line that it leaves.
const CALLS: &[(&str, &str, &str, &str, &str)] = &[
    ("POST", "/users/eve", "boss", "", "user:boss user_added eve"),
    ("PATCH", "/users/eve", "boss", r#"{"disabled": true}"#, "user:boss user_changed eve"),
    ("PATCH", "/users/eve", "boss", r#"{"expires_at": "2028-01-31"}"#, "user:boss user_changed eve"),
    ("PUT", "/users/alice/limits", "boss", r#"{"mem_limit": "2G"}"#, "user:boss limits alice"),
    ("DELETE", "/users/alice/limits", "boss", "", "user:boss limits alice"),
    ("POST", "/groups/class", "boss", r#"{"users": ["alice"]}"#, "user:boss group_changed class"),
    ("PUT", "/groups/class/properties", "boss", r#"{"a": 1}"#, "user:boss group_changed class"),
    ("PUT", "/groups/class/limits", "boss", r#"{"mem_limit": "2G"}"#, "user:boss limits class"),
    ("PUT", "/groups/class/exam", "boss", r#"{"until": "2027-01-15T10:00:00Z"}"#, "user:boss exam class"),
    ("DELETE", "/groups/class/exam", "boss", "", "user:boss exam class"),
    ("DELETE", "/groups/class/users", "boss", r#"{"users": ["alice"]}"#, "user:boss group_changed class"),
    ("DELETE", "/groups/class", "boss", "", "user:boss group_changed class"),
    ("POST", "/announcements", "boss", r#"{"text": "Hello"}"#, "user:boss announcement 2"),
    ("DELETE", "/announcements/2", "boss", "", "user:boss announcement 2"),
    ("POST", "/users/alice/tokens", "boss", "", "user:boss token_made alice"),
    ("POST", "/shares/alice/", "boss", r#"{"user": "bob"}"#, "user:boss share_changed alice"),
    ("POST", "/users/alice/servers/gpu", "alice", "", "user:alice server_start alice/gpu"),
    (
        "DELETE",
        "/users/alice/servers/gpu",
        "alice",
        r#"{"remove": true}"#,
        "user:alice server_stop alice/gpu",
    ),
    (
        "POST",
        "/services/helper",
        "boss",
        r#"{"admin": true, "api_token": "token-of-helper-1"}"#,
        "user:boss service_changed helper",
    ),
    ("POST", "/users/bob/server", "helper", "", "service:helper server_start bob"),
    ("PATCH", "/users/bob", "helper", r#"{"disabled": true}"#, "service:helper user_changed bob"),
    ("POST", "/groups/robots", "helper", "", "service:helper group_changed robots"),
    ("DELETE", "/services/helper", "boss", "", "user:boss service_changed helper"),
    ("DELETE", "/users/eve", "boss", "", "user:boss user_deleted eve"),
];

#[actix_web::test]
async fn what_people_and_services_do_by_the_api_is_written_down_before_it_is_acknowledged() {
    let mut rest = Rest::with(|config| config.allow_named_servers = true).await;
    rest.known("helper", "token-of-helper-1");
    for (method, path, who, body, line) in CALLS {
        let before = lines(&rest.test).len();
        let answer = rest.send(method, path, who, body).await;
        let row = format!("{method} {path} by {who}: {} {}", answer.status, answer.body);
        assert!(answer.status.is_success(), "{row}");
        let new: Vec<String> = lines(&rest.test).iter().skip(before).map(said).collect();
        assert_eq!(new.first().map(String::as_str), Some(*line), "{row}");
        rest.test.server("alice:gpu", Phase::Stopped);
    }
    let with_address = lines(&rest.test).into_iter().filter(|line| line.actor.starts_with("user:"));
    assert!(with_address.clone().count() > 10);
    for line in with_address {
        assert_eq!(line.address, "192.0.2.7", "{}", said(&line));
    }
}

/// Page, form, and the lines that it leaves.
const FORMS: &[(&str, &str, &[&str])] = &[
    ("add", "names=newbie", &["user_added newbie", "link_made newbie"]),
    ("users/newbie", "act=reset", &["link_made newbie"]),
    ("users/newbie", "act=reset-factor", &["factor_changed newbie"]),
    ("users/newbie", "act=appoint", &["user_changed newbie"]),
    ("users/newbie", "act=expire&expires=2028-01-31", &["user_changed newbie"]),
    ("groups", "name=lab", &["group_changed lab"]),
    ("group/lab", "act=add&users=newbie", &["group_changed lab"]),
    ("group/lab", "act=describe&properties=%7B%7D", &["group_changed lab"]),
    ("many", "act=disable&user=ada&user=newbie&sure=1", &["user_changed ada", "user_changed newbie"]),
    ("many", "act=join&group=lab&user=ada&sure=1", &["group_changed lab"]),
    ("many", "act=enable&user=ada&sure=1", &["user_changed ada"]),
    ("many", "act=start&user=ada&sure=1", &["server_start ada"]),
    ("limits/user/ada", "mem_limit=1G", &["limits ada"]),
    ("limits/group/lab", "mem_limit=1G", &["limits lab"]),
    ("exam/lab", "minutes=90", &["exam lab"]),
    ("exam/lab", "act=end", &["exam lab"]),
    ("announcements", "text=Hello", &["announcement 2"]),
    ("announcements/2", "act=end", &["announcement 2"]),
    ("import", "csv=user%0Amaria%0Aada", &[]),
    ("import/apply", "", &["user_added maria"]),
    ("group/lab", "act=delete-now", &["group_changed lab"]),
    ("users/newbie", "act=delete-now", &["user_deleted newbie"]),
];

#[actix_web::test]
async fn what_administrators_do_on_pages_is_written_down_with_their_session() {
    let change = |config: &mut Config| config.admin_users = vec!["boss".parse().unwrap()];
    let test = TestHub::with(Character::Obedient, change).await.with_user("boss").with_user("ada");
    reload::reload(&test.hub).await.unwrap();
    let boss = test.login("boss").await;
    test.login("ada").await;
    let xsrf = test.get("/jupyterhub/hub/token", &boss).await.xsrf();
    for (page, form, expected) in FORMS {
        let before = lines(&test).len();
        let path = format!("/jupyterhub/hub/admin/{page}");
        let answer = test.post(&path, &boss, &format!("_xsrf={xsrf}&{form}")).await;
        let row = format!("{page} {form}: {} {}", answer.status, answer.body);
        assert!(answer.status.is_success() || answer.status.is_redirection(), "{row}");
        let new: Vec<Line> = lines(&test).into_iter().skip(before).collect();
        // Many users are seen to side by side.
        let by_boss: BTreeSet<String> = expected.iter().map(|line| format!("user:boss {line}")).collect();
        assert_eq!(new.iter().map(said).collect::<BTreeSet<_>>(), by_boss, "{row}");
        assert_eq!(new.len(), expected.len(), "{row}");
        assert!(new.iter().all(|line| line.address == "192.0.2.7" && line.event.contains("\"session\":\"")));
    }
    let whole: String = lines(&test).iter().map(|line| line.event.as_str()).collect();
    assert!(whole.contains("add maria") && !whole.contains("set-password/"), "{whole}");
}

#[test]
fn a_start_says_what_the_configuration_has_beyond_the_defaults() {
    let config = Config { admin_access: false, ..Config::default() };
    let event = started(&config);
    assert_eq!(event.details["set"], serde_json::json!({ "admin_access": "false" }));
}
