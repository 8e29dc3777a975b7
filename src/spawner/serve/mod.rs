//! Each request to its room: policy first, then the deed, then one audit line.

mod account;
mod creation;
mod login;
mod pace;
mod refusal;
mod services;
mod wanted;
mod watch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hubgate_protocol::{Connection, ErrorCode, Limits, Request, Response, Secret, ServerId, Ticket};

use crate::clock::unix_s;
use crate::config::{Config, EngineKind};
use crate::cut::{CutError, cut};
use crate::engine::process::watch::Watch;
use crate::engine::{Engine, EngineError, Run};
use crate::hold::hold;
use crate::hub::{self, HubToken};
use crate::lease::{Ends, LeaseError, Leases};
use crate::limiter::{Limiter, Memory};
use crate::line;
use crate::logging::audit;
use crate::pam::{Login, Pam, Person};
use crate::policy::LoginAccount;
use crate::steward::{Steward, UNIT_SOCKET};
use crate::ticket::Tickets;
use crate::work::Work;
use pace::Pace;
use refusal::{Answer, Refused, bad, failed, gone, refuse};
use wanted::Wanted;

pub use watch::stream;

/// How long an ending daemon goes on with the requests that it has; below the templates' `TimeoutStopSec=`.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// Most connections in one `Cut`, as the protocol says.
const CUT_MAX: usize = 256;
/// Most journal lines in one answer, as the protocol says.
const LINES_MAX: u16 = 200;

/// Password guesses and the file that keeps them.
struct Guesses {
    limiter: Limiter,
    memory: Memory,
}

/// All rooms behind the socket.
pub struct Service {
    config: Config,
    engine: Box<dyn Engine>,
    leases: Leases,
    tickets: Tickets,
    pam: Pam,
    steward: Steward,
    guesses: Mutex<Guesses>,
    pace: Mutex<Pace>,
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
        let changes = (config.engine == EngineKind::Systemd).then(|| PathBuf::from(UNIT_SOCKET));
        let pam = Pam::new(&config.pam_service, changes);
        let steward = Steward::new(&config);
        let leases = Leases::new(&config);
        let memory = Memory::new(&config.state_dir);
        let limiter = memory.read(Instant::now());
        Self {
            config,
            engine,
            leases,
            tickets,
            pam,
            steward,
            guesses: Mutex::new(Guesses { limiter, memory }),
            pace: Mutex::default(),
            watches: Mutex::new(0),
            work: Work::default(),
        }
    }

    /// Whether nothing would be forgotten or ended by an exit now.
    #[must_use]
    pub fn may_exit(&self) -> bool {
        !self.engine.holds_servers()
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
        let Guesses { limiter, memory } = &mut *hold(&self.guesses);
        memory.write(limiter, Instant::now());
    }

    /// Does what is asked, for a client who can be asked back.
    pub fn serve(&self, request: Request, person: &mut dyn Person) -> Served {
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
                Served::One(self.answer(request, person).unwrap_or_else(|refused| refuse(op, refused)))
            }
        }
    }

    fn answer(&self, request: Request, person: &mut dyn Person) -> Answer {
        match request {
            Request::Authenticate { user, password, rhost, converse } => {
                self.authenticate(Login { user: &user, password: &password, rhost, converse }, person)
            }
            Request::Account { user } => self.look_up(&user),
            Request::Answer { .. } => Err(gone()),
            Request::CreateAccount { user, password } => self.create_account(user, password),
            Request::LockAccount { user, locked } => self.lock_account(user, locked),
            Request::DeleteAccount { user, home } => self.delete_account(user, home),
            Request::Start { user, server, account, ticket, token, limits, environment, manner } => {
                let account = self.owner(&user, account)?;
                let id = ServerId { user, server };
                self.may_start(&id, &account, ticket.as_ref())?;
                self.start(&id, account, token, &Wanted { limits, environment, manner: *manner })
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
            Request::Gpus {} => {
                Ok(Response::Gpus { gpus: self.leases.all(&Asked(&*self.engine)).map_err(no_gpu)? })
            }
            // Served before this point.
            Request::List {} | Request::Watch {} => Err(bad("the request is served elsewhere")),
        }
    }

    /// Whether the owner has shown that they want it.
    fn may_start(
        &self,
        id: &ServerId,
        account: &LoginAccount,
        ticket: Option<&Ticket>,
    ) -> Result<(), Refused> {
        let proven = || ticket.is_some_and(|ticket| self.tickets.accepts(ticket, &account.told(), unix_s()));
        if self.config.ticket_needed() && !proven() {
            let cause = format!("start server={id}: the ticket is missing, expired or another's");
            return Err(Refused {
                error: ErrorCode::Forbidden,
                message: "a ticket of the owner is needed",
                cause,
            });
        }
        Ok(())
    }

    fn start(&self, id: &ServerId, account: LoginAccount, token: Option<Secret>, wanted: &Wanted) -> Answer {
        let token = token.map(hub_token).transpose()?;
        wanted.check()?;
        let network = wanted.network(token.is_some());
        let mut env = wanted.env();
        // The other engine has none.
        if self.config.engine == EngineKind::Systemd {
            env.extend(&wanted.told_limits());
        }
        if let Some(name) = &wanted.manner.python {
            let place = self.config.environments.get(name);
            let place = place.ok_or_else(|| bad("there is no environment of that name in spawner.toml"))?;
            env.set("HUBGATE_JUPYTER", place.join("bin/jupyter").to_string_lossy());
        }
        let flavour = if let Some(token) = token {
            let socket = self.config.socket_dir.join(id.socket_name());
            env.extend(&hub::server(&self.config.hub, id, &socket, &token));
            "hub"
        } else {
            "direct"
        };
        let taking = self.leases.begin();
        let count = usize::try_from(wanted.manner.gpus).unwrap_or(usize::MAX);
        let gpus = taking.take(id, count, &Asked(&*self.engine)).map_err(no_gpu)?;
        let leased = gpus.join(",");
        if !self.config.gpus.devices.is_empty() {
            env.set(&self.config.gpus.variable, leased.as_str());
        }
        let (limits, paths) = (wanted.limits, wanted.paths());
        let outcome = self.engine.start(id, &Run { account, env, limits, network, gpus, paths });
        drop(taking);
        audit("start", result(&outcome), format_args!("server={id} flavour={flavour} gpus={leased}"));
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
        wanted::check_limits(limits)?;
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
}

/// What the leases ask the engine.
struct Asked<'a>(&'a dyn Engine);

