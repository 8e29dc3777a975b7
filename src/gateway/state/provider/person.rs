//! Which user somebody is whom a provider knows. An identity is one user's for good; it becomes that at the first login, by
//! the name that the provider gives, and never the identity of somebody who is known here by other means.

use hubgate_protocol::LoginName;

use super::exchange::Proof;
use super::fault::Fault;
use super::{Asked, Provider};
use crate::config::Authenticator;
use crate::domain::claims::{self, Unusable};
use crate::domain::handshake::Handshake;
use crate::state::logins::{Claims, Method, Proven};
use crate::state::{Hub, blocking};
use crate::store::identities::{self, Identity};
use crate::store::{User, users};

/// Exchanges the code that somebody brought back, and finds out who they are here.
///
/// # Errors
/// See [`Fault`].
pub async fn proven(hub: &Hub, handshake: &Handshake, state: &str, code: &str) -> Result<Proven, Fault> {
    let provider = hub.providers.named(&handshake.provider)?;
    let asked = Asked::of(hub, handshake, state, code)?;
    let proof = hub.providers.exchange(&provider, asked, hub.clock.now_s()).await?;
    person(hub, &provider, proof).await
}

impl Asked {
    /// What a login was begun with.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the system cannot sign.
    pub fn of(hub: &Hub, handshake: &Handshake, state: &str, code: &str) -> Result<Self, Fault> {
        Ok(Self {
            state: state.to_owned(),
            nonce: hub.key.nonce_of(state).ok_or(Fault::Busy)?,
            verifier: hub.key.verifier_of(state).ok_or(Fault::Busy)?,
            code: code.to_owned(),
            since_s: handshake.again.then_some(handshake.begun_s),
        })
    }
}

async fn person(hub: &Hub, provider: &Provider, proof: Proof) -> Result<Proven, Fault> {
    let spec = &provider.spec;
    let identity = Identity { provider: spec.name.clone(), subject: proof.subject };
    let named = claims::login_name(&proof.claims, &spec.username_claim)
        .map_err(|why| match why {
            Unusable::Missing => Fault::NoName(spec.username_claim.clone()),
            Unusable::Unverified => Fault::Unverified,
        })
        .and_then(|name| hub.rules.login(name).ok_or(Fault::BadName));
    let (store, asked) = (hub.store.clone(), identity.clone());
    let known = blocking(move || store.read(|c| identities::user(c, &asked)));
    let login = match known.await.map_err(|error| Fault::Store(error.to_string()))? {
        Some(user) => user.standing.login.unwrap_or_else(|| user.name.into()),
        None => free(hub, provider, named?).await?,
    };
    let claims = Claims {
        groups: claims::groups(&proof.claims, &spec.groups_claim),
        display_name: claims::display_name(&proof.claims),
        id_token: proof.id_token.filter(|_| spec.logout),
        identity: Some(identity),
    };
    Ok(Proven {
        user: login.id(),
        login,
        method: Method::Provider(spec.name.clone()),
        account: None,
        claims: Some(claims),
        ticket: None,
        password_hash: None,
        terms: None,
    })
}

/// A name that a new identity may have: nobody's yet, or that of a user whom an administrator has added and who has proved
/// nothing so far.
async fn free(hub: &Hub, provider: &Provider, login: LoginName) -> Result<LoginName, Fault> {
    let (store, name) = (hub.store.clone(), login.id());
    let known = blocking(move || {
        store.read(|c| {
            let user = users::by_name(c, &name)?;
            let bound = user.as_ref().map(|user| identities::of_user(c, user.id)).transpose()?;
            Ok(user.zip(bound))
        })
    });
    let known = known.await.map_err(|error| Fault::Store(error.to_string()))?;
    if known.as_ref().is_some_and(|(_, bound)| !bound.is_empty()) {
        return Err(Fault::Taken("has another identity".to_owned()));
    }
    if provider.spec.same_names {
        return Ok(login);
    }
    let refused = |why: &str| Err(Fault::Taken(why.to_owned()));
    match (hub.config.authenticator, known) {
        (Authenticator::Pam, _) => refused("names may be those of accounts of the host; see same_names"),
        (_, Some((User { password_hash: Some(_), .. }, _))) => refused("has a password here; see same_names"),
        _ => Ok(login),
    }
}
