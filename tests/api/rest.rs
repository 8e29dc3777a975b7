//! A hub with the usual people and programs, and requests of its API: each row of a table is one request and its answer.

use actix_web::test::TestRequest;
use hubgate::config::Config;
use hubgate::domain::scope::{Owner, Scope};
use hubgate::state::tokens;
use hubgate::store::tokens::NewToken;
use hubgate::store::users;
use serde_json::Value;

use crate::support::{Answer, Character, TestHub};

pub const API: &str = "/jupyterhub/hub/api";

/// Method, path, who asks, body, status, and a part of the message; `null` for a message that is null.
pub type Row<'a> = (&'a str, &'a str, &'a str, &'a str, u16, &'a str);

pub struct Rest {
    pub test: TestHub,
    tokens: Vec<(String, String)>,
}

impl Rest {
    /// `alice` and `bob` are users, `boss` is an administrator; each has a token of the same name that may do what they may.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let test = TestHub::with(Character::Obedient, change).await;
        let test = test.with_user("alice").with_user("bob").with_user("boss");
        test.hub.change(|c| users::set_admin(c, &"boss".parse().unwrap(), true)).await.unwrap();
        let mut rest = Self { test, tokens: Vec::new() };
        for name in ["alice", "bob", "boss"] {
            rest.token(name, name, &["inherit"]).await;
        }
        rest
    }

    /// A token of `owner` that the rows call `who`; returns its text.
    pub async fn token(&mut self, who: &str, owner: &str, scopes: &[&str]) -> String {
        let new = NewToken {
            owner: Owner::User(owner.parse().unwrap()),
            client: None,
            server: None,
            session_id: None,
            expires_us: None,
            note: who.to_owned(),
            scopes: scopes.iter().map(|scope| scope.parse::<Scope>().unwrap()).collect(),
        };
        let (text, _) = tokens::issue(&self.test.hub, new).await.unwrap();
        self.known(who, text.expose());
        text.expose().to_owned()
    }

    /// Lets the rows call a token `who`.
    pub fn known(&mut self, who: &str, text: &str) {
        self.tokens.push((who.to_owned(), text.to_owned()));
    }

    /// Sends a request; `who` is the name of a token, or empty for nobody.
    pub async fn send(&self, method: &str, path: &str, who: &str, body: &str) -> Answer {
        self.test.send(self.request(method, path, who, body)).await
    }

    pub fn request(&self, method: &str, path: &str, who: &str, body: &str) -> TestRequest {
        let request = TestRequest::default().method(method.parse().unwrap()).uri(&format!("{API}{path}"));
        let request = request.set_payload(body.to_owned());
        match self.tokens.iter().find(|(name, _)| name == who) {
            Some((_, text)) => request.insert_header(("authorization", format!("token {text}"))),
            None => request,
        }
    }

    pub async fn json(&self, method: &str, path: &str, who: &str, body: &str) -> Value {
        let answer = self.send(method, path, who, body).await;
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{method} {path}: {}", answer.body))
    }

    /// Sends each row and holds the answer against it.
    pub async fn hold(&self, rows: &[Row<'_>]) {
        for (method, path, who, body, status, message) in rows {
            let answer = self.send(method, path, who, body).await;
            let row = format!("{method} {path} by {who:?} with {body}: {}", answer.body);
            assert_eq!(answer.status.as_u16(), *status, "{row}");
            assert_eq!(answer.header("x-jupyterhub-version"), "6.1.1", "{row}");
            if answer.status.is_client_error() {
                let error: Value = serde_json::from_str(&answer.body).expect(&row);
                assert_eq!(error["status"], *status, "{row}");
                match *message {
                    "" => {}
                    "null" => assert!(error["message"].is_null(), "{row}"),
                    part => assert!(error["message"].as_str().expect(&row).contains(part), "{row}"),
                }
            } else {
                assert!(answer.body.contains(message), "{row}");
            }
        }
    }
}

pub fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect()
}
