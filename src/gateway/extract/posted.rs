//! A form that the visitor's own page sent: same site, well-formed, with the token of their session.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};

use crate::answer::Failure;
use crate::domain::form::Form;
use crate::extract::{Visitor, header_text, hub_traits};
use crate::state::{Hub, Session};

/// Largest form, bytes.
pub const FORM_MAX: usize = 64 * 1024;

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
        let visitor = Visitor::from_request(request, payload);
        let form = form_of(request, payload);
        Box::pin(async move {
            let visitor = visitor.await?;
            let form = form.await.map_err(|failure| visitor.failure(failure))?;
            let Some(session) = visitor.session.clone() else {
                return Err(visitor.failure(Failure::new(StatusCode::FORBIDDEN, "You are not logged in.")));
            };
            let token = form.get("_xsrf").unwrap_or_default();
            if !visitor.hub.key.session_token_holds(&session.hash, token) {
                return Err(visitor.failure(stale_form()));
            }
            Ok(Self { hub: visitor.hub, session, form })
        })
    }
}

/// The refusal of a form whose token does not hold.
#[must_use]
pub fn stale_form() -> Failure {
    Failure::new(
        StatusCode::FORBIDDEN,
        "This form does not belong to your session (XSRF token missing or stale).",
    )
    .remedy("Go back, reload the page and try again.")
}

/// Reads a form that our own page sent.
pub fn form_of(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Form, Failure>> + use<> {
    let body = form_body(request, payload);
    async move {
        Form::parse(&body.await?)
            .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, format!("Bad form: {error}.")))
    }
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
            return Err(Failure::new(StatusCode::FORBIDDEN, "This form was sent by another site."));
        }
        let body = body.await.map_err(|error| {
            let status = error.as_response_error().status_code();
            Failure::new(
                if status == StatusCode::PAYLOAD_TOO_LARGE { status } else { StatusCode::BAD_REQUEST },
                "The form could not be read.",
            )
        })?;
        if media != "application/x-www-form-urlencoded" {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "A form must be application/x-www-form-urlencoded.",
            ));
        }
        Ok(body)
    }
}
