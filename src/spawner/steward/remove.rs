//! Removing an account that hubgate made; its home stays, or goes into an archive.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hubgate_protocol::{Home, Username};

use super::registry::{Record, Stage};
use super::tool::Tool;
use super::worker::Desk;
use super::{Outcome, Refusal, mend};

/// What the packing of a home may take.
const PACKING: Duration = Duration::from_secs(500);
/// How long the processes of an account may take to end; systemd ends a user's manager 10 s after the last session.
const LAST_PROCESSES: Duration = Duration::from_secs(20);
/// Between two looks at them.
const GLANCE: Duration = Duration::from_millis(250);

/// Removes the account of `user`.
pub(super) fn remove(desk: &Desk, user: &Username, home: Home) -> Result<Outcome, Refusal> {
    let (record, host) = desk.ours(user)?;
    if home == Home::Archive && host.home != record.home {
        return Err(Refusal::forbidden(
            "the home was moved since the account was made; keep it, or move it back",
        ));
    }
    let end = Instant::now() + LAST_PROCESSES;
    while has_processes(record.uid)? {
        if Instant::now() > end {
            return Err(Refusal::busy("processes of this account still run; end them first"));
        }
        std::thread::sleep(GLANCE);
    }
    desk.registry.put(user, &Record { stage: Stage::Removing { home }, ..record.clone() })?;
    if home == Home::Archive
        && let Err(refusal) = pack(desk, user, &record)
    {
        // Nothing is gone yet.
        desk.registry.put(user, &record)?;
        return Err(refusal);
    }
    finish(desk, user, &record, home)?;
    Ok(Outcome::Done {})
}

/// The rest of a removal, from wherever it was left.
pub(super) fn finish(desk: &Desk, user: &Username, record: &Record, home: Home) -> Result<(), Refusal> {
    if home == Home::Archive && record.home.exists() {
        pack(desk, user, record)?;
    }
    mend::strike_out(user, record, false)?;
    if home == Home::Archive {
        clear(&record.home)?;
    }
    desk.registry.remove(user)?;
    Ok(())
}

/// A directory and all below it; one that is not there is cleared.
pub(super) fn clear(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), format!("{}: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}

/// The archive of an account: uid and time tell it from those of others who were called so.
fn archive_of(desk: &Desk, user: &Username, record: &Record) -> PathBuf {
    desk.config.create.archive_dir.join(format!("{user}-{}-{}.tar.gz", record.uid, record.created_s))
}

fn pack(desk: &Desk, user: &Username, record: &Record) -> Result<(), Refusal> {
    let path = archive_of(desk, user, record);
    if path.exists() {
        return Ok(());
    }
    let (Some(parent), Some(name)) = (record.home.parent().and_then(Path::to_str), record.home.file_name())
    else {
        return Err(Refusal::failed("the home has no place".to_owned()));
    };
    let Some(name) = name.to_str().filter(|_| record.home.is_dir() && !record.home.is_symlink()) else {
        return Err(Refusal::failed(format!("{}: is no directory", record.home.display())));
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&desk.config.create.archive_dir)?;
    let part = path.with_extension("part");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    let written = file.try_clone()?;
    let args =
        ["--create", "--gzip", "--numeric-owner", "--acls", "--xattrs", "--one-file-system", "--file=-"];
    let args = args.into_iter().chain(["--directory", parent, "--", name]).collect();
    Tool::new("tar", args).output(file).patience(PACKING).run()?;
    written.sync_all()?;
    fs::rename(&part, &path)?;
    Ok(())
}

/// Whether any process runs as `uid`: `userdel` refuses then.
fn has_processes(uid: u32) -> io::Result<bool> {
    for entry in fs::read_dir("/proc")? {
        let status = fs::read_to_string(entry?.path().join("status")).unwrap_or_default();
        if is_of(&status, uid) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether proc_pid_status(5) names `uid` as real, effective or saved user.
fn is_of(status: &str, uid: u32) -> bool {
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    ids.split_whitespace().any(|id| id.parse() == Ok(uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_belongs_to_every_user_that_it_could_be() {
        let status = "Name:\tsleep\nUid:\t1000\t1001\t1002\t1001\nGid:\t7\t7\t7\t7\n";
        for (uid, expected) in [(1000, true), (1001, true), (1002, true), (7, false), (100, false)] {
            assert_eq!(is_of(status, uid), expected, "{uid}");
        }
        assert!(has_processes(nix::unistd::getuid().as_raw()).unwrap());
    }
}
