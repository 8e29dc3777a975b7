//! Logins: the limiter first, then PAM, then root's policy; every refusal takes its time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hubgate_protocol::{AuthOutcome, ErrorCode, Refusal, Response, Secret, Username};

use super::Service;
use super::refusal::{Answer, Refused};
use crate::clock::unix_s;
use crate::config::Accounts;
use crate::hold::hold;
use crate::limiter::Throttled;
use crate::logging::audit;
use crate::pam::Verdict;

/// Refused logins are answered at multiples of this, so that time does not tell why.
const REFUSAL_STEP: Duration = Duration::from_millis(500);

impl Service {
    /// One login, with its audit line.
    pub(super) fn authenticate(&self, user: &Username, password: &Secret, rhost: IpAddr) -> Answer {
        let begin = Instant::now();
        if self.config.accounts == Accounts::Virtual {
            let cause = "virtual accounts have no passwords on this host".to_owned();
            return Err(Refused {
                error: ErrorCode::Unsupported,
                message: "accounts are virtual here",
                cause,
            });
        }
        let outcome = self.login(user, password, rhost)?;
        let result = match &outcome {
            AuthOutcome::Accepted { .. } => "accepted",
            AuthOutcome::Refused { reason } => word_of(*reason),
        };
        audit(
            "authenticate",
            result,
            format_args!("user={user} rhost={rhost} duration_ms={}", begin.elapsed().as_millis()),
        );
        let throttled = matches!(outcome, AuthOutcome::Refused { reason: Refusal::Throttled { .. } });
        if matches!(outcome, AuthOutcome::Refused { .. }) && !throttled {
            std::thread::sleep(until_next_step(begin.elapsed()));
        }
        Ok(Response::Authenticated { outcome })
    }

    fn login(&self, user: &Username, password: &Secret, rhost: IpAddr) -> Result<AuthOutcome, Refused> {
        let refused = |reason| Ok(AuthOutcome::Refused { reason });
        if let Err(Throttled(wait)) = hold(&self.limiter).take(user, Instant::now()) {
            let retry_after_s = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
            return refused(Refusal::Throttled { retry_after_s });
        }
        // PAM is asked about every name, so that a system account costs what any other costs; the policy decides after.
        let verdict = self.pam.ask(user, password, rhost).unwrap_or_else(|error| {
            log::error!("authenticate user={user}: {error}");
            Verdict::Unavailable
        });
        match (verdict, self.policy(user)) {
            (Verdict::Accepted, Ok(account)) => {
                hold(&self.limiter).give_back(user, Instant::now());
                let account = account.told();
                let ticket = self.tickets.issue(&account, unix_s()).map_err(|error| Refused {
                    error: ErrorCode::Engine,
                    message: "no ticket could be made",
                    cause: error.to_string(),
                })?;
                Ok(AuthOutcome::Accepted { account, ticket })
            }
            (verdict, Err(denied)) => {
                log::info!("authenticate user={user} verdict={verdict:?} policy: {denied}");
                refused(Refusal::BadCredentials {})
            }
            (Verdict::PasswordExpired, Ok(_)) => refused(Refusal::PasswordExpired {}),
            (Verdict::AccountExpired, Ok(_)) => refused(Refusal::AccountExpired {}),
            (Verdict::NotPermitted, Ok(_)) => refused(Refusal::NotPermitted {}),
            (Verdict::Unavailable, Ok(_)) => refused(Refusal::Unavailable {}),
            (Verdict::BadCredentials, Ok(_)) => refused(Refusal::BadCredentials {}),
        }
    }
}

fn until_next_step(passed: Duration) -> Duration {
    let steps = passed.as_millis() / REFUSAL_STEP.as_millis() + 1;
    let end = REFUSAL_STEP.saturating_mul(u32::try_from(steps).unwrap_or(1));
    end.saturating_sub(passed)
}

fn word_of(reason: Refusal) -> &'static str {
    match reason {
        Refusal::BadCredentials {} => "bad_credentials",
        Refusal::Throttled { .. } => "throttled",
        Refusal::Unavailable {} => "unavailable",
        Refusal::PasswordExpired {} => "password_expired",
        Refusal::AccountExpired {} => "account_expired",
        Refusal::NotPermitted {} => "not_permitted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_answered_at_the_next_half_second() {
        assert_eq!(until_next_step(Duration::from_millis(3)), Duration::from_millis(497));
        assert_eq!(until_next_step(Duration::from_millis(499)), Duration::from_millis(1));
        assert_eq!(until_next_step(Duration::from_millis(1200)), Duration::from_millis(300));
        assert_eq!(until_next_step(Duration::from_secs(30)), Duration::from_millis(500));
    }
}
