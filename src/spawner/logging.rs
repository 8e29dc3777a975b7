//! The log: stderr, one harmless line a record, with journald's priorities when journald reads it.

use std::io::Write as _;

use env_logger::{Builder, Env};
use log::Level;

use crate::line::harmless;

/// Longest record in bytes.
const RECORD_MAX: usize = 2000;

/// Starts logging. `HUBGATE_LOG` holds the filter, `info` without it.
pub fn start() {
    let journald = std::env::var_os("JOURNAL_STREAM").is_some();
    let started = Builder::from_env(Env::new().filter_or("HUBGATE_LOG", "info"))
        .format(move |out, record| {
            let text = harmless(&record.args().to_string(), RECORD_MAX);
            if journald {
                writeln!(out, "<{}>{text}", priority(record.level()))
            } else {
                writeln!(out, "hubgate-spawner: {}: {text}", record.level().as_str().to_ascii_lowercase())
            }
        })
        .try_init();
    if started.is_err() {
        log::debug!("the log was started before");
    }
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

/// One audit line. `fields` are `key=value` pairs of checked values: names, addresses, words of ours.
pub fn audit(op: &str, result: &str, fields: std::fmt::Arguments<'_>) {
    log::info!("audit op={op} result={result} {fields}");
}
