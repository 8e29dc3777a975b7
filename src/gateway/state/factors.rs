//! Second factors: who needs one, whether a code is right, setting one up and taking it away.

use hubgate_protocol::Username;
use log::{error, info, warn};

use crate::domain::audit::{Action, Actor, Event};
use crate::domain::recovery;
use crate::domain::seal::NONCE;
use crate::domain::totp::{SECRET_LEN, SharedSecret};
use crate::state::audit::{acting, acting_as};
use crate::state::logins::{Method, Proven};
use crate::state::{Hub, blocking};
use crate::store::factors::{self, App, Held};
use crate::store::{Conn, NewUser, Standing, StoreError, sessions, users};

/// How long somebody may take to set an app up, seconds.
const OFFER_S: i64 = 600;

/// What somebody who proved who they are must do before they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Nothing more.
    Nothing,
    /// Prove it a second time.
    Proof,
    /// Set a second factor up.
    Enrolment,
}

/// What a code turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Theirs. It is used up.
    Right,
    /// Not theirs, or used before.
    Wrong,
    /// Not looked at: there were too many wrong ones, seconds to wait.
    Wait(u32),
}

/// An app that is being set up.
#[derive(Debug)]
pub struct Offer {
    /// What the picture for the app says.
    pub url: String,
    /// The secret for typing it in.
    pub text: String,
    /// The secret, sealed: comes back with the first code.
    pub sealed: String,
}

/// What an app that was set up gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// It is theirs now, with these recovery codes; none where they had some already.
    Done(Vec<String>),
    /// The code is wrong.
    Wrong,
    /// The offer is too old, or not theirs.
    Stale,
}

/// What this person must do. A passkey alone is two factors already: a device, and the PIN or finger that it asks for.
///
/// # Errors
/// When the database cannot be read.
pub async fn demand(hub: &Hub, proven: &Proven) -> Result<Demand, StoreError> {
    if proven.method == Method::Passkey {
        return Ok(Demand::Nothing);
    }
    let held = held(hub, &proven.user).await?;
    Ok(match held {
        held if held.any() => Demand::Proof,
        _ if required(hub, proven) => Demand::Enrolment,
        _ => Demand::Nothing,
    })
}

/// What second factors somebody has.
///
/// # Errors
/// When the database cannot be read.
pub async fn held(hub: &Hub, user: &Username) -> Result<Held, StoreError> {
    let (store, user) = (hub.store.clone(), user.clone());
    blocking(move || {
        store.read(|c| match users::by_name(c, &user)? {
            Some(user) => factors::held(c, user.id),
            None => Ok(Held::default()),
        })
    })
    .await
}

/// Whether the site demands a second factor of somebody who logs in.
fn required(hub: &Hub, proven: &Proven) -> bool {
    let demanding = |group: &String| hub.config.second_factor_groups.contains(group);
    demands(hub, &proven.user) || proven.groups().iter().any(demanding)
}

/// Whether the site demands one of somebody as far as the hub itself knows: of everybody, or of a group of the hub.
#[must_use]
pub fn demands(hub: &Hub, user: &Username) -> bool {
    let wanted = &hub.config.second_factor_groups;
    let directory = hub.directory();
    let groups = directory.groups_of(user);
    wanted.iter().any(|name| name == "*" || groups.iter().any(|group| group.as_str() == name))
}

/// Checks a code, of the app or for recovery, and uses it up.
///
/// # Errors
/// When the database cannot do its part, or the secret was sealed with another key.
pub async fn check(hub: &Hub, user: &Username, typed: &str) -> Result<Checked, StoreError> {
    if let Some(hash) = recovery::hash(typed) {
        let (store, name) = (hub.store.clone(), user.clone());
        let spent = blocking(move || {
            store.write(|c| {
                let id = users::id_of(c, &name)?;
                factors::spend_recovery_code(c, id, &hash)
            })
        });
        return Ok(if spent.await? { recovered(user) } else { Checked::Wrong });
    }
    let now_s = hub.clock.now_s();
    if let Err(wait_s) = hub.code_guesses.lock().admit(user, now_s) {
        return Ok(Checked::Wait(wait_s));
    }
    let (store, name) = (hub.store.clone(), user.clone());
    let stored = blocking(move || {
        store.read(|c| {
            let id = users::id_of(c, &name)?;
            Ok((id, factors::app(c, id)?))
        })
    });
    let (id, app) = stored.await?;
    let Some(app) = app else { return Ok(Checked::Wrong) };
    let secret = hub.key.open("totp", &id.to_be_bytes(), &app.sealed);
    let Some(secret) = secret.and_then(|secret| SharedSecret::new(&secret, "", "")) else {
        error!(
            "the second factor of {user} was sealed with another key: bring hubgate.key back or reset the factor"
        );
        return Err(StoreError::Broken);
    };
    let typed: String = typed.chars().filter(|sign| !sign.is_whitespace()).take(8).collect();
    let Some(step) = secret.step_of(&typed, now_s) else { return Ok(Checked::Wrong) };
    let store = hub.store.clone();
    let fresh = blocking(move || store.write(|c| factors::spend_step(c, id, step))).await?;
    if !fresh {
        return Ok(Checked::Wrong);
    }
    hub.code_guesses.lock().forgive(user);
    Ok(Checked::Right)
}

