//! The page of tokens: scopes chosen from those one holds, ends that the site allows, applications; and what belongs to a user.

use actix_web::http::StatusCode;
use hubgate::domain::scope::{Owner, Scope};

use crate::rest::Rest;
use crate::support::{Character, TestHub};

const PAGE: &str = "/jupyterhub/hub/token";
const ADMIN: &str = "/jupyterhub/hub/admin/user";

/// What the newest token of alice may do, as it is written.
fn newest(test: &TestHub) -> Vec<String> {
    let tokens = test.hub.tokens.of(&Owner::User("alice".parse().unwrap()));
    let newest = tokens.into_iter().max_by_key(|token| token.id).unwrap();
    newest.scopes.iter().map(Scope::to_string).collect()
}

#[actix_web::test]
async fn the_page_offers_the_scopes_that_one_holds_and_no_other() {
    let test = TestHub::new().await.with_user("alice");
    let page = test.get(PAGE, &test.login("alice").await).await;
    for scope in ["servers", "read:users", "tokens", "access:servers", "users:activity"] {
        assert!(page.body.contains(&format!("name=\"scopes\" value=\"{scope}\"")), "{scope}");
    }
    for scope in ["admin:users", "read:hub", "shutdown", "self", "inherit"] {
        assert!(!page.body.contains(&format!("name=\"scopes\" value=\"{scope}\"")), "{scope}");
    }
    assert!(page.body.contains("Start and stop servers.") && page.body.contains("only you"), "{}", page.body);
}

#[actix_web::test]
async fn what_is_ticked_goes_as_far_as_one_holds_it_or_as_a_limit_says() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let xsrf = test.get(PAGE, &cookie).await.xsrf();
    for (fields, scopes) in [
        ("access=all&scopes=servers", vec!["inherit"]),
        ("", vec!["inherit"]),
        ("scopes=inherit", vec!["inherit"]),
        (
            "access=chosen&scopes=servers&scopes=read%3Ausers",
            vec!["servers!user=alice", "read:users!user=alice"],
        ),
        ("access=chosen&scopes=servers&limit=server%3Dalice%2F", vec!["servers!server=alice/"]),
        ("access=chosen&scopes=servers&limit=user", vec!["servers!user"]),
    ] {
        let made = test.post(PAGE, &cookie, &format!("_xsrf={xsrf}&{fields}")).await;
        assert_eq!(made.status, StatusCode::OK, "{fields}: {}", made.body);
        assert_eq!(newest(&test), scopes, "{fields}");
    }
}

#[actix_web::test]
async fn a_form_that_asks_for_more_than_one_holds_makes_nothing() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let cookie = test.login("alice").await;
    let xsrf = test.get(PAGE, &cookie).await.xsrf();
    let long = "x".repeat(1024);
    let many: String = "scopes=servers&".repeat(1001);
    for fields in [
        "access=chosen",
        "access=both&scopes=servers",
        "access=chosen&scopes=admin%3Ausers",
        "access=chosen&scopes=servers&scopes=shutdown",
        "access=chosen&scopes=servers%21user%3Dbob",
        "access=chosen&scopes=servers&limit=user%3Dbob",
        "access=chosen&scopes=servers&limit=group%3Dops",
        "access=chosen&scopes=servers&limit=nonsense",
        "access=chosen&scopes=read%3Ausers&limit=server%3Dalice%2F",
        "access=chosen&scopes=%3Cscript%3E",
        "expires_in=0",
        "expires_in=99999999999",
        &format!("note={long}"),
        &many,
    ] {
        let answer = test.post(PAGE, &cookie, &format!("_xsrf={xsrf}&{fields}")).await;
        let shown = &fields[..fields.len().min(60)];
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{shown}");
        assert!(!answer.body.contains("<script>"), "{shown}");
    }
    assert!(test.hub.tokens.of(&Owner::User("alice".parse().unwrap())).is_empty());
}

