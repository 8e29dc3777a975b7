//! `hubgate gateway`.

use std::path::Path;

use super::Failure;
use crate::app;
use crate::config::Config;

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    Ok(app::run(config)?)
}
