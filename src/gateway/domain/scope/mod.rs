//! Scopes and their algebra: what a holder may do, as values. JupyterHub's rules (scopes.py, roles.py of 6.1.1).

mod algebra;
mod base;
mod custom;
mod document;
mod expand;
mod holder;
mod request;
mod role;
mod set;
mod text;
mod tree;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod recorded;

pub use base::{Base, table};
pub use custom::{CustomError, CustomScope, CustomScopes};
pub use document::{Description, describe, meaning, reach};
pub use expand::{access_scope, expand, identify_scopes, of_token};
pub use holder::{Client, Holder, Membership, Owner, Target};
pub use request::{Request, resolve};
pub use role::{Role, default_roles, is_default_role};
pub use set::{Access, Filters, ScopeSet, Verdict};
pub use text::{Filter, Own, Scope, ScopeError, ScopeFilter, server_from_text, server_text};
pub use tree::{Step, tree};