#[actix_web::test]
async fn where_tokens_must_end_the_page_offers_no_later_end_and_takes_none() {
    let test = TestHub::with(Character::Obedient, |config| {
        config.token_expires_in_max_seconds = 604_800;
    })
    .await
    .with_user("alice");
    let cookie = test.login("alice").await;
    let page = test.get(PAGE, &cookie).await;
    assert!(page.body.contains("<option value=\"604800\">after 7 days, the longest here"), "{}", page.body);
    assert!(!page.body.contains("2592000") && !page.body.contains(">never</option>"));
    for life in ["", "604801"] {
        let form = format!("_xsrf={}&expires_in={life}", page.xsrf());
        assert_eq!(test.post(PAGE, &cookie, &form).await.status, StatusCode::BAD_REQUEST, "{life}");
    }
    let form = format!("_xsrf={}&expires_in=604800", page.xsrf());
    assert_eq!(test.post(PAGE, &cookie, &form).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn all_tokens_that_one_made_are_revoked_at_once() {
    let mut rest = Rest::new().await;
    let texts =
        [rest.token("one", "alice", &["inherit"]).await, rest.token("two", "alice", &["servers"]).await];
    let of_bob = rest.token("bobs", "bob", &["inherit"]).await;
    let test = &rest.test;
    let cookie = test.login("alice").await;
    let xsrf = test.get(PAGE, &cookie).await.xsrf();
    let all = format!("{PAGE}/revoke-all");
    let refused = test.post(&all, &cookie, &format!("_xsrf={xsrf}&what=everything")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    test.post(&all, &cookie, &format!("_xsrf={xsrf}&what=applications")).await;
    assert!(texts.iter().all(|text| test.hub.tokens.find(text).is_some()));
    assert_eq!(test.post(&all, &cookie, &format!("_xsrf={xsrf}&what=tokens")).await.location(), PAGE);
    assert!(texts.iter().all(|text| test.hub.tokens.find(text).is_none()));
    assert!(test.hub.tokens.find(&of_bob).is_some());
}

#[actix_web::test]
async fn who_administers_users_ends_their_sessions_and_revokes_their_tokens() {
    let mut rest = Rest::new().await;
    let text = rest.token("one", "alice", &["inherit"]).await;
    let of_bob = rest.token("bobs", "bob", &["inherit"]).await;
    let test = &rest.test;
    let (boss, alice, bob) = (test.login("boss").await, test.login("alice").await, test.login("bob").await);
    let id = |text: &str| test.hub.tokens.find(text).unwrap().id;
    let xsrf = test.get(PAGE, &boss).await.xsrf();
    let (sessions, tokens) = (format!("{ADMIN}/alice/sessions"), format!("{ADMIN}/alice/tokens"));
    let theirs = format!("_xsrf={xsrf}&id={}", id(&of_bob));
    assert_eq!(test.post(&tokens, &boss, &theirs).await.status, StatusCode::NOT_FOUND);
    let gone = test.post(&tokens, &boss, &format!("_xsrf={xsrf}&id={}", id(&text))).await;
    assert_eq!(gone.location(), format!("{ADMIN}/alice"));
    assert!(test.hub.tokens.find(&text).is_none() && test.hub.tokens.find(&of_bob).is_some());
    let unknown = test.post(&sessions, &boss, &format!("_xsrf={xsrf}&id=nosuch")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(test.get(PAGE, &alice).await.status, StatusCode::OK);
    test.post(&sessions, &boss, &format!("_xsrf={xsrf}&id=all")).await;
    assert_eq!(test.get(PAGE, &alice).await.status, StatusCode::FOUND);
    assert_eq!(test.get(PAGE, &bob).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn nobody_else_ends_sessions_or_revokes_tokens_of_others() {
    let mut rest = Rest::new().await;
    let text = rest.token("one", "alice", &["inherit"]).await;
    let test = &rest.test;
    let (bob, boss) = (test.login("bob").await, test.login("boss").await);
    let xsrf = test.get(PAGE, &bob).await.xsrf();
    for what in ["sessions", "tokens"] {
        for user in ["alice", "boss", "nosuch"] {
            let url = format!("{ADMIN}/{user}/{what}");
            let status = test.post(&url, &bob, &format!("_xsrf={xsrf}&id=all")).await.status;
            assert!([StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status), "{url}: {status}");
        }
    }
    assert!(test.hub.tokens.find(&text).is_some());
    assert_eq!(test.get(PAGE, &boss).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn the_api_lists_and_ends_sessions_for_who_may_administer_users() {
    let mut rest = Rest::new().await;
    rest.token("keeper", "alice", &["inherit"]).await;
    let alice = rest.test.login("alice").await;
    let path = "/users/alice/sessions";
    let listed = rest.json("GET", path, "boss", "").await;
    let one = listed["sessions"].as_array().unwrap().first().unwrap();
    assert!(!listed.to_string().contains(alice.split_once('=').unwrap().1));
    let one = format!("{path}/{}", one["id"].as_str().unwrap());
    rest.hold(&[
        ("GET", path, "alice", "", 403, "requires any of [admin:users]"),
        ("DELETE", path, "bob", "", 403, "requires any of [admin:users]"),
        ("DELETE", &one, "bob", "", 403, "requires any of [admin:users]"),
        ("DELETE", &format!("{path}/nosuch"), "boss", "", 404, "This session has ended already."),
        ("GET", "/users/nosuch/sessions", "boss", "", 404, "null"),
    ])
    .await;
    assert_eq!(rest.test.get(PAGE, &alice).await.status, StatusCode::OK);
    assert_eq!(rest.send("DELETE", &one, "boss", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(rest.test.get(PAGE, &alice).await.status, StatusCode::FOUND);
    assert_eq!(rest.send("DELETE", path, "boss", "").await.status, StatusCode::NO_CONTENT);
}
