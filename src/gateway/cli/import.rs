//! `hubgate user import` and `hubgate user export`: lists of users, planned, shown or carried out as a whole.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::slips::Slips;
use super::{Failure, failure, hashing, instance, terminal, user};
use crate::clock::Clock;
use crate::domain::audit::Actor;
use crate::domain::roster::{FILE_MAX, Planned, RowError, Step};
use crate::state::roster::{self, Reach, RosterFault};
use crate::store::StoreError;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file.
    file: PathBuf,
    /// Print what would be done, row by row, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Change users who exist already to what the file says; passwords that they have stay.
    #[arg(long)]
    update: bool,
    /// With --update: replace passwords too. Sessions of those users end.
    #[arg(long, requires = "update")]
    passwords: bool,
    /// Make up a password for each new user without one, to be changed at the first login, and write them all to FILE
    /// (HTML to print and cut up; mode 0600), which must not exist.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    slips: Option<PathBuf>,
}

pub(super) fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.file;
    // Read, and the slips' file made, with the caller's rights, before they are given up for those of the database's owner.
    let bytes = read(path)?;
    let slips = arguments.slips.as_deref().map(Slips::open).transpose()?;
    let (config, store) = user::with_passwords(config)?;
    let reach = Reach { update: arguments.update, passwords: arguments.passwords, one_time: slips.is_some() };
    let mut planned = roster::plan(&store, &config, &bytes, reach).map_err(|fault| told(path, fault))?;
    if reach.passwords {
        hashing::drop_known(&store, &mut planned)?;
    }
    if arguments.dry_run {
        return shown(&planned);
    }
    let hashes = hashing::hash_all(&planned)?;
    if let Some(slips) = &slips {
        slips.write(&config, &planned)?;
    }
    match store.write(|c| roster::take(c, &planned, &hashes, (&Actor::Operator, Clock::System.now_us()))) {
        Ok(true) => {}
        Ok(false) | Err(StoreError::Exists) => return Err(told(path, RosterFault::Moved)),
        Err(error) => return Err(error.into()),
    }
    slips.into_iter().for_each(Slips::keep);
    terminal::say(&summary(&planned))
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| Failure(format!("{}: {error}", path.display()));
    let meta = path.metadata().map_err(failed)?;
    if !meta.is_file() {
        return failure(format!("{}: is not a regular file", path.display()));
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let limit = u64::try_from(FILE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn told(path: &Path, fault: RosterFault) -> Failure {
    let line = |error: &RowError| format!("{}:{error}", path.display());
    let mut lines: Vec<String> = match &fault {
        RosterFault::Rows(errors) => errors.iter().map(line).collect(),
        other => vec![other.to_string()],
    };
    if lines.iter().any(|line| line.contains(" exists already and would change ")) {
        lines.push("--update changes users who exist".to_owned());
    }
    lines.push("nothing was imported".to_owned());
    Failure(lines.join("\n"))
}

/// One line a row, and their number.
fn shown(planned: &[Planned]) -> Result<(), Failure> {
    let lines: String = planned.iter().map(|one| format!("{}: {one}\n", one.line)).collect();
    terminal::print(&format!("{lines}{} (dry run: nothing was done)\n", summary(planned)))
}

fn summary(planned: &[Planned]) -> String {
    let count = |step| planned.iter().filter(|one| one.step() == step).count();
    format!(
        "{} added, {} changed, {} unchanged",
        count(Step::Add),
        count(Step::Change),
        count(Step::Unchanged)
    )
}

/// `hubgate user export`: every user but the passwords.
pub(super) fn export(config: &Path) -> Result<(), Failure> {
    let (_, store) = instance(config)?;
    terminal::print(&roster::export(&store)?)
}
