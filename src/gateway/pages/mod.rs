//! The pages people see: one file each.

pub mod accept_share;
pub mod home;
pub mod login;
pub mod logout;
pub mod root;
pub mod spawn;
pub mod stop;
pub mod token;
pub mod user_redirect;

use crate::domain::form::Form;
use crate::domain::next;
use crate::state::Hub;

/// Where a person wants to go, if it is a place of ours.
fn next_of(hub: &Hub, query: &str) -> Option<String> {
    next_in(hub, &Form::parse(query.as_bytes()).ok()?)
}

/// The same, out of a form.
fn next_in(hub: &Hub, form: &Form) -> Option<String> {
    next::safe(&hub.config.base_url, form.get("next")?).map(str::to_owned)
}
