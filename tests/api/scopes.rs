//! What holders of scopes may do by the API: the rows of `scopes.txt`, each asked in a world made anew.

use actix_web::rt;
use actix_web::test::TestRequest;
use actix_web::web::Data;
use hubgate::config::{Config, GroupSpec, Groups, RoleSpec, Roles};
use hubgate::domain::scope::{Owner, Scope};
use hubgate::spawn::Event;
use hubgate::state::{Hub, tokens};
use hubgate::store::shares::With;
use hubgate::store::tokens::NewToken;
use hubgate::store::{NewUser, Standing, servers, shares, users};
use hubgate_protocol::{Phase, Request, ServerId, ServerName, ServerStatus, Username};

use crate::support::{Character, TestHub};

const TABLE: &str = include_str!("scopes.txt");
const ROBOT: &str = "robot-token-robot-token";
const SERVICES: &str = "[[services]]\nname = \"robot\"\napi_token = \"robot-token-robot-token\"\n[[services]]\nname = \"whoami\"\n";

struct Row {
    holder: &'static str,
    scopes: Vec<Scope>,
    request: &'static str,
    status: u16,
}

/// The rows below a heading.
fn section(title: &str) -> Vec<Row> {
    let (_, rest) = TABLE.split_once(&format!("\n# {title}\n")).unwrap();
    let lines = rest.lines().take_while(|line| !line.starts_with('#'));
    let rows = lines.filter(|line| !line.is_empty()).map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [holder, scopes, request, status] = cells[..] else { panic!("not a row: {line}") };
        let scopes = scopes.split_whitespace().map(|scope| scope.parse().unwrap()).collect();
        Row { holder, scopes, request, status: status.parse().unwrap() }
    });
    rows.collect()
}

fn server(text: &str) -> ServerId {
    let (user, name) = text.split_once('/').unwrap();
    ServerId { user: user.parse().unwrap(), server: name.parse::<ServerName>().unwrap() }
}

impl Row {
    fn configure(&self, config: &mut Config) {
        config.allow_named_servers = true;
        config.services_file = config.state_dir.with_file_name("services.toml");
        std::fs::write(&config.services_file, SERVICES).unwrap();
        let group = |name: &str, members: &[&str]| GroupSpec {
            name: name.parse().unwrap(),
            users: members.iter().map(|name| name.parse().unwrap()).collect(),
            properties: Default::default(),
        };
        let groups = [("ops", &["alice", "bob"][..]), ("lab", &["carol"]), ("staff", &["hank"])];
        config.load_groups = Groups(groups.map(|(name, members)| group(name, members)).into());
        let mut role = RoleSpec {
            name: "case".parse().unwrap(),
            description: String::new(),
            scopes: Some(self.scopes.clone()),
            users: Vec::new(),
            groups: Vec::new(),
            services: Vec::new(),
        };
        match self.holder {
            "service" => role.services.push("robot".parse().unwrap()),
            "group" => role.groups.push("staff".parse().unwrap()),
            _ => return,
        }
        config.load_roles = Roles(vec![role]);
    }

    /// The world that the table's first lines describe.
    async fn world(&self) -> TestHub {
        let test = TestHub::with(Character::Obedient, |config| self.configure(config)).await;
        let ada = NewUser {
            name: "ada".parse().unwrap(),
            admin: true,
            password_hash: None,
            created_s: 0,
            standing: Standing::default(),
        };
        let made = test.hub.change(move |c| {
            users::insert(c, &ada)?;
            for id in ["alice/", "alice/gpu", "bob/"] {
                servers::ensure(c, &server(id), 0)?;
            }
            let scopes = ["access:servers!server=alice/".parse().unwrap()];
            for with in [With::User("bob".parse().unwrap()), With::Group("lab".parse().unwrap())] {
                shares::grant(c, &server("alice/"), &with, &scopes, 0)?;
            }
            Ok(())
        });
        made.await.unwrap();
        test
    }

    async fn token(&self, hub: &Hub) -> Option<String> {
        let (owner, scopes) = match self.holder {
            "nobody" => return None,
            "service" => return Some(ROBOT.to_owned()),
            "token" => ("alice", self.scopes.clone()),
            "admin" => ("ada", vec!["inherit".parse().unwrap()]),
            _ => ("hank", vec!["inherit".parse().unwrap()]),
        };
        let new = NewToken {
            owner: Owner::User(owner.parse::<Username>().unwrap()),
            client: None,
            server: None,
            session_id: None,
            expires_us: None,
            note: String::new(),
            scopes,
        };
        Some(tokens::issue(hub, new).await.unwrap().0.expose().to_owned())
    }

    async fn status(&self) -> (u16, String) {
        let test = self.world().await;
        let mut parts = self.request.splitn(3, ' ');
        let (method, path) = (parts.next().unwrap(), parts.next().unwrap());
        let mut request = TestRequest::default()
            .method(method.parse().unwrap())
            .uri(&format!("/jupyterhub/hub/api{path}"))
            .set_payload(parts.next().unwrap_or_default().to_owned());
        if let Some(token) = self.token(&test.hub).await {
            request = request.insert_header(("authorization", format!("token {token}")));
        }
        let machine = rt::spawn(runs_what_it_is_asked_for(test.hub.clone(), test.asked.clone()));
        let answer = test.send(request).await;
        machine.abort();
        (answer.status.as_u16(), answer.body)
    }
}

/// A start that was asked for is followed by a running server.
async fn runs_what_it_is_asked_for(hub: Data<Hub>, asked: std::sync::Arc<parking_lot::Mutex<Vec<Request>>>) {
    loop {
        let started = asked.lock().iter().find_map(|request| match request {
            Request::Start { user, server, .. } => {
                Some(ServerId { user: user.clone(), server: server.clone() })
            }
            _ => None,
        });
        if let Some(id) = started {
            let status = ServerStatus { phase: Phase::Running, ..ServerStatus::stopped(&id) };
            hub.servers.apply(Event::Changed(status));
            return;
        }
        rt::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

async fn holds(title: &str) {
    let mut wrong = Vec::new();
    let rows = section(title);
    assert!(!rows.is_empty());
    for row in &rows {
        let (status, body) = row.status().await;
        if status != row.status {
            let scopes: Vec<String> = row.scopes.iter().map(Scope::to_string).collect();
            let scopes = scopes.join(" ");
            wrong.push(format!(
                "{} | {scopes} | {} | expected {}, was {status} {body}",
                row.holder, row.request, row.status
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn the_table_is_long_and_every_row_is_below_a_heading_that_is_asked() {
    let rows = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert!(rows >= 300);
    assert_eq!(TITLES.iter().map(|title| section(title).len()).sum::<usize>(), rows);
}

macro_rules! sections {
    ($($name:ident $title:literal)*) => {
        const TITLES: &[&str] = &[$($title),*];
        $(#[actix_web::test] async fn $name() { holds($title).await; })*
    };
}

sections! {
    rights_to_know_oneself "Who am I"
    rights_on_the_hub "The hub"
    rights_on_lists_of_users "Lists of users"
    rights_on_one_user "One user"
    rights_to_make_change_and_delete_users "Making, changing and deleting users"
    rights_on_activity "Activity"
    rights_on_servers "Servers"
    rights_on_tokens "Tokens"
    rights_on_groups "Groups"
    rights_on_services "Services"
    rights_on_shares "Shares"
}
