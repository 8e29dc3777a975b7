//! Checking a password: by PAM through the spawner, or against the hash in the database.

use std::net::IpAddr;
use std::time::Duration;

use hubgate_protocol::{AuthOutcome, Refusal, Request, Response, Secret, Username};
use log::{info, warn};
use tokio::time::{Instant, sleep_until};

use crate::config::Authenticator;
use crate::domain::request_log::shown;
use crate::password;
use crate::state::logins::Proven;
use crate::state::{Hub, blocking};
use crate::store::users;

/// Every failed login takes this long: longer than any check but a hanging one, so that the time tells nothing.
const FAILED_AFTER: Duration = Duration::from_secs(1);

/// A login with what somebody typed in: bounded for those who guess, and written down.
///
/// # Errors
/// Why not, as [`authenticate`].
pub async fn attempt(hub: &Hub, name: &str, password: &str, from: IpAddr) -> Result<Proven, Refusal> {
    let started = Instant::now();
    let outcome = bounded(hub, name, password, from).await;
    hub.metrics.login(outcome.is_ok(), started.elapsed());
    if outcome.is_err() {
        sleep_until(started + FAILED_AFTER).await;
    }
    outcome
}

async fn bounded(hub: &Hub, name: &str, password: &str, from: IpAddr) -> Result<Proven, Refusal> {
    let now_s = hub.clock.now_s();
    hub.guesses.lock().admit(name, from, now_s).map_err(|retry_after_s| {
        warn!("login throttled from={} user={}", from, shown(name));
        Refusal::Throttled { retry_after_s }
    })?;
    let outcome = match (name.parse::<Username>(), Secret::try_from(password.to_owned())) {
        (Ok(user), Ok(secret)) if !password.is_empty() => authenticate(hub, user, secret, from).await,
        _ => Err(Refusal::BadCredentials {}),
    };
    match &outcome {
        Ok(proven) => {
            hub.guesses.lock().forgive(name, from);
            info!("login from={} user={}", from, proven.user);
        }
        Err(refusal) => {
            hub.guesses.lock().failed(from, now_s);
            // The name may be a password in the wrong field: no more of it than tells administrators whom to help.
            let start: String = name.chars().take(16).collect();
            warn!("login failed from={} user={} reason={refusal:?}", from, shown(&start));
        }
    }
    outcome
}

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
