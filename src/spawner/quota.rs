//! The disk quota of one account. A process of its own sets it, by its own unit: the daemon neither sees homes nor may.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use nix::sys::quota::{Dqblk, QuotaType, QuotaValidFlags, quotactl_set};
use nix::unistd::{Uid, User};

use crate::logging;

/// First argument of the worker.
pub const WORKER: &str = "quota-worker";
/// The kernel counts blocks of so many bytes.
const BLOCK: u64 = 1024;

/// What one worker does; its text is the instance of its unit, `1000-10485760`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    uid: u32,
    /// Of 1024 bytes.
    blocks: u64,
}

impl Quota {
    /// For the files of that account.
    #[must_use]
    pub fn new(uid: u32, bytes: u64) -> Self {
        Self { uid, blocks: bytes.div_ceil(BLOCK).max(1) }
    }

    /// The unit that sets it.
    #[must_use]
    pub fn unit(self) -> String {
        format!("hubgate-quota@{self}.service")
    }

    fn set(self) -> Result<(), String> {
        let user = User::from_uid(Uid::from_raw(self.uid)).map_err(|error| error.to_string())?;
        let home = user.ok_or("there is no such account")?.dir;
        let device = device_of(&home)?;
        let mut limits = Dqblk::default();
        limits.set_blocks_hard_limit(self.blocks);
        limits.set_blocks_soft_limit(0);
        let id = self.uid.cast_signed();
        quotactl_set(QuotaType::USRQUOTA, &device, id, &limits, QuotaValidFlags::QIF_BLIMITS).map_err(
            |error| {
                format!(
                    "the file system of {} ({}) took no quota of a user: {error}",
                    home.display(),
                    device.display()
                )
            },
        )
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.uid, self.blocks)
    }
}

impl FromStr for Quota {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers =
            text.split_once('-').and_then(|(uid, blocks)| Some((uid.parse().ok()?, blocks.parse().ok()?)));
        match numbers {
            Some((uid, blocks)) if uid > 0 && blocks > 0 => Ok(Self { uid, blocks }),
            _ => Err("must be UID-BLOCKS"),
        }
    }
}

/// What the file system of a path is mounted from.
fn device_of(path: &Path) -> Result<PathBuf, String> {
    let dev = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?.dev();
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    let number = format!("{}:{}", nix::sys::stat::major(dev), nix::sys::stat::minor(dev));
    source(&mounts, &number)
        .filter(|source| source.starts_with("/"))
        .ok_or_else(|| format!("the file system of {} has no device, and no quotas of users", path.display()))
}

/// The source of the mount with that number, proc_pid_mountinfo(5).
fn source(mounts: &str, number: &str) -> Option<PathBuf> {
    let row = mounts.lines().find(|row| row.split(' ').nth(2) == Some(number))?;
    let (_, rest) = row.split_once(" - ")?;
    rest.split(' ').nth(1).map(PathBuf::from)
}

/// The whole worker.
#[must_use]
pub fn run_worker(quota: Quota) -> ExitCode {
    logging::start();
    match quota.set() {
        Ok(()) => {
            log::info!("quota set uid={} kib={}", quota.uid, quota.blocks);
            ExitCode::SUCCESS
        }
        Err(why) => {
            log::error!("quota not set uid={}: {why}", quota.uid);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_the_name_of_the_unit_that_sets_it() {
        let quota = Quota::new(1000, 10 << 30);
        assert_eq!(quota.unit(), "hubgate-quota@1000-10485760.service");
        assert_eq!(quota.to_string().parse(), Ok(quota));
        assert_eq!(Quota::new(1000, 1).blocks, 1);
        for bad in ["", "1000", "0-5", "1000-0", "1000-", "-5", "1000-5-6", "4294967296-5", "root-5"] {
            assert!(bad.parse::<Quota>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_device_of_a_mount_is_read_whatever_options_it_has() {
        let mounts = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                      30 22 7:0 / /home rw,usrquota shared:2 master:1 - xfs /dev/loop0 rw,usrquota\n\
                      31 22 0:44 / /mnt rw - nfs4 filer:/export rw\n";
        assert_eq!(source(mounts, "7:0"), Some(PathBuf::from("/dev/loop0")));
        assert_eq!(source(mounts, "0:44"), Some(PathBuf::from("filer:/export")));
        assert_eq!(source(mounts, "8:1"), None);
    }
}
