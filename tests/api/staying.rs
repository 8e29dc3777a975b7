//! Who stays in: an account that is locked, expires, leaves its group or is another one ends what its owner had.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::Config;
use hubgate::domain::scope::Owner;
use hubgate::state::access::{self, Absences};
use hubgate::state::{reload, tokens};
use hubgate::store::audit::Line;
use hubgate::store::tokens::NewToken;
use hubgate::store::{accounts, standing, users};
use hubgate_protocol::{Phase, Request, Username};

use crate::host::{Host, pam};
use crate::rest::Rest;
use crate::support::{PASSWORD, TestHub};

const SOCKET: &str = "/jupyterhub/user/alice/api/kernels/x/channels";

/// Somebody with all that a login can open: a session, a token and a websocket to their running server.
struct Inside {
    test: TestHub,
    absences: Absences,
    cookie: String,
    token: String,
}

fn alice() -> Username {
    "alice".parse().unwrap()
}

fn physics(config: &mut Config) {
    config.allowed_groups = vec!["physics".to_owned()];
}

impl Inside {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let test = pam(change).await;
        let cookie = test.login("alice").await;
        let new = NewToken {
            owner: Owner::User(alice()),
            client: None,
            server: None,
            session_id: None,
            expires_us: None,
            note: String::new(),
            scopes: vec!["inherit".parse().unwrap()],
        };
        let token = tokens::issue(&test.hub, new).await.unwrap().0.expose().to_owned();
        test.server("alice", Phase::Running);
        assert_eq!(test.open_socket(SOCKET, &cookie).await, StatusCode::OK);
        let inside = Self { test, absences: Absences::default(), cookie, token };
        assert_eq!(inside.doors().await, (true, true));
        inside
    }

    /// Whether the session and the token open something.
    async fn doors(&self) -> (bool, bool) {
        let home = self.test.get("/jupyterhub/hub/home", &self.cookie).await;
        let call = TestRequest::get().uri("/jupyterhub/hub/api/user");
        let call = call.insert_header(("authorization", format!("token {}", self.token)));
        (home.status == StatusCode::OK, self.test.send(call).await.status == StatusCode::OK)
    }

    fn host(&self, change: impl FnOnce(&mut Host)) {
        change(&mut self.test.host.lock());
    }

    /// Two looks: an account is gone only when it was so twice.
    async fn look(&mut self) {
        for _ in 0..2 {
            access::look(&self.test.hub, &mut self.absences).await.unwrap();
            self.test.pass(20);
        }
    }

    /// All doors are shut and the websocket was cut; the next login is told `sentence`.
    async fn is_out(&mut self, sentence: &str) {
        self.look().await;
        assert_eq!((self.doors().await, self.test.cut_connections()), ((false, false), 1), "{sentence}");
        let kept = self.test.hub.audit_of(&alice(), 50).await.unwrap();
        let by_hub = |line: &&Line| (line.actor.as_str(), line.action.as_str()) == ("hub", "user_changed");
        assert!(kept.iter().any(|line| by_hub(&line)), "{sentence}");
        let refused = self.test.try_login("alice", PASSWORD, "").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{sentence}");
        assert!(refused.body.contains(sentence), "{sentence}: {}", refused.body);
    }
}

#[actix_web::test]
async fn whoever_leaves_the_group_is_out_and_whoever_comes_back_is_in_again() {
    let mut inside = Inside::new(physics).await;
    inside.host(|host| host.state("alice").groups = vec!["alice".to_owned()]);
    inside.is_out("nothing in this hub&#39;s configuration lets you in").await;
    inside.host(|host| host.state("alice").groups.push("physics".to_owned()));
    inside.look().await;
    // The session is gone for good; the token was never lost.
    assert_eq!(inside.doors().await, (false, true));
    inside.cookie = inside.test.login("alice").await;
    assert_eq!(inside.doors().await, (true, true));
}

#[actix_web::test]
async fn a_login_opens_everything_at_once_for_somebody_who_was_out() {
    let mut inside = Inside::new(physics).await;
    inside.host(|host| host.state("alice").groups.clear());
    inside.look().await;
    inside.host(|host| host.state("alice").groups.push("physics".to_owned()));
    inside.cookie = inside.test.login("alice").await;
    assert_eq!(inside.doors().await, (true, true));
}

#[actix_web::test]
async fn a_locked_an_expired_and_a_removed_account_are_out() {
    type Change = fn(&mut Host);
    let cases: [(Change, &str); 3] = [
        (|host| host.state("alice").locked = true, ""),
        (|host| host.state("alice").expired = true, "is locked, has expired or was removed"),
        (|host| drop(host.accounts.remove("alice")), "Invalid username or password"),
    ];
    for (change, sentence) in cases {
        let mut inside = Inside::new(|config| config.allow_all = true).await;
        inside.host(change);
        if sentence.is_empty() {
            // PAM itself refuses a locked password; here it is about what was open.
            inside.look().await;
            assert_eq!((inside.doors().await, inside.test.cut_connections()), ((false, false), 1));
        } else {
            inside.is_out(sentence).await;
        }
    }
}

