//! What goes to the person at the terminal: results to stdout, everything else to stderr.

use std::io::{self, Write};

use super::Failure;

/// Prints a result as it is. A reader that has gone (`| head`) is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure(format!("stdout: {error}"))),
        _ => Ok(()),
    }
}

/// Prints a result and ends the line.
pub(super) fn say(line: &str) -> Result<(), Failure> {
    print(&format!("{line}\n"))
}

/// Tells what is going on, or what went wrong.
pub(super) fn complain(line: &str) {
    // If stderr is gone nobody listens.
    let _unheard = writeln!(io::stderr().lock(), "hubgate: {line}");
}
