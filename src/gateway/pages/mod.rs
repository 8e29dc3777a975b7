//! The pages people see: one file each.

pub mod accept_share;
pub mod admin;
pub mod card;
pub mod conversation;
pub mod enrolment;
pub mod entered;
pub mod factors;
pub mod home;
pub mod keep;
pub mod language;
pub mod login;
pub mod logout;
pub mod new_password;
pub mod notices;
pub mod one_time;
pub mod passkey_login;
pub mod password;
pub mod password_advice;
pub mod provider;
pub mod provider_fault;
pub mod reauthenticate;
pub mod rights;
pub mod root;
pub mod second_factor;
pub mod sessions;
pub mod set_password;
pub mod setup;
pub mod share;
pub mod signin;
pub mod spawn;
pub mod stop;
pub mod terms;
pub mod token;
pub mod token_wish;
pub mod user_redirect;
pub mod welcome;

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
