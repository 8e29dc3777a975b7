//! Login names: who is meant by what is typed, what their user is called, and that nobody is two.

use actix_web::http::StatusCode;
use hubgate::config::{Config, NameMap};
use hubgate::password;
use hubgate::store::{NewUser, Standing, StoreError, standing, users};
use hubgate_protocol::{LoginName, Secret, Username};
use serde_json::json;

use crate::rest::{Rest, names};
use crate::support::{Character, PASSWORD, TestHub};

const LONG: &str = "a-name-that-is-as-long-as-sixty-four-characters-which-some-have-";

/// Names as directories of universities and firms have them.
fn wide(config: &mut Config) {
    config.username_pattern = r"[\w.@+-]{1,64}".to_owned();
}

async fn hub() -> TestHub {
    TestHub::with(Character::Obedient, wide).await
}

/// A file user with this login name.
fn add(test: &TestHub, name: Username, login: Option<&str>) -> Result<i64, StoreError> {
    let hash = password::hash(&Secret::try_from(PASSWORD.to_owned()).unwrap()).unwrap();
    let standing = Standing { login: login.map(|login| login.parse().unwrap()), ..Standing::default() };
    let new = NewUser { name, admin: false, password_hash: Some(hash), created_s: 0, standing };
    test.hub.store.write(|c| users::insert(c, &new))
}

fn id(login: &str) -> Username {
    login.parse::<LoginName>().unwrap().id()
}

#[actix_web::test]
async fn whoever_has_an_unusual_name_logs_in_and_has_a_user_of_a_usual_one() {
    let test = hub().await;
    for login in ["a.b", "A.B@x.cn", "张三", LONG] {
        add(&test, id(login), Some(login)).unwrap();
        let answer = test.try_login(login, PASSWORD, "").await;
        assert_eq!(answer.status, StatusCode::FOUND, "{login}");
        let cookie = format!("hubgate-session={}", answer.cookie("hubgate-session").unwrap());
        let home = test.get("/jupyterhub/hub/home", &cookie).await;
        assert!(home.body.contains(&format!("/hub/spawn/{}\"", id(login))), "{login}: {}", home.body);
    }
    for other in ["a.B@x.cn", "张三三", "a-b", "a_b", &LONG[1..]] {
        assert_eq!(test.try_login(other, PASSWORD, "").await.status, StatusCode::FORBIDDEN, "{other}");
    }
}

#[actix_web::test]
async fn a_login_name_that_was_given_opens_its_user_and_the_name_alone_no_longer_does() {
    let test = hub().await;
    add(&test, "zhangsan".parse().unwrap(), Some("张三")).unwrap();
    assert_eq!(test.try_login("张三", PASSWORD, "").await.status, StatusCode::FOUND);
    assert_eq!(test.try_login("zhangsan", PASSWORD, "").await.status, StatusCode::FORBIDDEN);
    let sessions = test.hub.store.read(|c| hubgate::store::sessions::live(c, 0)).unwrap();
    assert_eq!(sessions[0].user.as_str(), "zhangsan");
}

#[actix_web::test]
async fn no_name_is_two_people() {
    let test = hub().await;
    add(&test, "zhangsan".parse().unwrap(), Some("zs")).unwrap();
    add(&test, "li".parse().unwrap(), None).unwrap();
    for (name, login) in [("zs", None), ("wang", Some("zs")), ("wang", Some("li")), ("li", None)] {
        assert_eq!(add(&test, name.parse().unwrap(), login), Err(StoreError::Exists), "{name} {login:?}");
    }
    let set = |login: &str| {
        let login: LoginName = login.parse().unwrap();
        test.hub.store.write(|c| standing::set_login(c, &"li".parse().unwrap(), Some(&login)))
    };
    assert_eq!((set("zs"), set("zhangsan")), (Err(StoreError::Exists), Err(StoreError::Exists)));
    assert_eq!((set("li"), set("LI")), (Ok(()), Ok(())));
    let rename =
        |new: &str| test.hub.store.write(|c| users::rename(c, &"li".parse().unwrap(), &new.parse().unwrap()));
    assert_eq!(
        (rename("zs"), rename("zhangsan"), rename("lili")),
        (Err(StoreError::Exists), Err(StoreError::Exists), Ok(()))
    );
}

