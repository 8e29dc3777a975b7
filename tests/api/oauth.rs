//! The OAuth 2 provider: who gets a code, what it becomes, and what every misuse of one becomes.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use hubgate::config::{Config, CustomSpec, Customs, RoleSpec, Roles};
use hubgate::password;
use hubgate::state::reload;
use hubgate::store::oauth::{ServerClient, put_client};
use hubgate::store::passwords::{self, NewPassword};
use hubgate_protocol::{Secret, ServerId};
use openssl::sha::sha256;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::corpus::entries;
use crate::support::{Answer, Character, PASSWORD, TestHub};

const CLIENT: &str = "jupyterhub-user-alice";
const SECRET: &str = "secret-of-the-server-of-alice";
const BACK: &str = "/user/alice/oauth_callback";
const SERVICES: &str = r#"
[[services]]
name = "whoami"
api_token = "token-of-whoami"
oauth_redirect_uri = "https://whoami.test/callback"
oauth_client_allowed_scopes = ["read:users!user", "custom:reports"]
[[services]]
name = "quiet"
api_token = "token-of-quiet"
oauth_redirect_uri = "/services/quiet/oauth_callback"
oauth_no_confirm = true
"#;
struct Site {
    test: TestHub,
    _files: tempfile::TempDir,
}

async fn site() -> Site {
    let files = tempfile::tempdir().unwrap();
    let services = files.path().join("services.toml");
    std::fs::write(&services, SERVICES).unwrap();
    let role = RoleSpec {
        name: "whoami-user".parse().unwrap(),
        description: String::new(),
        scopes: Some(["access:services", "custom:reports"].map(|scope| scope.parse().unwrap()).into()),
        users: vec!["alice".parse().unwrap()],
        groups: Vec::new(),
        services: Vec::new(),
    };
    let custom = CustomSpec {
        name: "custom:reports".to_owned(),
        description: "Read the reports".to_owned(),
        subscopes: Vec::new(),
    };
    let change = |config: &mut Config| {
        config.services_file = services;
        config.load_roles = Roles(vec![role]);
        config.custom_scopes = Customs(vec![custom]);
    };
    let test = TestHub::with(Character::Obedient, change).await.with_user("bob");
    let hash = password::hash(&Secret::try_from(PASSWORD.to_owned()).unwrap()).unwrap();
    let new = NewPassword { hash, must_change: false, now_s: 0 };
    test.hub.store.write(|c| passwords::set(c, &"alice".parse().unwrap(), &new)).unwrap();
    reload::reload(&test.hub).await.unwrap();
    let client = ServerClient {
        identifier: CLIENT.to_owned(),
        server: ServerId::default_of("alice".parse().unwrap()),
        secret_hash: sha256(SECRET.as_bytes()),
        redirect_uri: BACK.to_owned(),
        description: "Server at /jupyterhub/user/alice/".to_owned(),
        allowed_scopes: Vec::new(),
    };
    test.hub.store.write(|c| put_client(c, &client, 0)).unwrap();
    Site { test, _files: files }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn authorize(client: &str, back: &str, more: &str) -> String {
    let back = encode(back);
    format!(
        "/jupyterhub/hub/api/oauth2/authorize?client_id={client}&redirect_uri={back}&response_type=code&state=s{more}"
    )
}

fn argument(location: &str, name: &str) -> Option<String> {
    let (_, query) = location.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned))
}

impl Site {
    /// Walks through the authorization page, agreeing, and returns the code.
    async fn code(&self, user: &str, client: &str, back: &str, more: &str) -> String {
        let cookie = self.test.login(user).await;
        let url = authorize(client, back, more);
        let mut answer = self.test.get(&url, &cookie).await;
        if answer.status == StatusCode::OK {
            answer = self.agree(&answer, &url, &cookie).await;
        }
        assert_eq!(answer.status, StatusCode::FOUND, "{}", answer.body);
        assert_eq!(argument(answer.location(), "state").as_deref(), Some("s"));
        argument(answer.location(), "code").unwrap_or_else(|| panic!("no code in {}", answer.location()))
    }

