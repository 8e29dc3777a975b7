//! Profiles: who sees which, what a start of one brings along, and that hidden ones cannot be had by hand.

use actix_web::http::StatusCode;
use hubgate::config::{Config, ProfileSpec, ProfileSpecs};
use hubgate::domain::limits::Limits;
use hubgate::state::profiles;
use hubgate_protocol::{Phase, Request, Variables};
use serde_json::json;

use crate::rest::Rest;
use crate::support::TestHub;

const SPAWN: &str = "/jupyterhub/hub/spawn/alice";
const SERVER: &str = "/users/alice/server";
const REFUSED: &str = "Profile refused: there is no such profile";
const EXAM: &str = r#"{"until": "2027-01-15T09:00:00Z", "profile": "exam"}"#;

/// `small` and `large` are for everybody, `exam` is for the group `examiners`.
fn offered(config: &mut Config) {
    let environment = [("COURSE".to_owned(), "物理".to_owned())].into_iter().collect();
    let large = ProfileSpec {
        title: "Large <b>".to_owned(),
        description: "16 GB".to_owned(),
        limits: Limits { memory: Some(16 << 30), ..Limits::default() },
        environment: Variables::try_from(std::collections::BTreeMap::<String, String>::clone(&environment))
            .unwrap(),
        default_url: Some("/terminals/1".to_owned()),
        ..ProfileSpec::new("large")
    };
    let exam =
        ProfileSpec { groups: vec!["examiners".to_owned()], terminals: false, ..ProfileSpec::new("exam") };
    config.profiles = ProfileSpecs(vec![ProfileSpec::new("small"), large, exam]);
    config.slow_spawn_timeout = 0;
    config.allow_named_servers = true;
}

async fn rest() -> Rest {
    Rest::with(offered).await
}

/// What the spawner was told at the last start: memory, variables, first page, no terminals.
fn started(test: &TestHub) -> Option<(Option<u64>, usize, Option<String>, bool)> {
    test.asked.lock().iter().rev().find_map(|request| match request {
        Request::Start { limits, environment, manner, .. } => Some((
            limits.memory_max,
            environment.pairs().count(),
            manner.default_url.clone(),
            manner.no_terminals,
        )),
        _ => None,
    })
}

fn starts(test: &TestHub) -> usize {
    test.asked.lock().iter().filter(|request| matches!(request, Request::Start { .. })).count()
}

#[actix_web::test]
async fn the_spawn_page_offers_what_its_visitor_may_choose_and_starts_nothing() {
    let test = rest().await.test;
    let cookie = test.login("alice").await;
    let page = test.get(SPAWN, &cookie).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("id=\"profile-small\" checked"), "{}", page.body);
    assert!(page.body.contains("Large &#60;b&#62;") && page.body.contains("16.0 GiB"), "{}", page.body);
    assert!(!page.body.contains("profile-exam"), "{}", page.body);
    assert_eq!(starts(&test), 0);
    assert!(test.get("/jupyterhub/hub/home", &cookie).await.body.contains("id=\"options\""));
}

#[actix_web::test]
async fn a_start_brings_what_its_profile_says_and_opens_its_page() {
    let test = rest().await.test;
    let cookie = test.login("alice").await;
    let form = format!("_xsrf={}&profile=large", test.get(SPAWN, &cookie).await.xsrf());
    let pending = test.post(SPAWN, &cookie, &form).await;
    assert_eq!(started(&test), Some((Some(16 << 30), 1, Some("/terminals/1".to_owned()), false)));
    test.server("alice", Phase::Running);
    assert_eq!(test.get(pending.location(), &cookie).await.location(), "/jupyterhub/user/alice/terminals/1");
    let home = test.get("/jupyterhub/hub/home", &cookie).await.body;
    assert!(home.contains("<bdi>Large &#60;b&#62;</bdi>"), "{home}");
}

#[actix_web::test]
async fn the_last_choice_is_remembered() {
    let test = rest().await.test;
    let cookie = test.login("alice").await;
    let xsrf = test.get(SPAWN, &cookie).await.xsrf();
    test.post(SPAWN, &cookie, &format!("_xsrf={xsrf}&profile=large")).await;
    test.server("alice", Phase::Stopped);
    assert!(test.get(SPAWN, &cookie).await.body.contains("id=\"profile-large\" checked"));
    test.post(SPAWN, &cookie, &format!("_xsrf={xsrf}")).await;
    assert_eq!(started(&test).unwrap().0, Some(16 << 30));
}

#[actix_web::test]
async fn a_link_names_a_profile_and_one_on_another_site_only_presets_it() {
    let test = rest().await.test;
    let cookie = test.login("alice").await;
    let uri = format!("{SPAWN}?opt-profile=large&opt-image=x%22");
    let request = crate::support::browser(actix_web::test::TestRequest::get().uri(&uri));
    let request = request.insert_header(("cookie", cookie.clone()));
    let page = test.send(request.insert_header(("sec-fetch-site", "cross-site"))).await;
    assert!(page.body.contains("id=\"profile-large\" checked"), "{}", page.body);
    assert!(page.body.contains("name=\"image\" value=\"x&#34;\""), "{}", page.body);
    assert_eq!(starts(&test), 0);
    assert_eq!(test.get(&uri, &cookie).await.location(), "/jupyterhub/hub/spawn-pending/alice");
    assert_eq!(started(&test).unwrap().0, Some(16 << 30));
}

