//! Passkeys (WebAuthn): adding one, proving by one who somebody is, and logging in by one alone.
//!
//! What the browser must answer is sealed into the page or kept with the login under way; nothing is kept for somebody who
//! has proved nothing yet.

use std::collections::HashMap;

use hubgate_protocol::{LoginName, Username};
use log::{info, warn};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Uuid,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::config::Authenticator;
use crate::domain::origin::Origin;
use crate::state::factors::{changed, first_codes, fresh_codes, row_of, seal};
use crate::state::logins::{Method, Proven};
use crate::state::{Hub, blocking};
use crate::store::passkeys::{self as rows, Passkey as Row};
use crate::store::{StoreError, User, users};

/// How long somebody may take with their device, seconds.
pub const CEREMONY_S: i64 = 300;
/// Most passkeys of one user.
const MOST: i64 = 20;
/// Longest name of a passkey, characters.
pub const NAME_MAX: usize = 64;

/// What a page asks the browser, and what comes back with its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ceremony {
    /// Options for `navigator.credentials`, JSON.
    pub options: String,
    /// Our side of it, sealed.
    pub sealed: String,
}

/// How adding a passkey ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    /// It is theirs, with these recovery codes; none where they had some already.
    Done(Vec<String>),
    /// The device's answer is not right, or came too late.
    Refused,
    /// That passkey is known already.
    Known,
    /// They have as many as one may have.
    TooMany,
}

/// Logins by a passkey alone that were used: none counts twice.
#[derive(Debug, Default)]
pub struct SpentCeremonies(Mutex<HashMap<[u8; 32], i64>>);

impl SpentCeremonies {
    /// Uses one up; whether it still was to be used. Only those of log-ins that succeeded are kept, until they end.
    fn spend(&self, sealed: &str, now_s: i64) -> bool {
        let mut spent = self.0.lock();
        spent.retain(|_, until_s| *until_s >= now_s);
        spent.insert(openssl::sha::sha256(sealed.as_bytes()), now_s.saturating_add(CEREMONY_S)).is_none()
    }
}

fn relying_party(origin: &Origin) -> Option<Webauthn> {
    WebauthnBuilder::new(&origin.host, &origin.url).and_then(WebauthnBuilder::build).ok()
}

/// Name of a user for devices: says nothing of who it is, and differs from hub to hub on one host.
fn handle(hub: &Hub, user_id: i64) -> Option<Uuid> {
    hub.key.user_handle(user_id).map(Uuid::from_bytes)
}

/// Our side of a ceremony as it leaves us: dated and sealed.
fn sealed(hub: &Hub, purpose: &str, bound: &str, state: &impl Serialize) -> Option<String> {
    let plain = serde_json::to_vec(&(hub.clock.now_s(), state)).ok()?;
    seal(hub, purpose, bound.as_bytes(), &plain)
}

/// The same when it comes back, not too late.
fn opened<T: DeserializeOwned>(hub: &Hub, purpose: &str, bound: &str, sealed: &str) -> Option<T> {
    let plain = hub.key.open(purpose, bound.as_bytes(), sealed)?;
    let (made_s, state): (i64, T) = serde_json::from_slice(&plain).ok()?;
    let age_s = hub.clock.now_s().checked_sub(made_s)?;
    (0..=CEREMONY_S).contains(&age_s).then_some(state)
}

/// The passkeys of somebody.
///
/// # Errors
/// When the database cannot be read.
pub async fn of(hub: &Hub, user: &Username) -> Result<Vec<Row>, StoreError> {
    let (store, name) = (hub.store.clone(), user.clone());
    let found = blocking(move || {
        store.read(|c| match users::by_name(c, &name)? {
            Some(user) => rows::of_user(c, user.id),
            None => Ok(Vec::new()),
        })
    });
    found.await
}

fn keys(rows: &[Row]) -> Vec<Passkey> {
    rows.iter().filter_map(|row| serde_json::from_str(&row.credential).ok()).collect()
}

