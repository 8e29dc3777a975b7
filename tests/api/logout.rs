//! Logging out, and sessions that others end.

use actix_web::http::StatusCode;
use hubgate::state::logins::{self, Device};
use hubgate::state::reload;
use hubgate::store::users;
use hubgate_protocol::{Phase, Request};

use crate::support::{Character, TestHub};

const SOCKET: &str = "/jupyterhub/user/alice/api/kernels/x/channels";

#[actix_web::test]
async fn logout_ends_the_session_and_its_websockets_at_once() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    assert_eq!(test.open_socket(SOCKET, &cookie).await, StatusCode::OK);
    let token = test.get("/jupyterhub/hub/logout", &cookie).await.xsrf();
    let answer = test.post("/jupyterhub/hub/logout", &cookie, &format!("_xsrf={token}")).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::FOUND, "/jupyterhub/hub/login"));
    assert!(answer.set_cookie("hubgate-session=").contains("Max-Age=0"));
    assert_eq!(test.open_socket(SOCKET, &cookie).await, StatusCode::UNAUTHORIZED);
    assert_eq!(test.cut_connections(), 1);
}

#[actix_web::test]
async fn a_link_cannot_log_anybody_out() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    assert_eq!(test.get("/jupyterhub/hub/logout", &cookie).await.status, StatusCode::OK);
    for token in ["", "_xsrf=", "_xsrf=wrong"] {
        assert_eq!(
            test.post("/jupyterhub/hub/logout", &cookie, token).await.status,
            StatusCode::FORBIDDEN,
            "{token}"
        );
    }
    assert_eq!(test.get("/jupyterhub/hub/home", &cookie).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_user_deleted_by_another_process_is_out_at_the_next_poll() {
    let test = TestHub::new().await.with_user("alice").with_user("bob");
    let (alice, bob) = (test.login("alice").await, test.login("bob").await);
    test.server("alice", Phase::Running);
    assert_eq!(test.open_socket(SOCKET, &alice).await, StatusCode::OK);
    let other_process = hubgate::store::Store::open(&test.hub.config.database()).unwrap();
    other_process.write(|c| users::delete(c, &"alice".parse().unwrap())).unwrap();
    reload::reload(&test.hub).await.unwrap();
    assert_eq!(test.open_socket(SOCKET, &alice).await, StatusCode::UNAUTHORIZED);
    assert_eq!(test.get("/jupyterhub/hub/home", &bob).await.status, StatusCode::OK);
    assert_eq!(test.cut_connections(), 1);
}

#[actix_web::test]
async fn sessions_survive_a_restart_of_the_gateway() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.hub.sessions.replace(Vec::new());
    *test.hub.gate.lock().await = hubgate::store::Revisions::NONE;
    reload::reload(&test.hub).await.unwrap();
    assert_eq!(test.get("/jupyterhub/hub/home", &cookie).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn the_database_holds_no_session_id() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    let id = cookie.strip_prefix("hubgate-session=").unwrap();
    for file in std::fs::read_dir(&test.hub.config.state_dir).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(id.len()).any(|window| window == id.as_bytes()));
    }
}

#[actix_web::test]
async fn a_user_deleted_while_their_password_is_checked_does_not_come_back() {
    let test = TestHub::new().await.with_user("alice");
    let user: hubgate_protocol::Username = "alice".parse().unwrap();
    let from = "192.0.2.7".parse().unwrap();
    let proven = hubgate::state::authenticate::attempt(&test.hub, "alice", crate::support::PASSWORD, from)
        .await
        .unwrap();
    test.hub.store.write(|c| users::delete(c, &user)).unwrap();
    assert!(
        logins::begin(&test.hub, proven, Device { address: from, agent: String::new(), before: None })
            .await
            .is_err()
    );
    assert_eq!(test.hub.store.read(users::count).unwrap(), 0);
    assert_eq!(test.hub.sessions.count(), 0);
}

#[actix_web::test]
async fn an_administrator_of_the_configuration_is_one_as_long_as_the_line_stands() {
    let name = "alice";
    let change = |config: &mut hubgate::config::Config| config.admin_users = vec![name.parse().unwrap()];
    let test = TestHub::with(crate::support::Character::Obedient, change).await.with_user(name);
    let cookie = test.login(name).await;
    let id = cookie.strip_prefix("hubgate-session=").unwrap();
    assert!(test.hub.sessions.find(id, test.hub.clock.now_s()).unwrap().admin);
    let stored = test.hub.store.read(|c| users::by_name(c, &name.parse().unwrap())).unwrap().unwrap();
    assert!(!stored.admin);
}

#[actix_web::test]
async fn a_session_that_expires_takes_its_websockets_along() {
    let test = TestHub::new().await.with_user("alice");
    let cookie = test.login("alice").await;
    test.server("alice", Phase::Running);
    assert_eq!(test.open_socket(SOCKET, &cookie).await, StatusCode::OK);
    reload::reload(&test.hub).await.unwrap();
    assert_eq!(test.cut_connections(), 0);
    test.pass(i64::from(test.hub.config.session_hours) * 3600);
    reload::reload(&test.hub).await.unwrap();
    assert_eq!(test.cut_connections(), 1);
}

#[actix_web::test]
async fn a_site_may_stop_the_servers_of_whoever_logs_out() {
    for (stops, count) in [(false, 0), (true, 2)] {
        let test = TestHub::with(Character::Obedient, |config| config.shutdown_on_logout = stops).await;
        let test = test.with_user("alice").with_user("bob");
        let cookie = test.login("alice").await;
        for server in ["alice", "alice:gpu", "bob"] {
            test.server(server, Phase::Running);
        }
        let token = test.get("/jupyterhub/hub/logout", &cookie).await.xsrf();
        test.post("/jupyterhub/hub/logout", &cookie, &format!("_xsrf={token}")).await;
        let asked = test.asked.lock();
        assert_eq!(asked.iter().filter(|request| matches!(request, Request::Stop { .. })).count(), count);
    }
}