#[actix_web::test]
async fn an_account_whose_password_is_kept_elsewhere_is_not_locked() {
    let test = pam(|config| config.allow_all = true).await;
    test.host.lock().state("alice").locked = true;
    let cookie = test.login("alice").await;
    let mut absences = Absences::default();
    assert_eq!(access::look(&test.hub, &mut absences).await.unwrap(), 0);
    assert_eq!(test.get("/jupyterhub/hub/home", &cookie).await.status, StatusCode::OK);
    test.host.lock().state("alice").locked = false;
    access::look(&test.hub, &mut absences).await.unwrap();
    test.host.lock().state("alice").locked = true;
    assert_eq!(access::look(&test.hub, &mut absences).await.unwrap(), 1);
}

#[actix_web::test]
async fn nobody_is_thrown_out_while_the_host_says_nothing() {
    let mut inside = Inside::new(physics).await;
    inside.host(|host| host.silent = true);
    inside.host(|host| host.state("alice").locked = true);
    inside.look().await;
    assert_eq!((inside.doors().await, inside.test.cut_connections()), ((true, true), 0));
    inside.host(|host| host.silent = false);
    inside.look().await;
    inside.host(|host| host.silent = true);
    inside.look().await;
    assert_eq!(inside.doors().await, (false, false));
}

#[actix_web::test]
async fn one_look_at_an_absent_account_is_not_enough() {
    let mut inside = Inside::new(physics).await;
    let account = inside.test.host.lock().accounts.remove("alice").unwrap();
    access::look(&inside.test.hub, &mut inside.absences).await.unwrap();
    assert_eq!(inside.doors().await, (true, true));
    inside.host(|host| drop(host.accounts.insert("alice".to_owned(), account)));
    inside.look().await;
    assert_eq!(inside.doors().await, (true, true));
}

#[actix_web::test]
async fn users_without_an_account_are_deleted_only_where_the_site_says_so_and_not_at_once() {
    for delete in [false, true] {
        let mut inside = Inside::new(|config| {
            config.allow_all = true;
            config.delete_invalid_users = delete;
        })
        .await;
        inside.host(|host| drop(host.accounts.remove("alice")));
        inside.look().await;
        let known =
            |inside: &Inside| inside.test.hub.store.read(|c| users::by_name(c, &alice())).unwrap().is_some();
        assert!(known(&inside));
        inside.test.pass(600);
        inside.look().await;
        assert_eq!(known(&inside), !delete);
    }
}

#[actix_web::test]
async fn a_new_password_ends_the_sessions_of_the_old_one_and_no_other() {
    let mut inside = Inside::new(physics).await;
    inside.host(|host| host.state("alice").password_changed_day = Some(20_001));
    let fresh = inside.test.login("alice").await;
    assert_eq!(inside.doors().await, (false, true));
    inside.cookie = fresh;
    inside.look().await;
    assert_eq!(inside.doors().await, (true, true));
    inside.host(|host| host.state("alice").password_changed_day = Some(20_002));
    inside.look().await;
    assert_eq!(inside.doors().await, (false, true));
}

#[actix_web::test]
async fn an_account_that_took_the_name_of_another_opens_nothing_until_it_is_confirmed() {
    for at_login in [false, true] {
        let mut inside = Inside::new(physics).await;
        inside.host(|host| host.add("alice", 1055, &["physics"]));
        if at_login {
            let refused = inside.test.try_login("alice", PASSWORD, "").await;
            assert!(refused.body.contains("is another one than before"), "{}", refused.body);
        }
        inside.is_out("is another one than before").await;
        let confirmed = inside.test.hub.change(|c| accounts::confirm(c, &alice())).await.unwrap();
        assert!(confirmed);
        inside.cookie = inside.test.login("alice").await;
        // What the other person was given is not theirs.
        assert_eq!(inside.doors().await, (true, false));
        inside.look().await;
        assert_eq!(inside.doors().await, (true, false));
    }
}

#[actix_web::test]
async fn an_account_that_was_made_again_under_its_number_is_another_one() {
    let mut inside = Inside::new(physics).await;
    inside.host(|host| host.state("alice").created_s = Some(1_800_000_001));
    inside.is_out("is another one than before").await;
}

#[actix_web::test]
async fn a_user_who_is_locked_here_is_out_at_once_by_whoever_does_it() {
    for elsewhere in [false, true] {
        let mut inside = Inside::new(physics).await;
        let lock = |disabled| move |c: &mut _| standing::set_disabled(c, &alice(), disabled);
        if elsewhere {
            inside.test.hub.store.write(lock(true)).unwrap();
            // What the gateway does every second.
            reload::reload(&inside.test.hub).await.unwrap();
        } else {
            inside.test.hub.change(lock(true)).await.unwrap();
        }
        assert_eq!((inside.doors().await, inside.test.cut_connections()), ((false, false), 1));
        inside.is_out("The administrator has locked your user.").await;
        inside.test.hub.change(lock(false)).await.unwrap();
        inside.look().await;
        assert_eq!(inside.doors().await, (false, true));
    }
}

