//! The journal of one service, read by `journalctl`: the journal's own reader, with fixed arguments and no shell.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::super::EngineError;

/// A journal on a slow disk may take a while; a person waits for the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Most bytes read: 200 lines of 48 KiB, the longest that journald keeps.
const OUTPUT_MAX: u64 = 200 * 48 * 1024;

/// The last `lines` lines that `service` wrote since `since_us` (microseconds since 1970), with systemd's own lines about it.
pub(super) fn last(service: &str, since_us: u64, lines: u16) -> Result<Vec<String>, EngineError> {
    let mut child = Command::new("/usr/bin/journalctl")
        .arg(format!("--unit={service}"))
        .arg(format!("--since=@{since_us}us"))
        .arg(format!("--lines={lines}"))
        .args(["--output=cat", "--no-pager", "--quiet", "--all"])
        .env_clear()
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| EngineError::Failed(format!("journalctl cannot be run: {error}")))?;
    let output = read(&mut child);
    // Whatever it still has to say is not wanted any more.
    let _ended = child.kill();
    let _reaped = child.wait();
    output.map(|bytes| String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

fn read(child: &mut Child) -> Result<Vec<u8>, EngineError> {
    let failed = |what: String| EngineError::Failed(what);
    let stdout = child.stdout.take().ok_or_else(|| failed("journalctl has no output".to_owned()))?;
    let (sender, receiver) = mpsc::channel();
    // The thread ends with the child, which is killed at the latest after the deadline.
    std::thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || {
            let mut bytes = Vec::new();
            let outcome = stdout.take(OUTPUT_MAX).read_to_end(&mut bytes).map(|_| bytes);
            let _asker_gave_up = sender.send(outcome);
        })
        .map_err(|error| failed(format!("no thread: {error}")))?;
    match receiver.recv_timeout(DEADLINE) {
        Ok(outcome) => outcome.map_err(|error| failed(format!("journalctl: {error}"))),
        Err(_) => Err(EngineError::Timeout(format!("journalctl took more than {} s", DEADLINE.as_secs()))),
    }
}
