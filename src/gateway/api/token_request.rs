//! What somebody wants a token for, checked against what its owner holds.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use hubgate_protocol::{Refusal, Username};
use log::warn;
use serde_json::{Map, Value};

use crate::answer::Failure;
use crate::api::body::{bad, checked, shortened, texts};
use crate::api::operation::{Field, Fields, Kind};
use crate::domain::entity::RoleName;
use crate::domain::scope::{Base, Owner, Scope, expand};
use crate::extract::{Caller, Peer};
use crate::state::authenticate::attempt;
use crate::state::factors::{self, Demand};
use crate::state::{Hub, admission, passwords};
use crate::store::tokens::NewToken;

/// Longest note, characters.
const NOTE_MAX: usize = 1023;
/// Longest life of a token, seconds: a hundred years.
const LIFE_MAX_S: i64 = 100 * 365 * 86_400;
/// Most scopes or roles of one token.
const SCOPES_MAX: usize = 1000;

/// What a request for a token may hold. Other fields are passed over, as in JupyterHub.
pub const FIELDS: Fields = Fields {
    of: "token",
    closed: false,
    fields: &[
        Field::new("note", Kind::Text).or_null(),
        Field::new("expires_in", Kind::Integer).or_null(),
        Field::new("scopes", Kind::Texts).or_null(),
        Field::new("roles", Kind::Texts).or_null(),
        Field::new("auth", Kind::Object).or_null(),
    ],
};

const AUTH: Fields = Fields {
    of: "token.auth",
    closed: false,
    fields: &[Field::new("username", Kind::Text).required(), Field::new("password", Kind::Text).required()],
};

/// The token that is wanted.
pub struct Wish {
    /// Without its note.
    pub new: NewToken,
    /// The note, where one is given.
    pub note: Option<String>,
}

impl Wish {
    /// Reads the fields of a request for a token of `owner`.
    ///
    /// # Errors
    /// 400, with the field named; for scopes that do not exist, or that the owner does not hold.
    pub fn read(caller: &Caller, owner: &Username, fields: &Map<String, Value>) -> Result<Self, Failure> {
        let now_us = caller.hub.clock.now_us();
        let life_s = life_s(&caller.hub, fields)?;
        let owner = Owner::User(owner.clone());
        let new = NewToken {
            scopes: scopes(caller, &owner, fields)?,
            owner,
            client: None,
            server: None,
            session_id: None,
            expires_us: life_s.map(|life_s| now_us.saturating_add(life_s.saturating_mul(1_000_000))),
            note: String::new(),
        };
        let note = fields.get("note").and_then(Value::as_str).filter(|note| !note.is_empty());
        if note.is_some_and(|note| note.chars().count() > NOTE_MAX) {
            return Err(bad(format!("token.note is longer than {NOTE_MAX} characters")));
        }
        Ok(Self { new, note: note.map(str::to_owned) })
    }
}

fn life_s(hub: &Hub, fields: &Map<String, Value>) -> Result<Option<i64>, Failure> {
    let most = Some(i64::from(hub.config.token_expires_in_max_seconds)).filter(|most| *most > 0);
    let Some(wanted) = fields.get("expires_in").filter(|wanted| !wanted.is_null()) else { return Ok(most) };
    let wanted = wanted.as_i64().unwrap_or(i64::MAX);
    if let Some(most) = most.filter(|most| wanted > *most) {
        return Err(bad(format!("token expires_in: {wanted} must not exceed {most}")));
    }
    if !(1..=LIFE_MAX_S).contains(&wanted) {
        return Err(bad(format!(
            "token expires_in must be 1 to {LIFE_MAX_S} seconds; leave it out for no end"
        )));
    }
    Ok(Some(wanted))
}

