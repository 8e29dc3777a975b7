//! Pages behind links that work once: bounded for those who guess, silent about links that do not hold.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use hubgate_protocol::Username;
use log::warn;

use crate::answer::Failure;
use crate::domain::cookie::SESSION_LEN;
use crate::domain::guess::Guess;
use crate::extract::{Peer, Visitor};
use crate::state::{blocking, sessions};
use crate::store::Hash;
use crate::store::links::{self, Purpose};
use crate::words::Message;

/// A link that holds.
pub struct Held {
    /// Of its secret.
    pub hash: Hash,
    /// Whom it is for.
    pub user: Option<Username>,
    /// The token of its page's form: only who has the link has it.
    pub xsrf: String,
}

/// The link with this secret, if it holds.
///
/// # Errors
/// `refusal` for every link that does not, whatever the reason; 429 for those who guess; 503.
pub async fn held(
    visitor: &Visitor,
    request: &HttpRequest,
    (purpose, secret): (Purpose, &str),
    refusal: fn() -> Failure,
) -> Result<Held, Failure> {
    let hub = &visitor.hub;
    let (from, now_s) = (Peer::of(request).0.addr, hub.clock.now_s());
    let hash = sessions::hash(secret);
    let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let guess = Guess::new(&name, from);
    hub.guesses.lock().admit(&guess, now_s).map_err(|many| {
        let refusal = Failure::new(StatusCode::TOO_MANY_REQUESTS, Message::new("login-many"));
        visitor.failure(refusal.retry_after(many.retry_after_s))
    })?;
    let store = hub.store.clone();
    let found = match secret.len() {
        SESSION_LEN => blocking(move || store.read(|c| links::find(c, &hash, purpose, now_s))).await,
        _ => Ok(None),
    };
    let found = found.map_err(|error| {
        warn!("a one-time link could not be looked up: {error}");
        visitor.failure(Failure::unavailable())
    })?;
    let Some(user) = found else {
        hub.guesses.lock().failed(&guess, now_s);
        warn!("one-time link refused from={from}");
        return Err(visitor.failure(refusal()));
    };
    hub.guesses.lock().forgive(&guess, now_s);
    let xsrf = hub.key.session_token(&hash).unwrap_or_default();
    Ok(Held { hash, user, xsrf })
}
