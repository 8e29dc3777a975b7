//! `hubgate user forget-identity`: who a user is at an identity provider.

use std::path::Path;

use diesel::OptionalExtension;
use hubgate_protocol::Username;

use super::{Failure, failure, instance, terminal};
use crate::store::identities;

pub(super) fn forget(path: &Path, name: &str) -> Result<(), Failure> {
    let user: Username = name.parse().map_err(|error| Failure(format!("{name:?}: {error}")))?;
    let (_, store) = instance(path)?;
    match store.write(|c| identities::forget(c, &user).optional())? {
        None => failure(format!("there is no user {user}; `hubgate user list` shows all")),
        Some(0) => failure(format!("{user} has not logged in by a provider")),
        Some(_) => terminal::say(&format!(
            "{user}: sessions have ended; whoever logs in next under this name at a provider becomes this user"
        )),
    }
}
