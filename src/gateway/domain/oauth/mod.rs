//! OAuth 2 as JupyterHub speaks it (RFC 6749 with the authorization code grant alone, RFC 7636): requests read and checked.

pub mod authorize;
pub mod fault;
pub mod grant;
pub mod pkce;
pub mod token;

pub use authorize::{AuthorizeRequest, Fatal, Wish};
pub use fault::Fault;
pub use pkce::{Challenge, Method};
pub use token::TokenRequest;

/// Name and value in the order of the request.
type Pair = (String, String);

/// The value of a parameter; of several the last one.
fn last<'a>(pairs: &'a [Pair], name: &str) -> Option<&'a str> {
    pairs.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// The first of these names that is given more than once.
fn duplicate<'n>(pairs: &[Pair], names: &[&'n str]) -> Option<&'n str> {
    let times = |name: &str| pairs.iter().filter(|(found, _)| found == name).count();
    names.iter().find(|name| times(name) > 1).copied()
}
