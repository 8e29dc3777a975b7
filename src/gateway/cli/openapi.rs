//! `hubgate openapi`: the description of the API, as the gateway of this configuration serves it.

use std::path::Path;

use super::{Failure, terminal};
use crate::api::openapi::document;
use crate::api::operations;
use crate::config::Config;

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let text = serde_json::to_string_pretty(&document(operations(), &config.base_url))?;
    terminal::print(&format!("{text}\n"))
}
