//! The visitor: nobody, or somebody with a live session.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};
use hubgate_protocol::ServerId;
use serde::Deserialize;

use crate::answer::{Failure, Frame};
use crate::domain::cookie::{self, Session as CookieSession};
use crate::domain::next;
use crate::domain::scope::{Base, Target, Verdict};
use crate::extract::{header_text, hub_traits, names};
use crate::state::{Hub, Session};
use crate::words::Message;

/// The live session that a request's one `Cookie` header names.
#[must_use]
pub fn session_of(hub: &Hub, request: &HttpRequest) -> Option<Arc<Session>> {
    match cookie::session(header_text(request, &header::COOKIE)) {
        CookieSession::One(id) => {
            hub.sessions.find(id, hub.clock.now_s()).filter(|session| !hub.bars(&session.user))
        }
        CookieSession::None | CookieSession::Ambiguous => None,
    }
}

/// Whoever asks for a page or an API answer.
pub struct Visitor {
    /// The state of the gateway.
    pub hub: web::Data<Hub>,
    /// Their session, if they are logged in.
    pub session: Option<Arc<Session>>,
    /// Whether an error should be a page.
    pub html: bool,
}

impl Visitor {
    /// An error answer in the form that this client understands.
    #[must_use]
    pub fn failure(&self, failure: Failure) -> Failure {
        failure.as_page(self.html, &self.hub.config)
    }
}

impl FromRequest for Visitor {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(visitor(request))
    }
}

fn visitor(request: &HttpRequest) -> Result<Visitor, Failure> {
    let hub = request.app_data::<web::Data<Hub>>().cloned().ok_or_else(Failure::unavailable)?;
    let session = session_of(&hub, request);
    Ok(Visitor { session, html: hub_traits(request).wants_html(), hub })
}

/// A person who looks at a page: a top-level navigation, nothing that a script or a frame of another page makes.
///
/// A user's server shares our origin, so its scripts could otherwise read hub pages with the visitor's own cookie.
pub struct Page(pub Visitor);

impl FromRequest for Page {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(visitor(request).and_then(|visitor| {
            let traits = hub_traits(request);
            let by_browser = !traits.fetch_mode.is_empty() || !traits.fetch_dest.is_empty();
            let looked_at = traits.fetch_mode == "navigate" && traits.fetch_dest == "document";
            if by_browser && !looked_at {
                let refusal = Failure::new(StatusCode::FORBIDDEN, Message::new("error-own-window"));
                return Err(refusal.remedy(Message::new("error-own-window-remedy")));
            }
            Ok(Self(visitor))
        }))
    }
}

/// A person who looks at a page and is logged in; everybody else is sent to the login page.
pub struct SignedIn {
    /// The state of the gateway.
    pub hub: web::Data<Hub>,
    /// Their session.
    pub session: Arc<Session>,
}

impl SignedIn {
    /// The frame of a page for this person.
    #[must_use]
    pub fn frame(&self) -> Frame {
        Frame::of(&self.hub, &self.session)
    }

    /// An error page for this person.
    #[must_use]
    pub fn failure(&self, failure: Failure) -> Failure {
        failure.as_page(true, &self.hub.config)
    }
}

impl FromRequest for SignedIn {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Page(visitor) = match Page::from_request(request, payload).into_inner() {
            Ok(page) => page,
            Err(failure) => return ready(Err(failure)),
        };
        ready(match visitor.session {
            Some(session) => Ok(Self { hub: visitor.hub, session }),
            None => Err(Failure::see(login_url(
                &visitor.hub,
                request.uri().path_and_query().map_or("", |path| path.as_str()),
            ))),
        })
    }
}

/// Address of the login page that comes back to `next`.
#[must_use]
pub fn login_url(hub: &Hub, next: &str) -> String {
    let next = next::in_query(next);
    hub.url(&format!("/hub/login?next={next}"))
}

/// Which server a page is about.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ServerPath {
    owner: String,
    /// Empty for the default server.
    #[serde(default)]
    server: String,
}

impl ServerPath {
    /// A server by the names of its owner and its own; empty for the default one.
    #[must_use]
    pub fn new(owner: &str, server: &str) -> Self {
        Self { owner: owner.to_owned(), server: server.to_owned() }
    }

    /// That server, whoever asks; `None` for what is no name.
    #[must_use]
    pub fn id(&self) -> Option<ServerId> {
        Some(ServerId { user: self.owner.parse().ok()?, server: self.server.parse().ok()? })
    }

    /// The visitor's session and that server, where a page of the server itself asks: its scripts share our origin, so they can
    /// ask for whoever looks at it. Another site's scripts cannot.
    ///
    /// # Errors
    /// 403 for other sites and without a session, and as [`Self::allowed`].
    pub fn asked_within_site(
        &self,
        visitor: &Visitor,
        request: &HttpRequest,
    ) -> Result<(Arc<Session>, ServerId), Failure> {
        if hub_traits(request).cross_site() || header_text(request, &names::OWN_SITE) != "same-origin" {
            return Err(Failure::bare(StatusCode::FORBIDDEN));
        }
        let session = visitor.session.clone().ok_or_else(|| Failure::bare(StatusCode::FORBIDDEN))?;
        let id = self.allowed(&visitor.hub, &session, &Base::AccessServers)?;
        Ok((session, id))
    }

    /// That server, when the rights of this session reach it.
    ///
    /// # Errors
    /// 404 for what is no name and for servers of others, whether they exist or not; 403 where the person has no such right at all.
    pub fn allowed(&self, hub: &Hub, session: &Session, right: &Base) -> Result<ServerId, Failure> {
        let nothing = || {
            Failure::new(StatusCode::NOT_FOUND, Message::new("error-no-server"))
                .remedy(Message::new("error-no-server-remedy"))
        };
        let id = self.id().ok_or_else(nothing)?;
        let directory = hub.directory();
        match directory.scopes_of_user(&session.user).check(right, &Target::Server(&id), &*directory) {
            Verdict::Held => Ok(id),
            Verdict::Elsewhere => Err(nothing()),
            Verdict::Missing => Err(Failure::new(StatusCode::FORBIDDEN, Message::new("error-may-not-start"))
                .remedy(Message::new("error-may-not-start-remedy"))),
        }
    }
}
