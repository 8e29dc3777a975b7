//! Logins: the limiter first, then PAM, then root's policy; every refusal takes its time.

use std::time::{Duration, Instant};

use hubgate_protocol::{AuthOutcome, ErrorCode, LoginName, Refusal, Response};

use super::refusal::{Answer, Refused, gone};
use super::{Guesses, Service};
use crate::clock::unix_s;
use crate::config::Accounts;
use crate::hold::hold;
use crate::limiter::Throttled;
use crate::logging::audit;
use crate::pam::{Found, Login, PamError, Person, Verdict};
use crate::policy::{Denied, LoginAccount};

/// Longest part of such a name, characters.
const NAME_SHOWN: usize = 16;

impl Service {
    /// One login, with its audit line.
    pub(super) fn authenticate(&self, login: Login<'_>, person: &mut dyn Person) -> Answer {
        let begin = Instant::now();
        if self.config.accounts == Accounts::Virtual {
            let cause = "virtual accounts have no passwords on this host".to_owned();
            return Err(Refused {
                error: ErrorCode::Unsupported,
                message: "accounts are virtual here",
                cause,
            });
        }
        let found = self.login(login, person);
        let result = match &found {
            Ok((AuthOutcome::Accepted { .. }, _)) => "accepted",
            Ok((AuthOutcome::Refused { reason }, _)) => word_of(*reason),
            Err(_) => "gone",
        };
        let user = if result == "accepted" { login.user.to_string() } else { beginning(login.user) };
        let (rhost, ms) = (login.rhost, begin.elapsed().as_millis());
        audit("authenticate", result, format_args!("user={user} rhost={rhost} duration_ms={ms}"));
        let (outcome, idle) = found?;
        if let (AuthOutcome::Refused { .. }, Some(idle)) = (&outcome, idle) {
            let told = idle + hold(&self.pace).until(begin.elapsed().saturating_sub(idle), Instant::now());
            std::thread::sleep(told.saturating_sub(begin.elapsed()));
        }
        Ok(Response::Authenticated { outcome })
    }

    /// The outcome, and how long nobody worked on it, if PAM was asked.
    fn login(
        &self,
        login: Login<'_>,
        person: &mut dyn Person,
    ) -> Result<(AuthOutcome, Option<Duration>), Refused> {
        let from = login.rhost.into();
        if let Err(Throttled(wait)) = hold(&self.guesses).limiter.take(login.user, from, Instant::now()) {
            let retry_after_s = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
            return Ok((AuthOutcome::Refused { reason: Refusal::Throttled { retry_after_s } }, None));
        }
        let policy = self.policy(login.user);
        // PAM is asked about every name, so that a system account costs what any other costs. But a second prompt, which may
        // come after a right password alone, would tell that password: only where there is none can nothing be told.
        let converse = login.converse && matches!(policy, Ok(_) | Err(Denied::Unknown));
        let found = self.ask_pam(Login { converse, ..login }, person)?;
        let verdict = found.verdict;
        self.count(login, verdict.is_no_guess() && policy.is_ok());
        let outcome = match policy {
            Ok(account) => self.outcome(verdict, &account)?,
            // A directory that does not answer knows nobody: that is no news about a name.
            Err(Denied::Unreadable) => AuthOutcome::Refused { reason: Refusal::Unavailable {} },
            Err(Denied::Unknown) if verdict == Verdict::Unavailable => {
                AuthOutcome::Refused { reason: Refusal::Unavailable {} }
            }
            Err(denied) => {
                log::info!(
                    "authenticate user={} verdict={verdict:?} policy: {denied}",
                    beginning(login.user)
                );
                AuthOutcome::Refused { reason: Refusal::BadCredentials {} }
            }
        };
        Ok((outcome, Some(found.idle)))
    }

    /// PAM that cannot be asked is unavailable; a person who left needs no answer.
    fn ask_pam(&self, login: Login<'_>, person: &mut dyn Person) -> Result<Found, Refused> {
        let begin = Instant::now();
        let unavailable = || Found { verdict: Verdict::Unavailable, idle: begin.elapsed() };
        match self.pam.ask(login, person) {
            Ok(found) => Ok(found),
            Err(PamError::Gone) => Err(gone()),
            Err(error @ PamError::Busy) => {
                log::warn!("authenticate user={}: {error}", beginning(login.user));
                Ok(unavailable())
            }
            Err(error) => {
                log::error!("authenticate user={}: {error}", beginning(login.user));
                Ok(unavailable())
            }
        }
    }

    fn count(&self, login: Login<'_>, no_guess: bool) {
        let (from, now) = (login.rhost.into(), Instant::now());
        let Guesses { limiter, memory } = &mut *hold(&self.guesses);
        if no_guess {
            limiter.give_back(login.user, from, now);
        } else {
            limiter.wrong(from, now);
            memory.note(limiter, now);
        }
    }

    fn outcome(&self, verdict: Verdict, account: &LoginAccount) -> Result<AuthOutcome, Refused> {
        let Some(reason) = reason_of(verdict) else {
            let state = self.state(account)?;
            let account = account.told();
            let ticket = self.tickets.issue(&account, unix_s()).map_err(|error| Refused {
                error: ErrorCode::Engine,
                message: "no ticket could be made",
                cause: error.to_string(),
            })?;
            return Ok(AuthOutcome::Accepted { account, state, ticket });
        };
        Ok(AuthOutcome::Refused { reason })
    }
}

/// Why a verdict refuses; `None` where it lets in.
/// A name as the log may have it while nobody has shown that it is one: it may be a password in the wrong field.
fn beginning(name: &LoginName) -> String {
    let mut text: String = name.as_str().chars().take(NAME_SHOWN).collect();
    if name.as_str().chars().nth(NAME_SHOWN).is_some() {
        text.push('…');
    }
    text
}

fn reason_of(verdict: Verdict) -> Option<Refusal> {
    match verdict {
        Verdict::Accepted => None,
        Verdict::BadCredentials => Some(Refusal::BadCredentials {}),
        Verdict::Locked => Some(Refusal::Locked {}),
        Verdict::MustChange | Verdict::PasswordExpired => Some(Refusal::PasswordExpired {}),
        Verdict::AccountExpired => Some(Refusal::AccountExpired {}),
        Verdict::NoLogins => Some(Refusal::NoLogins {}),
        Verdict::NotPermitted => Some(Refusal::NotPermitted {}),
        Verdict::Unavailable => Some(Refusal::Unavailable {}),
    }
}

fn word_of(reason: Refusal) -> &'static str {
    match reason {
        Refusal::BadCredentials {} => "bad_credentials",
        Refusal::Throttled { .. } => "throttled",
        Refusal::Unavailable {} => "unavailable",
        Refusal::Locked {} => "locked",
        Refusal::NoLogins {} => "no_logins",
        Refusal::PasswordExpired {} => "password_expired",
        Refusal::AccountExpired {} => "account_expired",
        Refusal::NotPermitted {} => "not_permitted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_password_is_not_written_down_whole() {
        let shown = |name: &str| beginning(&name.parse().unwrap());
        assert_eq!(shown("alice"), "alice");
        assert_eq!(shown("correct-horse-battery"), "correct-horse-ba…");
    }
}
