//! The front doors: the prefix itself, the hub's root, static files, the CA certificate, and everything that is not there.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, web};

use crate::answer::{self, Failure, assets};
use crate::extract::{SignedIn, Visitor};
use crate::state::Hub;

/// The prefix itself leads to the hub.
pub async fn front(hub: web::Data<Hub>) -> HttpResponse {
    answer::redirect(&hub.url("/hub/"))
}

/// The hub's root leads to one's own server, by way of the spawn page, or home where the site wants that.
pub async fn hub(person: SignedIn) -> HttpResponse {
    let page = if person.hub.config.redirect_to_server { "/hub/spawn" } else { "/hub/home" };
    answer::redirect(&person.hub.url(page))
}

/// An embedded file.
pub async fn asset(address: web::Path<String>, visitor: Visitor) -> Result<HttpResponse, Failure> {
    let (bytes, media) = assets::find(&address).ok_or_else(|| visitor.failure(nothing()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(bytes))
}

/// The private CA's certificate, for people to import.
pub async fn ca_certificate(visitor: Visitor) -> Result<HttpResponse, Failure> {
    let path = visitor.hub.config.ca_certificate.clone();
    let read = web::block(move || std::fs::read(path)).await;
    let Ok(Ok(pem)) = read else { return Err(visitor.failure(nothing())) };
    Ok(answer::guarded(StatusCode::OK)
        .insert_header((CONTENT_TYPE, "application/x-x509-ca-cert"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"hubgate-ca.crt\""))
        .body(pem))
}

/// Everything else.
pub async fn not_found(visitor: Visitor) -> Result<HttpResponse, Failure> {
    Err(visitor.failure(nothing()))
}

fn nothing() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "There is nothing here.")
        .remedy("Check the address, or go to the home page.")
}
