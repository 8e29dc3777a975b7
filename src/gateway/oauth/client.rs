//! Who may ask for codes: users' servers, which the database knows while they run, and services of the directory.

use log::warn;

use crate::answer::Failure;
use crate::domain::scope::{Client, Scope};
use crate::state::{Hub, blocking};
use crate::store::oauth;

/// A client of either kind.
pub struct OAuthClient {
    /// Its identifier.
    pub identifier: String,
    /// What it is.
    pub who: Client,
    /// What people read.
    pub description: String,
    /// The one address that codes are sent to.
    pub redirect_uri: String,
    /// What it may ask for beyond what every token holds.
    pub allowed: Vec<Scope>,
    /// Whether people are not asked.
    pub no_confirm: bool,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
}

/// The client of that identifier.
///
/// # Errors
/// When the database fails.
pub async fn find(hub: &Hub, identifier: &str) -> Result<Option<OAuthClient>, Failure> {
    if let Some(service) = of_service(hub, identifier) {
        return Ok(Some(service));
    }
    let (store, name) = (hub.store.clone(), identifier.to_owned());
    let found = blocking(move || store.read(|c| oauth::client(c, &name))).await.map_err(|error| {
        warn!("an OAuth client could not be read: {error}");
        Failure::unavailable()
    })?;
    Ok(found.map(|client| OAuthClient {
        identifier: client.identifier,
        who: Client::Server(client.server),
        description: client.description,
        redirect_uri: client.redirect_uri,
        allowed: client.allowed_scopes,
        no_confirm: false,
        secret_hash: client.secret_hash,
    }))
}

fn of_service(hub: &Hub, identifier: &str) -> Option<OAuthClient> {
    let directory = hub.directory();
    let service = directory.service_of_client(identifier)?;
    let client = service.client.as_ref()?;
    Some(OAuthClient {
        identifier: client.identifier.clone(),
        who: Client::Service(service.name.clone()),
        description: client.description.clone(),
        redirect_uri: client.redirect_uri.clone(),
        allowed: client.allowed_scopes.clone(),
        no_confirm: client.no_confirm,
        secret_hash: service.token_hash,
    })
}