    async fn agree(&self, page: &Answer, url: &str, cookie: &str) -> Answer {
        let scopes: Vec<String> = page
            .body
            .split("name=\"scopes\" value=\"")
            .skip(1)
            .map(|rest| format!("&scopes={}", encode(rest.split('"').next().unwrap())))
            .collect();
        self.test.post(url, cookie, &format!("_xsrf={}{}", page.xsrf(), scopes.concat())).await
    }

    async fn redeem(&self, form: &str) -> (StatusCode, Value) {
        let request = TestRequest::post()
            .uri("/jupyterhub/hub/api/oauth2/token")
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(form.to_owned());
        let answer = self.test.send(request).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    async fn refused(&self, form: &str, status: u16, error: &str) {
        let (given, model) = self.redeem(form).await;
        assert_eq!((given.as_u16(), model["error"].as_str()), (status, Some(error)), "{form}: {model}");
    }

    async fn me(&self, token: &str) -> (StatusCode, Value) {
        let request = TestRequest::get()
            .uri("/jupyterhub/hub/api/user")
            .insert_header(("authorization", format!("token {token}")));
        let answer = self.test.send(request).await;
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }
}

fn form(code: &str) -> String {
    form_of(CLIENT, SECRET, code, BACK)
}

fn form_of(client: &str, secret: &str, code: &str, back: &str) -> String {
    let back = encode(back);
    format!(
        "client_id={client}&client_secret={secret}&grant_type=authorization_code&code={code}&redirect_uri={back}"
    )
}

#[actix_web::test]
async fn an_owner_s_visit_to_their_server_asks_nothing_and_the_token_says_who_they_are() {
    let site = site().await;
    let code = site.code("alice", CLIENT, BACK, "").await;
    let (status, model) = site.redeem(&form(&code)).await;
    assert_eq!(status, StatusCode::OK, "{model}");
    assert_eq!(model["token_type"], "Bearer");
    assert_eq!(model["expires_in"], 1_209_600);
    let mut scopes: Vec<&str> = model["scope"].as_str().unwrap().split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["access:servers!server=alice/", "read:users:groups!user", "read:users:name!user"]);
    let (status, me) = site.me(model["access_token"].as_str().unwrap()).await;
    assert_eq!((status, me["name"].as_str()), (StatusCode::OK, Some("alice")));
    let expanded =
        ["access:servers!server=alice/", "read:users:groups!user=alice", "read:users:name!user=alice"];
    assert_eq!(me["scopes"], serde_json::json!(expanded));
    assert!(me["session_id"].as_str().is_some_and(|id| !id.is_empty()));
}

#[actix_web::test]
async fn a_stranger_to_the_hub_logs_in_first_and_a_stranger_to_the_server_gets_no_code() {
    let site = site().await;
    let url = authorize(CLIENT, BACK, "");
    let answer = site.test.get(&url, "").await;
    assert_eq!(answer.status, StatusCode::FOUND);
    assert!(answer.location().starts_with("/jupyterhub/hub/login?next="), "{}", answer.location());
    let bob = site.test.login("bob").await;
    let answer = site.test.get(&url, &bob).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::FORBIDDEN, ""));
    assert!(answer.body.contains("You do not have permission to access Server at"), "{}", answer.body);
    let quiet = authorize("service-quiet", "/services/quiet/oauth_callback", "");
    assert_eq!(site.test.get(&quiet, &bob).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn a_service_asks_once_and_gets_what_was_agreed_to() {
    let site = site().await;
    let (client, back) = ("service-whoami", "https://whoami.test/callback");
    let cookie = site.test.login("alice").await;
    let url = authorize(client, back, "");
    let page = site.test.get(&url, &cookie).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("Read the reports") && page.body.contains("https://whoami.test/callback"));
    assert!(page.header("content-security-policy").contains("form-action 'self' https://whoami.test;"));
    for token in ["", "_xsrf=", "_xsrf=wrong&scopes=read:users%21user"] {
        assert_eq!(site.test.post(&url, &cookie, token).await.status, StatusCode::FORBIDDEN, "{token}");
    }
    let answer = site.agree(&page, &url, &cookie).await;
    let code = argument(answer.location(), "code").unwrap();
    assert!(answer.location().starts_with("https://whoami.test/callback?code="));
    let (status, model) = site.redeem(&form_of(client, "token-of-whoami", &code, back)).await;
    assert_eq!(status, StatusCode::OK, "{model}");
    assert!(model["scope"].as_str().unwrap().split(' ').any(|scope| scope == "custom:reports"));
    assert_eq!(site.test.get(&url, &cookie).await.status, StatusCode::FOUND, "it asks again");
}