/// Begins adding a passkey; `None` where the site can have none.
///
/// # Errors
/// When the database cannot do its part. Somebody who logs in for the first time becomes a user by this.
pub async fn offer(hub: &Hub, origin: &Origin, user: &Username) -> Result<Option<Ceremony>, StoreError> {
    let Some(site) = relying_party(origin) else { return Ok(None) };
    let (name, now_s) = (user.clone(), hub.clock.now_s());
    let id = hub.change(move |c| row_of(c, &name, now_s)).await?;
    let Some(handle) = handle(hub, id) else { return Ok(None) };
    let known = keys(&of(hub, user).await?).iter().map(|key| key.cred_id().clone()).collect();
    let begun = site.start_passkey_registration(handle, user.as_str(), user.as_str(), Some(known));
    Ok(begun.ok().and_then(|(asked, state)| {
        let mut options = serde_json::to_value(&asked.public_key).ok()?;
        // So that the device can tell who somebody is without a name: for the login by a passkey alone.
        if let Some(wanted) = options.get_mut("authenticatorSelection").and_then(Value::as_object_mut) {
            wanted.insert("residentKey".to_owned(), json!("preferred"));
        }
        let sealed = sealed(hub, "new-passkey", user.as_str(), &state)?;
        Some(Ceremony { options: options.to_string(), sealed })
    }))
}

/// Adds the passkey that a device answered with.
///
/// # Errors
/// When the database cannot keep it.
pub async fn add(
    hub: &Hub,
    origin: &Origin,
    user: &Username,
    (ceremony, answer): (&str, &str),
    called: &str,
) -> Result<Added, StoreError> {
    let state = opened::<PasskeyRegistration>(hub, "new-passkey", user.as_str(), ceremony);
    let answer = serde_json::from_str::<RegisterPublicKeyCredential>(answer).ok();
    let made = relying_party(origin).zip(state).zip(answer).map(|((site, state), answer)| {
        site.finish_passkey_registration(&answer, &state).inspect_err(|error| refused(user, error))
    });
    let Some(Ok(key)) = made else { return Ok(Added::Refused) };
    let now_s = hub.clock.now_s();
    let new = Row {
        id: id_text(key.cred_id()),
        name: name_of(called),
        credential: serde_json::to_string(&key).map_err(|_| StoreError::Broken)?,
        created_s: now_s,
        last_used_s: None,
    };
    let (name, codes) = (user.clone(), fresh_codes().ok_or(StoreError::Broken)?);
    let added = hub.change(move |c| {
        let id = users::id_of(c, &name)?;
        if rows::count(c, id)? >= MOST {
            return Ok(Added::TooMany);
        }
        rows::insert(c, id, &new)?;
        first_codes(c, id, codes).map(Added::Done)
    });
    match added.await {
        Err(StoreError::Exists) => Ok(Added::Known),
        Ok(Added::Done(codes)) => {
            info!("second factor added user={user} kind=passkey");
            changed(hub, user, "passkey added").await?;
            Ok(Added::Done(codes))
        }
        other => other,
    }
}

fn refused(user: &Username, error: &dyn std::fmt::Display) {
    warn!("a passkey was refused user={user}: {error}");
}

/// What somebody calls a passkey.
#[must_use]
pub fn name_of(called: &str) -> String {
    let name: String = called.trim().chars().filter(|sign| !sign.is_control()).take(NAME_MAX).collect();
    if name.is_empty() { "Passkey".to_owned() } else { name }
}

fn id_text(id: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id)
}

/// Begins proving by one of somebody's passkeys; `None` where they have none or the site can have none.
///
/// # Errors
/// When the database cannot be read.
pub async fn ask(
    hub: &Hub,
    origin: Option<&Origin>,
    user: &Username,
) -> Result<Option<(String, PasskeyAuthentication)>, StoreError> {
    let keys = keys(&of(hub, user).await?);
    let Some(site) = origin.and_then(relying_party).filter(|_| !keys.is_empty()) else { return Ok(None) };
    let begun = site.start_passkey_authentication(&keys).ok();
    Ok(begun.and_then(|(asked, state)| Some((serde_json::to_string(&asked.public_key).ok()?, state))))
}

/// Whether the device's answer proves that it is theirs.
///
/// # Errors
/// When the database cannot do its part.
pub async fn proves(
    hub: &Hub,
    origin: &Origin,
    user: &Username,
    (state, answer): (&PasskeyAuthentication, &str),
) -> Result<bool, StoreError> {
    let answer = serde_json::from_str::<PublicKeyCredential>(answer).ok();
    let Some((site, answer)) = relying_party(origin).zip(answer) else { return Ok(false) };
    match site.finish_passkey_authentication(&answer, state) {
        Ok(result) => noted(hub, &of(hub, user).await?, &result).await,
        Err(error) => {
            refused(user, &error);
            Ok(false)
        }
    }
}

