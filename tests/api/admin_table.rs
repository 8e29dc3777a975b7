//! The administrators' table: what it finds, what it does to many, and that whoever administers a part sees no more of the rest.

use std::collections::BTreeSet;
use std::time::Instant;

use actix_web::http::StatusCode;
use hubgate::config::{RoleSpec, Roles};
use hubgate::store::{NewUser, Standing, groups, users};
use hubgate_protocol::{Phase, Request, Username};

use crate::support::{Answer, Character, TestHub};

const ADMIN: &str = "/jupyterhub/hub/admin";

/// A form: its path, its fields, and the statuses for nobody, a user, a teacher and an administrator.
type Act = (&'static str, &'static [(&'static str, &'static str)], [u16; 4]);

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

/// An administrator, a teacher of the group g1, its member kid, and ada, who is nobody's.
async fn hub() -> TestHub {
    let role = RoleSpec {
        name: "teacher".parse().unwrap(),
        description: String::new(),
        scopes: Some(
            ["admin-ui", "list:users!group=g1", "servers!group=g1"]
                .map(|scope| scope.parse().unwrap())
                .into(),
        ),
        users: vec![name("teach")],
        groups: Vec::new(),
        services: Vec::new(),
    };
    let change = |config: &mut hubgate::config::Config| {
        config.load_roles = Roles(vec![role]);
        config.admin_users = vec![name("boss")];
    };
    let test = TestHub::with(Character::Obedient, change).await;
    let test = test.with_user("boss").with_user("teach").with_user("kid").with_user("ada");
    let member = |c: &mut hubgate::store::Conn| {
        let id = groups::insert(c, &"g1".parse().unwrap(), &hubgate::store::Object::new())?;
        let kid = users::id_of(c, &name("kid"))?;
        groups::add_members(c, id, &[kid])
    };
    test.hub.store.write(member).unwrap();
    hubgate::state::reload::reload(&test.hub).await.unwrap();
    test
}

async fn send(test: &TestHub, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let token = if cookie.is_empty() {
        String::new()
    } else {
        test.get("/jupyterhub/hub/token", cookie).await.xsrf()
    };
    let fields: String = fields.iter().map(|(name, value)| format!("&{name}={}", encode(value))).collect();
    test.post(&format!("{ADMIN}{path}"), cookie, &format!("_xsrf={}{fields}", encode(&token))).await
}

#[actix_web::test]
async fn every_role_gets_on_every_route_what_it_may_and_no_more() {
    let test = hub().await;
    let [user, teacher, boss] =
        [test.login("ada").await, test.login("teach").await, test.login("boss").await];
    let looks = [
        ("", [302, 403, 200, 200]),
        ("/rows", [403, 403, 200, 200]),
        ("/user/kid", [302, 403, 200, 200]),
        ("/user/ada", [302, 403, 404, 200]),
        ("/user/nobody-here", [302, 403, 404, 404]),
        ("/users.csv", [302, 403, 403, 200]),
    ];
    let roles = [String::new(), user, teacher, boss];
    for (path, expected) in looks {
        for (cookie, expected) in roles.iter().zip(expected) {
            let status = test.get(&format!("{ADMIN}{path}"), cookie).await.status;
            assert_eq!(status.as_u16(), expected, "GET {path} {cookie:.24}");
        }
    }
    let acts: [Act; 12] = [
        ("/many", &[("act", "start"), ("user", "kid")], [403, 403, 200, 200]),
        ("/many", &[("act", "stop"), ("user", "kid")], [403, 403, 200, 200]),
        ("/many", &[("act", "start"), ("user", "ada")], [403, 403, 404, 200]),
        ("/many", &[("act", "stop"), ("user", "kid"), ("user", "ada"), ("sure", "1")], [403, 403, 404, 200]),
        ("/many", &[("act", "disable"), ("user", "kid"), ("sure", "1")], [403, 403, 403, 200]),
        ("/many", &[("act", "enable"), ("user", "kid"), ("sure", "1")], [403, 403, 403, 200]),
        ("/many", &[("act", "join"), ("user", "kid"), ("group", "g1")], [403, 403, 403, 200]),
        ("/many", &[("act", "delete"), ("user", "kid")], [403, 403, 403, 200]),
        ("/users/kid", &[("act", "expire"), ("expires", "")], [403, 403, 403, 302]),
        ("/users/ada", &[("act", "delete")], [403, 403, 403, 200]),
        ("/add", &[("names", "eve")], [403, 403, 403, 200]),
        ("/import", &[("csv", "user\nzoe\n")], [403, 403, 403, 200]),
    ];
    for (path, fields, expected) in acts {
        for (cookie, expected) in roles.iter().zip(expected) {
            let answer = send(&test, cookie, path, fields).await;
            assert_eq!(
                answer.status.as_u16(),
                expected,
                "POST {path} {fields:?} {cookie:.24}: {}",
                answer.body
            );
        }
    }
}

