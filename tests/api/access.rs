//! Who reaches which server: by scopes, tokens, shares and names, all asked of memory.

use actix_web::http::StatusCode;
use hubgate::domain::scope::{Base, Filter, Owner, Scope};
use hubgate::state::{entries, tokens};
use hubgate::store::tokens::NewToken;
use hubgate::store::{servers, shares, users};
use hubgate_protocol::{Phase, ServerId};

use crate::support::{Character, TestHub, navigation, script};

const LAB: &str = "/jupyterhub/user/alice/lab";

pub async fn token(test: &TestHub, user: &str, scopes: &[&str]) -> String {
    let new = NewToken {
        owner: Owner::User(user.parse().unwrap()),
        client: None,
        server: None,
        session_id: None,
        expires_us: None,
        note: "test".to_owned(),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
    };
    tokens::issue(&test.hub, new).await.unwrap().0.expose().to_owned()
}

#[actix_web::test]
async fn a_token_that_has_access_opens_the_server_and_one_that_has_not_does_not() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    test.server("alice", Phase::Running);
    let ask = |text: String| script("POST", LAB).insert_header(("authorization", format!("token {text}")));
    let good = test.ask(ask(token(&test, "alice", &["access:servers!user=alice"]).await), "").await;
    assert_eq!(good.status, StatusCode::OK);
    assert_eq!((good.header("x-hubgate-credential"), good.header("x-hubgate-authorization")), ("token", ""));
    for (user, scope) in [
        ("alice", "read:users!user=alice"),
        ("alice", "access:servers!server=alice/gpu"),
        ("bob", "access:servers!user=alice"),
        ("bob", "inherit"),
    ] {
        let refused = test.ask(ask(token(&test, user, &[scope]).await), "").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{user} {scope}");
    }
    assert_eq!(test.ask(ask("0".repeat(64)), "").await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn a_websocket_with_a_token_needs_no_origin_and_ends_with_the_token() {
    let test = TestHub::new().await.with_user("alice");
    test.server("alice", Phase::Running);
    let text = token(&test, "alice", &["inherit"]).await;
    let socket = script("GET", "/jupyterhub/user/alice/api/kernels/x/channels")
        .insert_header(("authorization", format!("Bearer {text}")))
        .insert_header(("x-orig-upgrade", "websocket"));
    assert_eq!(test.ask(socket, "").await.status, StatusCode::OK);
    let id = test.hub.tokens.find(&text).unwrap().id;
    tokens::revoke(&test.hub, &[id]).await.unwrap();
    test.until(|asked| asked.iter().any(|request| matches!(request, hubgate_protocol::Request::Cut { .. })))
        .await;
    assert!(test.hub.tokens.find(&text).is_none());
}

#[actix_web::test]
async fn a_server_of_the_hub_flavour_gets_the_token_that_it_has_to_judge() {
    let test = TestHub::with(Character::Obedient, |config| config.flavour = hubgate::config::Flavour::Hub)
        .await
        .with_user("alice");
    test.server("alice", Phase::Running);
    let text = token(&test, "alice", &["inherit"]).await;
    let asked = script("GET", LAB).insert_header(("authorization", format!("token {text}")));
    let answer = test.ask(asked, "").await;
    assert_eq!(answer.header("x-hubgate-authorization"), format!("token {text}"));
    let wrong = script("GET", LAB).insert_header(("authorization", "token nonsense"));
    let cookie = test.login("alice").await;
    assert_eq!(test.ask(wrong, &cookie).await.header("x-hubgate-authorization"), "");
}

#[actix_web::test]
async fn a_named_server_has_its_own_socket_and_its_own_cookie_path() {
    let test = TestHub::with(Character::Obedient, |config| config.allow_named_servers = true)
        .await
        .with_user("alice");
    let cookie = test.login("alice").await;
    let gpu: ServerId = "alice:gpu".parse().unwrap();
    let id = gpu.clone();
    test.hub.change(move |c| servers::ensure(c, &id, 0).map(drop)).await.unwrap();
    test.server("alice:gpu", Phase::Running);
    let answer = test.ask(script("GET", "/jupyterhub/user/alice/gpu/lab"), &cookie).await;
    assert_eq!(answer.header("x-hubgate-upstream"), "unix:/run/jupyter/alice@gpu.sock");
    assert_eq!(answer.header("x-hubgate-path"), "/jupyterhub/user/alice/gpu/");
    // The default server is stopped, and a name that nobody gave a server is a path of it.
    for path in ["/jupyterhub/user/alice/lab", "/jupyterhub/user/alice/other/lab"] {
        assert_eq!(test.ask(script("GET", path), &cookie).await.header("x-hubgate-reason"), "not-running");
    }
}

#[actix_web::test]
async fn a_share_opens_one_server_at_once_and_its_end_closes_it_at_once() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let cookie = test.login("bob").await;
    test.server("alice", Phase::Running);
    assert_eq!(test.ask(script("GET", LAB), &cookie).await.status, StatusCode::FORBIDDEN);
    let alice: ServerId = "alice".parse().unwrap();
    let with = shares::With::User("bob".parse().unwrap());
    let (server, to) = (alice.clone(), with.clone());
    let scope = Scope::of(Base::AccessServers, Filter::Server(alice.clone()));
    test.hub
        .change(move |c| {
            servers::ensure(c, &server, 0)?;
            shares::grant(c, &server, &to, &[scope], 0).map(drop)
        })
        .await
        .unwrap();
    let answer = test.ask(script("GET", LAB), &cookie).await;
    assert_eq!((answer.status, answer.header("x-hubgate-user")), (StatusCode::OK, "bob"));
    test.hub
        .change(move |c| {
            let share = shares::find(c, &alice, &with)?.unwrap();
            shares::set_scopes(c, &shares::Share { scopes: Vec::new(), ..share })
        })
        .await
        .unwrap();
    assert_eq!(test.ask(script("GET", LAB), &cookie).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn an_administrator_reaches_every_server_until_they_are_none_any_more() {
    let test = TestHub::new().await.with_user("alice").with_user("root2");
    let cookie = test.login("root2").await;
    test.server("alice", Phase::Running);
    let admin = "root2".parse::<hubgate_protocol::Username>().unwrap();
    for (is_admin, status) in [(true, StatusCode::OK), (false, StatusCode::FORBIDDEN)] {
        let name = admin.clone();
        test.hub.change(move |c| users::set_admin(c, &name, is_admin)).await.unwrap();
        // They have said why: see `entries`.
        entries::enter(&test.hub, &admin, &"alice".parse().unwrap(), "to help").await.unwrap();
        assert_eq!(test.ask(script("GET", LAB), &cookie).await.status, status);
    }
}

#[actix_web::test]
async fn somebody_elses_stopped_server_is_not_started_by_a_visit() {
    let test = TestHub::new().await.with_user("alice").with_user("root2");
    let cookie = test.login("root2").await;
    let admin = "root2".parse::<hubgate_protocol::Username>().unwrap();
    let name = admin.clone();
    test.hub.change(move |c| users::set_admin(c, &name, true)).await.unwrap();
    assert_eq!(test.ask(navigation(LAB), &cookie).await.header("x-hubgate-reason"), "say-why");
    entries::enter(&test.hub, &admin, &"alice".parse().unwrap(), "to help").await.unwrap();
    let answer = test.ask(navigation(LAB), &cookie).await;
    assert_eq!(answer.header("x-hubgate-reason"), "not-running");
    assert!(test.asked.lock().is_empty());
}

#[actix_web::test]
async fn a_link_to_ones_own_server_leads_there_by_way_of_the_spawn_page() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let answer =
        test.get("/jupyterhub/hub/user-redirect/git-pull?repo=https%3A%2F%2Fx.test%2Fr", &cookie).await;
    let location =
        percent_encoding::percent_decode_str(answer.location()).decode_utf8().unwrap().into_owned();
    assert_eq!(
        location,
        "/jupyterhub/hub/spawn/alice?next=/jupyterhub/user/alice/git-pull?repo=https%3A%2F%2Fx.test%2Fr"
    );
    test.server("alice", Phase::Running);
    assert_eq!(
        test.get(answer.location(), &cookie).await.location(),
        "/jupyterhub/user/alice/git-pull?repo=https%3A%2F%2Fx.test%2Fr"
    );
}

#[actix_web::test]
async fn the_token_page_makes_a_token_shows_it_once_and_revokes_it() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let page = test.get("/jupyterhub/hub/token", &cookie).await;
    let form =
        format!("_xsrf={}&note=%3Cscript%3E&expires_in=3600&scopes=read%3Ausers%21user%3Dalice", page.xsrf());
    let made = test.post("/jupyterhub/hub/token", &cookie, &form).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let (_, rest) = made.body.split_once("id=\"token-result\">").unwrap();
    let text = rest.split('<').next().unwrap();
    assert!(test.hub.tokens.find(text).is_some());
    let listed = test.get("/jupyterhub/hub/token", &cookie).await;
    assert!(
        !listed.body.contains(text)
            && !listed.body.contains("<script>")
            && listed.body.contains("read:users!user=alice")
    );
    let id = listed.field("id").unwrap();
    let gone =
        test.post("/jupyterhub/hub/token/revoke", &cookie, &format!("_xsrf={}&id={id}", listed.xsrf())).await;
    assert_eq!(gone.location(), "/jupyterhub/hub/token");
    assert!(test.hub.tokens.find(text).is_none());
}

