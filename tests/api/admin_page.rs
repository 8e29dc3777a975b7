//! The administrators' page: whom it shows, what it does, and to whom it does not.

use actix_web::http::StatusCode;
use hubgate::config::{RoleSpec, Roles};
use hubgate::store::{User, users};

use crate::corpus;
use crate::support::{Answer, Character, TestHub};

const ADMIN: &str = "/jupyterhub/hub/admin";

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A hub with an administrator, and the cookie of their session.
async fn hub() -> (TestHub, String) {
    let change = |config: &mut hubgate::config::Config| config.admin_users = vec!["boss".parse().unwrap()];
    let test = TestHub::with(Character::Obedient, change).await.with_user("boss").with_user("ada");
    hubgate::state::reload::reload(&test.hub).await.unwrap();
    let boss = test.login("boss").await;
    (test, boss)
}

/// Sends a form of the page.
async fn send(test: &TestHub, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let xsrf = test.get("/jupyterhub/hub/token", cookie).await.xsrf();
    let fields: String = fields.iter().map(|(name, value)| format!("&{name}={}", encode(value))).collect();
    test.post(&format!("{ADMIN}{path}"), cookie, &format!("_xsrf={}{fields}", encode(&xsrf))).await
}

fn user(test: &TestHub, name: &str) -> Option<User> {
    test.hub.store.read(|c| users::by_name(c, &name.parse().unwrap())).unwrap()
}

fn count(test: &TestHub) -> i64 {
    test.hub.store.read(users::count).unwrap()
}

#[actix_web::test]
async fn the_page_is_for_administrators() {
    let (test, boss) = hub().await;
    let page = test.get(ADMIN, &boss).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("id=\"user-ada\"") && page.body.contains("1 to 2 of 2"), "{}", page.body);
    let ada = test.login("ada").await;
    assert_eq!(test.get(ADMIN, &ada).await.status, StatusCode::FORBIDDEN);
    assert!(!test.get("/jupyterhub/hub/token", &ada).await.body.contains("/hub/admin"));
    assert!(test.get(ADMIN, "").await.location().contains("/hub/login"));
    for (path, fields) in [
        ("/add", &[("names", "eve")][..]),
        ("/users/ada", &[("act", "appoint")]),
        ("/users/boss", &[("act", "disable")]),
        ("/users/boss", &[("act", "reset")]),
        ("/users/boss", &[("act", "reset-factor")]),
        ("/users/boss", &[("act", "delete")]),
        ("/users/boss", &[("act", "delete-now")]),
        ("/import", &[("csv", "user\neve\n")]),
        ("/import/apply", &[]),
    ] {
        let answer = send(&test, &ada, path, fields).await;
        assert!(answer.status.is_client_error(), "{path} {fields:?}: {}", answer.status);
    }
    assert_eq!(test.get(&format!("{ADMIN}/users.csv"), &ada).await.status, StatusCode::FORBIDDEN);
    assert_eq!((count(&test), user(&test, "ada").unwrap().admin), (2, false));
}

#[actix_web::test]
async fn a_page_has_fifty_users_and_a_search() {
    let (test, boss) = hub().await;
    let names: String = (0..98).map(|n| format!("s{n:02}\n")).collect();
    assert_eq!(send(&test, &boss, "/add", &[("names", &names)]).await.status, StatusCode::OK);
    let first = test.get(ADMIN, &boss).await;
    assert!(first.body.contains("1 to 50 of 100") && first.body.contains("offset=50"), "{}", first.body);
    let second = test.get(&format!("{ADMIN}?offset=50"), &boss).await;
    assert!(second.body.contains("51 to 100 of 100") && second.body.contains("id=\"user-s97\""));
    let found = test.get(&format!("{ADMIN}?filter=s9"), &boss).await;
    assert!(found.body.contains("1 to 8 of 8"), "{}", found.body);
    for odd in ["offset=-1", "offset=x", "offset=99999999999999999999", "filter=%25%00%27%3B--"] {
        assert_eq!(test.get(&format!("{ADMIN}?{odd}"), &boss).await.status, StatusCode::OK, "{odd}");
    }
}

