//! "Keep it": a server that would be stopped soon because nobody uses it stays for a while.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::ServerId;

use crate::answer::{self, Failure};
use crate::api::keep::told;
use crate::domain::audit::Actor;
use crate::domain::scope::Base;
use crate::extract::{Peer, Posted, ServerPath, Visitor};
use crate::pages::notices;
use crate::state::culling;
use crate::state::{Hub, Session};

/// `POST /hub/keep/NAME[/SERVER]`: a form of ours; then back home.
pub async fn submit(
    posted: Posted,
    path: web::Path<ServerPath>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    let page = |failure: Failure| failure.as_page(true, &hub.config);
    let id = path.allowed(&hub, &session, &Base::AccessServers).map_err(page)?;
    keep(&hub, &session, &id, &request).await.map_err(page)?;
    Ok(answer::redirect(&hub.url("/hub/home")))
}

/// The same, asked by the page of the server itself, which has no token of ours: it says so by a header that a form cannot
/// send and that a script of another site may not. Any server of this site whose page the visitor has open can ask so too,
/// and gains nothing: a server lives on for as long as the policy allows, which a visit to it would do as well.
pub async fn by_script(
    visitor: Visitor,
    path: web::Path<ServerPath>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (session, id) = path.asked_within_site(&visitor, &request)?;
    keep(&visitor.hub, &session, &id, &request).await?;
    Ok(answer::json(StatusCode::OK, &notices::shown(&visitor.hub, &session, &id)))
}

async fn keep(hub: &Hub, session: &Session, id: &ServerId, request: &HttpRequest) -> Result<(), Failure> {
    let by = Actor::User {
        name: session.user.clone(),
        address: Some(Peer::of(request).0.addr),
        session: session.public_id.clone(),
    };
    culling::keep(hub, id, i64::MAX, by).await.map(drop).map_err(|error| told(&error))
}
