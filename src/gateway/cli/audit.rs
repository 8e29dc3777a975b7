//! `hubgate audit`: the lines of the audit log, and whether it is whole.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, failure, instance, terminal};
use crate::domain::audit::Action;
use crate::domain::request_log::shown;
use crate::domain::timestamp;
use crate::store::Store;
use crate::store::audit::{self, AuditQuery, Line, Verdict};

/// Lines that are read at a time.
const BATCH: i64 = 1000;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only from this time on, like 2027-03-31 or 2027-03-31T18:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// Only what this user did, or what was done to them.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only this kind of event.
    #[arg(long, value_name = "ACTION", value_parser = action)]
    action: Option<Action>,
    /// One JSON object a line, as it was hashed, with its hash.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow the chain of hashes from the first line to the last; exit status 1 where a line was changed or is missing.
    Verify {
        /// Hash of a line that was noted before (the journal has them): say whether the log still has it. It finds a log
        /// that was made anew as a whole.
        #[arg(long, value_name = "HASH")]
        holds: Option<String>,
    },
}

fn time(text: &str) -> Result<i64, String> {
    timestamp::parse(text).ok_or_else(|| "no time like 2027-03-31T18:00:00Z".to_owned())
}

fn action(text: &str) -> Result<Action, String> {
    let all = || Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
    Action::of_name(text).ok_or_else(|| format!("no kind of event; there are {}", all()))
}

pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let (_, store) = instance(path)?;
    match &arguments.command {
        Some(Command::Verify { holds }) => verify(&store, holds.as_deref()),
        None => list(&store, arguments),
    }
}

fn verify(store: &Store, holds: Option<&str>) -> Result<(), Failure> {
    match store.read(audit::verify)? {
        Verdict::Broken { id, why } => failure(format!("line {id} of the audit log {why}")),
        Verdict::Whole { lines, hash } => {
            if let Some(noted) = holds
                && !store.read(|c| audit::holds(c, noted))?
            {
                return failure("the audit log is whole, but no line has that hash: it is not the same log");
            }
            terminal::say(&format!("whole: {lines} lines, the last one's hash is {hash}"))
        }
    }
}

/// The oldest first, as people read a log.
fn list(store: &Store, arguments: &Arguments) -> Result<(), Failure> {
    let mut query = AuditQuery {
        of: arguments.user.clone(),
        action: arguments.action.map(|action| action.name().to_owned()),
        since_us: arguments.since,
        until_us: arguments.until,
        after: Some(0),
        limit: BATCH,
        ..AuditQuery::default()
    };
    loop {
        let page = store.read(|c| audit::list(c, &query))?;
        let Some(last) = page.last() else { return Ok(()) };
        query.after = Some(last.id);
        let text: String = page.iter().map(|line| text(line, arguments.json)).collect();
        terminal::print(&text)?;
    }
}

fn text(line: &Line, json: bool) -> String {
    if json {
        return format!("{}\n", line.json());
    }
    let (time, details) = (crate::domain::time::iso(line.at_us), line.details().to_string());
    let (subject, address) = (shown(&line.subject).to_string(), line.address.as_str());
    format!("{} {time} {} {} {subject} {address} {}\n", line.id, line.actor, line.action, shown(&details))
}
