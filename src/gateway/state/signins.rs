//! Log-ins under way: what has been proven and what a person is still asked, kept in memory until they answer.
//!
//! An entry is made only after a password was right or PAM asked for more; each is bound to the browser by a cookie whose
//! hash is the key, lives for five minutes, and is used once: every step makes a new one.

use std::collections::HashMap;

use parking_lot::Mutex;
use webauthn_rs::prelude::PasskeyAuthentication;

use crate::state::authenticate::Asked;
use crate::state::logins::Proven;
use crate::state::sessions::{self, SessionHash};
use crate::store::Hash;

/// How long a person may take for one step, seconds.
pub const STEP_S: i64 = 300;
/// Most log-ins under way; the oldest gives way.
const MAX: usize = 1000;

/// What a login waits for.
#[derive(Debug)]
pub enum Stage {
    /// The second factor of somebody who may come in.
    SecondFactor {
        /// Who it is.
        proven: Proven,
        /// How often it was wrong.
        wrong: u8,
        /// What a passkey of theirs has to answer, where they have one.
        passkey: Option<Box<PasskeyAuthentication>>,
    },
    /// Another password, of somebody whose own must be changed.
    NewPassword(Proven),
    /// The text of that version to be accepted, by somebody who may come in.
    Terms(Proven, Hash),
    /// A second factor to be set up, by somebody who may come in but must have one.
    Enrolment(Proven),
    /// What PAM asks.
    Conversation(Box<Asked>, Goal),
}

/// What a conversation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// A session.
    Login,
    /// A fresh proof in the session that there is.
    Renewal,
}

/// A login under way.
#[derive(Debug)]
pub struct Signin {
    /// What it waits for.
    pub stage: Stage,
    /// Where the person wants to go.
    pub next: Option<String>,
    until_s: i64,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Signins(Mutex<HashMap<SessionHash, Signin>>);

impl Signins {
    /// Keeps one; the value of the cookie that continues it.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn put(
        &self,
        stage: Stage,
        next: Option<String>,
        now_s: i64,
    ) -> Result<String, openssl::error::ErrorStack> {
        let id = sessions::new_id()?;
        let mut all = self.0.lock();
        all.retain(|_, signin| signin.until_s > now_s);
        if all.len() >= MAX
            && let Some(oldest) = all.iter().min_by_key(|(_, signin)| signin.until_s).map(|(hash, _)| *hash)
        {
            all.remove(&oldest);
        }
        all.insert(sessions::hash(&id), Signin { stage, next, until_s: now_s.saturating_add(STEP_S) });
        Ok(id)
    }

    /// Takes one out: whoever goes on with it puts it back under a new cookie.
    #[must_use]
    pub fn take(&self, id: &str, now_s: i64) -> Option<Signin> {
        self.0.lock().remove(&sessions::hash(id)).filter(|signin| signin.until_s > now_s)
    }
}