#[actix_web::test]
async fn what_is_done_about_a_user_holds_at_once() {
    let (test, boss) = hub().await;
    let ada = test.login("ada").await;
    assert_eq!(
        send(&test, &boss, "/users/ada", &[("act", "appoint")]).await.location(),
        format!("{ADMIN}/user/ada")
    );
    assert_eq!(test.get(ADMIN, &ada).await.status, StatusCode::OK);
    send(&test, &boss, "/users/ada", &[("act", "dismiss")]).await;
    assert_eq!(test.get(ADMIN, &ada).await.status, StatusCode::FORBIDDEN);
    send(&test, &boss, "/users/ada", &[("act", "expire"), ("expires", "2099-01-31")]).await;
    assert_eq!(user(&test, "ada").unwrap().standing.expires_s, Some(4_073_500_800));
    send(&test, &boss, "/users/ada", &[("act", "expire"), ("expires", "")]).await;
    assert_eq!(user(&test, "ada").unwrap().standing.expires_s, None);
    send(&test, &boss, "/users/ada", &[("act", "disable")]).await;
    assert_eq!(test.get("/jupyterhub/hub/home", &ada).await.status, StatusCode::FOUND);
    send(&test, &boss, "/users/ada", &[("act", "enable")]).await;
    let ada = test.login("ada").await;
    assert_eq!(test.get("/jupyterhub/hub/home", &ada).await.status, StatusCode::OK);
    let asked = send(&test, &boss, "/users/ada", &[("act", "delete")]).await;
    assert!(asked.body.contains("Delete ada?") && user(&test, "ada").is_some());
    assert_eq!(send(&test, &boss, "/users/ada", &[("act", "delete-now")]).await.location(), ADMIN);
    assert!(user(&test, "ada").is_none());
    for (name, act) in
        [("boss", "disable"), ("boss", "delete-now"), ("nobody-here", "disable"), ("ada", "fly")]
    {
        let answer = send(&test, &boss, &format!("/users/{name}"), &[("act", act)]).await;
        assert!(answer.status.is_client_error(), "{name} {act}: {}", answer.status);
    }
}

#[actix_web::test]
async fn a_user_gets_a_link_and_chooses_a_password_by_it() {
    let (test, boss) = hub().await;
    let shown = send(&test, &boss, "/add", &[("names", "eve\r\nfritz")]).await;
    let links: Vec<&str> =
        shown.body.split("<code>").skip(1).map(|part| part.split('<').next().unwrap()).collect();
    assert_eq!(links.len(), 2, "{}", shown.body);
    let path = links[0].strip_prefix("https://hub.test").unwrap();
    let page = test.get(path, "").await;
    assert!(page.body.contains("value=\"eve\""), "{}", page.body);
    let again = send(&test, &boss, "/users/eve", &[("act", "reset")]).await;
    assert!(again.body.contains("https://hub.test/jupyterhub/hub/set-password/"), "{}", again.body);
    assert_eq!(test.get(path, "").await.status, StatusCode::FORBIDDEN, "the last link counts");
}

#[actix_web::test]
async fn an_administrator_proves_again_who_they_are_before_users_change() {
    let (test, boss) = hub().await;
    test.pass(16 * 60);
    let answer = send(&test, &boss, "/users/ada", &[("act", "appoint")]).await;
    assert!(answer.location().contains("/hub/reauthenticate"), "{}", answer.status);
    assert!(!user(&test, "ada").unwrap().admin);
    assert_eq!(test.get(ADMIN, &boss).await.status, StatusCode::OK, "looking is free");
}