/// Notes the use of a passkey; whether it still is there.
async fn noted(hub: &Hub, rows_now: &[Row], result: &AuthenticationResult) -> Result<bool, StoreError> {
    let id = id_text(result.cred_id());
    let Some(row) = rows_now.iter().find(|row| row.id == id) else { return Ok(false) };
    let mut key: Passkey = serde_json::from_str(&row.credential).map_err(|_| StoreError::Broken)?;
    let _changed = key.update_credential(result);
    let credential = serde_json::to_string(&key).map_err(|_| StoreError::Broken)?;
    let (store, now_s) = (hub.store.clone(), hub.clock.now_s());
    blocking(move || store.write(|c| rows::used(c, &id, &credential, now_s))).await
}

/// Whether people log in by a passkey alone here: where passwords are kept here, and the site says so. Users of the host
/// need the host's own password, which opens their account.
#[must_use]
pub fn alone(hub: &Hub) -> bool {
    hub.config.allow_passkey_login && hub.config.authenticator == Authenticator::File
}

/// Begins a login by a passkey alone; `bound` is the token of the form.
#[must_use]
pub fn greet(hub: &Hub, origin: &Origin, bound: &str) -> Option<Ceremony> {
    let (asked, state) = relying_party(origin)?.start_discoverable_authentication().ok()?;
    let sealed = sealed(hub, "passkey-login", bound, &state)?;
    Some(Ceremony { options: serde_json::to_string(&asked.public_key).ok()?, sealed })
}

/// Who logs in by that passkey.
///
/// # Errors
/// When the database cannot do its part.
pub async fn login(
    hub: &Hub,
    origin: &Origin,
    bound: &str,
    (ceremony, answer): (&str, &str),
) -> Result<Option<Proven>, StoreError> {
    let state = opened::<DiscoverableAuthentication>(hub, "passkey-login", bound, ceremony);
    let answer = serde_json::from_str::<PublicKeyCredential>(answer).ok();
    let Some(((site, state), answer)) = relying_party(origin).zip(state).zip(answer) else { return Ok(None) };
    let Ok((handle_given, id)) = site.identify_discoverable_authentication(&answer) else { return Ok(None) };
    let (store, id) = (hub.store.clone(), id_text(id));
    let found = blocking(move || {
        store.read(|c| {
            let Some(owner) = rows::owner_of(c, &id)? else { return Ok(None) };
            let keys = rows::of_user(c, owner.id)?;
            Ok(Some((owner, keys)))
        })
    });
    let Some((owner, known)) = found.await? else { return Ok(None) };
    if handle(hub, owner.id) != Some(handle_given) {
        return Ok(None);
    }
    let keys: Vec<DiscoverableKey> = keys(&known).iter().map(DiscoverableKey::from).collect();
    let Ok(result) = site
        .finish_discoverable_authentication(&answer, state, &keys)
        .inspect_err(|error| refused(&owner.name, error))
    else {
        return Ok(None);
    };
    let fresh = noted(hub, &known, &result).await? && hub.spent.spend(ceremony, hub.clock.now_s());
    Ok(if fresh { proven(owner) } else { None })
}

fn proven(user: User) -> Option<Proven> {
    let typed: Option<LoginName> = user.standing.login.or_else(|| user.name.as_str().parse().ok());
    Some(Proven {
        login: typed?,
        user: user.name,
        method: Method::Passkey,
        account: None,
        claims: None,
        ticket: None,
        password_hash: user.password_hash,
        terms: None,
    })
}

/// Gives a passkey another name; whether they have it.
///
/// # Errors
/// When the database cannot be written.
pub async fn rename(hub: &Hub, user: &Username, id: &str, called: &str) -> Result<bool, StoreError> {
    let (store, name) = (hub.store.clone(), user.clone());
    let (id, called) = (id.to_owned(), name_of(called));
    blocking(move || {
        store.write(|c| {
            let user_id = users::id_of(c, &name)?;
            rows::rename(c, user_id, &id, &called)
        })
    })
    .await
}