#[actix_web::test]
async fn a_form_with_fewer_scopes_gives_fewer_and_one_with_more_is_refused() {
    let site = site().await;
    let (client, back) = ("service-whoami", "https://whoami.test/callback");
    let cookie = site.test.login("alice").await;
    let url = authorize(client, back, "");
    let xsrf = site.test.get(&url, &cookie).await.xsrf();
    let answer = site.test.post(&url, &cookie, &format!("_xsrf={xsrf}")).await;
    let code = argument(answer.location(), "code").unwrap();
    let (_, model) = site.redeem(&form_of(client, "token-of-whoami", &code, back)).await;
    assert_eq!(model["scope"].as_str().unwrap().split(' ').count(), 3, "{model}");
    for more in ["admin:users", "inherit", "no:such"] {
        let answer = site.test.post(&url, &cookie, &format!("_xsrf={xsrf}&scopes={more}")).await;
        assert_eq!(argument(answer.location(), "error").as_deref(), Some("invalid_scope"), "{more}");
        assert_eq!(argument(answer.location(), "code"), None);
    }
}

#[actix_web::test]
async fn a_scope_that_the_person_does_not_hold_is_left_out() {
    let site = site().await;
    let code = site.code("alice", "service-quiet", "/services/quiet/oauth_callback", "&scope=identify").await;
    let form = form_of("service-quiet", "token-of-quiet", &code, "/services/quiet/oauth_callback");
    let (status, model) = site.redeem(&form).await;
    assert_eq!(status, StatusCode::OK);
    let mut scopes: Vec<&str> = model["scope"].as_str().unwrap().split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["access:services!service=quiet", "read:users:groups!user", "read:users:name!user"]);
}

