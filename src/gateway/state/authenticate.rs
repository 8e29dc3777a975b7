//! Checking a password: by PAM through the spawner, or against the hash in the database.

use std::net::IpAddr;

use hubgate_protocol::{AuthOutcome, LoginName, Refusal, Request, Secret};
use log::{info, warn};
use tokio::time::{Instant, sleep_until};

use crate::config::Authenticator;
use crate::domain::guess::{Guess, TooMany};
use crate::domain::request_log::{login_failed, login_throttled};
use crate::password;
use crate::spawn::conversation::{Conversation, Questions, Turn};
use crate::state::audit::login_refused;
use crate::state::logins::{HostAccount, Method, Proven};
use crate::state::{Hub, blocking};
use crate::store::{standing, users};

/// pam_faillock locks an account after so many wrong passwords (`deny`). From then on every name gets the same words,
/// whether the host knows it or not.
const FAILLOCK_DENY: u32 = 3;

/// What somebody typed in, and where.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    /// The name.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
    /// The client's address.
    pub from: IpAddr,
    /// The cookie of a known device; empty where there is none.
    pub device: &'a str,
    /// Whether the person can be asked for more.
    pub converse: bool,
}

/// Where a login stands that was not refused.
#[derive(Debug)]
pub enum Step {
    /// They proved who they are.
    Proven(Box<Proven>),
    /// PAM asks for more.
    Asked(Asked),
}

/// A login that waits for a person.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub questions: Questions,
    wire: Conversation,
    login: LoginName,
    guess: Guess,
}

impl Asked {
    /// What the person typed as their name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.login.as_str()
    }
}

/// A login by name and password alone, from no device that is known.
///
/// # Errors
/// Why not.
pub async fn attempt(hub: &Hub, name: &str, password: &str, from: IpAddr) -> Result<Proven, Refusal> {
    match begin(hub, &Typed { name, password, from, device: "", converse: false }).await? {
        Step::Proven(proven) => Ok(*proven),
        Step::Asked(_) => Err(Refusal::BadCredentials {}),
    }
}

/// A login with what somebody typed in: bounded for those who guess, and written down.
///
/// # Errors
/// Why not. The same for what the host does not know as for what is wrong, after the same time.
pub async fn begin(hub: &Hub, typed: &Typed<'_>) -> Result<Step, Refusal> {
    let started = Instant::now();
    let login = hub.rules.login(typed.name);
    // The name may be a password in the wrong field: no more of it than tells administrators whom to help.
    let account =
        login.as_ref().map_or_else(|| typed.name.chars().take(64).collect(), |login| login.id().to_string());
    let device = hub.key.device_of(&account, typed.device).map(str::to_owned);
    let guess = Guess { account, from: typed.from, device };
    let admitted = hub.guesses.lock().admit(&guess, hub.clock.now_s());
    let outcome = match (admitted, login, Secret::try_from(typed.password.to_owned())) {
        (Err(many), ..) => Err(throttled(&guess, many)),
        (Ok(()), Some(login), Ok(secret)) if !typed.password.is_empty() => {
            check(hub, login, secret, (&guess, typed.converse)).await
        }
        _ => Err(Refusal::BadCredentials {}),
    };
    settled(hub, &guess, started, outcome).await
}

/// Goes on with a login by what the person answered.
///
/// # Errors
/// As [`begin`].
pub async fn go_on(hub: &Hub, asked: Asked, answers: Vec<Secret>) -> Result<Step, Refusal> {
    let started = Instant::now();
    let Asked { wire, login, guess, .. } = asked;
    let outcome = match wire.answer(answers).await {
        Ok(turn) => taken(turn, login, &guess),
        Err(error) => Err(not_possible(&error)),
    };
    settled(hub, &guess, started, outcome).await
}

/// The password of somebody, checked and nothing else.
async fn check(
    hub: &Hub,
    login: LoginName,
    password: Secret,
    (guess, converse): (&Guess, bool),
) -> Result<Step, Refusal> {
    match hub.config.authenticator {
        Authenticator::Pam => {
            let asked = Request::Authenticate { user: login.clone(), password, rhost: guess.from, converse };
            match hub.spawner.authenticate(&asked).await {
                Ok(turn) => taken(turn, login, guess),
                Err(error) => Err(not_possible(&error)),
            }
        }
        Authenticator::File => {
            by_file(hub, login, password, guess).await.map(|proven| Step::Proven(Box::new(proven)))
        }
        Authenticator::None => Err(Refusal::BadCredentials {}),
    }
}

