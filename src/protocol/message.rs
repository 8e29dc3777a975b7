//! Requests and responses of the spawner's socket.
//!
//! A request is one JSON object with the key `op`; unknown keys are refused. Every name is parsed into its type while
//! the frame is read, so that nothing behind this module sees a name that has not been looked at.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::environment::Variables;
use crate::name::{LoginName, ServerId, ServerName, ServiceName, Username};
use crate::secret::Secret;
use crate::status::ServerStatus;

/// Proof that a user showed their password to the spawner: opaque to the gateway, checked by the spawner alone.
pub type Ticket = Secret;

/// What the gateway may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Log in by PAM. Answered by [`Response::Authenticated`], or by [`Response::Prompt`] where PAM asks for more than the
    /// password and the gateway can `converse`.
    Authenticate {
        /// Name of the host's account.
        user: LoginName,
        /// The password as typed; never empty when it reaches PAM.
        password: Secret,
        /// The client's address, for `PAM_RHOST`.
        rhost: IpAddr,
        /// Whether further prompts can be shown to the person. Where they cannot, a second prompt refuses the login.
        #[serde(default)]
        converse: bool,
    },
    /// Answers the [`Response::Prompt`] that came last on this connection. Answered like [`Request::Authenticate`].
    Answer {
        /// One for each prompt that waits for one, in their order.
        answers: Vec<Secret>,
    },
    /// Look an account up, and whether it may log in now. Answered by [`Response::Account`].
    Account {
        /// Name of the host's account.
        user: LoginName,
    },
    /// Make an account on the host, where root's policy lets hubgate make them. Answered by [`Response::Created`].
    CreateAccount {
        /// Its name.
        user: Username,
        /// Its password; absent: a one-time password, which must be changed at the first login, is made and told.
        #[serde(default)]
        password: Option<Secret>,
    },
    /// Lock an account that hubgate made, or unlock it. Answered by [`Response::Done`].
    LockAccount {
        /// Whose.
        user: Username,
        /// Whether nobody may log in to it.
        locked: bool,
    },
    /// Remove an account that hubgate made. Answered by [`Response::Done`].
    DeleteAccount {
        /// Whose.
        user: Username,
        /// What becomes of its home.
        home: Home,
    },
    /// Start a server, or make sure that it runs. Answered by [`Response::Done`] as soon as the job is queued.
    Start {
        /// Owner.
        user: Username,
        /// Which server; empty for the default one.
        #[serde(default)]
        server: ServerName,
        /// The host's account where it is not called as the owner is; `user` must be its [`LoginName::id`].
        #[serde(default)]
        account: Option<LoginName>,
        /// From the owner's last [`AuthOutcome::Accepted`]; needed unless root's policy says otherwise.
        #[serde(default)]
        ticket: Option<Ticket>,
        /// The server's own token for the hub's API, `[A-Za-z0-9_-]{8,128}`: it makes this a server of the hub flavour,
        /// which gets the environment of JupyterHub's servers. Absent: the server needs no hub.
        #[serde(default)]
        token: Option<Secret>,
        /// What it may use; a missing value is the unit's own. Like [`Request::SetLimits`]. An engine that has no limits
        /// starts the server without them.
        #[serde(default)]
        limits: Limits,
        /// What goes into its environment beside hubgate's own words.
        #[serde(default)]
        environment: Variables,
        /// The rest of how it is run.
        #[serde(default)]
        manner: Box<Manner>,
    },
    /// Stop a server. Answered by [`Response::Done`] as soon as the job is queued.
    Stop {
        /// Owner.
        user: Username,
        /// Which server.
        #[serde(default)]
        server: ServerName,
    },
    /// State of one server. Answered by [`Response::Status`].
    Status {
        /// Owner.
        user: Username,
        /// Which server.
        #[serde(default)]
        server: ServerName,
    },
    /// State of every server that is not stopped. Answered by one or more [`Response::Servers`].
    List {},
    /// Last lines of that server's own journal. Answered by [`Response::Journal`].
    Journal {
        /// Owner.
        user: Username,
        /// Which server.
        #[serde(default)]
        server: ServerName,
        /// How many, 1 to 200.
        lines: u16,
    },
    /// Close these client connections of nginx. Answered by [`Response::Cut`].
    Cut {
        /// At most 256.
        connections: Vec<Connection>,
    },
    /// The limits of a server from now on, until its next start. Answered by [`Response::Done`].
    SetLimits {
        /// Owner.
        user: Username,
        /// Which server.
        #[serde(default)]
        server: ServerName,
        /// All of them; a missing one is the unit's own.
        limits: Limits,
    },
    /// Start a managed service, or make sure that it runs. What it is stands in root's services file alone.
    /// Answered by [`Response::Done`] as soon as the job is queued.
    StartService {
        /// Which one.
        name: ServiceName,
        /// The service's token for the hub's API, `[A-Za-z0-9_-]{8,128}`; one in root's file goes before it.
        token: Secret,
    },
    /// Stop a managed service. Answered by [`Response::Done`] as soon as the job is queued.
    StopService {
        /// Which one.
        name: ServiceName,
    },
    /// Which GPUs there are to lease, and who has them. Answered by [`Response::Gpus`].
    Gpus {},
    /// The state of all servers, then each change, until the connection is closed: like [`Request::List`], then a
    /// [`Response::Status`] per change and a [`Response::Done`] every 10 s as a sign of life.
    Watch {},
}

