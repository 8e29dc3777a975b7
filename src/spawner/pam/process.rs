//! Where a worker runs: a child of this daemon, or a unit of systemd that may write what this daemon may not.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::WORKER;
use crate::kin;

/// A running worker.
pub(super) enum Worker {
    /// Leader of its own process group.
    Child(Child),
    /// Ends when its socket is closed, at the latest when systemd's `RuntimeMaxSec=` is over.
    Unit,
}

impl Worker {
    /// A child process of this very program, even if the file was replaced by an upgrade meanwhile.
    pub(super) fn child() -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = Command::new("/proc/self/exe")
            .arg0("hubgate-spawner")
            .arg(WORKER)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok((Self::Child(child), ours))
    }

    /// A unit that systemd starts for this connection.
    pub(super) fn unit(socket: &Path) -> io::Result<(Self, UnixStream)> {
        Ok((Self::Unit, UnixStream::connect(socket)?))
    }

    /// Ends it with all programs that its modules run, and reaps it. They are ended first: pam_exec gives its program a
    /// session of its own, and with the worker its descendants would be out of sight.
    pub(super) fn end(&mut self) {
        let Self::Child(child) = self else { return };
        if let Ok(pid) = i32::try_from(child.id()).map(Pid::from_raw) {
            kin::signal_all(pid, Signal::SIGKILL);
            let _none_left = killpg(pid, Signal::SIGKILL);
        }
        if let Err(error) = child.wait() {
            log::warn!("PAM worker could not be reaped: {error}");
        }
    }
}