#[actix_web::test]
async fn a_code_used_twice_is_refused_and_ends_the_token_that_it_became() {
    let site = site().await;
    let code = site.code("alice", CLIENT, BACK, "").await;
    let (_, model) = site.redeem(&form(&code)).await;
    let token = model["access_token"].as_str().unwrap().to_owned();
    assert_eq!(site.me(&token).await.0, StatusCode::OK);
    site.refused(&form(&code), 400, "invalid_grant").await;
    assert_eq!(site.me(&token).await.0, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn of_two_who_redeem_a_code_at_once_one_gets_a_token() {
    let site = site().await;
    let code = site.code("alice", CLIENT, BACK, "").await;
    let body = form(&code);
    let (one, other) = futures_util::join!(site.redeem(&body), site.redeem(&body));
    let mut statuses = [one.0.as_u16(), other.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}

#[actix_web::test]
async fn the_login_page_may_lead_on_to_a_registered_client_and_to_no_other_site() {
    let site = site().await;
    for (back, policy) in [
        ("https://whoami.test/callback", "form-action 'self' https://whoami.test;"),
        ("https://evil.test/", "form-action 'self';"),
    ] {
        let next = encode(&authorize("service-whoami", back, ""));
        let page = site.test.get(&format!("/jupyterhub/hub/login?next={next}"), "").await;
        assert!(
            page.header("content-security-policy").contains(policy),
            "{back}: {}",
            page.header("content-security-policy")
        );
    }
}

#[actix_web::test]
async fn a_code_expires_after_five_minutes() {
    let site = site().await;
    let code = site.code("alice", CLIENT, BACK, "").await;
    site.test.pass(300);
    site.refused(&form(&code), 400, "invalid_grant").await;
}

#[actix_web::test]
async fn a_code_is_its_client_s_alone_and_goes_back_where_it_came_from() {
    let site = site().await;
    let code = site.code("alice", CLIENT, BACK, "").await;
    let other = form_of("service-quiet", "token-of-quiet", &code, "/services/quiet/oauth_callback");
    site.refused(&other, 400, "invalid_grant").await;
    site.refused(&form_of(CLIENT, "token-of-quiet", &code, BACK), 401, "invalid_client").await;
    site.refused(&form_of(CLIENT, SECRET, &code, "/user/alice/other"), 400, "invalid_request").await;
    site.refused(&form_of("nobody", SECRET, &code, BACK), 401, "invalid_client").await;
    assert_eq!(site.redeem(&form(&code)).await.0, StatusCode::OK, "the rightful client lost its code");
}

#[actix_web::test]
async fn a_code_with_a_challenge_needs_its_verifier() {
    let site = site().await;
    let challenge = "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let code = site.code("alice", CLIENT, BACK, challenge).await;
    site.refused(&form(&code), 400, "invalid_request").await;
    site.refused(&format!("{}&code_verifier=wrong", form(&code)), 400, "invalid_grant").await;
    let good = format!("{}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", form(&code));
    assert_eq!(site.redeem(&good).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn a_code_dies_with_the_login_that_gave_it() {
    let site = site().await;
    let code = site.code("alice", CLIENT, BACK, "").await;
    site.test.hub.sessions.replace(Vec::new());
    site.refused(&form(&code), 400, "invalid_grant").await;
}

#[actix_web::test]
async fn the_database_holds_neither_code_nor_token() {
    let site = site().await;
    let unused = site.code("alice", CLIENT, BACK, "").await;
    let code = site.code("alice", CLIENT, BACK, "").await;
    let (_, model) = site.redeem(&form(&code)).await;
    for secret in [unused.as_str(), &code, model["access_token"].as_str().unwrap(), SECRET] {
        for file in std::fs::read_dir(&site.test.hub.config.state_dir).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}

#[actix_web::test]
async fn hostile_requests_for_a_code_lead_nowhere_else() {
    let site = site().await;
    let cookie = site.test.login("alice").await;
    for entry in entries("oauth_authorize") {
        let query = String::from_utf8(entry.bytes).unwrap();
        let answer = site.test.get(&format!("/jupyterhub/hub/api/oauth2/authorize?{query}"), &cookie).await;
        let (id, location) = (&entry.id, answer.location());
        assert_eq!(argument(location, "code"), None, "{id}");
        match entry.expect.as_str() {
            // Bob's server is no business of alice's, and JupyterHub says so on a page.
            "oauth_error_redirect" if id == "oauth_authorize-013" => {
                assert!(
                    answer.status == StatusCode::FORBIDDEN || answer.status == StatusCode::BAD_REQUEST,
                    "{id}"
                );
                assert_eq!(location, "", "{id}");
            }
            "oauth_error_redirect" => {
                assert_eq!(answer.status, StatusCode::FOUND, "{id}");
                assert!(location.starts_with(&format!("{BACK}?error=")), "{id}: {location}");
            }
            _ => assert_eq!((answer.status, location), (StatusCode::BAD_REQUEST, ""), "{id}"),
        }
    }
}

#[actix_web::test]
async fn hostile_requests_for_a_token_get_none() {
    let site = site().await;
    let used = site.code("alice", CLIENT, BACK, "").await;
    site.redeem(&form(&used)).await;
    let others = site.code("alice", "service-quiet", "/services/quiet/oauth_callback", "").await;
    let challenged = site.code("alice", CLIENT, BACK, "&code_challenge=abc").await;
    for entry in entries("oauth_token") {
        let body = String::from_utf8(entry.bytes).unwrap();
        let body = body
            .replace("VALID_OF_OTHER_CLIENT", &others)
            .replace("VALID_WITH_CHALLENGE", &challenged)
            .replace("VALID", &challenged)
            .replace("USED", &used);
        let (status, model) = site.redeem(&format!("client_id={CLIENT}&client_secret={SECRET}&{body}")).await;
        assert!(matches!(status.as_u16(), 400 | 401), "{}: {status} {model}", entry.id);
        assert!(model["error"].is_string() && model.get("access_token").is_none(), "{}: {model}", entry.id);
    }
}