#[actix_web::test]
async fn a_profile_that_is_hidden_or_unknown_is_refused_and_starts_nothing() {
    let rest = rest().await;
    for body in
        [r#"{"profile": "exam"}"#, r#"{"profile": "nothing"}"#, r#"{"profile": 7}"#, r#"{"profile": []}"#]
    {
        rest.hold(&[("POST", SERVER, "alice", body, 403, REFUSED)]).await;
    }
    let test = &rest.test;
    let cookie = test.login("alice").await;
    let xsrf = test.get(SPAWN, &cookie).await.xsrf();
    for name in ["exam", "nothing", "", "%3Cb%3E"] {
        let answer = test.post(SPAWN, &cookie, &format!("_xsrf={xsrf}&profile={name}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        let link = test.get(&format!("{SPAWN}?profile={name}"), &cookie).await;
        assert_eq!(link.status, StatusCode::FORBIDDEN, "{name}");
    }
    assert_eq!(starts(test), 0);
}

#[actix_web::test]
async fn members_of_its_group_see_a_profile_and_lose_it_with_the_group() {
    let rest = rest().await;
    let members = r#"{"users": ["alice"]}"#;
    rest.hold(&[("POST", "/groups/examiners", "boss", members, 201, "examiners")]).await;
    rest.hold(&[("POST", SERVER, "alice", r#"{"profile": "exam"}"#, 202, "")]).await;
    assert!(started(&rest.test).unwrap().3);
    rest.test.server("alice", Phase::Stopped);
    rest.hold(&[("DELETE", "/groups/examiners/users", "boss", members, 200, "examiners")]).await;
    rest.hold(&[("POST", SERVER, "alice", "", 202, "")]).await;
    assert_eq!(started(&rest.test), Some((None, 0, None, false)));
}

#[actix_web::test]
async fn what_servers_were_started_with_survives_a_restart_of_the_gateway() {
    let rest = rest().await;
    rest.hold(&[("POST", SERVER, "alice", r#"{"profile": "large"}"#, 202, "")]).await;
    let id = "alice".parse().unwrap();
    rest.test.hub.profiles.note(&id, None);
    assert!(rest.test.hub.profile_of(&id).is_none());
    profiles::recall(&rest.test.hub).await.unwrap();
    assert_eq!(rest.test.hub.profile_of(&id).unwrap().name, "large");
    let limits = rest.json("GET", "/users/alice/limits", "boss", "").await;
    assert_eq!(limits["effective"]["mem_limit"], json!({"value": 16_i64 << 30, "source": "profile:large"}));
}

#[actix_web::test]
async fn an_exam_says_which_profile_it_is_and_leaves_the_owners_choice_alone() {
    let rest = rest().await;
    let members = r#"{"users": ["alice"]}"#;
    rest.hold(&[("POST", "/groups/class", "boss", members, 201, "class")]).await;
    rest.hold(&[("POST", SERVER, "alice", r#"{"profile": "large"}"#, 202, "")]).await;
    rest.test.server("alice", Phase::Stopped);
    let unknown = EXAM.replace("exam", "nothing");
    rest.hold(&[("PUT", "/groups/class/exam", "boss", &unknown, 400, "no profile of that name")]).await;
    rest.json("PUT", "/groups/class/exam", "boss", EXAM).await;
    rest.hold(&[("POST", SERVER, "alice", r#"{"profile": "large"}"#, 403, REFUSED)]).await;
    rest.hold(&[("POST", SERVER, "alice", "", 202, "")]).await;
    assert_eq!(started(&rest.test), Some((None, 0, None, true)));
    rest.test.server("alice", Phase::Stopped);
    rest.test.pass(3601);
    rest.hold(&[("POST", SERVER, "alice", "", 202, "")]).await;
    assert_eq!(started(&rest.test).unwrap().0, Some(16 << 30));
}

#[actix_web::test]
async fn a_title_that_cannot_be_one_is_refused() {
    let test = rest().await.test;
    let cookie = test.login("alice").await;
    let xsrf = test.get(SPAWN, &cookie).await.xsrf();
    let named = format!("{SPAWN}/gpu");
    let bad = test.post(&named, &cookie, &format!("_xsrf={xsrf}&display_name=a%0Ab")).await;
    assert_eq!((bad.status, starts(&test)), (StatusCode::BAD_REQUEST, 0));
    test.post(&named, &cookie, &format!("_xsrf={xsrf}&display_name=My+GPU")).await;
    assert!(test.get("/jupyterhub/hub/home", &cookie).await.body.contains("<bdi>My GPU</bdi>"));
}
