//! The program `hubgate-spawner`: reads its arguments and does what they say.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    hubgate_spawner::args::run(&hubgate_spawner::args::Args::parse())
}
