//! The `hubgate` command: every subcommand works on the instance that the configuration names.

mod account;
mod allow;
mod audit;
mod bundle;
mod cert;
mod check;
mod doctor;
mod gateway;
mod hashing;
mod health;
mod identity;
mod import;
mod init;
mod jupyterhub;
mod logging;
mod openapi;
mod prompt;
mod reset;
mod rights;
mod slips;
mod standing;
mod terminal;
mod token;
mod user;
mod why;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use diesel::QueryResult;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::audit::{Action, Actor, Event};
use crate::store::{Conn, Store, StoreError};

/// Where the configuration is, unless somebody says otherwise.
const CONFIG: &str = "/etc/hubgate/hubgate.toml";

/// Multi-user Jupyter hub behind nginx: the gateway and its administration.
#[derive(Debug, Parser)]
#[command(name = "hubgate", version, max_term_width = 100)]
struct Cli {
    /// Configuration of the instance to work on.
    #[arg(long, global = true, env = "HUBGATE_CONFIG", value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway (systemd does this).
    Gateway,
    /// Say everything that is wrong with the configuration; exit status 0 if nothing is.
    Check,
    /// Print a configuration file with every key, its meaning and its default.
    Config,
    /// Write configuration, key, certificate and first administrator of a new hub; what exists stays as it is.
    Init(init::Arguments),
    /// Print a link to become the first administrator in a browser, where there is none: it works once and for a day.
    SetupLink,
    /// Make a private CA and a server certificate.
    Cert(cert::Arguments),
    /// Manage the users of the file authenticator.
    #[command(subcommand)]
    User(user::Command),
    /// Print the audit log, or say whether it is whole.
    Audit(audit::Arguments),
    /// Take over what a JupyterHub leaves behind: its database, or its configuration.
    Import(jupyterhub::Arguments),
    /// Print the description of the REST API (OpenAPI, JSON).
    Openapi,
    /// Print a new API token of a user, and nothing else.
    Token(token::Arguments),
    /// Say whether somebody may come in, and which rule decides it.
    Why(why::Arguments),
    /// Ask the running gateway whether it is well; exit status 0 if so.
    Health,
    /// Go the way of a visitor through every layer and name the first that fails; try which limits the kernel enforces.
    Doctor(doctor::Arguments),
    /// Collect configuration, states and logs for somebody who helps from afar, without names and secrets.
    Bundle(bundle::Arguments),
    /// Try to exceed a limit that this process runs under (`hubgate doctor` does this).
    #[command(hide = true)]
    ProbeLimit {
        /// Which one.
        limit: doctor::Limit,
        /// Port of this machine to connect to.
        port: Option<u16>,
    },
}

/// Why a command failed: sentences for the person who typed it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Makes a failure of a sentence.
fn failure<T>(sentence: impl Into<String>) -> Result<T, Failure> {
    Err(Failure(sentence.into()))
}

/// Runs the command line. Exit status: 0 done, 1 failed, 2 not understood.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _closed = error.print();
            return ExitCode::from(u8::from(error.use_stderr()) * 2);
        }
    };
    logging::start(matches!(cli.command, Command::Gateway));
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(sentences)) => {
            for sentence in sentences.lines() {
                terminal::complain(sentence);
            }
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let config = &cli.config;
    match cli.command {
        Command::Gateway => gateway::run(config),
        Command::Check => check::run(config),
        Command::Config => terminal::print(&Config::sample()),
        Command::Init(arguments) => init::run(arguments),
        Command::SetupLink => reset::setup(config),
        Command::Cert(arguments) => cert::run(arguments),
        Command::User(command) => user::run(config, command),
        Command::Import(arguments) => jupyterhub::run(config, &arguments),
        Command::Audit(arguments) => audit::run(config, &arguments),
        Command::Openapi => openapi::run(config),
        Command::Token(arguments) => token::run(config, &arguments),
        Command::Why(arguments) => why::run(config, &arguments),
        Command::Health => health::run(config),
        Command::Doctor(arguments) => doctor::run(config, &arguments),
        Command::Bundle(arguments) => bundle::run(config, &arguments),
        Command::ProbeLimit { limit, port } => doctor::try_to_exceed(limit, port),
    }
}

/// The instance's configuration and database. When root asks, what follows runs as the owner of the database.
fn instance(path: &Path) -> Result<(Config, Store), Failure> {
    let config = Config::load(path)?;
    rights::become_owner_of(&config.state_dir)?;
    let store = Store::open(&config.database())?;
    Ok((config, store))
}

/// Writes, and the event with it: both or neither.
fn audited<T>(
    store: &Store,
    event: &Event,
    queries: impl FnOnce(&mut Conn) -> QueryResult<T>,
) -> Result<T, StoreError> {
    store.write(|c| {
        let result = queries(c)?;
        keep(c, event)?;
        Ok(result)
    })
}

/// What the operator does.
fn done(action: Action, subject: impl ToString) -> Event {
    Event::new(Actor::Operator, action, subject)
}

/// Keeps an event.
fn keep(c: &mut Conn, event: &Event) -> QueryResult<()> {
    crate::store::audit::append(c, &[(Clock::System.now_us(), event.clone())]).map(drop)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_configuration_may_be_named_before_and_after_the_command() {
        for line in
            [&["hubgate", "--config", "/x", "check"][..], &["hubgate", "user", "list", "--config", "/x"]]
        {
            assert_eq!(Cli::try_parse_from(line).unwrap().config, Path::new("/x"));
        }
    }
}
