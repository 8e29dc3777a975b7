//! Who may ask for codes: users' servers, which the database knows while they run, and services of the directory.

use log::warn;

use crate::answer::Failure;
use crate::domain::oauth::AuthorizeRequest;
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

/// The other site that a login leads on to when it goes to `next`, by way of the authorization page; empty for none.
///
/// Browsers hold the policy of the page with the login form against every redirect that follows it.
#[must_use]
pub fn other_site(hub: &Hub, next: &str) -> String {
    let authorize = hub.url("/hub/api/oauth2/authorize");
    let asked = next.split_once('?').filter(|(path, _)| *path == authorize);
    let request = asked.and_then(|(_, query)| AuthorizeRequest::read(query, b"").ok());
    let Some(request) = request else { return String::new() };
    let client = of_service(hub, request.client_id());
    let registered = client.filter(|client| request.comes_back_to(&client.redirect_uri).is_ok());
    registered.map(|client| origin(&client.redirect_uri).to_owned()).unwrap_or_default()
}

/// The site of an address, as browsers name it; empty for a path of ours.
#[must_use]
pub fn origin(address: &str) -> &str {
    let Some((scheme, rest)) = address.split_once("://") else { return "" };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    if plain { address.get(..scheme.len() + 3 + host.len()).unwrap_or_default() } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_an_address_is_a_source_for_the_policy_or_nothing() {
        assert_eq!(origin("https://svc.test:8443/oauth_callback"), "https://svc.test:8443");
        assert_eq!(origin("http://127.0.0.1:9/callback"), "http://127.0.0.1:9");
        assert_eq!(origin("/services/x/oauth_callback"), "");
        assert_eq!(origin("https://a;script-src *'/x"), "");
    }
}
