//! What is on the machine itself: configuration, files, the two daemons, the directory of the servers' sockets.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hubgate_protocol::Request;
use nix::sys::statvfs::statvfs;
use tokio::time::timeout;

use super::{Found, Trouble, trouble};
use crate::cli::health;
use crate::config::Config;
use crate::spawn::{SpawnClient, SpawnError};

/// How long a daemon may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Free bytes and files below which nothing can be written.
const ROOM_MIN: u64 = 64 * 1024;

/// The file, and what `hubgate check` says, which looks into the database too, as its owner. What is wrong with the
/// directory of the state is for the next layer.
pub(super) fn configuration(path: &Path) -> Found<(Config, Vec<String>)> {
    let remedy = || format!("Mend it; `hubgate --config {} check` says whether it is good.", path.display());
    let bad = |what: String| Trouble { what, remedy: remedy() };
    let config = Config::load(path).map_err(|error| bad(error.to_string()))?;
    let check = std::env::current_exe()
        .and_then(|own| Command::new(own).arg("--config").arg(path).arg("check").output());
    let done = check.map_err(|error| bad(format!("`hubgate check` cannot be run: {error}")))?;
    if done.status.success() {
        return Ok((config, Vec::new()));
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let (state, wrong): (Vec<String>, Vec<String>) = said
        .lines()
        .map(|line| line.trim_start_matches("hubgate: ").to_owned())
        .partition(|line| line.contains(&*config.state_dir.to_string_lossy()));
    if wrong.is_empty() { Ok((config, state)) } else { Err(bad(wrong.join("\n"))) }
}

/// The directory of the database and the key; `complaints`: what `hubgate check` has to say of it.
pub(super) fn state(config: &Config, complaints: &[String]) -> Found<()> {
    let path = config.state_dir.display();
    let disk = match statvfs(&config.state_dir) {
        Ok(disk) => disk,
        Err(error) => return trouble(format!("{path}: {error}"), "`hubgate init` makes it."),
    };
    let bytes = disk.blocks_available().saturating_mul(disk.fragment_size());
    if bytes < ROOM_MIN {
        return trouble(
            format!(
                "the disk of {path} is full: people log in for as long as the database has room of its own"
            ),
            "Make room there: `du -xh --max-depth=2 / | sort -h | tail` shows where it went.",
        );
    }
    if disk.files() > 0 && disk.files_available() == 0 {
        return trouble(
            format!("the disk of {path} has no inode left"),
            "Delete files there: many small ones, not large ones.",
        );
    }
    if complaints.is_empty() {
        return Ok(());
    }
    trouble(
        complaints.join("\n"),
        format!(
            "ls -la {path}: everything there is the gateway's own (hubgate); a damaged database comes back from a backup"
        ),
    )
}

/// The gateway, asked on its own socket.
pub(super) async fn gateway(config: &Config) -> Found<()> {
    let socket = config.listen.display();
    let there = config.listen.symlink_metadata().is_ok_and(|meta| meta.file_type().is_socket());
    if !there {
        return trouble(format!("there is no socket {socket}"), "systemctl start hubgate.socket");
    }
    let remedy = "systemctl status hubgate.service; journalctl -u hubgate.service -n 50\nsystemctl restart hubgate.service";
    match timeout(DEADLINE, health::asked(config)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => trouble(why, remedy),
        Err(_) => trouble(format!("nobody answers on {socket} within {} s", DEADLINE.as_secs()), remedy),
    }
}

/// The spawner, asked on its own socket.
pub(super) async fn spawner(config: &Config) -> Found<()> {
    let remedy = "systemctl status hubgate-spawner.socket hubgate-spawner.service; journalctl -u hubgate-spawner.service -n 50\n\
                  systemctl restart hubgate-spawner.socket";
    let client = SpawnClient::new(config.spawner_socket.clone());
    match timeout(DEADLINE, client.ask(&Request::List {})).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(SpawnError::Unreachable(error))) => {
            trouble(format!("{}: {error}", config.spawner_socket.display()), remedy)
        }
        Ok(Err(error)) => trouble(error.to_string(), remedy),
        Err(_) => trouble(format!("no answer within {} s", DEADLINE.as_secs()), remedy),
    }
}

/// nginx must get into the directory of the sockets.
pub(super) fn sockets(config: &Config) -> Found<()> {
    let path = config.socket_dir.display();
    let remedy =
        "systemd-tmpfiles --create makes it as it is to be: root's, for nginx's group to enter (0750).";
    let meta = match config.socket_dir.metadata() {
        Ok(meta) => meta,
        Err(error) => return trouble(format!("{path}: {error}"), remedy),
    };
    let open = meta.mode() & 0o001 != 0 || (meta.gid() != 0 && meta.mode() & 0o010 != 0);
    if meta.is_dir() && open {
        return Ok(());
    }
    trouble(
        format!("nginx cannot get into {path} (mode {:o}, gid {})", meta.mode() & 0o7777, meta.gid()),
        remedy,
    )
}
