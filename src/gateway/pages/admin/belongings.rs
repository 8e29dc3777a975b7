//! What a user has open: sessions and tokens, for whoever administers that user. A part of the user's page.

use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::Username;
use log::info;

use crate::answer::{self, Failure};
use crate::api::user::found;
use crate::api::{sessions, stored};
use crate::domain::audit::{Action, Event};
use crate::domain::device;
use crate::domain::scope::{Base, Owner, Target};
use crate::domain::time::minute;
use crate::extract::{Caller, Posted, Proof, actor};
use crate::pages::rights::Reader;
use crate::pages::token::{Line, lines, same};
use crate::state::{Session, tokens};
use crate::words::Language;

/// What the part `admin_belongings.html` shows; the page has it in a field `belongings`.
pub struct Belongings {
    /// Whose they are.
    pub user: String,
    /// `None` where whoever looks may not see them.
    pub sessions: Option<Vec<Open>>,
    /// Tokens that the user made; `None` where whoever looks may not see them.
    pub tokens: Option<Vec<Line>>,
    /// Applications that the user let in.
    pub applications: Vec<Line>,
    /// Whether whoever looks may revoke tokens.
    pub revokes: bool,
}

/// One session.
pub struct Open {
    /// What ends it: it opens nothing.
    pub id: String,
    /// Browser and system.
    pub device: String,
    /// From where it began.
    pub address: String,
    /// `2027-01-31 08:00`.
    pub begun: String,
    /// As `begun`.
    pub used: String,
}

impl Open {
    fn of(session: &Session, language: Language) -> Self {
        let time = |at_s: i64| minute(at_s.saturating_mul(1_000_000));
        Self {
            id: session.public_id.clone(),
            device: device::name(&session.origin.device).in_language(language),
            address: session.origin.address.clone(),
            begun: time(session.created_s),
            used: time(session.last_seen_s()),
        }
    }
}

impl Belongings {
    /// What `user` has open, as far as the caller may see it.
    #[must_use]
    pub fn of(caller: &Caller, user: &Username, language: Language) -> Self {
        let (hub, target) = (&caller.hub, Target::User(user));
        let seen = sessions::seen(caller, user).then(|| {
            let mut open = hub.sessions.of(user, hub.clock.now_s());
            open.sort_by_key(|session| std::cmp::Reverse(session.last_seen_s()));
            open.iter().map(|session| Open::of(session, language)).collect()
        });
        let reader = Reader { user, language, custom: caller.directory.custom() };
        let (tokens, applications) = match caller.may(&Base::ReadTokens, &target) {
            true => lines(hub, &Owner::User(user.clone()), &reader),
            false => (Vec::new(), Vec::new()),
        };
        Self {
            user: user.to_string(),
            sessions: seen,
            tokens: caller.may(&Base::ReadTokens, &target).then_some(tokens),
            applications,
            revokes: caller.may(&Base::Tokens, &target),
        }
    }

    /// Tokens and applications, and whether it is one of the latter.
    pub fn all(&self) -> impl Iterator<Item = (&Line, bool)> {
        let own = self.tokens.iter().flatten().map(|line| (line, false));
        own.chain(self.applications.iter().map(|line| (line, true)))
    }
}

/// `POST /hub/admin/user/NAME/sessions`: ends the session of the field `id`, or all with `all` in its place.
///
/// # Errors
/// As the API; 404 for a session that is not that user's.
pub async fn end_sessions(
    _: Proof,
    posted: Posted,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let user = sessions::owner(&caller, &name).await.map_err(told)?;
    let one = match posted.form.get("id").unwrap_or_default() {
        "all" => None,
        id => Some(id),
    };
    let by = actor(&request, &posted.session);
    sessions::end_of(&caller, &user, one, by).await.map_err(told)?;
    Ok(back(&caller, &user))
}

/// `POST /hub/admin/user/NAME/tokens`: revokes the token of the field `id` (with one of an application all of that
/// application), or all with `all` in its place.
///
/// # Errors
/// As the API; 404 for a token that is not that user's.
pub async fn revoke_tokens(
    _: Proof,
    posted: Posted,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let user = caller.user(&[Base::Tokens], &name).map_err(told)?;
    found(&caller.hub, &user).await.map_err(told)?;
    let owner = Owner::User(user.clone());
    let ids = match posted.form.get("id") {
        Some("all") => {
            let all = caller.hub.tokens.of(&owner);
            all.iter().filter(|token| token.server.is_none()).map(|token| token.id).collect()
        }
        id => same(&caller.hub, &owner, id).map_err(told)?,
    };
    tokens::revoke(&caller.hub, &ids).await.map_err(|error| told(stored::told(&error)))?;
    info!("tokens revoked={} of={user} by={}", ids.len(), caller.name());
    let by = actor(&request, &posted.session);
    posted.hub.audit(&Event::new(by, Action::TokenRevoked, &user).with("ids", ids));
    Ok(back(&caller, &user))
}

fn back(caller: &Caller, user: &Username) -> HttpResponse {
    answer::redirect(&caller.hub.url(&format!("/hub/admin/user/{user}")))
}
