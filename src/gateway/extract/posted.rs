//! A form that the visitor's own page sent: same site, well-formed, with the token of their session.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};

use crate::answer::Failure;
use crate::domain::audit::Actor;
use crate::domain::form::{Form, FormError, pairs};
use crate::extract::{Peer, Visitor, header_text, hub_traits};
use crate::state::{Hub, Session};
use crate::words::Message;

/// Largest form, bytes.
pub const FORM_MAX: usize = 64 * 1024;

/// A form of whoever sent it. Its token is looked at by the handler, which knows what the form belongs to.
pub struct Filled {
    /// Who sent it.
    pub visitor: Visitor,
    /// The fields.
    pub form: Form,
}

impl FromRequest for Filled {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visitor = Visitor::from_request(request, payload);
        let form = form_of(request, payload);
        Box::pin(async move {
            let visitor = visitor.await?;
            let form = form.await.map_err(|failure| visitor.failure(failure))?;
            Ok(Self { visitor, form })
        })
    }
}

/// A form of a logged-in visitor.
pub struct Posted {
    /// The state of the gateway.
    pub hub: web::Data<Hub>,
    /// Their session.
    pub session: Arc<Session>,
    /// The fields.
    pub form: Form,
}

impl FromRequest for Posted {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let filled = Filled::from_request(request, payload);
        Box::pin(async move {
            let Filled { visitor, form } = filled.await?;
            let session = sender(&visitor, form.get("_xsrf").unwrap_or_default())?;
            Ok(Self { hub: visitor.hub, session, form })
        })
    }
}

/// A form of a logged-in visitor where a field may come more than once, as boxes that are ticked do.
pub struct PostedList {
    /// The state of the gateway.
    pub hub: web::Data<Hub>,
    /// Their session.
    pub session: Arc<Session>,
    /// The fields, at most 1000.
    pub fields: Vec<(String, String)>,
}

impl PostedList {
    /// The first value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a field.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequest for PostedList {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visitor = Visitor::from_request(request, payload);
        let body = form_body(request, payload);
        Box::pin(async move {
            let visitor = visitor.await?;
            let body = body.await.map_err(|failure| visitor.failure(failure))?;
            let fields = pairs(&body).map_err(|error| visitor.failure(malformed(error)))?;
            let token = fields.iter().find(|(name, _)| name == "_xsrf").map_or("", |(_, value)| value);
            let session = sender(&visitor, token)?;
            Ok(Self { hub: visitor.hub, session, fields })
        })
    }
}

/// Whoever acts in a session, for the audit log.
#[must_use]
pub fn actor(request: &HttpRequest, session: &Session) -> Actor {
    let address = Some(Peer::of(request).0.addr);
    Actor::User { name: session.user.clone(), address, session: session.public_id.clone() }
}

/// The session of whoever sent a form with this token in it.
fn sender(visitor: &Visitor, token: &str) -> Result<Arc<Session>, Failure> {
    let Some(session) = visitor.session.clone() else {
        return Err(visitor.failure(not_logged_in()));
    };
    if visitor.hub.key.session_token_holds(&session.hash, token) {
        Ok(session)
    } else {
        Err(visitor.failure(stale_form()))
    }
}

/// The refusal of a form whose token does not hold.
#[must_use]
pub fn stale_form() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, Message::new("error-form-stale")).remedy(Message::new("error-back"))
}

/// The refusal of a form that needs a session, from somebody who has none.
#[must_use]
pub fn not_logged_in() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, Message::new("error-not-logged-in"))
        .remedy(Message::new("error-not-logged-in-remedy"))
}

/// The refusal of a form that another site sent.
#[must_use]
pub fn foreign_form() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, Message::new("error-form-foreign")).remedy(Message::new("error-back"))
}

fn malformed(error: FormError) -> Failure {
    let key = match error {
        FormError::TooMany => "error-form-fields",
        FormError::Malformed => "error-form-malformed",
        FormError::NotUtf8 => "error-form-text",
        FormError::Twice => "error-form-twice",
    };
    Failure::new(StatusCode::BAD_REQUEST, Message::new(key))
}

/// Reads a form that our own page sent.
pub fn form_of(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Form, Failure>> + use<> {
    let body = form_body(request, payload);
    async move { Form::parse(&body.await?).map_err(malformed) }
}

/// The bytes of a form that our own page sent, for forms where a field may come again.
pub fn form_body(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Failure>> + use<> {
    let media = header_text(request, &header::CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let foreign = hub_traits(request).cross_site();
    let body = web::Bytes::from_request(request, payload);
    async move {
        if foreign {
            return Err(foreign_form());
        }
        let body = body.await.map_err(|error| {
            let status = error.as_response_error().status_code();
            Failure::new(
                if status == StatusCode::PAYLOAD_TOO_LARGE { status } else { StatusCode::BAD_REQUEST },
                Message::new("error-form-bytes"),
            )
        })?;
        if media != "application/x-www-form-urlencoded" {
            return Err(Failure::new(StatusCode::BAD_REQUEST, Message::new("error-form-media")));
        }
        Ok(body)
    }
}
