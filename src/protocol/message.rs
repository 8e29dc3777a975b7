//! Requests and responses of the spawner's socket.
//!
//! A request is one JSON object with the key `op`; unknown keys are refused. Every name is parsed into its type while
//! the frame is read, so that nothing behind this module sees a name that has not been looked at.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::name::{ServerName, ServiceName, Username};
use crate::secret::Secret;
use crate::status::ServerStatus;

/// Proof that a user showed their password to the spawner: opaque to the gateway, checked by the spawner alone.
pub type Ticket = Secret;

/// What the gateway may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Check a password by PAM. Answered by [`Response::Authenticated`].
    Authenticate {
        /// Whose password.
        user: Username,
        /// The password as typed; never empty when it reaches PAM.
        password: Secret,
        /// The client's address, for `PAM_RHOST`.
        rhost: IpAddr,
    },
    /// Look an account up. Answered by [`Response::Account`].
    Account {
        /// Whose account.
        user: Username,
    },
    /// Start a server, or make sure that it runs. Answered by [`Response::Done`] as soon as the job is queued.
    Start {
        /// Owner.
        user: Username,
        /// Which server; empty for the default one.
        #[serde(default)]
        server: ServerName,
        /// From the owner's last [`AuthOutcome::Accepted`]; needed unless root's policy says otherwise.
        #[serde(default)]
        ticket: Option<Ticket>,
        /// The server's own token for the hub's API, `[A-Za-z0-9_-]{8,128}`: it makes this a server of the hub flavour,
        /// which gets the environment of JupyterHub's servers. Absent: the server needs no hub.
        #[serde(default)]
        token: Option<Secret>,
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
    /// Change the limits of a server at once and until the machine restarts. Answered by [`Response::Done`].
    SetLimits {
        /// Owner.
        user: Username,
        /// Which server.
        #[serde(default)]
        server: ServerName,
        /// New values; a missing one stays as it is.
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
    /// The account asked for.
    Account {
        /// The account.
        account: Account,
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
    /// Root's file has no managed service of that name.
    NoService,
    /// Too many at once; try again.
    Busy,
    /// The engine (systemd, fork) failed.
    Engine,
    /// It took too long.
    Timeout,
    /// This engine cannot do it.
    Unsupported,
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

/// Outcome of a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthOutcome {
    /// The password is right and the account may log in.
    Accepted {
        /// Who it is.
        account: Account,
        /// Lets the owner's servers be started.
        ticket: Ticket,
    },
    /// Not in.
    Refused {
        /// Why, as far as the gateway may know.
        reason: Refusal,
    },
}

/// Why a login was refused. All but the first three are told only after the password was proven right.
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
    /// The password has expired and must be changed first.
    PasswordExpired {},
    /// The account has expired or is locked for logins.
    AccountExpired {},
    /// The account may not log in here (time, host, `/etc/nologin`, `pam_access`).
    NotPermitted {},
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) {
        assert!(serde_json::from_str::<Request>(json).is_err(), "{json}");
    }

    #[test]
    fn a_request_has_one_spelling() {
        let start: Request = serde_json::from_str(r#"{"op":"start","user":"alice"}"#).unwrap();
        let Request::Start { user, server, ticket, token } = start else { panic!("{start:?}") };
        assert_eq!((user.as_str(), server.as_str(), ticket, token), ("alice", "", None, None));
    }

    #[test]
    fn unknown_keys_and_wrong_types_are_refused() {
        refused(r#"{"op":"start","user":"alice","unit":"sshd.service"}"#);
        refused(r#"{"op":"start","uid":0}"#);
        refused(r#"{"op":"start","user":"alice","env":{"LD_PRELOAD":"/tmp/x.so"}}"#);
        refused(r#"{"op":"list","x":1}"#);
        refused(r#"{"op":"nosuch"}"#);
        refused(r#"{"op":"journal","user":"alice","lines":-1}"#);
        refused(r#"{"op":"authenticate","user":"alice","password":"x\u0000y","rhost":"::1"}"#);
        refused(r#"{"op":"authenticate","user":"alice","password":"x","rhost":"::1","service":"su"}"#);
        refused(r#"{"op":"start","user":"alice","user":"bob"}"#);
        refused(r#"{"op":"start_service","name":"culler"}"#);
        refused(r#"{"op":"start_service","name":"culler","token":"t","command":["/bin/sh"]}"#);
        refused(r#"{"op":"stop_service","name":"../culler"}"#);
        refused("[]");
    }
}
