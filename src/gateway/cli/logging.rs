//! The log: stderr, one line a record, with journald's priorities when journald reads it.

use std::io::Write as _;

use env_logger::{Builder, Env};
use log::Level;

/// Starts logging. `HUBGATE_LOG` holds the filter; without it the gateway says `info`, other commands `warn`.
pub(super) fn start(gateway: bool) {
    let filter = if gateway { "info" } else { "warn" };
    let journald = gateway && std::env::var_os("JOURNAL_STREAM").is_some();
    let started = Builder::from_env(Env::new().filter_or("HUBGATE_LOG", filter))
        .format(move |out, record| {
            let text = one_line(&record.args().to_string());
            if journald {
                writeln!(out, "<{}>{text}", priority(record.level()))
            } else {
                writeln!(out, "hubgate: {}: {text}", record.level().as_str().to_ascii_lowercase())
            }
        })
        .try_init();
    if started.is_err() {
        log::debug!("the log was started before");
    }
}

/// A record cannot forge another one: control characters are escaped.
fn one_line(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    text.chars().map(escape).collect()
}

/// syslog's numbers.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_record_is_one_line() {
        assert_eq!(one_line("a\n<0>b\u{1b}[2J é"), "a\\n<0>b\\u{1b}[2J é");
    }
}