#[actix_web::test]
async fn names_of_the_corpus_are_refused_and_nobody_is_added() {
    let (test, boss) = hub().await;
    for entry in corpus::entries("username_create") {
        let name = String::from_utf8(entry.bytes).unwrap();
        let answer = send(&test, &boss, "/add", &[("names", &name)]).await;
        let expected =
            if entry.expect == "accept" { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        assert_eq!(answer.status, expected, "{}: {}", entry.id, answer.body);
    }
    assert_eq!(count(&test), 3);
    for names in ["ok1\nroot", "", "ada", "new\nnew"] {
        assert!(send(&test, &boss, "/add", &[("names", names)]).await.status.is_client_error(), "{names}");
    }
    assert_eq!(count(&test), 3);
}

#[actix_web::test]
async fn a_list_is_shown_first_and_then_taken_as_it_was_shown() {
    let (test, boss) = hub().await;
    let csv = "user,passwd,groups,display_name\nada,,g1,<i>Ada\neve,123,g1;g2,\n";
    let refused = send(&test, &boss, "/import", &[("csv", csv)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("Line 2: column user: ada exists already"), "{}", refused.body);
    assert_eq!(send(&test, &boss, "/import/apply", &[]).await.status, StatusCode::CONFLICT);
    let shown = send(&test, &boss, "/import", &[("csv", csv), ("update", "1")]).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    for part in [
        "2: change ada: +group g1, display name: &#60;i&#62;Ada",
        "3: add eve: +group g1, +group g2, password",
    ] {
        assert!(shown.body.contains(part), "{}", shown.body);
    }
    assert!(user(&test, "eve").is_none() && !shown.body.contains("123"));
    assert_eq!(send(&test, &boss, "/import/apply", &[]).await.location(), ADMIN);
    let eve = user(&test, "eve").unwrap();
    assert!(eve.password_hash.is_some() && eve.standing.must_change);
    assert_eq!(send(&test, &boss, "/import/apply", &[]).await.status, StatusCode::CONFLICT);
    let list = test.get(&format!("{ADMIN}/users.csv"), &boss).await;
    assert!(list.body.contains("eve,g1;g2,false") && list.header("content-type").starts_with("text/csv"));
    let same = send(&test, &boss, "/import", &[("csv", &list.body)]).await;
    assert!(same.body.contains("0 to do, 3 unchanged"), "{}", same.body);
}

#[actix_web::test]
async fn a_list_is_judged_and_previewed_in_the_visitors_language() {
    let (test, boss) = hub().await;
    let boss = format!("{boss}; hubgate-language=zh-CN");
    let csv = "user,groups,expires\nada,g1,\neve,g1;g2,2027-01-31\n";
    for (csv, part) in [
        (csv, "第 2 行：user 列：ada 已经存在，并会被更改（加入组 g1）"),
        ("user,admin\neve,soon\n", "第 2 行：admin 列：必须是 true 或 false"),
        ("user\nroot\n", "第 2 行：user 列：此名称为系统保留"),
        ("user;admin\neve;1\n", "名单不是以逗号分隔"),
    ] {
        let refused = send(&test, &boss, "/import", &[("csv", csv)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(part), "{}", refused.body);
    }
    let shown = send(&test, &boss, "/import", &[("csv", csv), ("update", "1")]).await;
    for part in ["2：更改 ada：加入组 g1", "3：添加 eve：加入组 g1、加入组 g2、到期：2027-01-31"]
    {
        assert!(shown.body.contains(part), "{}", shown.body);
    }
    let named = send(&test, &boss, "/add", &[("names", "root")]).await;
    assert!(named.body.contains("此名称为系统保留"), "{}", named.body);
}

#[actix_web::test]
async fn a_list_that_others_overtook_is_not_taken() {
    let (test, boss) = hub().await;
    send(&test, &boss, "/import", &[("csv", "user,groups\nada,g1\neve,\n"), ("update", "1")]).await;
    send(&test, &boss, "/add", &[("names", "eve")]).await;
    assert_eq!(send(&test, &boss, "/import/apply", &[]).await.status, StatusCode::CONFLICT);
    assert!(test.hub.directory().groups_of(&"ada".parse().unwrap()).is_empty());
}

#[actix_web::test]
async fn lists_of_the_corpus_get_the_answer_they_deserve() {
    for entry in corpus::entries("csv_users") {
        let (test, boss) = hub().await;
        let bytes =
            percent_encoding::percent_encode(&entry.bytes, percent_encoding::NON_ALPHANUMERIC).to_string();
        let xsrf = encode(&test.get("/jupyterhub/hub/token", &boss).await.xsrf());
        let answer = test.post(&format!("{ADMIN}/import"), &boss, &format!("_xsrf={xsrf}&csv={bytes}")).await;
        // The last is about an administrator of one group; see the next test.
        let accepted = entry.expect == "accept" || entry.id == "csv_users-020";
        assert_eq!(answer.status == StatusCode::OK, accepted, "{}: {}", entry.id, answer.body);
        assert!(accepted || answer.status.is_client_error(), "{}: {}", entry.id, answer.status);
        assert_eq!(count(&test), 2);
    }
}

#[actix_web::test]
async fn who_manages_users_and_one_group_fills_no_other_and_makes_no_administrator() {
    let role = RoleSpec {
        name: "teacher".parse().unwrap(),
        description: String::new(),
        scopes: Some(
            ["admin-ui", "admin:users", "groups!group=g1"].map(|scope| scope.parse().unwrap()).into(),
        ),
        users: vec!["ada".parse().unwrap()],
        groups: Vec::new(),
        services: Vec::new(),
    };
    let change = |config: &mut hubgate::config::Config| {
        config.load_roles = Roles(vec![role]);
        config.admin_users = vec!["boss".parse().unwrap()];
    };
    let test = TestHub::with(Character::Obedient, change).await.with_user("ada").with_user("boss");
    hubgate::state::reload::reload(&test.hub).await.unwrap();
    let ada = test.login("ada").await;
    let look = async |csv: &str| send(&test, &ada, "/import", &[("csv", csv), ("update", "1")]).await;
    assert_eq!(look("user,groups\nu1,g1\n").await.status, StatusCode::OK);
    for csv in [
        "username,groups,admin\nu1,g-of-another-admin,false\n",
        "user,admin\nu1,true\n",
        "user,display_name\nboss,Chief\n",
    ] {
        assert_eq!(look(csv).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{csv}");
    }
    for (path, fields) in [
        ("/add", &[("names", "eve"), ("admin", "1")][..]),
        ("/users/boss", &[("act", "reset")]),
        ("/users/boss", &[("act", "reset-factor")]),
        ("/users/boss", &[("act", "disable")]),
        ("/users/ada", &[("act", "appoint")]),
    ] {
        assert_eq!(send(&test, &ada, path, fields).await.status, StatusCode::FORBIDDEN, "{path} {fields:?}");
    }
}
