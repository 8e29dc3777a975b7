//! The HTTP client that the crate openidconnect speaks through: awc with OpenSSL, bounded in time and size, and without
//! redirects.

use std::time::Duration;

use awc::http::Method;
use awc::{Client, Connector};
use openidconnect::{HttpRequest, HttpResponse, http};
use openssl::ssl::{SslConnector, SslMethod};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long an answer may take, connection and body included.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Largest answer, bytes.
const BODY_MAX: usize = 1024 * 1024;

/// Why there was no answer, for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HttpError(String);

/// What trusts the system's certificates, or those of a file alone.
///
/// # Errors
/// When the file cannot be read.
pub fn tls(ca_file: Option<&std::path::Path>) -> Result<SslConnector, openssl::error::ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(path) = ca_file {
        builder.set_cert_store(openssl::x509::store::X509StoreBuilder::new()?.build());
        builder.set_ca_file(path)?;
    }
    Ok(builder.build())
}

/// Sends one request.
///
/// # Errors
/// When there is no whole answer in time.
pub async fn send(tls: SslConnector, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    match tokio::time::timeout(ANSWER_WITHIN, ask(tls, request)).await {
        Ok(answer) => answer.map_err(|HttpError(why)| HttpError(format!("{host}: {why}"))),
        Err(_) => Err(HttpError(format!("{host}: no answer within {} s", ANSWER_WITHIN.as_secs()))),
    }
}

async fn ask(tls: SslConnector, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let failed = |error: &dyn std::fmt::Display| HttpError(error.to_string());
    let connector = Connector::new().openssl(tls).timeout(CONNECT_WITHIN);
    let client = Client::builder().connector(connector).timeout(ANSWER_WITHIN).disable_redirects().finish();
    let method = Method::from_bytes(request.method().as_str().as_bytes()).map_err(|error| failed(&error))?;
    let mut asked = client.request(method, request.uri().to_string());
    for (name, value) in request.headers() {
        asked = asked.insert_header((name.as_str(), value.as_bytes()));
    }
    let mut answer = asked.send_body(request.into_body()).await.map_err(|error| failed(&error))?;
    let body = answer.body().limit(BODY_MAX).await.map_err(|error| failed(&error))?;
    let mut told = http::Response::builder().status(answer.status().as_u16());
    for (name, value) in answer.headers() {
        told = told.header(name.as_str(), value.as_bytes());
    }
    told.body(body.to_vec()).map_err(|error| failed(&error))
}
