//! The site's terms: read by everybody, accepted once before the session begins.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::extract::{Filled, Page, Peer};
use crate::pages::signin;
use crate::pages::welcome::Arrival;
use crate::state::appearance::{self, Terms};
use crate::state::signins::Stage;
use crate::words::Message;

#[derive(Template)]
#[template(path = "terms.html")]
struct TermsPage {
    frame: Frame,
    text: String,
    /// Whether they are to be accepted here.
    asks: bool,
}

/// Asks somebody who may come in to accept them.
///
/// # Errors
/// 503 when the step cannot be kept.
pub fn ask(arrival: Arrival<'_>, terms: Terms) -> Result<HttpResponse, Failure> {
    let Terms { text, version } = terms;
    arrival.wait(
        StatusCode::OK,
        |proven| Stage::Terms(proven, version),
        |frame| TermsPage { frame, text, asks: true },
    )
}

/// `POST /hub/login/terms`: whoever sends it has accepted them.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let signin = signin::resume(hub, &request, &form)?;
    let Stage::Terms(mut proven, version) = signin.stage else {
        return Err(Failure::see(hub.url("/hub/login")));
    };
    info!("terms accepted from={} user={}", Peer::of(&request).0.addr, proven.user);
    // Written down with the session: before the first one there may be no user to write it to.
    proven.terms = Some(version);
    Arrival { visitor: &visitor, request: &request, proven, next: signin.next }.settle().await
}

/// `GET /hub/terms`: to read them at any time.
pub async fn read(Page(visitor): Page) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let config = hub.config.clone();
    let found = web::block(move || appearance::terms(&config)).await;
    let found = found.map_err(|_| visitor.failure(Failure::unavailable()))?.map_err(|error| {
        warn!("terms_file: {error}");
        visitor.failure(Failure::unavailable())
    })?;
    let Some(Terms { text, .. }) = found else {
        return Err(visitor.failure(Failure::new(StatusCode::NOT_FOUND, Message::new("terms-none"))));
    };
    let frame = match &visitor.session {
        Some(session) => Frame::of(hub, session),
        None => Frame::anonymous(&hub.config),
    };
    Ok(answer::page(StatusCode::OK, &TermsPage { frame, text, asks: false }))
}
