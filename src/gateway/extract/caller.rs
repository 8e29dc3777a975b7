//! Whoever calls the API, and what they may do: by a token, or by the session of a browser.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};
use hubgate_protocol::Username;

use crate::answer::Failure;
use crate::domain::cookie::{self, Session as CookieSession};
use crate::domain::query::Query;
use crate::domain::scope::{Base, Owner, ScopeSet, Target, Verdict};
use crate::extract::{header_text, names};
use crate::state::directory::Directory;
use crate::state::tokens::Token;
use crate::state::{Hub, Session, renewal};
use crate::words::Message;

/// Longest `Authorization` header that is looked at, bytes; a token of ours has 64.
const CREDENTIAL_MAX: usize = 1024;

/// Who a request comes from.
pub struct Principal {
    /// The user or service.
    pub owner: Owner,
    /// What this request may do.
    pub scopes: Arc<ScopeSet>,
    /// The token, where it came by one.
    pub token: Option<Arc<Token>>,
    /// The session, where it came by one.
    pub session: Option<Arc<Session>>,
    /// Who is who, at the time of this request.
    pub directory: Arc<Directory>,
}

/// Finds out who sends these two headers: a token counts before the session.
#[must_use]
pub fn principal(hub: &Hub, authorization: &str, cookies: &str) -> Option<Principal> {
    by_token(hub, authorization).or_else(|| by_session(hub, cookies))
}

fn by_token(hub: &Hub, authorization: &str) -> Option<Principal> {
    let token = hub.tokens.find(bearer(authorization)?)?;
    let directory = hub.directory();
    if token.owner.user().is_some_and(|user| directory.bars(user, hub.clock.now_s())) {
        return None;
    }
    let (owner, scopes) = (token.owner.clone(), directory.scopes_of_token(&token));
    Some(Principal { owner, scopes, token: Some(token), session: None, directory })
}

fn by_session(hub: &Hub, cookies: &str) -> Option<Principal> {
    let CookieSession::One(id) = cookie::session(cookies) else { return None };
    let now_s = hub.clock.now_s();
    let session = hub.sessions.find(id, now_s)?;
    let directory = hub.directory();
    if directory.bars(&session.user, now_s) {
        return None;
    }
    let (owner, scopes) = (Owner::User(session.user.clone()), directory.scopes_of_user(&session.user));
    Some(Principal { owner, scopes, token: None, session: Some(session), directory })
}

/// The token in `token TEXT` or `bearer TEXT`.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, text) = authorization.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer");
    let text = text.trim_matches(' ');
    (known
        && authorization.len() <= CREDENTIAL_MAX
        && !text.is_empty()
        && !text.contains(char::is_whitespace))
    .then_some(text)
}

/// Who calls an operation that needs somebody.
#[derive(Clone)]
pub struct Caller {
    /// The state of the gateway.
    pub hub: web::Data<Hub>,
    /// The user or service.
    pub owner: Owner,
    /// What this request may do.
    pub scopes: Arc<ScopeSet>,
    /// The token, where it came by one.
    pub token: Option<Arc<Token>>,
    /// The session, where it came by one.
    pub session: Option<Arc<Session>>,
    /// Who is who, at the time of this request.
    pub directory: Arc<Directory>,
}

/// Somebody or nobody.
pub struct Asker(pub Option<Caller>);

impl FromRequest for Asker {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(asker(request).map(Self))
    }
}

impl FromRequest for Caller {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(asker(request).and_then(|caller| {
            caller.ok_or_else(|| Failure::new(StatusCode::FORBIDDEN, Message::new("error-credentials")))
        }))
    }
}

fn asker(request: &HttpRequest) -> Result<Option<Caller>, Failure> {
    let hub = request.app_data::<web::Data<Hub>>().cloned().ok_or_else(Failure::unavailable)?;
    if request.headers().get_all(header::AUTHORIZATION).count() > 1 {
        return Err(Failure::new(StatusCode::BAD_REQUEST, Message::new("error-authorizations")));
    }
    let authorization = header_text(request, &header::AUTHORIZATION);
    if authorization.len() > CREDENTIAL_MAX {
        return Err(Failure::new(StatusCode::BAD_REQUEST, Message::new("error-authorization-long")));
    }
    let found = principal(&hub, authorization, header_text(request, &header::COOKIE));
    let Some(Principal { owner, scopes, token, session, directory }) = found else { return Ok(None) };
    if let Some(session) = &session {
        if request.method() == Method::POST && !posts_json(request) {
            return Ok(None);
        }
        forged(&hub, session, request)?;
    }
    Ok(Some(Caller { hub, owner, scopes, token, session, directory }))
}

/// A form of another site can post, but not this media type.
fn posts_json(request: &HttpRequest) -> bool {
    let media = request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    media.is_none_or(|media| {
        media.split(';').any(|part| part.trim_start().to_ascii_lowercase().starts_with("application/json"))
    })
}