fn taken(turn: Turn, login: LoginName, guess: &Guess) -> Result<Step, Refusal> {
    match turn {
        Turn::Over(AuthOutcome::Accepted { account, state, ticket }) if account.user == login.id() => {
            Ok(Step::Proven(Box::new(Proven {
                user: account.user,
                login,
                method: Method::Pam,
                account: Some(HostAccount { uid: account.uid, state }),
                claims: None,
                ticket: Some(ticket),
                password_hash: None,
                terms: None,
            })))
        }
        Turn::Over(AuthOutcome::Refused { reason }) => Err(reason),
        Turn::Over(AuthOutcome::Accepted { .. }) => Err(Refusal::BadCredentials {}),
        Turn::Asked(questions, wire) => {
            Ok(Step::Asked(Asked { questions, wire, login, guess: guess.clone() }))
        }
    }
}

async fn by_file(hub: &Hub, login: LoginName, password: Secret, guess: &Guess) -> Result<Proven, Refusal> {
    let trust = hub.guesses.lock().trust(guess, hub.clock.now_s());
    let Some(_slot) = hub.hashing.turn(trust).await else {
        warn!("login not possible: too many passwords are waiting to be checked");
        return Err(Refusal::Unavailable {});
    };
    let store = hub.store.clone();
    let asked = login.clone();
    let right = blocking(move || {
        let known = store.read(|c| standing::by_login(c, &asked))?;
        let (name, stored) = known.map(|user| (user.name, user.password_hash)).unzip();
        // Checked for nobody too, which takes as long.
        let (stored, right) = (stored.flatten(), |hash: Option<&str>| password::verify(&password, hash));
        Ok(if right(stored.as_deref()) { name.zip(stored) } else { None })
    });
    match right.await {
        Ok(Some((user, hash))) => Ok(Proven {
            user,
            login,
            method: Method::Password,
            account: None,
            claims: None,
            ticket: None,
            password_hash: Some(hash),
            terms: None,
        }),
        Ok(None) => Err(Refusal::BadCredentials {}),
        Err(error) => Err(not_possible(&error)),
    }
}

fn not_possible(error: &dyn std::fmt::Display) -> Refusal {
    warn!("login not possible: {error}");
    Refusal::Unavailable {}
}

fn throttled(guess: &Guess, many: TooMany) -> Refusal {
    if many.refused.is_power_of_two() {
        warn!("{} refused={}", login_throttled(guess.from, &guess.account), many.refused);
    }
    Refusal::Throttled { retry_after_s: many.retry_after_s }
}

/// Counts, writes down and times what came of a try.
async fn settled(
    hub: &Hub,
    guess: &Guess,
    started: Instant,
    outcome: Result<Step, Refusal>,
) -> Result<Step, Refusal> {
    let (now_s, took) = (hub.clock.now_s(), started.elapsed());
    let refusal = match outcome {
        Ok(Step::Proven(proven)) => {
            hub.guesses.lock().forgive(guess, now_s);
            hub.metrics.login(true, took);
            info!("login from={} user={}", guess.from, proven.user);
            return Ok(Step::Proven(proven));
        }
        Ok(asked) => return Ok(asked),
        Err(refusal) => refusal,
    };
    hub.metrics.login(false, took);
    if !matches!(refusal, Refusal::Throttled { .. }) {
        warn!("{}", login_failed(guess.from, &guess.account, refusal));
        refused(hub, guess).await;
    }
    let told = counted(hub, guess, refusal);
    let hangs = matches!(refusal, Refusal::Unavailable {});
    let after = hub.pace.lock().answer_after(if hangs { std::time::Duration::ZERO } else { took }, now_s);
    sleep_until(started + after).await;
    Err(told)
}

/// Keeps the refusal, with the name of a user alone: what is no user's name may be a password in the wrong field.
async fn refused(hub: &Hub, guess: &Guess) {
    let (store, account) = (hub.store.clone(), guess.account.clone());
    let known = blocking(move || match account.parse() {
        Ok(name) => Ok(store.read(|c| users::by_name(c, &name))?.map(|user| user.name)),
        Err(_) => Ok(None),
    });
    let user = known.await.ok().flatten();
    let subject = user.as_ref().map_or("", |user| user.as_str());
    hub.audit(&login_refused(subject, guess.from, "credentials"));
}

/// Counts a failure; what the person is told of it.
fn counted(hub: &Hub, guess: &Guess, refusal: Refusal) -> Refusal {
    let (mut guesses, now_s) = (hub.guesses.lock(), hub.clock.now_s());
    match refusal {
        Refusal::BadCredentials {} | Refusal::Locked {} => {
            guesses.failed(guess, now_s);
            let locks = hub.config.authenticator == Authenticator::Pam;
            if locks && guesses.at(&guess.account, now_s) > FAILLOCK_DENY {
                Refusal::Locked {}
            } else {
                Refusal::BadCredentials {}
            }
        }
        Refusal::Throttled { .. } => refusal,
        _ => {
            guesses.take_back(guess, now_s);
            refusal
        }
    }
}