/// A client's end of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The client's address.
    pub addr: IpAddr,
    /// The client's port.
    pub port: u16,
}

/// Resource limits of one server. Units are systemd's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// `MemoryMax=`, bytes.
    #[serde(default)]
    pub memory_max: Option<u64>,
    /// `MemoryLow=`, bytes: not reclaimed while others have more than their own.
    #[serde(default)]
    pub memory_low: Option<u64>,
    /// `MemorySwapMax=`, bytes.
    #[serde(default)]
    pub memory_swap_max: Option<u64>,
    /// `CPUQuota=`, percent of one CPU, 1 to 1 000 000.
    #[serde(default)]
    pub cpu_quota_percent: Option<u32>,
    /// `CPUWeight=`, 1 to 10000.
    #[serde(default)]
    pub cpu_weight: Option<u32>,
    /// `TasksMax=`.
    #[serde(default)]
    pub tasks_max: Option<u64>,
    /// `IOWeight=`, 1 to 10000.
    #[serde(default)]
    pub io_weight: Option<u32>,
    /// Bytes that the files of the owner's account may take on the file system of its home; it stays after the server.
    /// Absent: quotas are left as they are.
    #[serde(default)]
    pub disk_quota: Option<u64>,
}

/// How a server is run, beside its limits and its environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manner {
    /// The page that opens first, below the server's own path: `/` and up to 255 more printable ASCII characters. Absent:
    /// as the unit says.
    #[serde(default)]
    pub default_url: Option<String>,
    /// `IPAddressDeny=any`: its processes reach no address; a server of the hub flavour reaches the machine's own alone.
    /// An engine that cannot do that refuses the start.
    #[serde(default)]
    pub offline: bool,
    /// Whether Jupyter offers no terminals.
    #[serde(default)]
    pub no_terminals: bool,
    /// Which of the environments that the spawner's file names it runs from; absent: the site's own.
    #[serde(default)]
    pub python: Option<String>,
    /// Modules that are loaded before: at most 16, each `[A-Za-z0-9][A-Za-z0-9._+/-]{0,63}` without `..`.
    #[serde(default)]
    pub modules: Vec<String>,
    /// Whether it has the variables that a login shell of its owner sets.
    #[serde(default)]
    pub login_shell: bool,
    /// Which of Jupyter's programs it is, `[a-z][a-z0-9-]{0,31}`: `lab`, `notebook`, `nbclassic`. Absent: as the site says.
    #[serde(default)]
    pub command: Option<String>,
    /// How many GPUs of its own it has. An engine that cannot keep others from them refuses the start.
    #[serde(default)]
    pub gpus: u32,
    /// Paths below which it changes nothing: at most 32, each absolute, without `..` and control characters, up to 255
    /// bytes. An engine that cannot do that refuses the start.
    #[serde(default)]
    pub read_only: Vec<String>,
    /// Paths that it does not see, like `read_only`.
    #[serde(default)]
    pub hidden: Vec<String>,
}

/// What becomes of the home of an account that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Home {
    /// It stays where it is.
    Keep,
    /// It is packed into an archive that only root reads, and then removed.
    Archive,
}

