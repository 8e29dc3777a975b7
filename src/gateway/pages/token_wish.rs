//! The token that a form asks for: read, and held against what the person holds.

use actix_web::http::StatusCode;

use crate::answer::Failure;
use crate::config::Config;
use crate::domain::scope::{Access, Base, Owner, Scope, expand};
use crate::extract::PostedList;
use crate::state::directory::Directory;
use crate::store::tokens::NewToken;
use crate::words::Message;

/// Longest note, characters, as in the API.
const NOTE_MAX: usize = 1023;
/// The note of a token without one, as in JupyterHub.
pub const OF_PAGE: &str = "Requested via token page";
/// Most scopes of one token, as in the API.
const SCOPES_MAX: usize = 1000;
/// Longest life of a token, seconds: a hundred years.
const LIFE_MAX_S: i64 = 100 * 365 * 86_400;
const SECOND_US: i64 = 1_000_000;

/// The ends of life that the form offers, seconds, with their names.
const LIVES: [(i64, &str); 5] = [
    (3600, "token-life-hour"),
    (86_400, "token-life-day"),
    (604_800, "token-life-week"),
    (2_592_000, "token-life-month"),
    (31_536_000, "token-life-year"),
];

/// An end of life that may be chosen.
pub struct Life {
    /// Seconds; empty for no end.
    pub value: String,
    /// What it is called.
    pub name: Message,
    /// Whether it is chosen until somebody chooses.
    pub chosen: bool,
}

/// What this site lets people choose from. Where tokens must end, the latest end stands in the place of none.
#[must_use]
pub fn lives(config: &Config) -> Vec<Life> {
    let most = i64::from(config.token_expires_in_max_seconds);
    let fits = |life: i64| most == 0 || life < most;
    let offered: Vec<_> = LIVES.into_iter().filter(|(life, _)| fits(*life)).collect();
    let usual = offered.iter().map(|(life, _)| *life).filter(|life| *life <= 2_592_000).max();
    let mut lives: Vec<Life> = offered
        .into_iter()
        .map(|(life, key)| Life {
            value: life.to_string(),
            name: Message::new(key),
            chosen: Some(life) == usual,
        })
        .collect();
    let last = match u64::from(config.token_expires_in_max_seconds) {
        0 => (String::new(), Message::new("token-life-ever")),
        most if most >= 172_800 => {
            (most.to_string(), Message::new("token-life-days").count("n", most / 86_400))
        }
        most => (most.to_string(), Message::new("token-life-minutes").count("n", most / 60)),
    };
    lives.push(Life { value: last.0, name: last.1, chosen: usual.is_none() });
    lives
}

/// Reads the form.
///
/// # Errors
/// 400 with a sentence: what is no note, time or scope, and scopes that the person does not hold.
pub fn read(posted: &PostedList) -> Result<NewToken, Failure> {
    let note = posted.get("note").unwrap_or_default().trim();
    if note.chars().count() > NOTE_MAX {
        return Err(bad(Message::new("token-note-long")));
    }
    let life_s = life_s(&posted.hub.config, posted.get("expires_in").unwrap_or_default())?;
    let owner = Owner::User(posted.session.user.clone());
    let now_us = posted.hub.clock.now_us();
    Ok(NewToken {
        scopes: scopes(posted, &posted.hub.directory(), &owner)?,
        owner,
        client: None,
        server: None,
        session_id: None,
        expires_us: life_s.map(|life_s| now_us.saturating_add(life_s.saturating_mul(SECOND_US))),
        note: if note.is_empty() { OF_PAGE.to_owned() } else { note.to_owned() },
    })
}

fn life_s(config: &Config, text: &str) -> Result<Option<i64>, Failure> {
    let most = i64::from(config.token_expires_in_max_seconds);
    let longest = if most == 0 { LIFE_MAX_S } else { most };
    let wrong = || bad(Message::new("token-life-wrong").count("n", longest.unsigned_abs()));
    if text.is_empty() {
        return if most == 0 { Ok(None) } else { Err(wrong()) };
    }
    let life_s = text.parse().ok().filter(|life_s| (1..=longest).contains(life_s));
    life_s.map(Some).ok_or_else(wrong)
}

/// Everything that the person may do, or what was chosen, as far as the person holds it or a limit says.
fn scopes(posted: &PostedList, directory: &Directory, owner: &Owner) -> Result<Vec<Scope>, Failure> {
    let all: Vec<&str> = posted.all("scopes").flat_map(str::split_whitespace).collect();
    let inherit = match posted.get("access") {
        Some("all") => true,
        Some("chosen") => false,
        None => all.is_empty() || all == ["inherit"],
        Some(_) => return Err(bad(Message::new("token-access-wrong"))),
    };
    if inherit {
        return Ok(vec![Scope::unfiltered(Base::Inherit)]);
    }
    if all.is_empty() {
        return Err(bad(Message::new("token-scopes-none")));
    }
    let limit = posted.get("limit").unwrap_or_default();
    let held = directory.scopes_of(owner);
    let mut scopes = Vec::new();
    for text in all {
        let limited = !limit.is_empty() && !text.contains('!');
        let text = if limited { format!("{text}!{limit}") } else { text.to_owned() };
        let scope = Scope::read(&text, directory.custom())
            .map_err(|error| bad(Message::new("token-scope-wrong").with("error", error)))?;
        let meant = match (&scope.filter, held.access(&scope.base)) {
            (None, Access::Only(filters)) => {
                filters.iter().map(|filter| Scope::of(scope.base.clone(), filter)).collect()
            }
            _ => vec![scope],
        };
        scopes.extend(meant);
        if scopes.len() > SCOPES_MAX {
            return Err(bad(Message::new("token-scopes-many")));
        }
    }
    let wanted = |scope: &Scope| expand(std::slice::from_ref(scope), owner, None, directory.custom());
    if let Some(empty) = scopes.iter().find(|scope| wanted(scope).is_empty()) {
        return Err(bad(Message::new("token-scope-empty").with("scope", empty)));
    }
    let beyond = expand(&scopes, owner, None, directory.custom()).missing(&held, directory);
    if beyond.is_empty() {
        return Ok(scopes);
    }
    let beyond: Vec<&str> = beyond.iter().take(20).map(String::as_str).collect();
    Err(bad(Message::new("token-scope-beyond").with("scopes", beyond.join(", "))))
}

fn bad(message: Message) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, message)
}
