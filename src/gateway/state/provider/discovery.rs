//! What a provider says of itself: its addresses and keys, kept for an hour and asked for again when a key is unknown.

use std::sync::Arc;

use log::warn;
use openidconnect::{DiscoveryError, IssuerUrl, ProviderMetadataWithLogout};
use parking_lot::RwLock;
use tokio::sync::Mutex;
use url::Url;

use super::Provider;
use super::fault::Fault;
use super::http::{HttpError, send};
use crate::config::is_private;
use crate::domain::request_log::shown;

/// How long it is believed without being asked again, seconds.
const AGE_S: i64 = 3600;
/// How long it may be used when the provider does not answer, seconds.
const STALE_S: i64 = 24 * 3600;
/// How soon it may be asked again for a key that is unknown, or after a failure, seconds: whoever sends us tokens does not
/// decide how often.
const AGAIN_S: i64 = 5;

/// What a provider said, and when.
#[derive(Debug)]
pub struct Known {
    /// Its addresses and keys.
    pub metadata: ProviderMetadataWithLogout,
    at_s: i64,
}

/// The latest of it.
#[derive(Default)]
pub(super) struct Discovery {
    known: RwLock<Option<Arc<Known>>>,
    failed: RwLock<Option<(i64, Fault)>>,
    asking: Mutex<()>,
}

impl Provider {
    /// Its addresses and keys.
    ///
    /// # Errors
    /// [`Fault::Unreachable`], [`Fault::Nonsense`], [`Fault::WrongIssuer`]
    pub(super) async fn known(&self, now_s: i64) -> Result<Arc<Known>, Fault> {
        if let Some(known) = self.recent(now_s, AGE_S) {
            return Ok(known);
        }
        let _one = self.discovery.asking.lock().await;
        if let Some(known) = self.recent(now_s, AGE_S) {
            return Ok(known);
        }
        self.ask(now_s).await.or_else(|fault| self.recent(now_s, STALE_S).ok_or(fault))
    }

    /// The same, asked for again because `than` does not have a key that a token names.
    ///
    /// # Errors
    /// As [`Provider::known`].
    pub(super) async fn newer(&self, than: &Arc<Known>, now_s: i64) -> Result<Arc<Known>, Fault> {
        let _one = self.discovery.asking.lock().await;
        match self.recent(now_s, AGE_S) {
            Some(known) if !Arc::ptr_eq(&known, than) => Ok(known),
            _ if (0..AGAIN_S).contains(&now_s.saturating_sub(than.at_s)) => Ok(than.clone()),
            _ => self.ask(now_s).await,
        }
    }

    /// Where a log-out there begins, if it has such a place and is known.
    #[must_use]
    pub fn end_session(&self, now_s: i64) -> Option<Url> {
        let known = self.recent(now_s, STALE_S)?;
        let address = known.metadata.additional_metadata().end_session_endpoint.as_ref()?;
        Some(address.url().clone())
    }

    fn recent(&self, now_s: i64, age_s: i64) -> Option<Arc<Known>> {
        let known = self.discovery.known.read().clone()?;
        (0..age_s).contains(&now_s.saturating_sub(known.at_s)).then_some(known)
    }

    async fn ask(&self, now_s: i64) -> Result<Arc<Known>, Fault> {
        if let Some((at_s, fault)) = self.discovery.failed.read().clone()
            && (0..AGAIN_S).contains(&now_s.saturating_sub(at_s))
        {
            return Err(fault);
        }
        match self.discover().await {
            Ok(metadata) => {
                let known = Arc::new(Known { metadata, at_s: now_s });
                *self.discovery.known.write() = Some(known.clone());
                *self.discovery.failed.write() = None;
                Ok(known)
            }
            Err(fault) => {
                warn!("identity provider {}: {fault}", self.spec.name);
                *self.discovery.failed.write() = Some((now_s, fault.clone()));
                Err(fault)
            }
        }
    }

    async fn discover(&self) -> Result<ProviderMetadataWithLogout, Fault> {
        let issuer = IssuerUrl::new(self.spec.issuer.clone());
        let issuer = issuer.map_err(|error| Fault::Nonsense(error.to_string()))?;
        let client = |request| send(self.tls.clone(), request);
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &client).await.map_err(fault)?;
        let addresses = [
            Some(metadata.authorization_endpoint().url()),
            metadata.token_endpoint().map(|address| address.url()),
            metadata.userinfo_endpoint().map(|address| address.url()),
            Some(metadata.jwks_uri().url()),
            metadata.additional_metadata().end_session_endpoint.as_ref().map(|address| address.url()),
        ];
        if let Some(open) = addresses.into_iter().flatten().find(|address| !is_private(address)) {
            return Err(Fault::Nonsense(format!("it names {}, which is not https", shown(open.as_str()))));
        }
        if metadata.token_endpoint().is_none() {
            return Err(Fault::Nonsense("it names no token_endpoint".to_owned()));
        }
        Ok(metadata)
    }
}

fn fault(error: DiscoveryError<HttpError>) -> Fault {
    match error {
        DiscoveryError::Request(error) => Fault::Unreachable(error.to_string()),
        DiscoveryError::Response(status, _, _) if status.is_server_error() => {
            Fault::Unreachable(format!("discovery is answered with {status}"))
        }
        DiscoveryError::Response(status, _, why) => {
            Fault::Nonsense(format!("discovery is answered with {status}: {}", shown(&why)))
        }
        DiscoveryError::Validation(why) => Fault::WrongIssuer(shown(&why)),
        DiscoveryError::Parse(error) => Fault::Nonsense(format!("discovery: {}", shown(&error.to_string()))),
        other => Fault::Nonsense(format!("discovery: {other}")),
    }
}
