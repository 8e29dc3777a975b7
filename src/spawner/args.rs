//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, DEFAULT_PATH};
use crate::engine::process::keeper;
use crate::quota::{self, Quota};
use crate::{daemon, logging, pam, steward};

/// Asks PAM, starts and stops users' servers, reads their journals: what the gateway may not do itself.
#[derive(Debug, Parser)]
#[command(name = "hubgate-spawner", version)]
pub struct Args {
    /// Root's settings.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Reads the settings, says what is wrong with them, and ends.
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is besides the daemon; it starts itself with these words, nobody else does.
#[derive(Debug, Clone, Copy, Subcommand)]
enum Role {
    /// The child process of one login.
    #[command(name = pam::WORKER, hide = true)]
    PamWorker,
    /// The process of one change of the host's accounts.
    #[command(name = steward::WORKER, hide = true)]
    AccountWorker,
    /// The process of one disk quota.
    #[command(name = quota::WORKER, hide = true)]
    QuotaWorker {
        /// `UID-BLOCKS`, blocks of 1024 bytes.
        quota: Quota,
    },
    /// The process between the daemon and one server.
    #[command(name = keeper::KEEPER, hide = true)]
    Keeper,
}

/// Does what the arguments say.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    match args.role {
        Some(Role::PamWorker) => pam::run_worker(),
        Some(Role::AccountWorker) => steward::run_worker(&args.config),
        Some(Role::QuotaWorker { quota }) => quota::run_worker(quota),
        Some(Role::Keeper) => keeper::run(),
        None => serve_or_check(&args.config, args.check),
    }
}

fn serve_or_check(path: &Path, check: bool) -> ExitCode {
    logging::start();
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => {
            // A terminal or a journal: the text has several lines, and the logger would make one of them.
            for line in error.to_string().lines() {
                log::error!("{line}");
            }
            return ExitCode::FAILURE;
        }
    };
    if check {
        log::info!("{}: good", path.display());
        return ExitCode::SUCCESS;
    }
    match daemon::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
