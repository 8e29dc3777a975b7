//! Checking a password: by PAM through the spawner, or against the hash in the database.

use std::net::IpAddr;

use hubgate_protocol::{AuthOutcome, Refusal, Request, Response, Secret, Username};
use log::warn;

use crate::config::Authenticator;
use crate::password;
use crate::state::logins::Proven;
use crate::state::{Hub, blocking};
use crate::store::users;

/// Checks the password of `user`, who asks from `from`.
///
/// # Errors
/// Why not. A fault of ours is [`Refusal::Unavailable`]; the log has its cause.
pub async fn authenticate(
    hub: &Hub,
    user: Username,
    password: Secret,
    from: IpAddr,
) -> Result<Proven, Refusal> {
    match hub.config.authenticator {
        Authenticator::Pam => by_pam(hub, user, password, from).await,
        Authenticator::File => by_file(hub, user, password).await,
    }
}

async fn by_pam(hub: &Hub, user: Username, password: Secret, rhost: IpAddr) -> Result<Proven, Refusal> {
    let asked = user.clone();
    match hub.spawner.ask(&Request::Authenticate { user, password, rhost }).await {
        Ok(Response::Authenticated { outcome: AuthOutcome::Accepted { account, ticket } })
            if account.user == asked =>
        {
            Ok(Proven { user: account.user, ticket: Some(ticket), password_hash: None })
        }
        Ok(Response::Authenticated { outcome: AuthOutcome::Refused { reason } }) => Err(reason),
        Ok(_) => Err(Refusal::BadCredentials {}),
        Err(error) => {
            warn!("login not possible: {error}");
            Err(Refusal::Unavailable {})
        }
    }
}

async fn by_file(hub: &Hub, user: Username, password: Secret) -> Result<Proven, Refusal> {
    let Ok(_slot) = hub.hashing.acquire().await else { return Err(Refusal::Unavailable {}) };
    let store = hub.store.clone();
    let name = user.clone();
    let right = blocking(move || {
        let stored = store.read(|c| users::by_name(c, &name))?.and_then(|user| user.password_hash);
        Ok(password::verify(&password, stored.as_deref()).then_some(stored).flatten())
    });
    match right.await {
        Ok(Some(hash)) => Ok(Proven { user, ticket: None, password_hash: Some(hash) }),
        Ok(None) => Err(Refusal::BadCredentials {}),
        Err(error) => {
            warn!("login not possible: {error}");
            Err(Refusal::Unavailable {})
        }
    }
}
