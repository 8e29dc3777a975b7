//! Reads from each request to whom it is answered, and tells the rooms below for as long as it takes.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, AcceptLanguage, COOKIE, Header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};

use log::warn;

use crate::answer::{Telling, Who};
use crate::domain::audit::Actor;
use crate::domain::cookie;
use crate::domain::scope::Owner;
use crate::extract::{header_text, hub_traits, names, principal, session_of};
use crate::state::Hub;
use crate::state::audit::Acting;
use crate::words::Language;

/// Longest reference that is believed.
const REFERENCE_MAX: usize = 64;

/// Answers a request in the language of whoever sent it.
///
/// # Errors
/// Those of the handler.
pub async fn telling(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let (telling, acting) = (of(request.request()), acting(request.request()));
    let changes = !request.method().is_safe();
    let hub = request.app_data::<web::Data<Hub>>().cloned();
    let answer = acting.around(telling.around(next.call(request))).await;
    // What somebody did lasts before they are told that it is done.
    if let Some(hub) = hub.filter(|hub| changes && hub.audit_waits())
        && let Err(error) = hub.audit_written().await
    {
        warn!("the audit log could not be written, it is tried again: {error}");
    }
    answer
}

/// Who asks, for the audit log: pages know people by their session alone, the API by a token too.
fn acting(request: &HttpRequest) -> Acting {
    let address = header_text(request, &names::REAL_IP).parse().ok();
    let Some(hub) = request.app_data::<web::Data<Hub>>() else { return Acting { actor: None, address } };
    let by_token = request.path().starts_with(&hub.url("/hub/api/"));
    let authorization = if by_token { header_text(request, &header::AUTHORIZATION) } else { "" };
    let found = principal(hub, authorization, header_text(request, &COOKIE));
    let actor = found.map(|who| match who.owner {
        Owner::User(name) => {
            let session = who.session.map(|session| session.public_id.clone()).unwrap_or_default();
            Actor::User { name, address, session }
        }
        Owner::Service(name) => Actor::Service(name.to_string()),
    });
    Acting { actor, address }
}

fn of(request: &HttpRequest) -> Telling {
    let reference = header_text(request, &names::REQUEST_ID);
    let page = request.uri().path_and_query().filter(|_| request.method() == Method::GET);
    Telling {
        language: language(request),
        reference: reference.chars().take(REFERENCE_MAX).filter(char::is_ascii_alphanumeric).collect(),
        page: page.map(ToString::to_string).unwrap_or_default(),
        notices: request.app_data::<web::Data<Hub>>().map(|hub| hub.notices_for_all()).unwrap_or_default(),
        who: who(request),
    }
}

/// Whoever navigates to a page of the hub. What a script fetches says nothing of them, for its answer can be read; nor do
/// pages at addresses of servers and services, where a service worker of theirs may stand between.
fn who(request: &HttpRequest) -> Option<Who> {
    let hub = request.app_data::<web::Data<Hub>>()?;
    let traits = hub_traits(request);
    let looked_at = traits.fetch_mode == "navigate" && traits.fetch_dest == "document";
    let own = request.path().starts_with(&hub.url("/hub/"));
    let session = (looked_at && own).then(|| session_of(hub, request)).flatten()?;
    Some(Who::of(hub, &session))
}

/// What the visitor chose, else what their browser asks for.
fn language(request: &HttpRequest) -> Language {
    let chosen = cookie::value(header_text(request, &COOKIE), cookie::LANGUAGE).and_then(Language::of_tag);
    let asked = || AcceptLanguage::parse(request).ok().and_then(|accepted| Language::of_browser(&accepted));
    chosen.or_else(asked).unwrap_or_default()
}