/// The scopes that are asked for by name or by role; `inherit` where none are.
fn scopes(caller: &Caller, owner: &Owner, fields: &Map<String, Value>) -> Result<Vec<Scope>, Failure> {
    let (by_name, by_role) = (texts(fields.get("scopes")), texts(fields.get("roles")));
    let scopes = match (by_name, by_role) {
        (Some(_), Some(_)) => {
            return Err(bad("Can only assign one of scopes or roles when creating tokens."));
        }
        (None, None) => return Ok(vec![Scope::unfiltered(Base::Inherit)]),
        (Some(names), None) => named(caller, &names)?,
        (None, Some(roles)) => of_roles(caller, &roles)?,
    };
    let directory = &caller.directory;
    let plain: Vec<Scope> = scopes.iter().filter(|scope| scope.base != Base::Inherit).cloned().collect();
    let wanted = expand(&plain, owner, None, directory.custom());
    let beyond = wanted.missing(&directory.scopes_of(owner), &**directory);
    if beyond.is_empty() {
        return Ok(scopes);
    }
    let beyond: Vec<&str> = beyond.iter().take(20).map(String::as_str).collect();
    Err(bad(format!("Not assigning requested scopes {} not held by User {}", beyond.join(","), owner.name())))
}

fn named(caller: &Caller, names: &[&str]) -> Result<Vec<Scope>, Failure> {
    if names.len() > SCOPES_MAX {
        return Err(bad(format!("token.scopes holds more than {SCOPES_MAX} scopes")));
    }
    let mut scopes = Vec::with_capacity(names.len());
    for name in names {
        let scope = Scope::read(name, caller.directory.custom())
            .map_err(|error| bad(format!("token.scopes: {error}")))?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

fn of_roles(caller: &Caller, names: &[&str]) -> Result<Vec<Scope>, Failure> {
    if names.len() > SCOPES_MAX {
        return Err(bad(format!("token.roles holds more than {SCOPES_MAX} roles")));
    }
    let mut scopes = Vec::new();
    for name in names {
        let role = name.parse::<RoleName>().ok().and_then(|name| caller.directory.role(&name));
        let role = role.ok_or_else(|| bad(format!("No such role: {}", shortened(name))))?;
        scopes.extend(role.scopes.iter().cloned());
    }
    Ok(scopes)
}

/// Who asks without credentials but with a user name and password in the body.
///
/// # Errors
/// 403 for whoever does not prove to be a known user; 429 for who tries too often.
pub async fn by_password(
    request: &HttpRequest,
    auth: Option<&Value>,
    Peer(peer): Peer,
) -> Result<Caller, Failure> {
    let hub = request.app_data::<web::Data<Hub>>().cloned().ok_or_else(Failure::unavailable)?;
    let nobody = || Failure::bare(StatusCode::FORBIDDEN);
    let auth = auth.filter(|auth| !auth.is_null()).cloned().ok_or_else(nobody)?;
    let auth = checked(auth, &AUTH).map_err(|_| nobody())?;
    let text = |key| auth.get(key).and_then(Value::as_str).unwrap_or_default();
    let proven = attempt(&hub, text("username").trim(), text("password"), peer.addr).await;
    let proven = proven.map_err(|refusal| match refusal {
        Refusal::Throttled { retry_after_s } => Failure::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts. Wait a few minutes and try again.",
        )
        .retry_after(retry_after_s),
        Refusal::Unavailable {} => Failure::unavailable(),
        _ => nobody(),
    })?;
    let walk = admission::walk(&hub, &proven).await.map_err(|_| Failure::unavailable())?;
    if let (rule, false) = walk.decision() {
        warn!("token not given from={} user={} rule={rule}", peer.addr, proven.user);
        return Err(nobody());
    }
    if passwords::must_change(&hub, &proven).await.map_err(|_| Failure::unavailable())? {
        let sentence = "The password must be changed first: log in with a browser.";
        return Err(Failure::new(StatusCode::FORBIDDEN, sentence));
    }
    if factors::demand(&hub, &proven).await.map_err(|_| Failure::unavailable())? != Demand::Nothing {
        let page = hub.url("/hub/token");
        let sentence =
            format!("This account needs a second factor: log in by a browser and make the token at {page}.");
        return Err(Failure::new(StatusCode::FORBIDDEN, sentence));
    }
    let directory = hub.directory();
    let scopes = directory.scopes_of_user(&proven.user);
    Ok(Caller { hub, owner: Owner::User(proven.user), scopes, token: None, session: None, directory })
}
