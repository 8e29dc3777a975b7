//! The front doors: the prefix itself, the hub's root, static files, the CA certificate, and everything that is not there.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, web};

use crate::answer::{self, Failure, accent, assets};
use crate::extract::{SignedIn, Visitor};
use crate::state::{Hub, appearance};
use crate::words::Message;

/// What browsers are told of files whose address changes with their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

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
        .insert_header((CACHE_CONTROL, FOR_EVER))
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

/// The site's logo. A picture may hold scripts and styles; this policy lets none of them do anything.
pub async fn logo(visitor: Visitor) -> Result<HttpResponse, Failure> {
    let config = visitor.hub.config.clone();
    let read = web::block(move || appearance::logo(&config)).await;
    let Ok(Ok(Some(logo))) = read else { return Err(visitor.failure(nothing())) };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, logo.media))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .body(logo.bytes))
}

/// The sheet with the site's colour.
pub async fn accent(name: web::Path<String>, visitor: Visitor) -> Result<HttpResponse, Failure> {
    let config = &visitor.hub.config;
    if accent::name(config).as_deref() != Some(name.as_str()) {
        return Err(visitor.failure(nothing()));
    }
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .insert_header((CACHE_CONTROL, FOR_EVER))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(accent::sheet(config)))
}

/// Everything else.
pub async fn not_found(visitor: Visitor) -> Result<HttpResponse, Failure> {
    Err(visitor.failure(nothing()))
}

fn nothing() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, Message::new("error-nothing"))
        .remedy(Message::new("error-nothing-remedy"))
}