#[actix_web::test]
async fn the_map_means_another_user_than_was_typed() {
    let test = TestHub::with(Character::Obedient, |config| {
        config.username_map = NameMap([("Eve@x.cn".to_owned(), "eve".parse().unwrap())].into());
    })
    .await
    .with_user("eve");
    assert_eq!(test.try_login("Eve@x.cn", PASSWORD, "").await.status, StatusCode::FOUND);
    assert_eq!(test.try_login("Bob@x.cn", PASSWORD, "").await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn the_api_makes_and_finds_users_by_their_login_names() {
    let rest = Rest::with(wide).await;
    let zhang = id("张三");
    let made = rest.json("POST", "/users", "boss", r#"{"usernames": ["张三", "Carol", "dora"]}"#).await;
    assert_eq!(names(&made), [zhang.as_str(), id("Carol").as_str(), "dora"]);
    assert_eq!(made[0]["login_name"], "张三");
    assert!(made[2].get("login_name").is_none() && made[2].get("display_name").is_none());
    let path = "/users/%E5%BC%A0%E4%B8%89";
    assert_eq!(rest.json("GET", path, "boss", "").await["name"], zhang.as_str());
    rest.hold(&[
        ("POST", path, "boss", "", 409, "already exists"),
        ("POST", "/users/A.B@x.cn", "boss", "", 201, r#""login_name":"A.B@x.cn""#),
        ("POST", &format!("/users/{}", id("A.B@x.cn")), "boss", "", 409, ""),
        ("POST", "/users/a%20b", "boss", "", 400, "Failed to create user"),
        ("POST", "/groups/physics", "boss", r#"{"users": ["张三", "ALICE"]}"#, 201, zhang.as_str()),
        ("PATCH", path, "boss", r#"{"display_name": "张 三"}"#, 200, r#""display_name":"张 三""#),
        ("PATCH", path, "boss", r#"{"display_name": " x"}"#, 400, "display_name"),
        ("PATCH", path, "boss", r#"{"name": "Li.Si"}"#, 200, r#""login_name":"Li.Si""#),
        ("GET", path, "boss", "", 404, "null"),
        ("PATCH", "/users/Li.Si", "boss", r#"{"name": "lisi"}"#, 200, r#""name":"lisi""#),
        ("DELETE", "/users/A.B@x.cn", "boss", "", 204, ""),
        ("GET", "/users/A.B@x.cn", "alice", "", 404, ""),
    ])
    .await;
    let lisi = rest.json("GET", "/users/lisi", "boss", "").await;
    assert_eq!((lisi.get("login_name"), &lisi["groups"]), (None, &json!(["physics"])));
}

#[actix_web::test]
async fn a_login_name_is_given_by_the_api_where_passwords_are_kept_here() {
    let rest = Rest::with(wide).await;
    rest.hold(&[
        (
            "PATCH",
            "/users/alice",
            "boss",
            r#"{"login_name": "Alice@x.cn"}"#,
            200,
            r#""login_name":"Alice@x.cn""#,
        ),
        ("PATCH", "/users/bob", "boss", r#"{"login_name": "Alice@x.cn"}"#, 409, ""),
        ("PATCH", "/users/bob", "boss", r#"{"login_name": "a b"}"#, 400, "login_name"),
        ("GET", "/users/Alice@x.cn", "boss", "", 200, r#""name":"alice""#),
        ("PATCH", "/users/alice", "bob", r#"{"login_name": null}"#, 403, ""),
    ])
    .await;
    assert_eq!(rest.test.try_login("Alice@x.cn", PASSWORD, "").await.status, StatusCode::FOUND);
    assert_eq!(rest.test.try_login("alice", PASSWORD, "").await.status, StatusCode::FORBIDDEN);
    rest.hold(&[("PATCH", "/users/alice", "boss", r#"{"login_name": null}"#, 200, "alice")]).await;
    assert_eq!(rest.test.try_login("alice", PASSWORD, "").await.status, StatusCode::FOUND);
}