#[actix_web::test]
async fn a_user_is_out_from_the_second_on_that_their_time_is_over() {
    let mut inside = Inside::new(physics).await;
    let at_s = inside.test.hub.clock.now_s() + 100;
    inside.test.hub.change(move |c| standing::set_expires(c, &alice(), Some(at_s))).await.unwrap();
    inside.test.pass(99);
    assert_eq!(inside.doors().await, (true, true));
    inside.test.pass(1);
    assert_eq!(inside.doors().await, (false, false));
    reload::reload(&inside.test.hub).await.unwrap();
    assert_eq!(inside.test.cut_connections(), 1);
    inside.is_out("Your access has ended").await;
    inside.test.hub.change(|c| standing::set_expires(c, &alice(), None)).await.unwrap();
    inside.cookie = inside.test.login("alice").await;
    assert_eq!(inside.doors().await, (true, true));
}

#[actix_web::test]
async fn servers_of_whoever_is_out_run_on_unless_the_site_says_otherwise() {
    for stop in [false, true] {
        let inside = Inside::new(|config| {
            physics(config);
            config.stop_servers_of_refused = stop;
        })
        .await;
        inside.test.server("bob", Phase::Running);
        inside.test.hub.change(|c| standing::set_disabled(c, &alice(), true)).await.unwrap();
        access::stop_servers(&inside.test.hub).await;
        let stopped = |request: &Request| match request {
            Request::Stop { user, .. } => Some(user.clone()),
            _ => None,
        };
        let stopped: Vec<Username> = inside.test.asked.lock().iter().filter_map(stopped).collect();
        assert_eq!(stopped, if stop { vec![alice()] } else { Vec::new() });
    }
}

#[actix_web::test]
async fn rules_that_changed_while_the_gateway_was_down_hold_for_who_is_in() {
    let mut inside = Inside::new(physics).await;
    let hub = actix_web::web::Data::get_ref(&inside.test.hub);
    let config = Config { allowed_groups: vec!["chemistry".to_owned()], ..hub.config.clone() };
    let again = hubgate::app::hub(config, hub.clock.clone()).unwrap();
    reload::reload(&again).await.unwrap();
    assert_eq!(access::look(&again, &mut Absences::default()).await.unwrap(), 1);
    reload::reload(&inside.test.hub).await.unwrap();
    inside.look().await;
    assert!(!inside.doors().await.0);
}

#[actix_web::test]
async fn rights_of_an_admin_group_end_with_the_membership() {
    let test = pam(|config| {
        config.admin_groups = vec!["wheel".to_owned()];
        config.allow_all = true;
    })
    .await;
    test.login("root_of_all").await;
    let admin = || test.hub.directory().is_admin(&"root_of_all".parse().unwrap());
    assert!(admin());
    test.host.lock().state("root_of_all").groups.clear();
    access::look(&test.hub, &mut Absences::default()).await.unwrap();
    assert!(!admin());
}

#[actix_web::test]
async fn the_api_locks_lets_expire_and_confirms() {
    let rest = Rest::new().await;
    rest.hold(&[
        ("PATCH", "/users/alice", "boss", r#"{"disabled": true}"#, 200, r#""disabled":true"#),
        ("GET", "/user", "alice", "", 403, "null"),
        ("PATCH", "/users/alice", "boss", r#"{"disabled": false}"#, 200, "alice"),
        ("GET", "/user", "alice", "", 200, "alice"),
        ("PATCH", "/users/boss", "boss", r#"{"disabled": true}"#, 400, "Cannot disable yourself!"),
        ("PATCH", "/users/alice", "boss", r#"{"disabled": "yes"}"#, 400, "user.disabled must be a boolean"),
        ("PATCH", "/users/alice", "bob", r#"{"disabled": true}"#, 403, ""),
        ("PATCH", "/users/alice", "boss", r#"{"expires_at": "tomorrow"}"#, 400, "expires_at"),
        (
            "PATCH",
            "/users/alice",
            "boss",
            r#"{"expires_at": "2020-01-01"}"#,
            200,
            r#""expires_at":"2020-01-01T00:00:00Z""#,
        ),
        ("GET", "/user", "alice", "", 403, "null"),
        ("PATCH", "/users/alice", "boss", r#"{"expires_at": null}"#, 200, "alice"),
        ("GET", "/user", "alice", "", 200, "alice"),
        ("PATCH", "/users/alice", "boss", r#"{"estranged": true}"#, 400, "estranged"),
        ("PATCH", "/users/alice", "boss", r#"{"estranged": false}"#, 200, "alice"),
    ])
    .await;
}