#[actix_web::test]
async fn the_token_page_refuses_what_one_does_not_hold_and_what_is_not_ones_own() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let cookie = test.login("alice").await;
    let xsrf = test.get("/jupyterhub/hub/token", &cookie).await.xsrf();
    for fields in ["scopes=admin%3Ausers", "scopes=nosuch", "expires_in=x", "expires_in=-1"] {
        let answer = test.post("/jupyterhub/hub/token", &cookie, &format!("_xsrf={xsrf}&{fields}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fields}");
    }
    let theirs = token(&test, "bob", &["inherit"]).await;
    let id = test.hub.tokens.find(&theirs).unwrap().id;
    let answer = test.post("/jupyterhub/hub/token/revoke", &cookie, &format!("_xsrf={xsrf}&id={id}")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(test.hub.tokens.find(&theirs).is_some());
}

#[actix_web::test]
async fn a_server_of_the_hub_flavour_starts_with_a_token_that_ends_when_it_has_stopped() {
    let test = TestHub::with(Character::Obedient, |config| config.flavour = hubgate::config::Flavour::Hub)
        .await
        .with_user("alice");
    let cookie = test.login("alice").await;
    test.get("/jupyterhub/hub/spawn/alice", &cookie).await;
    let text = test
        .asked
        .lock()
        .iter()
        .find_map(|request| match request {
            hubgate_protocol::Request::Start { token, .. } => token.clone(),
            _ => None,
        })
        .unwrap();
    let token = test.hub.tokens.find(text.expose()).unwrap();
    let scopes = test.hub.directory().scopes_of_token(&token).to_strings();
    assert!(scopes.contains(&"users:activity!user=alice".to_owned()), "{scopes:?}");
    assert!(scopes.contains(&"access:servers!server=alice/".to_owned()), "{scopes:?}");
    test.server("alice", Phase::Running);
    hubgate::state::starts::strip_stopped(&test.hub).await.unwrap();
    assert!(test.hub.tokens.find(text.expose()).is_some());
    test.server("alice", Phase::Stopped);
    hubgate::state::starts::strip_stopped(&test.hub).await.unwrap();
    assert!(test.hub.tokens.find(text.expose()).is_none());
}

#[actix_web::test]
async fn a_script_that_logs_in_like_a_browser_finds_the_xsrf_token_in_its_cookie() {
    let test = TestHub::new().await.with_user("alice");
    let answer = test.try_login("alice", crate::support::PASSWORD, "").await;
    let cookies = format!("hubgate-session={}", answer.cookie("hubgate-session").unwrap());
    let xsrf = answer.set_cookie("_xsrf=");
    assert!(xsrf.contains("HttpOnly") && xsrf.contains("Path=/jupyterhub/hub/"), "{xsrf}");
    let post = |token: String| {
        actix_web::test::TestRequest::post()
            .uri("/jupyterhub/hub/api/users/alice/tokens")
            .insert_header(("cookie", cookies.clone()))
            .insert_header(("x-xsrftoken", token))
            .insert_header(("sec-fetch-mode", "cors"))
    };
    assert_eq!(test.send(post(answer.cookie("_xsrf").unwrap())).await.status, StatusCode::CREATED);
    assert_eq!(test.send(post("wrong".to_owned())).await.status, StatusCode::FORBIDDEN);
}