fn recovered(user: &Username) -> Checked {
    warn!("recovery code used user={user}");
    Checked::Right
}

/// A new secret for somebody's app; nothing is stored until the first code comes back.
#[must_use]
pub fn offer(hub: &Hub, user: &Username, issuer: &str) -> Option<Offer> {
    let mut secret = [0; SECRET_LEN];
    openssl::rand::rand_bytes(&mut secret).ok()?;
    let sealed = seal(hub, "new-app", user.as_str().as_bytes(), &dated(hub.clock.now_s(), &secret))?;
    reoffer(hub, user, issuer, &sealed)
}

/// The same offer once more, after a wrong code; `None` for what is no offer, not theirs or too old.
#[must_use]
pub fn reoffer(hub: &Hub, user: &Username, issuer: &str, sealed: &str) -> Option<Offer> {
    let shared = SharedSecret::new(&offered(hub, user, sealed)?, issuer, user.as_str())?;
    Some(Offer { url: shared.url()?, text: shared.text(), sealed: sealed.to_owned() })
}

/// The secret of an offer that still stands.
fn offered(hub: &Hub, user: &Username, sealed: &str) -> Option<Vec<u8>> {
    let plain = hub.key.open("new-app", user.as_str().as_bytes(), sealed)?;
    let (made_s, secret) = plain.split_first_chunk()?;
    let age_s = hub.clock.now_s().checked_sub(i64::from_be_bytes(*made_s))?;
    (0..=OFFER_S).contains(&age_s).then(|| secret.to_vec())
}

fn dated(now_s: i64, secret: &[u8]) -> Vec<u8> {
    [now_s.to_be_bytes().as_slice(), secret].concat()
}

/// Seals with a fresh nonce.
pub(super) fn seal(hub: &Hub, purpose: &str, bound: &[u8], plain: &[u8]) -> Option<String> {
    let mut nonce = [0; NONCE];
    openssl::rand::rand_bytes(&mut nonce).ok()?;
    hub.key.seal(purpose, bound, &nonce, plain)
}

/// Adds the app of an offer if the code is its. Somebody who logs in for the first time becomes a user by that.
///
/// # Errors
/// When the database cannot keep it.
pub async fn enrol(hub: &Hub, user: &Username, sealed: &str, code: &str) -> Result<Enrolled, StoreError> {
    let Some(secret) = offered(hub, user, sealed) else { return Ok(Enrolled::Stale) };
    let now_s = hub.clock.now_s();
    let code: String = code.chars().filter(|sign| !sign.is_whitespace()).take(8).collect();
    let step = SharedSecret::new(&secret, "", "").and_then(|shared| shared.step_of(&code, now_s));
    let Some(last_step) = step else { return Ok(Enrolled::Wrong) };
    let (key, name) = (hub.key.clone(), user.clone());
    let mut nonce = [0; NONCE];
    openssl::rand::rand_bytes(&mut nonce).map_err(|_| StoreError::Broken)?;
    let codes = fresh_codes().ok_or(StoreError::Broken)?;
    let given = hub.change(move |c| {
        let id = row_of(c, &name, now_s)?;
        let sealed = key.seal("totp", &id.to_be_bytes(), &nonce, &secret);
        let sealed = sealed.ok_or(diesel::result::Error::RollbackTransaction)?;
        factors::put_app(c, id, &App { sealed, last_step, created_s: now_s })?;
        first_codes(c, id, codes)
    });
    let given = given.await?;
    info!("second factor added user={user} kind=app");
    changed(hub, user, "app added").await?;
    Ok(Enrolled::Done(given))
}

