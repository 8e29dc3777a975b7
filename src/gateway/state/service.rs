//! One service: who it is, where it is, and its OAuth client.

use hubgate_protocol::ServiceSpec;

use crate::domain::entity::ServiceName;
use crate::domain::scope::{CustomScopes, Scope};
use crate::store::{Hash, Object};

/// A service of the services file, or one that was made at run time.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The name.
    pub name: ServiceName,
    /// Where it answers; `None` for one without pages.
    pub url: Option<String>,
    /// Whether it has the role admin by its description.
    pub admin: bool,
    /// What it says of itself.
    pub info: Object,
    /// Whether pages show it.
    pub display: bool,
    /// What runs it; empty for a service that hubgate does not run.
    pub command: Vec<String>,
    /// Whether it was made at run time, by the API.
    pub made: bool,
    /// SHA-256 of its token.
    pub token_hash: Hash,
    /// Its OAuth client, if it is one.
    pub client: Option<ServiceClient>,
}

/// The OAuth client that a service is. Its secret is the service's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceClient {
    /// The client id.
    pub identifier: String,
    /// The one address that codes are sent to.
    pub redirect_uri: String,
    /// What people read.
    pub description: String,
    /// What it may ask for beyond being used.
    pub allowed_scopes: Vec<Scope>,
    /// Whether people are not asked.
    pub no_confirm: bool,
}

/// What a description does not say by itself.
pub(super) struct Surroundings<'a> {
    pub(super) base_url: &'a str,
    pub(super) custom: &'a CustomScopes,
    pub(super) token_hash: Hash,
    pub(super) made: bool,
}

impl Service {
    /// The service that a description describes.
    ///
    /// # Errors
    /// A sentence: a name or a scope that is none.
    pub(super) fn new(spec: &ServiceSpec, around: &Surroundings<'_>) -> Result<Self, String> {
        let name: ServiceName = spec
            .name
            .as_str()
            .parse()
            .map_err(|error| format!("services.{}.name: {error}", spec.name.as_str()))?;
        let allowed_scopes = spec
            .oauth_client_allowed_scopes
            .iter()
            .map(|text| Scope::read(text, around.custom))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("services.{name}.oauth_client_allowed_scopes: {error}"))?;
        let callback = || format!("{}/services/{name}/oauth_callback", around.base_url);
        let client = spec.has_oauth_client().then(|| ServiceClient {
            identifier: spec.client_id(),
            redirect_uri: spec.oauth_redirect_uri.clone().unwrap_or_else(callback),
            description: format!("JupyterHub service {name}"),
            allowed_scopes,
            no_confirm: spec.oauth_no_confirm,
        });
        Ok(Self {
            url: spec.url.clone(),
            admin: spec.admin,
            info: spec.info.clone(),
            display: spec.display,
            command: spec.command.clone(),
            made: around.made,
            token_hash: around.token_hash,
            client,
            name,
        })
    }

    /// Whether hubgate runs it.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        !self.command.is_empty()
    }

    /// Host and port for nginx, `127.0.0.1:10101`; `None` for one without pages.
    #[must_use]
    pub fn upstream(&self) -> Option<&str> {
        let url = self.url.as_deref()?;
        let rest = url.strip_prefix("http://")?;
        Some(rest.split_once('/').map_or(rest, |(host, _)| host))
    }
}
