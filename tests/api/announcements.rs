//! Announcements: who may make them, who sees them, and from when to when.

use actix_web::http::StatusCode;
use hubgate::domain::notice::Announcement;
use hubgate::state::reload;
use hubgate::store::notices;

use crate::rest::Rest;

const ALL: &str = "/announcements";
const PAGE: &str = "/jupyterhub/hub/admin/announcements";

/// alice is in `physics`, bob in none.
async fn hub() -> Rest {
    let mut rest = Rest::new().await;
    rest.hold(&[
        ("POST", "/groups/physics", "boss", "", 201, ""),
        ("POST", "/groups/art", "boss", "", 201, ""),
        ("POST", "/groups/physics/users", "boss", r#"{"users": ["alice"]}"#, 200, ""),
    ])
    .await;
    rest.token("teacher", "boss", &["groups!group=physics"]).await;
    rest
}

async fn sees(rest: &Rest, cookie: &str, text: &str) -> bool {
    let path = if cookie.is_empty() { "/jupyterhub/hub/login" } else { "/jupyterhub/hub/home" };
    rest.test.get(path, cookie).await.body.contains(text)
}

#[actix_web::test]
async fn an_announcement_is_seen_by_those_it_is_for_from_its_start_to_its_end() {
    let rest = hub().await;
    let (alice, bob) = (rest.test.login("alice").await, rest.test.login("bob").await);
    rest.hold(&[
        ("POST", ALL, "boss", r#"{"text": "for everybody"}"#, 201, r#""stage":"shown""#),
        ("POST", ALL, "boss", r#"{"text": "for physics", "groups": ["physics"], "level": "warning"}"#, 201, "warning"),
        // The clock of the test stands at 2027-01-15T08:00:00Z.
        ("POST", ALL, "boss", r#"{"text": "in a minute", "starts_at": "2027-01-15T08:01:00Z", "ends_at": "2027-01-15T08:02:00Z"}"#, 201, r#""stage":"coming""#),
    ])
    .await;
    for (who, cookie, all, physics) in
        [("nobody", "", true, false), ("alice", &alice, true, true), ("bob", &bob, true, false)]
    {
        assert_eq!(sees(&rest, cookie, "for everybody").await, all, "{who}");
        assert_eq!(sees(&rest, cookie, "for physics").await, physics, "{who}");
        assert!(!sees(&rest, cookie, "in a minute").await, "{who}");
    }
    rest.test.pass(60);
    assert!(sees(&rest, "", "in a minute").await);
    rest.test.pass(60);
    assert!(!sees(&rest, "", "in a minute").await);
}

#[actix_web::test]
async fn an_announcement_is_changed_ended_shown_again_and_deleted() {
    let rest = hub().await;
    rest.hold(&[("POST", ALL, "boss", r#"{"text": "first"}"#, 201, r#""id":1"#)]).await;
    rest.hold(&[("PATCH", "/announcements/1", "boss", r#"{"text": "second"}"#, 200, "second")]).await;
    assert!(sees(&rest, "", "second").await && !sees(&rest, "", "first").await);
    let over = r#"{"ends_at": "2027-01-15T08:00:00Z"}"#;
    rest.hold(&[("PATCH", "/announcements/1", "boss", over, 200, r#""stage":"over""#)]).await;
    assert!(!sees(&rest, "", "second").await);
    rest.hold(&[("PATCH", "/announcements/1", "boss", r#"{"ends_at": null}"#, 200, r#""stage":"shown""#)])
        .await;
    assert!(sees(&rest, "", "second").await);
    rest.hold(&[
        ("DELETE", "/announcements/1", "boss", "", 204, ""),
        ("DELETE", "/announcements/1", "boss", "", 404, "no such announcement"),
        ("GET", ALL, "boss", "", 200, "[]"),
    ])
    .await;
    assert!(!sees(&rest, "", "second").await);
}

#[actix_web::test]
async fn whoever_may_change_a_group_may_speak_to_it_and_to_nobody_else() {
    let rest = hub().await;
    rest.hold(&[
        ("POST", ALL, "boss", r#"{"text": "all"}"#, 201, r#""id":1"#),
        ("POST", ALL, "teacher", r#"{"text": "mine", "groups": ["physics"]}"#, 201, r#""id":2"#),
        ("POST", ALL, "teacher", r#"{"text": "theirs", "groups": ["physics", "art"]}"#, 404, "no group art"),
        ("POST", ALL, "teacher", r#"{"text": "everybody"}"#, 403, "not to everybody"),
        ("PATCH", "/announcements/2", "teacher", r#"{"groups": []}"#, 403, "not to everybody"),
        ("PATCH", "/announcements/1", "teacher", r#"{"text": "x"}"#, 404, "no such announcement"),
        ("DELETE", "/announcements/1", "teacher", "", 404, "no such announcement"),
        ("GET", ALL, "alice", "", 403, ""),
        ("POST", ALL, "alice", r#"{"text": "x"}"#, 403, ""),
        ("GET", ALL, "", "", 403, "Missing or invalid credentials."),
    ])
    .await;
    let seen = rest.json("GET", ALL, "teacher", "").await;
    assert_eq!((seen.as_array().unwrap().len(), &seen[0]["text"]), (1, &"mine".into()));
}

#[actix_web::test]
async fn what_cannot_be_announced_changes_nothing() {
    let rest = hub().await;
    let long = format!(r#"{{"text": "{}"}}"#, "x".repeat(1001));
    rest.hold(&[
        ("POST", ALL, "boss", "", 400, "must be a JSON object"),
        ("POST", ALL, "boss", "{}", 400, "announcement.text is missing"),
        ("POST", ALL, "boss", r#"{"text": " "}"#, 400, "1 to 1000 characters"),
        ("POST", ALL, "boss", &long, 400, "1 to 1000 characters"),
        ("POST", ALL, "boss", r#"{"text": "x", "level": "loud"}"#, 400, "one of info, warning"),
        ("POST", ALL, "boss", r#"{"text": "x", "html": true}"#, 400, "not a field"),
        ("POST", ALL, "boss", r#"{"text": "x", "groups": ["none"]}"#, 404, "no group none"),
        ("POST", ALL, "boss", r#"{"text": "x", "groups": ["a/b"]}"#, 400, "group name"),
        ("POST", ALL, "boss", r#"{"text": "x", "starts_at": "soon"}"#, 400, "ISO 8601"),
        (
            "POST",
            ALL,
            "boss",
            r#"{"text": "x", "starts_at": "2027-01-02", "ends_at": "2027-01-01"}"#,
            400,
            "later than the start",
        ),
        ("PATCH", "/announcements/x", "boss", "{}", 404, "no such announcement"),
        ("GET", ALL, "boss", "", 200, "[]"),
    ])
    .await;
}

#[actix_web::test]
async fn the_page_does_what_the_api_does_and_shows_hostile_text_as_text() {
    let rest = hub().await;
    let boss = rest.test.login("boss").await;
    let hostile = "<script>alert(1)</script> {{ 7*7 }}";
    let page = rest.test.get(PAGE, &boss).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let token = page.xsrf();
    let post = async |path: &str, fields: &str| {
        let answer = rest.test.post(path, &boss, &format!("_xsrf={token}&{fields}")).await;
        (answer.status, answer.body)
    };
    let text = percent_encoding::utf8_percent_encode(hostile, percent_encoding::NON_ALPHANUMERIC).to_string();
    let (status, body) =
        post(PAGE, &format!("text={text}&level=warning&groups=physics%0D%0A&starts=&ends=")).await;
    assert_eq!(status, StatusCode::FOUND, "{body}");
    let alice = rest.test.login("alice").await;
    let home = rest.test.get("/jupyterhub/hub/home", &alice).await.body;
    assert!(home.contains("alert(1)") && !home.contains("<script>alert"), "{home}");
    let one = format!("{PAGE}/1");
    for (fields, status, shown) in [
        ("act=end", StatusCode::FOUND, false),
        ("act=again", StatusCode::FOUND, true),
        (
            "act=change&text=alert(1)&level=info&groups=&starts=2027-01-15T09%3A00&ends=",
            StatusCode::FOUND,
            false,
        ),
        ("act=sing", StatusCode::BAD_REQUEST, false),
        ("act=delete", StatusCode::FOUND, false),
        ("act=delete", StatusCode::NOT_FOUND, false),
    ] {
        let (answered, body) = post(&one, fields).await;
        assert_eq!(answered, status, "{fields}: {body}");
        assert_eq!(sees(&rest, &alice, "alert(1)").await, shown, "{fields}");
    }
    assert_eq!(rest.test.get(PAGE, &alice).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn what_another_process_announces_is_seen_at_the_next_look() {
    let rest = hub().await;
    let store = rest.test.hub.store.clone();
    let said = Announcement { text: "from elsewhere".to_owned(), ..Announcement::default() };
    store.write(|c| notices::insert(c, &said, "boss")).unwrap();
    assert!(!sees(&rest, "", "from elsewhere").await);
    reload::reload(&rest.test.hub).await.unwrap();
    assert!(sees(&rest, "", "from elsewhere").await);
}
