//! Links that work once: made here, given to one person, stored as hashes.

use openssl::error::ErrorStack;

use crate::config::Config;
use crate::state::sessions;
use crate::store::links::{NewLink, Purpose};

/// How long a link holds, seconds: a day.
pub const LIFE_S: i64 = 24 * 3600;

/// A new link: its secret, and what is stored.
///
/// # Errors
/// When the system has no randomness to give.
pub fn fresh(purpose: Purpose, user_id: Option<i64>, now_s: i64) -> Result<(String, NewLink), ErrorStack> {
    let secret = sessions::new_id()?;
    let hash = sessions::hash(&secret);
    let expires_s = now_s.saturating_add(LIFE_S);
    Ok((secret, NewLink { hash, purpose, user_id, created_s: now_s, expires_s }))
}

/// The address of a link on a site, `https://HOST[:PORT]`.
#[must_use]
pub fn address(config: &Config, site: &str, purpose: Purpose, secret: &str) -> String {
    let page = match purpose {
        Purpose::Password => "set-password",
        Purpose::Setup => "setup",
    };
    format!("{site}{}/hub/{page}/{secret}", config.base_url)
}

/// Where people find the site, as far as the configuration or this host's own name tells.
#[must_use]
pub fn site(config: &Config) -> String {
    if !config.public_url.is_empty() {
        return config.public_url.trim_end_matches('/').to_owned();
    }
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("https://{}", host.unwrap_or_else(|| "localhost".to_owned()))
}
