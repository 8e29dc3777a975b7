//! Tokens: those one has, a new one, and the applications that one has let in.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::domain::form::Form;
use crate::domain::scope::{Base, Owner, Scope, expand};
use crate::domain::time::iso;
use crate::extract::{Posted, SignedIn};
use crate::state::tokens::{self, Token};
use crate::state::{Hub, Session};
use crate::store::StoreError;
use crate::store::tokens::NewToken;

/// Longest note in characters, as in the API.
const NOTE_MAX: usize = 1023;

#[derive(Template)]
#[template(path = "token.html")]
struct TokenPage {
    frame: Frame,
    /// The text of a token that was just made: it is shown this once.
    fresh: String,
    tokens: Vec<Line>,
    applications: Vec<Line>,
    scopes: Vec<String>,
}

/// One token, or all tokens of one application.
struct Line {
    /// What revokes it.
    id: i64,
    note: String,
    scopes: Vec<String>,
    created: String,
    expires: String,
    used: String,
}

impl Line {
    fn of(token: &Token, note: &str) -> Self {
        let time = |us: Option<i64>| us.map(minute).unwrap_or_default();
        Self {
            id: token.id,
            note: note.to_owned(),
            scopes: token.scopes.iter().map(ToString::to_string).collect(),
            created: minute(token.created_us),
            expires: time(token.expires_us),
            used: time(token.last_activity_us()),
        }
    }
}

/// A time to the minute, in UTC.
fn minute(us: i64) -> String {
    iso(us).chars().take("2026-01-02T03:04".len()).collect::<String>().replace('T', " ")
}

/// `GET /hub/token`.
pub async fn list(person: SignedIn) -> HttpResponse {
    page(&person.hub, &person.session, "")
}

fn page(hub: &Hub, session: &Session, fresh: &str) -> HttpResponse {
    let mut tokens = Vec::new();
    let mut applications: BTreeMap<String, Line> = BTreeMap::new();
    for token in hub.tokens.of(&Owner::User(session.user.clone())) {
        match &token.client {
            // A server's own token is the server's: it ends when the server does.
            None if token.server.is_some() => {}
            None => tokens.push(Line::of(&token, &token.note)),
            Some(client) => {
                applications.insert(client.clone(), Line::of(&token, client));
            }
        }
    }
    let held = hub.directory().scopes_of_user(&session.user);
    let page = TokenPage {
        frame: Frame::of(hub, session),
        fresh: fresh.to_owned(),
        tokens,
        applications: applications.into_values().collect(),
        scopes: held.to_strings(),
    };
    answer::page(StatusCode::OK, &page)
}

/// `POST /hub/token`: makes one and shows it, once.
pub async fn create(posted: Posted) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let refuse = |failure: Failure| failure.as_page(true, &hub.config.base_url);
    let new = read(&hub, &session, &form).map_err(refuse)?;
    let (text, token) = tokens::issue(&hub, new).await.map_err(|error| refuse(failed(&error)))?;
    info!("token made user={} id=a{}", session.user, token.id);
    Ok(page(&hub, &session, text.expose()))
}

fn read(hub: &Hub, session: &Session, form: &Form) -> Result<NewToken, Failure> {
    let bad = |sentence: &str| Failure::new(StatusCode::BAD_REQUEST, sentence);
    let note = form.get("note").unwrap_or_default().trim();
    if note.chars().count() > NOTE_MAX {
        return Err(bad("The note is too long: at most 1023 characters."));
    }
    let expires_in: i64 = match form.get("expires_in").unwrap_or_default() {
        "" => 0,
        text => text.parse().map_err(|_| bad("The time of expiry must be a number of seconds."))?,
    };
    let most = i64::from(hub.config.token_expires_in_max_seconds);
    if expires_in < 0 || (most > 0 && !(1..=most).contains(&expires_in)) {
        return Err(bad("Tokens of this hub must expire sooner.").remedy(format!("At most {most} seconds.")));
    }
    let directory = hub.directory();
    let owner = Owner::User(session.user.clone());
    let asked = form.get("scopes").unwrap_or_default().split_whitespace();
    let scopes: Vec<Scope> = asked
        .map(|text| Scope::read(text, directory.custom()))
        .collect::<Result<_, _>>()
        .map_err(|error| bad(&error.to_string()))?;
    let beyond =
        expand(&scopes, &owner, None, directory.custom()).missing(&directory.scopes_of(&owner), &*directory);
    if !beyond.is_empty() {
        return Err(bad(&format!("You do not hold {} yourself.", beyond.join(", "))));
    }
    let now_us = hub.clock.now_us();
    Ok(NewToken {
        owner,
        client: None,
        server: None,
        session_id: None,
        expires_us: (expires_in > 0).then(|| now_us.saturating_add(expires_in.saturating_mul(1_000_000))),
        note: if note.is_empty() { "Requested via token page".to_owned() } else { note.to_owned() },
        scopes: if scopes.is_empty() { vec![Scope::unfiltered(Base::Inherit)] } else { scopes },
    })
}

/// `POST /hub/token/revoke`: ends one of one's own; with one of an application, all of that application.
pub async fn revoke(posted: Posted) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let refuse = |failure: Failure| failure.as_page(true, &hub.config.base_url);
    let id: Option<i64> = form.get("id").and_then(|id| id.parse().ok());
    let own = hub.tokens.of(&Owner::User(session.user.clone()));
    let Some(token) = own.iter().find(|token| Some(token.id) == id) else {
        return Err(refuse(Failure::new(StatusCode::NOT_FOUND, "There is no such token.")));
    };
    let same = |other: &&std::sync::Arc<Token>| match (&token.client, &other.client) {
        (Some(client), Some(theirs)) => client == theirs,
        _ => other.id == token.id,
    };
    let ids: Vec<i64> = own.iter().filter(same).map(|token| token.id).collect();
    tokens::revoke(&hub, &ids).await.map_err(|error| refuse(failed(&error)))?;
    info!("token revoked user={} count={}", session.user, ids.len());
    Ok(answer::redirect(&hub.url("/hub/token")))
}

fn failed(error: &StoreError) -> Failure {
    warn!("a token could not be kept: {error}");
    Failure::unavailable()
}
