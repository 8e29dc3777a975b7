//! Sharing a server from the browser: who may, the link that is shown once, and how it ends.

use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::test::TestRequest;
use hubgate::config::{Config, RoleSpec, Roles};
use hubgate_protocol::Phase;

use crate::support::{Answer, Character, TestHub, navigation};

const HOME: &str = "/jupyterhub/hub/home";
const SHARE: &str = "/jupyterhub/hub/share/alice";

/// Alice may share her servers; bob may not.
async fn hub() -> TestHub {
    let lender = RoleSpec {
        name: "lender".parse().unwrap(),
        description: String::new(),
        scopes: Some(vec!["shares!user".parse().unwrap()]),
        users: vec!["alice".parse().unwrap()],
        groups: Vec::new(),
        services: Vec::new(),
    };
    let change = |config: &mut Config| config.load_roles = Roles(vec![lender]);
    let test = TestHub::with(Character::Obedient, change).await;
    let test = test.with_user("alice").with_user("bob");
    hubgate::state::reload::reload(&test.hub).await.unwrap();
    test
}

async fn submit(test: &TestHub, cookie: &str, fields: &str) -> Answer {
    let xsrf = test.get(HOME, cookie).await.xsrf();
    test.post(SHARE, cookie, &format!("_xsrf={xsrf}&{fields}")).await
}

/// The path of the link that the page shows.
fn link(page: &Answer) -> String {
    let link = page.body.split("<code id=\"share-link\">").nth(1).unwrap().split('<').next().unwrap();
    link[link.find("/jupyterhub").unwrap()..].to_owned()
}

#[actix_web::test]
async fn a_link_lets_its_taker_in_until_the_owner_ends_it() {
    let test = hub().await;
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    test.server("alice", Phase::Running);
    assert!(test.get(HOME, &alice).await.body.contains("href=\"/jupyterhub/hub/share/alice\""));
    let made = submit(&test, &alice, "act=link&life=hour").await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let link = link(&made);
    let code = link.split("code=").nth(1).unwrap();
    let later = test.get(SHARE, &alice).await.body;
    assert!(later.contains("end-link") && !later.contains(code), "the link is shown once: {later}");

    let offer = test.get(&link, &bob).await;
    let form = format!("_xsrf={}&code={code}", offer.xsrf());
    let taken = test.post("/jupyterhub/hub/accept-share", &bob, &form).await;
    assert_eq!(taken.status, StatusCode::FOUND, "{}", taken.body);
    let lab = || navigation("/jupyterhub/user/alice/lab");
    assert_ne!(test.ask(lab(), &bob).await.status, StatusCode::FORBIDDEN);
    let page = test.get(SHARE, &alice).await;
    assert!(page.body.contains("<bdi>bob</bdi>"), "{}", page.body);

    let share = page.body.split("value=\"end-share\"").next().unwrap().rsplit("name=\"id\" value=\"").next();
    let number = share.unwrap().split('"').next().unwrap().to_owned();
    let ended = submit(&test, &alice, &format!("act=end-share&id={number}")).await;
    assert!(!ended.body.contains("<bdi>bob</bdi>"), "{}", ended.body);
    assert!(matches!(test.ask(lab(), &bob).await.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED));
}

#[actix_web::test]
async fn a_link_that_its_owner_ends_cannot_be_taken() {
    let test = hub().await;
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    let made = submit(&test, &alice, "act=link&life=week").await;
    let link = link(&made);
    let number = made.body.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(submit(&test, &alice, &format!("act=end-link&id={number}")).await.status, StatusCode::OK);
    assert_eq!(test.get(&link, &bob).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        submit(&test, &alice, &format!("act=end-link&id={number}")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[actix_web::test]
async fn who_may_not_share_is_not_offered_it_and_refused() {
    let test = hub().await;
    let bob = test.login("bob").await;
    assert!(!test.get(HOME, &bob).await.body.contains("/hub/share/"));
    for path in [SHARE, "/jupyterhub/hub/share/bob"] {
        assert!(test.get(path, &bob).await.status.is_client_error(), "{path}");
    }
    assert!(submit(&test, &bob, "act=link&life=hour").await.status.is_client_error());
    let alice = test.login("alice").await;
    for fields in ["", "act=link", "act=link&life=year", "act=end-link", "act=end-link&id=x", "act=sell&id=1"]
    {
        assert_eq!(submit(&test, &alice, fields).await.status, StatusCode::BAD_REQUEST, "{fields}");
    }
    assert!(!test.get(SHARE, &alice).await.body.contains("end-link"));
}

#[actix_web::test]
async fn the_servers_of_home_come_alone_to_its_script_and_to_nobody_else() {
    let test = hub().await;
    let alice = test.login("alice").await;
    let home = test.get(HOME, &alice).await;
    let ask = |token: String| {
        let request =
            TestRequest::get().uri("/jupyterhub/hub/home/servers").insert_header((COOKIE, alice.as_str()));
        test.send(request.insert_header(("sec-fetch-mode", "cors")).insert_header(("x-xsrftoken", token)))
    };
    let part = ask(home.xsrf()).await;
    assert_eq!(part.status, StatusCode::OK, "{}", part.body);
    assert!(home.body.contains(part.body.trim()), "{}", part.body);
    assert_eq!(ask(String::new()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(test.get("/jupyterhub/hub/home/servers", "").await.status, StatusCode::FORBIDDEN);
}
