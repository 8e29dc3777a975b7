//! `hubgate check`: whether the gateway would start with this configuration.

use std::path::Path;

use super::{Failure, failure, rights, terminal};
use crate::config::Config;
use crate::state::key;
use crate::store::Store;

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    rights::become_owner_of(&config.state_dir)?;
    let mut complaints = Vec::new();
    if config.database().symlink_metadata().is_ok() {
        complaints.extend(Store::examine(&config.database()).err().map(|error| error.to_string()));
    }
    if config.key().symlink_metadata().is_ok() {
        complaints.extend(key::load_or_make(&config.key()).err().map(|error| error.to_string()));
    }
    if !complaints.is_empty() {
        return failure(complaints.join("\n"));
    }
    terminal::say(&format!("{}: good", path.display()))
}
