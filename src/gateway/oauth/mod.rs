//! The OAuth 2 provider: single-user servers and services learn who their visitor is.

pub mod authorize;
pub mod client;
mod consent;
mod operations;
pub mod token;

pub use operations::OPERATIONS;
