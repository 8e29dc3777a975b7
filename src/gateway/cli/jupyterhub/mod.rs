//! `hubgate import`: what a JupyterHub leaves behind, its database and its configuration.

mod adoption;
mod configuration;
mod report;
mod roles;
mod settings;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, done, failure, instance, keep, terminal};
use crate::clock::Clock;
use crate::config::Authenticator;
use crate::domain::audit::Action;
use crate::state::newcomers;
use crate::store::Conn;
use crate::store::jupyterhub::{self, Snapshot};

/// First bytes of every SQLite file.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Largest configuration file, bytes.
const FILE_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// JupyterHub's jupyterhub.sqlite, or its jupyterhub_config.py.
    file: PathBuf,
    /// Say what would be done with the database, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write what the configuration says, as a new hubgate.toml, to FILE. Without this it is printed.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let file = &arguments.file;
    let bytes = head(file)?;
    if bytes.starts_with(SQLITE) {
        if arguments.output.is_some() {
            return failure("--output is for a configuration; a database goes into the hub's own");
        }
        // Read with the caller's rights, before they are given up for those of the database's owner.
        let snapshot = jupyterhub::read(file)?;
        return database(config, &snapshot, arguments.dry_run);
    }
    if arguments.dry_run {
        return failure(
            "--dry-run is for a database; a configuration is only printed, or written to --output",
        );
    }
    match String::from_utf8(bytes) {
        Ok(text) => configuration::run(file, &text, arguments.output.as_deref()),
        Err(_) => failure(format!("{}: is neither a SQLite database nor UTF-8 text", file.display())),
    }
}

/// The file up to the size of a configuration; of a database the beginning is enough.
fn head(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure(format!("{}: {error}", path.display()));
    if !path.metadata().map_err(failed)?.is_file() {
        return failure(format!("{}: is not a regular file", path.display()));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    let large = u64::try_from(bytes.len()).is_ok_and(|len| len > FILE_MAX);
    if large && !bytes.starts_with(SQLITE) {
        return failure(format!("{}: is larger than 1 MiB: this is no jupyterhub_config.py", path.display()));
    }
    Ok(bytes)
}

fn database(path: &Path, snapshot: &Snapshot, dry_run: bool) -> Result<(), Failure> {
    let (config, store) = instance(path)?;
    let custom = config.custom_scopes.definitions()?;
    let taken = newcomers::taken();
    let around = adoption::Around { taken: &taken, custom: &custom, now_us: Clock::System.now_us() };
    let adopt = |c: &mut Conn| {
        let report = adoption::adopt(c, snapshot, &around)?;
        keep(c, &done(Action::Configuration, "jupyterhub").with("taken_over", report.lines()))?;
        Ok(report)
    };
    let report = if dry_run { store.rehearse(adopt)? } else { store.write(adopt)? };
    for line in report.lines() {
        terminal::say(&line)?;
    }
    if dry_run {
        terminal::say("dry run: nothing was changed")?;
    }
    for line in advice(&config.authenticator, snapshot) {
        terminal::complain(&line);
    }
    let roles = roles::text(&snapshot.roles);
    if roles.is_empty() {
        return Ok(());
    }
    terminal::say(&format!("roles, to be added to the end of {}:\n\n{roles}", path.display()))
}

/// What is left for the administrator to do.
fn advice(authenticator: &Authenticator, snapshot: &Snapshot) -> Vec<String> {
    let mut advice = Vec::new();
    if *authenticator == Authenticator::File {
        let why = if snapshot.native_passwords {
            "NativeAuthenticator's passwords are bcrypt"
        } else {
            "JupyterHub keeps none"
        };
        advice.push(format!(
            "the users have no passwords here ({why}): import a CSV file with `hubgate user import`, or print a link for \
             each with `hubgate user reset NAME`"
        ));
    }
    if !snapshot.services.is_empty() {
        advice.push(format!(
            "services are described in services.toml, with their tokens: {}",
            snapshot.services.join(", ")
        ));
    }
    advice
}
