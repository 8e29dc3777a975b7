//! Each request to its room: policy first, then the deed, then one audit line.

mod login;
mod refusal;
mod services;
mod watch;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hubgate_protocol::{
    Connection, ErrorCode, Limits, Phase, Request, Response, Secret, ServerId, Ticket, Username,
};

use crate::clock::unix_s;
use crate::config::Config;
use crate::cut::{CutError, cut};
use crate::engine::process::watch::Watch;
use crate::engine::{Engine, Run};
use crate::hold::hold;
use crate::hub::{self, HubToken};
use crate::limiter::Limiter;
use crate::line;
use crate::logging::audit;
use crate::pam::Pam;
use crate::policy::{self, Denied, LoginAccount};
use crate::ticket::Tickets;
use crate::work::Work;
use refusal::{Answer, Refused, bad, failed, no_account, refuse};

pub use watch::stream;

/// How long an ending daemon goes on with the requests that it has; below the templates' `TimeoutStopSec=`.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
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
    work: Work,
}

/// What a request leads to.
pub enum Served {
    /// One answer.
    One(Response),
    /// Several, one after the other.
    Many(Vec<Response>),
    /// A stream of answers, by [`stream`].
    Watch(Arc<Watch>),
}

impl Service {
    /// With all it needs.
    #[must_use]
    pub fn new(config: Config, engine: Box<dyn Engine>, tickets: Tickets) -> Self {
        let pam = Pam::new(&config.pam_service);
        let limiter = Mutex::new(Limiter::new(Instant::now()));
        Self { config, engine, tickets, pam, limiter, watches: Mutex::new(0), work: Work::default() }
    }

    /// Whether nothing would be forgotten or ended by an exit now.
    #[must_use]
    pub fn may_exit(&self) -> bool {
        !self.engine.holds_servers() && hold(&self.limiter).is_idle(Instant::now())
    }

    /// What is being done: begin a piece of it before [`Self::serve`], and keep that until the answer is sent.
    #[must_use]
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Ends what cannot live without this daemon, and lets the requests that it is at have their answers.
    pub fn shut_down(&self) {
        self.engine.shut_down();
        if !self.work.wait_until_done(LAST_ANSWERS) {
            log::warn!("requests that take longer than {} s get no answer", LAST_ANSWERS.as_secs());
        }
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
            Request::Start { user, server, ticket, token } => {
                self.start(&ServerId { user, server }, ticket.as_ref(), token)
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
            Request::StartService { name, token } => self.start_service(&name, token),
            Request::StopService { name } => self.stop_service(&name),
            // Served before this point.
            Request::List {} | Request::Watch {} => Err(bad("the request is served elsewhere")),
        }
    }

    fn start(&self, id: &ServerId, ticket: Option<&Ticket>, token: Option<Secret>) -> Answer {
        let token = token.map(hub_token).transpose()?;
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
        let socket = self.config.socket_dir.join(id.socket_name());
        let hub = token.map(|token| hub::server(&self.config.hub, id, &socket, &token));
        let flavour = if hub.is_some() { "hub" } else { "direct" };
        let outcome = self.engine.start(id, &Run { account, hub });
        audit("start", result(&outcome), format_args!("server={id} flavour={flavour}"));
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

/// What the gateway calls a token, if it has the form of one: it goes into files and environments.
fn hub_token(text: Secret) -> Result<HubToken, Refused> {
    HubToken::parse(text).ok_or_else(|| bad("token must be 8 to 128 of A-Z, a-z, 0-9, `_` and `-`"))
}

fn result<T, E>(outcome: &Result<T, E>) -> &'static str {
    if outcome.is_ok() { "ok" } else { "failed" }
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
        Request::StartService { .. } => "start_service",
        Request::StopService { .. } => "stop_service",
        Request::Watch {} => "watch",
    }
}
