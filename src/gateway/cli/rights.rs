//! Root works on an instance as the account that owns it, so that no file of root's is left in its directory.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};

use super::Failure;

/// Gives root up for the owner of the directory. Nothing happens for other users, and where the owner is root or the
/// directory is still to be made.
pub(super) fn become_owner_of(directory: &Path) -> Result<(), Failure> {
    let Ok(meta) = directory.metadata() else { return Ok(()) };
    if !geteuid().is_root() || meta.uid() == 0 {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(meta.uid()), Gid::from_raw(meta.gid()));
    // In this order: without root the groups could not be changed any more.
    setgroups(&[gid]).and_then(|()| setresgid(gid, gid, gid)).and_then(|()| setresuid(uid, uid, uid)).map_err(
        |error| Failure(format!("cannot become the owner (uid {uid}) of {}: {error}", directory.display())),
    )
}