/// What the spawner answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Response {
    /// Outcome of [`Request::Authenticate`].
    Authenticated {
        /// In or not.
        outcome: AuthOutcome,
    },
    /// PAM has something to say or to ask: [`Request::Answer`] on the same connection goes on, closing it gives up.
    Prompt {
        /// What a person is to be shown, in its order; at most 32.
        prompts: Vec<Prompt>,
        /// What it is for.
        purpose: Purpose,
    },
    /// The account asked for.
    Account {
        /// The account.
        account: Account,
        /// How it stands.
        state: AccountState,
    },
    /// The account that was made.
    Created {
        /// The account.
        account: Account,
        /// Its one-time password, where none was given.
        password: Option<Secret>,
    },
    /// Accepted; or a sign of life.
    Done {},
    /// One server.
    Status {
        /// Its state.
        status: ServerStatus,
    },
    /// Some servers of a list.
    Servers {
        /// At most as many as fit a frame.
        servers: Vec<ServerStatus>,
        /// Whether another frame of the same list follows.
        more: bool,
    },
    /// Journal lines, oldest first, control characters replaced, cut to fit a frame.
    Journal {
        /// The lines.
        lines: Vec<String>,
    },
    /// The GPUs of root's file.
    Gpus {
        /// In the order of the file; at most 64.
        gpus: Vec<Gpu>,
    },
    /// How many connections were closed.
    Cut {
        /// The number.
        closed: u32,
    },
    /// Refused or failed. Nothing was done.
    Error {
        /// What kind.
        error: ErrorCode,
        /// A sentence for the log; holds no input and no secret.
        message: String,
    },
}

/// Kinds of [`Response::Error`]. Details stay in the spawner's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The frame is JSON but not a request.
    BadRequest,
    /// Root's policy or a missing ticket forbids it.
    Forbidden,
    /// There is no such account, or it may not have servers.
    NoAccount,
    /// There is an account, a group or a home of that name already.
    Exists,
    /// Root's file has no managed service of that name.
    NoService,
    /// Too many at once; try again.
    Busy,
    /// Others have the GPUs that it needs.
    NoGpu,
    /// The engine (systemd, fork) failed.
    Engine,
    /// It took too long.
    Timeout,
    /// This engine cannot do it.
    Unsupported,
}

/// One GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// What CUDA calls it, like `GPU-8932f937-d72c-4106-c12f-20bd9faed9f6`.
    pub id: String,
    /// Whose it is while that server runs.
    #[serde(default)]
    pub holder: Option<ServerId>,
}

/// An account that may have servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its canonical name.
    pub user: Username,
    /// Its numeric id; absent where systemd chooses one at each start (`DynamicUser=`).
    #[serde(default)]
    pub uid: Option<u32>,
}

/// How an account of the host stands at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountState {
    /// Whether its password is locked (`usermod -L`, `passwd -l`, `passwd -d`).
    pub locked: bool,
    /// Whether it has expired (`chage -E`), or the host's account management refuses it.
    pub expired: bool,
    /// Day of the last change of the password, days since 1970; absent where the host does not tell.
    #[serde(default)]
    pub password_changed_day: Option<i64>,
    /// When hubgate made it, seconds since 1970; absent for an account that others made.
    #[serde(default)]
    pub created_s: Option<i64>,
    /// Names of its groups, the primary one first; at most 256, and not those of the system that mean root.
    pub groups: Vec<String>,
}

/// One message of PAM to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// What kind.
    pub style: PromptStyle,
    /// The text, at most 512 bytes, control characters replaced. Written by PAM modules: shown as text only.
    pub text: String,
}

/// Kinds of [`Prompt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptStyle {
    /// Asks for what nobody may see.
    Hidden,
    /// Asks for what may be seen.
    Shown,
    /// Tells something.
    Info,
    /// Tells of something wrong.
    Error,
}

impl PromptStyle {
    /// Whether it waits for an answer.
    #[must_use]
    pub fn asks(self) -> bool {
        matches!(self, Self::Hidden | Self::Shown)
    }
}

/// What a [`Response::Prompt`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Proving who one is.
    Login,
    /// Changing a password that has expired.
    NewPassword,
}

/// Outcome of a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthOutcome {
    /// The password is right and the account may log in.
    Accepted {
        /// Who it is.
        account: Account,
        /// How the account stands.
        state: AccountState,
        /// Lets the owner's servers be started.
        ticket: Ticket,
    },
    /// Not in.
    Refused {
        /// Why, as far as the gateway may know.
        reason: Refusal,
    },
}

/// Why a login was refused. All but the first four are told only after the password was proven right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
pub enum Refusal {
    /// Wrong password, unknown or locked account, system account: not told apart.
    BadCredentials {},
    /// Too many attempts.
    Throttled {
        /// Seconds until it makes sense to try again.
        retry_after_s: u32,
    },
    /// PAM did not answer in time, or crashed.
    Unavailable {},
    /// The host has locked the account for a while because of wrong passwords (pam_faillock).
    Locked {},
    /// The password has expired and must be changed first.
    PasswordExpired {},
    /// The account has expired or is locked for logins.
    AccountExpired {},
    /// Nobody but root may log in now (`/etc/nologin`).
    NoLogins {},
    /// The account may not log in here (time, host, `pam_access`).
    NotPermitted {},
}

#[cfg(test)]
mod tests;
