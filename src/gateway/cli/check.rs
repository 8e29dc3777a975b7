//! `hubgate check`: whether the gateway would start with this configuration.

use std::path::Path;

use super::{Failure, failure, rights, terminal};
use crate::config::{Config, services};
use crate::domain::xsrf::Key;
use crate::state::{Site, key};
use crate::store::Store;

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let services = services::load(&config.services_file)?;
    rights::become_owner_of(&config.state_dir)?;
    let mut complaints = Vec::new();
    if config.database().symlink_metadata().is_ok() {
        complaints.extend(Store::examine(&config.database()).err().map(|error| error.to_string()));
    }
    if config.key().symlink_metadata().is_ok() {
        complaints.extend(key::load_or_make(&config.key()).err().map(|error| error.to_string()));
    }
    // Scopes and names can be judged with any key.
    if let Err(wrong) = Site::new(&config, &services, &Key::from([0; 32])) {
        complaints.extend(wrong.iter().map(|why| format!("{}: {why}", config.services_file.display())));
    }
    if !complaints.is_empty() {
        return failure(complaints.join("\n"));
    }
    terminal::say(&format!("{}: good", path.display()))
}
