//! The database behind a request: one hop to a blocking thread, and its faults as answers.

use actix_web::http::StatusCode;
use diesel::QueryResult;
use log::error;
use serde_json::Value;

use crate::answer::Failure;
use crate::domain::audit::{Action, Event};
use crate::state::audit::acting;
use crate::state::{Hub, blocking};
use crate::store::{Conn, StoreError};

/// Reads.
///
/// # Errors
/// 503 when the database cannot; 404 for a row that has just gone.
pub async fn read<T: Send + 'static>(
    hub: &Hub,
    query: impl FnOnce(&mut Conn) -> QueryResult<T> + Send + 'static,
) -> Result<T, Failure> {
    let store = hub.store.clone();
    blocking(move || store.read(query)).await.map_err(|error| told(&error))
}

/// Reads, decides and writes in one transaction. A refusal is returned before anything is written; what is written holds
/// at once, in memory too.
///
/// # Errors
/// The refusal; otherwise as [`read`], and 409 for a name that has just been taken.
pub async fn write<T: Send + 'static>(
    hub: &Hub,
    queries: impl FnOnce(&mut Conn) -> QueryResult<Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    hub.change(queries).await.map_err(|error| told(&error))?
}

/// What the client is told of a fault of the database; the cause goes to the log.
#[must_use]
pub fn told(error: &StoreError) -> Failure {
    match error {
        StoreError::NotFound => Failure::bare(StatusCode::NOT_FOUND),
        StoreError::Exists => Failure::new(StatusCode::CONFLICT, "Somebody else has just taken that name."),
        _ => {
            error!("api: {error}");
            Failure::unavailable()
        }
    }
}

/// Keeps what was done, before it is acknowledged.
///
/// # Errors
/// 503 where it cannot be kept: it is done all the same, and written down as soon as that is possible.
pub async fn audited(hub: &Hub, action: Action, subject: &str, details: Value) -> Result<(), Failure> {
    let mut event = Event::new(acting(), action, subject);
    if let Value::Object(details) = details {
        event.details = details;
    }
    hub.audit_durably(&event).await.map_err(|error| told(&error))
}
