//! The words that the gateway and the spawner share: names, secrets, messages and frames.
//!
//! Nothing here does I/O except [`frame`], which reads and writes whole frames on whatever stream it is given.
#![forbid(unsafe_code)]

pub mod environment;
pub mod frame;
pub mod message;
pub mod name;
pub mod secret;
pub mod service;
pub mod status;

pub use environment::{Variables, VariablesError};
pub use message::{
    Account, AccountState, AuthOutcome, Connection, ErrorCode, Gpu, Home, Limits, Manner, Prompt,
    PromptStyle, Purpose, Refusal, Request, Response, Ticket,
};
pub use name::{LoginName, NameError, ServerId, ServerName, ServiceName, Username};
pub use secret::Secret;
pub use service::{ServiceSpec, Services};
pub use status::{Exit, Phase, ServerStatus};