/// Keeps what was done to somebody's second factors.
pub(super) async fn changed(hub: &Hub, user: &Username, what: &str) -> Result<(), StoreError> {
    let actor = match acting() {
        Actor::Hub => acting_as(user),
        somebody => somebody,
    };
    hub.audit_durably(&Event::new(actor, Action::FactorChanged, user).with("what", what)).await
}

/// The row of a user; makes it where there is none yet.
pub(super) fn row_of(c: &mut Conn, name: &Username, now_s: i64) -> diesel::QueryResult<i64> {
    match users::by_name(c, name)? {
        Some(user) => Ok(user.id),
        None => {
            let (name, standing) = (name.clone(), Standing::default());
            users::insert(c, &NewUser { name, admin: false, password_hash: None, created_s: now_s, standing })
        }
    }
}

/// Keeps recovery codes for somebody who has none; what they are given.
pub(super) fn first_codes(
    c: &mut Conn,
    user_id: i64,
    codes: Vec<String>,
) -> diesel::QueryResult<Vec<String>> {
    if factors::held(c, user_id)?.recovery_codes > 0 {
        return Ok(Vec::new());
    }
    factors::put_recovery_codes(c, user_id, &hashes(&codes))?;
    Ok(codes)
}

fn hashes(codes: &[String]) -> Vec<[u8; 32]> {
    codes.iter().filter_map(|code| recovery::hash(code)).collect()
}

/// Ten recovery codes that nobody has yet.
pub(super) fn fresh_codes() -> Option<Vec<String>> {
    let code = || {
        let mut bytes = [0; recovery::BYTES];
        openssl::rand::rand_bytes(&mut bytes).ok()?;
        Some(recovery::text(&bytes))
    };
    std::iter::repeat_with(code).take(recovery::COUNT).collect()
}

/// New recovery codes for somebody, instead of those they had.
///
/// # Errors
/// When the database cannot keep them.
pub async fn renew_codes(hub: &Hub, user: &Username) -> Result<Vec<String>, StoreError> {
    let codes = fresh_codes().ok_or(StoreError::Broken)?;
    let (name, kept) = (user.clone(), hashes(&codes));
    hub.change(move |c| {
        let id = users::id_of(c, &name)?;
        factors::put_recovery_codes(c, id, &kept)
    })
    .await?;
    info!("recovery codes made user={user}");
    changed(hub, user, "recovery codes made").await?;
    Ok(codes)
}

/// Whether a factor was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It was.
    Done,
    /// There is none like that.
    Absent,
    /// It is the last one, and the site demands one of this user.
    Needed,
}

/// Takes a factor away: the app, or the passkey of this id. With the last one go the recovery codes.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(hub: &Hub, user: &Username, passkey: Option<&str>) -> Result<Removed, StoreError> {
    let (name, passkey, demanded) = (user.clone(), passkey.map(str::to_owned), demands(hub, user));
    let removed = hub.change(move |c| {
        let id = users::id_of(c, &name)?;
        let before = factors::held(c, id)?;
        if demanded && before.passkeys + i64::from(before.app_s.is_some()) == 1 {
            return Ok(Removed::Needed);
        }
        let gone = match &passkey {
            Some(passkey) => crate::store::passkeys::remove(c, id, passkey)?,
            None => factors::remove_app(c, id)?,
        };
        if !factors::held(c, id)?.any() {
            factors::put_recovery_codes(c, id, &[])?;
        }
        Ok(if gone { Removed::Done } else { Removed::Absent })
    });
    let removed = removed.await?;
    if removed == Removed::Done {
        info!("second factor removed user={user}");
        changed(hub, user, "one removed").await?;
    }
    Ok(removed)
}

/// Takes every second factor from a user and ends their sessions: for somebody who has lost theirs. Whether there was one.
///
/// # Errors
/// [`StoreError::NotFound`] where there is no such user.
pub async fn reset(hub: &Hub, user: &Username) -> Result<bool, StoreError> {
    let name = user.clone();
    let had = hub.change(move |c| {
        let id = users::id_of(c, &name)?;
        sessions::delete_of_user(c, id)?;
        factors::reset(c, id)
    });
    let had = had.await?;
    hub.code_guesses.lock().forgive(user);
    info!("second factors reset user={user}");
    changed(hub, user, "all taken away").await?;
    Ok(had)
}
