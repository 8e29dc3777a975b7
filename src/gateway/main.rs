//! The program `hubgate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hubgate::cli::run(std::env::args_os())
}
