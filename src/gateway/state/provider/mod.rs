//! Identity providers: who they are (asked of themselves and kept for a while), and the code that proves who somebody is.

mod discovery;
mod exchange;
mod fault;
mod http;
mod person;

use std::path::Path;
use std::sync::Arc;

use hubgate_protocol::Secret;
use openssl::ssl::SslConnector;
use tokio::sync::Semaphore;

use crate::config::{self, Config, ProviderSpec};
use discovery::Discovery;

pub use exchange::Proof;
pub use fault::Fault;
pub use person::proven;

/// Most exchanges with providers at one time.
const EXCHANGES: usize = 16;

/// One provider.
pub struct Provider {
    /// What the configuration says.
    pub spec: ProviderSpec,
    /// Where it sends people back to.
    redirect: String,
    secret: Option<Secret>,
    tls: SslConnector,
    discovery: Discovery,
}

/// All of them.
pub struct Providers {
    all: Vec<Arc<Provider>>,
    exchanges: Semaphore,
}

impl Providers {
    /// Reads what the configuration names: secrets and certificates. Nothing is sent yet.
    ///
    /// # Errors
    /// A sentence about the file that cannot be used.
    pub fn load(config: &Config) -> Result<Self, String> {
        let redirect = format!("{}{}/hub/oauth_callback", config.public_url, config.base_url);
        let one = |spec: &ProviderSpec| Provider::load(spec, &redirect).map(Arc::new);
        let all = config.oidc.0.iter().map(one).collect::<Result<_, _>>()?;
        Ok(Self { all, exchanges: Semaphore::new(EXCHANGES) })
    }

    /// In the order of the configuration.
    #[must_use]
    pub fn all(&self) -> &[Arc<Provider>] {
        &self.all
    }

    /// The provider of that name.
    ///
    /// # Errors
    /// [`Fault::Unknown`]
    pub fn named(&self, name: &str) -> Result<Arc<Provider>, Fault> {
        self.all.iter().find(|provider| provider.spec.name == name).cloned().ok_or(Fault::Unknown)
    }

    /// The provider that people are sent to without being asked.
    #[must_use]
    pub fn automatic(&self) -> Option<&Provider> {
        self.all.iter().find(|provider| provider.spec.auto_login).map(AsRef::as_ref)
    }

    /// Exchanges a code for a proof.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn exchange(
        &self,
        provider: &Provider,
        asked: exchange::Asked,
        now_s: i64,
    ) -> Result<Proof, Fault> {
        let _one = self.exchanges.try_acquire().map_err(|_| Fault::Busy)?;
        provider.exchange(asked, now_s).await
    }
}

impl Provider {
    fn load(spec: &ProviderSpec, redirect: &str) -> Result<Self, String> {
        let named = |why: &dyn std::fmt::Display| format!("oidc {}: {why}", spec.name);
        let secret = spec.client_secret_file.as_deref().map(config::secret).transpose();
        let tls = http::tls(spec.ca_file.as_deref()).map_err(|error| {
            let file = spec.ca_file.as_deref().unwrap_or(Path::new("the system's certificates"));
            named(&format!("{}: cannot be read as certificates: {error}", file.display()))
        })?;
        Ok(Self {
            spec: spec.clone(),
            redirect: redirect.to_owned(),
            secret: secret.map_err(|why| named(&why))?,
            tls,
            discovery: Discovery::default(),
        })
    }
}

pub use exchange::Asked;