/// Refuses what a page that is not ours may have sent with the session of whoever looks at it.
///
/// A user's server shares our origin, so its scripts are strangers here: only a navigation, whose answer no script can
/// read, goes without the session's token.
fn forged(hub: &Hub, session: &Session, request: &HttpRequest) -> Result<(), Failure> {
    let text = |name| header_text(request, name);
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let navigates = matches!(text(&names::OWN_MODE), "" | "navigate")
        && matches!(text(&names::OWN_DEST), "" | "document");
    if reads && navigates {
        return Ok(());
    }
    let query = Query::parse(request.query_string());
    let given = query.get("_xsrf").filter(|token| !token.is_empty());
    let given = given.unwrap_or_else(|| match text(&names::XSRF) {
        "" => text(&names::CSRF),
        token => token,
    });
    let method = request.method();
    if given.is_empty() {
        return Err(refused(Message::new("error-xsrf-missing").with("method", method)));
    }
    if hub.key.session_token_holds(&session.hash, given) {
        return Ok(());
    }
    Err(refused(Message::new("error-xsrf-wrong").with("method", method)))
}

fn refused(message: Message) -> Failure {
    Failure::new(StatusCode::FORBIDDEN, message)
}

impl Caller {
    /// Whoever has this session, as the caller of what a page of ours does for them.
    #[must_use]
    pub fn of_session(hub: &web::Data<Hub>, session: &Arc<Session>) -> Self {
        let directory = hub.directory();
        let scopes = directory.scopes_of_user(&session.user);
        let (owner, session) = (Owner::User(session.user.clone()), Some(session.clone()));
        Self { hub: hub.clone(), owner, scopes, token: None, session, directory }
    }

    /// Refuses a session whose owner has not proven who they are within `reauthenticate_minutes`; a token is a proof.
    ///
    /// # Errors
    /// 403.
    pub fn require_proof(&self) -> Result<(), Failure> {
        match &self.session {
            Some(session) if !renewal::is_fresh(&self.hub, session) => {
                Err(refused(Message::new("error-prove").with("page", self.hub.url("/hub/reauthenticate"))))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a caller who holds none of these scopes for the target.
    ///
    /// # Errors
    /// 404 where one is held for something else, so that nobody learns what exists; 403 otherwise.
    pub fn require(&self, any_of: &[Base], target: &Target<'_>) -> Result<(), Failure> {
        let mut elsewhere = false;
        for base in any_of {
            match self.scopes.check(base, target, &*self.directory) {
                Verdict::Held => return Ok(()),
                Verdict::Elsewhere => elsewhere = true,
                Verdict::Missing => {}
            }
        }
        Err(if elsewhere && !matches!(target, Target::Any) { unseen() } else { unscoped(any_of) })
    }

    /// Refuses a caller who holds none of these scopes for anything.
    ///
    /// # Errors
    /// 403.
    pub fn require_some(&self, any_of: &[Base]) -> Result<(), Failure> {
        if any_of.iter().any(|base| self.scopes.holds(base)) { Ok(()) } else { Err(unscoped(any_of)) }
    }

    /// The user that a path names, for a caller who holds one of these scopes for them.
    ///
    /// # Errors
    /// As [`Caller::require`]; 404 for what cannot be a user.
    pub fn user(&self, any_of: &[Base], name: &str) -> Result<Username, Failure> {
        let Some(user) = self.directory.user_named(name) else {
            self.require_some(any_of)?;
            let all = any_of.iter().any(|base| self.may(base, &Target::Any));
            return Err(if all { Failure::bare(StatusCode::NOT_FOUND) } else { unseen() });
        };
        self.require(any_of, &Target::User(&user))?;
        Ok(user)
    }

    /// Whether the caller holds this scope for the target.
    #[must_use]
    pub fn may(&self, base: &Base, target: &Target<'_>) -> bool {
        self.scopes.check(base, target, &*self.directory) == Verdict::Held
    }

    /// Whether the caller is an administrator, whatever the scopes of this request.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        match &self.owner {
            Owner::User(name) => self.directory.is_admin(name),
            Owner::Service(name) => self.directory.roles_of_service(name).contains("admin"),
        }
    }

    /// Name of the caller.
    #[must_use]
    pub fn name(&self) -> &str {
        self.owner.name()
    }
}

fn unseen() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, Message::new("error-unseen"))
}

fn unscoped(any_of: &[Base]) -> Failure {
    let names: Vec<&str> = any_of.iter().map(Base::name).collect();
    refused(Message::new("error-scopes").with("scopes", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_behind_one_of_two_words_and_a_space() {
        for header in ["token abc", "bearer abc", "Bearer abc", "TOKEN  abc "] {
            assert_eq!(bearer(header), Some("abc"), "{header:?}");
        }
        for header in ["", "token", "token ", "token\tabc", "token abc def", "Basic abc", "abc", " token abc"]
        {
            assert_eq!(bearer(header), None, "{header:?}");
        }
        assert_eq!(bearer(&format!("token {}", "A".repeat(7000))), None);
    }
}