#[actix_web::test]
async fn no_route_of_administrators_opens_to_others() {
    let test = hub().await;
    let (user, teacher) = (test.login("ada").await, test.login("teach").await);
    let source = include_str!("../../src/gateway/app.rs");
    let paths: BTreeSet<&str> =
        source.split('"').filter(|text| text.starts_with("/admin") && !text.contains(' ')).collect();
    assert!(paths.len() > 8, "{paths:?}");
    for path in paths.iter().filter(|path| **path != "/admin/events") {
        let path = path.replace("{name}", "boss").replace("{owner}", "boss").replace("{server}", "x");
        let path = format!("/jupyterhub/hub{path}");
        assert!(!test.get(&path, &user).await.status.is_success(), "{path}");
        if path.contains("boss") {
            assert!(!test.get(&path, &teacher).await.status.is_success(), "{path} to a teacher");
        }
    }
}

#[actix_web::test]
async fn a_teacher_sees_the_members_of_the_group_and_what_their_servers_do() {
    let test = hub().await;
    let teacher = test.login("teach").await;
    test.server("kid", Phase::Running);
    test.server("ada", Phase::Running);
    let page = test.get(ADMIN, &teacher).await;
    assert!(page.body.contains("id=\"user-kid\"") && page.body.contains("1 to 1 of 1"), "{}", page.body);
    assert!(!page.body.contains("ada") && page.body.contains("id=\"running\">1<"), "{}", page.body);
    for other in ["filter=ada", "state=stopped", "sort=-memory&admin=yes"] {
        let found = test.get(&format!("{ADMIN}?{other}"), &teacher).await;
        assert!(found.body.contains("0 to 0 of 0"), "{other}");
    }
    let events = test.hub.closing.clone();
    events.send_replace(true);
    let stream = test.get(&format!("{ADMIN}/events"), &teacher).await;
    assert!(stream.body.starts_with("data: {\"running\":1,\"changes\":[]}"), "{}", stream.body);
}

#[actix_web::test]
async fn many_are_disabled_after_a_question_and_enabled_again() {
    let test = hub().await;
    let boss = test.login("boss").await;
    let both = [("act", "disable"), ("user", "kid"), ("user", "ada")];
    let asked = send(&test, &boss, "/many", &both).await;
    assert!(
        asked.body.contains("Disable 2 users?") && asked.body.contains("<bdi>kid</bdi>"),
        "{}",
        asked.body
    );
    let disabled = |user: &str| {
        test.hub.store.read(|c| users::by_name(c, &name(user))).unwrap().unwrap().standing.disabled
    };
    assert!(!disabled("kid"));
    let [act, one, other] = both;
    let done = send(&test, &boss, "/many", &[act, one, other, ("user", "boss"), ("sure", "1")]).await;
    assert!(
        done.body.contains("2 users are disabled.") && done.body.contains("Cannot disable yourself!"),
        "{}",
        done.body
    );
    assert!(disabled("kid") && disabled("ada") && !disabled("boss") && done.body.contains("id=\"undo\""));
    send(&test, &boss, "/many", &[("act", "enable"), one, other, ("sure", "1")]).await;
    assert!(!disabled("kid") && !disabled("ada"));
    send(&test, &boss, "/many", &[("act", "join"), other, ("group", "g1"), ("sure", "1")]).await;
    assert_eq!(test.hub.directory().members(&"g1".parse().unwrap()).len(), 2);
    send(&test, &boss, "/many", &[("act", "start"), one, other, ("sure", "1")]).await;
    let starts = test.asked.lock().iter().filter(|asked| matches!(asked, Request::Start { .. })).count();
    assert_eq!(starts, 2);
}

