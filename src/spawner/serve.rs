//! Each request to its room: policy first, then the deed, then one audit line.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hubgate_protocol::frame::FrameError;
use hubgate_protocol::{
    AuthOutcome, Connection, ErrorCode, Limits, Phase, Refusal, Request, Response, Secret, ServerId, Ticket,
    Username,
};

use crate::clock::unix_s;
use crate::config::{Accounts, Config};
use crate::cut::{CutError, cut};
use crate::engine::process::watch::{Next, Watch};
use crate::engine::{Engine, EngineError};
use crate::hold::hold;
use crate::limiter::{Limiter, Throttled};
use crate::line;
use crate::logging::audit;
use crate::pam::{Pam, Verdict};
use crate::policy::{self, Denied, LoginAccount};
use crate::ticket::Tickets;

/// Refused logins are answered at multiples of this, so that time does not tell why.
const REFUSAL_STEP: Duration = Duration::from_millis(500);
/// Between two signs of life of a quiet watch.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// A watch looks this often whether its client is still there.
const GLANCE: Duration = Duration::from_secs(1);
/// Watches at once: they must never take all connections.
const WATCHES_MAX: u32 = 16;
/// Most connections in one `Cut`, as the protocol says.
const CUT_MAX: usize = 256;
/// Most journal lines in one answer, as the protocol says.
const LINES_MAX: u16 = 200;

/// All rooms behind the socket.
pub struct Service {
    config: Config,
    engine: Box<dyn Engine>,
    tickets: Tickets,
    pam: Pam,
    limiter: Mutex<Limiter>,
    watches: Mutex<u32>,
}

/// What a request leads to.
pub enum Served {
    /// One answer.
    One(Response),
    /// Several, one after the other.
    Many(Vec<Response>),
    /// A stream of answers, by [`watch`].
    Watch(Arc<Watch>),
}

/// Why a request was refused, for the answer and for the log.
struct Refused {
    error: ErrorCode,
    message: &'static str,
    cause: String,
}

type Answer = Result<Response, Refused>;

impl Service {
    /// With all it needs.
    #[must_use]
    pub fn new(config: Config, engine: Box<dyn Engine>, tickets: Tickets) -> Self {
        let pam = Pam::new(&config.pam_service);
        let limiter = Mutex::new(Limiter::new(Instant::now()));
        Self { config, engine, tickets, pam, limiter, watches: Mutex::new(0) }
    }

    /// Whether nothing would be forgotten or ended by an exit now.
    #[must_use]
    pub fn may_exit(&self) -> bool {
        !self.engine.holds_servers() && hold(&self.limiter).is_idle(Instant::now())
    }

    /// Ends what cannot live without this daemon.
    pub fn shut_down(&self) {
        self.engine.shut_down();
    }

    /// Does what is asked.
    pub fn serve(&self, request: Request) -> Served {
        match request {
            Request::List {} => match self.engine.list() {
                Ok(servers) => Served::Many(line::pages(servers)),
                Err(error) => Served::One(refuse("list", failed(error))),
            },
            Request::Watch {} => match self.engine.watch() {
                Ok(watch) => Served::Watch(watch),
                Err(error) => Served::One(refuse("watch", failed(error))),
            },
            request => {
                let op = word(&request);
                Served::One(self.answer(request).unwrap_or_else(|refused| refuse(op, refused)))
            }
        }
    }

    fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Authenticate { user, password, rhost } => self.authenticate(&user, &password, rhost),
            Request::Account { user } => Ok(Response::Account { account: self.account(&user)?.told() }),
            Request::Start { user, server, ticket } => {
                self.start(&ServerId { user, server }, ticket.as_ref())
            }
            Request::Stop { user, server } => self.stop(&ServerId { user, server }),
            Request::Status { user, server } => {
                let id = ServerId { user, server };
                self.known(&id)?;
                Ok(Response::Status { status: self.engine.status(&id).map_err(failed)? })
            }
            Request::Journal { user, server, lines } => self.journal(&ServerId { user, server }, lines),
            Request::Cut { connections } => self.cut(&connections),
            Request::SetLimits { user, server, limits } => {
                self.set_limits(&ServerId { user, server }, &limits)
            }
            // Served before this point.
            Request::List {} | Request::Watch {} => Err(bad("the request is served elsewhere")),
        }
    }

    fn authenticate(&self, user: &Username, password: &Secret, rhost: IpAddr) -> Answer {
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

    fn start(&self, id: &ServerId, ticket: Option<&Ticket>) -> Answer {
        let account = self.account(&id.user)?;
        let proven = || ticket.is_some_and(|ticket| self.tickets.accepts(ticket, &account.told(), unix_s()));
        if self.config.ticket_needed() && !proven() {
            let cause = format!("start server={id}: the ticket is missing, expired or another's");
            return Err(Refused {
                error: ErrorCode::Forbidden,
                message: "a ticket of the owner is needed",
                cause,
            });
        }
        let outcome = self.engine.start(id, &account);
        audit("start", result(&outcome), format_args!("server={id}"));
        outcome.map_err(failed)?;
        Ok(Response::Done {})
    }

    fn stop(&self, id: &ServerId) -> Answer {
        self.known(id)?;
        let outcome = self.engine.stop(id);
        audit("stop", result(&outcome), format_args!("server={id}"));
        outcome.map_err(failed)?;
        Ok(Response::Done {})
    }

    fn journal(&self, id: &ServerId, lines: u16) -> Answer {
        if !(1..=LINES_MAX).contains(&lines) {
            return Err(bad("lines must be 1 to 200"));
        }
        self.known(id)?;
        let raw = self.engine.journal(id, lines).map_err(failed)?;
        Ok(line::journal(&raw, usize::from(lines)))
    }

    fn set_limits(&self, id: &ServerId, limits: &Limits) -> Answer {
        let within = |value: Option<u32>, most: u32| value.is_none_or(|value| (1..=most).contains(&value));
        let weights = within(limits.cpu_weight, 10_000) && within(limits.io_weight, 10_000);
        if !weights || !within(limits.cpu_quota_percent, 1_000_000) || limits.tasks_max == Some(0) {
            return Err(bad("a limit is outside its range"));
        }
        self.known(id)?;
        let outcome = self.engine.set_limits(id, limits);
        audit("set_limits", result(&outcome), format_args!("server={id}"));
        outcome.map_err(failed)?;
        Ok(Response::Done {})
    }

    fn cut(&self, connections: &[Connection]) -> Answer {
        if connections.len() > CUT_MAX {
            return Err(bad("at most 256 connections can be cut at once"));
        }
        let outcome = cut(connections, &self.config.cut_ports);
        let closed = outcome.as_ref().map_or(0, |closed| *closed);
        audit("cut", result(&outcome), format_args!("asked={} closed={closed}", connections.len()));
        let closed = outcome.map_err(|error| Refused {
            error: match error {
                CutError::Forbidden => ErrorCode::Forbidden,
                CutError::Unsupported => ErrorCode::Unsupported,
                CutError::Failed(_) => ErrorCode::Engine,
            },
            message: "connections cannot be cut here",
            cause: error.to_string(),
        })?;
        Ok(Response::Cut { closed })
    }

    fn policy(&self, user: &Username) -> Result<LoginAccount, Denied> {
        let host = crate::account::find(user).unwrap_or_else(|error| {
            log::error!("account user={user}: {error}");
            None
        });
        policy::allow(&self.config, user, host)
    }

    fn account(&self, user: &Username) -> Result<LoginAccount, Refused> {
        self.policy(user).map_err(|denied| no_account(user, denied))
    }

    /// A server that may be spoken of: its owner may have servers, or had some until the account was removed.
    fn known(&self, id: &ServerId) -> Result<(), Refused> {
        match self.policy(&id.user) {
            Ok(_) => Ok(()),
            Err(Denied::Unknown)
                if self.engine.status(id).is_ok_and(|status| status.phase != Phase::Stopped) =>
            {
                Ok(())
            }
            Err(denied) => Err(no_account(&id.user, denied)),
        }
    }
}

/// Streams a watch: the list, the changes, and a sign of life when nothing changes.
///
/// # Errors
/// That of `send`, which ends it.
pub fn watch(
    watch: &Watch,
    service: &Service,
    mut send: impl FnMut(Option<&Response>) -> Result<(), FrameError>,
) -> Result<(), FrameError> {
    let Some(_place) = Place::take(service) else {
        let message = "too many watches".to_owned();
        return send(Some(&Response::Error { error: ErrorCode::Busy, message }));
    };
    // The watch began before this list was read, so that no change falls between the two.
    let servers = service.engine.list().unwrap_or_default();
    line::pages(servers).iter().try_for_each(|page| send(Some(page)))?;
    let mut said = Instant::now();
    loop {
        match watch.next(GLANCE) {
            Next::Changed(status) => send(Some(&Response::Status { status: *status }))?,
            Next::Lost => return Ok(()),
            Next::Quiet if said.elapsed() < SIGN_OF_LIFE => {
                send(None)?;
                continue;
            }
            Next::Quiet => send(Some(&Response::Done {}))?,
        }
        said = Instant::now();
    }
}

/// A place among the watches; given back when dropped.
struct Place<'a>(&'a Service);

impl<'a> Place<'a> {
    fn take(service: &'a Service) -> Option<Self> {
        let mut watches = hold(&service.watches);
        if *watches >= WATCHES_MAX {
            return None;
        }
        *watches += 1;
        Some(Self(service))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *hold(&self.0.watches) -= 1;
    }
}

fn refuse(op: &str, refused: Refused) -> Response {
    log::warn!("{op} refused: {}", refused.cause);
    Response::Error { error: refused.error, message: refused.message.to_owned() }
}

/// One answer for all reasons: the gateway need not know which accounts this host has.
fn no_account(user: &Username, denied: Denied) -> Refused {
    let message = "there is no such account, or it may not have servers";
    Refused { error: ErrorCode::NoAccount, message, cause: format!("user={user}: {denied}") }
}

fn bad(message: &'static str) -> Refused {
    Refused { error: ErrorCode::BadRequest, message, cause: message.to_owned() }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn failed(error: EngineError) -> Refused {
    Refused { error: error.code(), message: "the engine could not do it", cause: error.to_string() }
}

fn result<T, E>(outcome: &Result<T, E>) -> &'static str {
    if outcome.is_ok() { "ok" } else { "failed" }
}

fn until_next_step(passed: Duration) -> Duration {
    let steps = passed.as_millis() / REFUSAL_STEP.as_millis() + 1;
    let end = REFUSAL_STEP.saturating_mul(u32::try_from(steps).unwrap_or(1));
    end.saturating_sub(passed)
}

fn word(request: &Request) -> &'static str {
    match request {
        Request::Authenticate { .. } => "authenticate",
        Request::Account { .. } => "account",
        Request::Start { .. } => "start",
        Request::Stop { .. } => "stop",
        Request::Status { .. } => "status",
        Request::List {} => "list",
        Request::Journal { .. } => "journal",
        Request::Cut { .. } => "cut",
        Request::SetLimits { .. } => "set_limits",
        Request::Watch {} => "watch",
    }
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