impl Ends for Asked<'_> {
    fn lives(&self, server: &ServerId) -> Result<bool, EngineError> {
        self.0.lives(server)
    }

    fn vacate(&self, server: &ServerId) -> Result<(), EngineError> {
        self.0.vacate(server)
    }
}

/// Why a server has no GPU.
fn no_gpu(error: LeaseError) -> Refused {
    let cause = error.to_string();
    let (error, message) = match error {
        LeaseError::Taken => (ErrorCode::NoGpu, "others have the GPUs that it needs"),
        LeaseError::TooMany(_) => (ErrorCode::BadRequest, "there are not that many GPUs in spawner.toml"),
        LeaseError::Engine(error) => return failed(error),
        LeaseError::Record(_) => (ErrorCode::Engine, "the record of the GPUs cannot be used"),
    };
    Refused { error, message, cause }
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
        Request::Answer { .. } => "answer",
        Request::Account { .. } => "account",
        Request::CreateAccount { .. } => "create_account",
        Request::LockAccount { .. } => "lock_account",
        Request::DeleteAccount { .. } => "delete_account",
        Request::Start { .. } => "start",
        Request::Stop { .. } => "stop",
        Request::Status { .. } => "status",
        Request::List {} => "list",
        Request::Journal { .. } => "journal",
        Request::Cut { .. } => "cut",
        Request::SetLimits { .. } => "set_limits",
        Request::StartService { .. } => "start_service",
        Request::StopService { .. } => "stop_service",
        Request::Gpus {} => "gpus",
        Request::Watch {} => "watch",
    }
}