#[actix_web::test]
async fn an_undo_is_about_those_alone_whom_the_act_has_changed() {
    let test = hub().await;
    let boss = test.login("boss").await;
    send(&test, &boss, "/many", &[("act", "disable"), ("user", "ada"), ("sure", "1")]).await;
    // Ada is disabled already, and kid is in the group already.
    for (act, changed, as_before) in [("disable", "kid", "ada"), ("join", "ada", "kid")] {
        let fields = [("act", act), ("user", "kid"), ("user", "ada"), ("group", "g1"), ("sure", "1")];
        let done = send(&test, &boss, "/many", &fields).await.body;
        let field = |user: &str| format!("name=\"user\" value=\"{user}\"");
        assert!(done.contains("id=\"undo\"") && done.contains(&field(changed)), "{act}: {done}");
        assert!(!done.contains(&field(as_before)), "{act}: {done}");
        let again = send(&test, &boss, "/many", &fields).await.body;
        assert!(!again.contains("id=\"undo\""), "{act} again: {again}");
    }
}

#[actix_web::test]
async fn a_hand_made_form_about_many_changes_nothing() {
    let test = hub().await;
    let boss = test.login("boss").await;
    for (fields, expected) in [
        (&[("act", "fly"), ("user", "ada")][..], StatusCode::BAD_REQUEST),
        (&[("act", "disable")], StatusCode::BAD_REQUEST),
        (&[("act", "disable"), ("user", "ada"), ("user", "nobody-here"), ("sure", "1")], StatusCode::OK),
        (&[("act", "disable"), ("user", "../x"), ("user", "ada"), ("sure", "1")], StatusCode::NOT_FOUND),
        (&[("act", "join"), ("user", "ada"), ("group", "none"), ("sure", "1")], StatusCode::NOT_FOUND),
    ] {
        let answer = send(&test, &boss, "/many", fields).await;
        assert_eq!(answer.status, expected, "{fields:?}: {}", answer.body);
    }
}

#[actix_web::test]
async fn a_page_among_fifty_thousand_users_is_found_and_sorted_in_time() {
    let test = hub().await;
    let new: Vec<NewUser> = (0..50_000)
        .map(|n| NewUser {
            name: name(&format!("s{n:05}")),
            admin: false,
            password_hash: None,
            created_s: 0,
            standing: Standing { display_name: Some(format!("王 {n}")), ..Standing::default() },
        })
        .collect();
    test.hub.store.write(|c| users::insert_many(c, &new)).unwrap();
    (0..1000).for_each(|n| test.server(&format!("s{n:05}"), Phase::Running));
    let boss = test.login("boss").await;
    for query in [
        "",
        "filter=wang+499",
        "sort=display",
        "sort=-memory",
        "sort=-state",
        "sort=groups",
        "sort=-activity",
        "state=stopped",
        "offset=49950",
    ] {
        let begun = Instant::now();
        let page = test.get(&format!("{ADMIN}?{query}"), &boss).await;
        println!("50,000 users, {query:?}: {} ms, {} bytes", begun.elapsed().as_millis(), page.body.len());
        assert!(page.status == StatusCode::OK && page.body.len() < 50_000, "{query}: {}", page.body.len());
    }
    let found = test.get(&format!("{ADMIN}/rows?filter=wang+49999"), &boss).await;
    assert!(
        found.body.contains("1 to 1 of 1") && found.body.contains("id=\"user-s49999\""),
        "{}",
        found.body
    );
}
