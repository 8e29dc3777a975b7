//! Homes of virtual accounts: a directory each, whose owner is the account's uid.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hubgate_protocol::Username;
use nix::fcntl::{AtFlags, OFlag, renameat};
use nix::sys::stat::{Mode, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, geteuid, unlinkat};

use crate::config::UID_COUNT;
use crate::hold::hold;

/// The parent of all homes.
#[derive(Debug)]
pub struct Homes {
    dir: PathBuf,
    uid_base: u32,
    /// Two new users at once must not get one uid.
    making: Mutex<()>,
}

/// One home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Where.
    pub path: PathBuf,
    /// Its owner.
    pub uid: u32,
}

impl Homes {
    /// Under `dir`, with uids from `uid_base` on where the daemon is root.
    #[must_use]
    pub fn new(dir: &Path, uid_base: u32) -> Self {
        Self { dir: dir.to_owned(), uid_base, making: Mutex::new(()) }
    }

    /// The home of `user`, made if it is missing.
    ///
    /// # Errors
    /// A sentence with the place: somebody else's directory, a symbolic link, no more uids, or the kernel's reason.
    pub fn of(&self, user: &Username) -> io::Result<Home> {
        let _one_at_a_time = hold(&self.making);
        let parent = self.open()?;
        let path = self.dir.join(user.as_str());
        match fstatat(parent.as_fd(), user.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => {
                let is_dir = found.st_mode & nix::libc::S_IFMT == nix::libc::S_IFDIR;
                if is_dir && self.may_own(found.st_uid) {
                    Ok(Home { path, uid: found.st_uid })
                } else {
                    let uid = found.st_uid;
                    Err(io::Error::other(format!(
                        "{}: is not a home that this daemon made (owner {uid}); move it away or give it an owner of \
                         the range of process.uid_base",
                        path.display()
                    )))
                }
            }
            Err(nix::Error::ENOENT) => self.make(&parent, user).map(|uid| Home { path, uid }),
            Err(error) => Err(error.into()),
        }
    }

    fn may_own(&self, uid: u32) -> bool {
        let me = geteuid();
        if me.is_root() { (self.uid_base..self.end()).contains(&uid) } else { uid == me.as_raw() }
    }

    fn end(&self) -> u32 {
        self.uid_base.saturating_add(UID_COUNT)
    }

    /// The parent, in which nobody else may write: what is found in it is ours.
    fn open(&self) -> io::Result<File> {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&self.dir)?;
        let flags = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
        let parent = File::options().read(true).custom_flags(flags).open(&self.dir)?;
        let meta = parent.metadata()?;
        if meta.uid() != geteuid().as_raw() || meta.mode() & 0o022 != 0 {
            let text = format!(
                "{}: must belong to the daemon's user and be writable by nobody else",
                self.dir.display()
            );
            return Err(io::Error::other(text));
        }
        if meta.mode() & 0o111 != 0o111 {
            parent.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        Ok(parent)
    }

    /// The home appears under its name when it has its owner, so that a crash leaves no home that is root's.
    fn make(&self, parent: &File, user: &Username) -> io::Result<u32> {
        // No user name begins with a dot.
        let fresh = format!(".new-{user}");
        match unlinkat(parent.as_fd(), fresh.as_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(nix::Error::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
        mkdirat(parent.as_fd(), fresh.as_str(), Mode::S_IRWXU)?;
        let uid = if geteuid().is_root() { self.free_uid()? } else { geteuid().as_raw() };
        if geteuid().is_root() {
            let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)));
            fchownat(parent.as_fd(), fresh.as_str(), owner, group, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        }
        renameat(parent.as_fd(), fresh.as_str(), parent.as_fd(), user.as_str())?;
        Ok(uid)
    }

    /// One above the highest in use: the uid of a home that was removed comes back as late as possible, because files
    /// elsewhere may still bear it.
    fn free_uid(&self) -> io::Result<u32> {
        let range = self.uid_base..self.end();
        let mut used = BTreeSet::new();
        for entry in fs::read_dir(&self.dir)? {
            used.insert(fs::symlink_metadata(entry?.path())?.uid());
        }
        let next = used.range(range.clone()).next_back().map_or(self.uid_base, |last| last.saturating_add(1));
        if range.contains(&next) {
            return Ok(next);
        }
        range
            .into_iter()
            .find(|uid| !used.contains(uid))
            .ok_or_else(|| io::Error::other("no uid is left for a new home"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn homes(name: &str) -> Homes {
        let dir = std::env::temp_dir().join(format!("hubgate-homes-{}-{name}", std::process::id()));
        let _absent = fs::remove_dir_all(&dir);
        Homes::new(&dir, 2_000_000)
    }

    fn user(name: &str) -> Username {
        name.parse().unwrap()
    }

    #[test]
    fn a_home_is_made_once_private_and_with_an_owner_of_its_own() {
        let homes = homes("made");
        let alice = homes.of(&user("alice")).unwrap();
        let bob = homes.of(&user("bob")).unwrap();
        assert_eq!(homes.of(&user("alice")).unwrap(), alice);
        let meta = fs::metadata(&alice.path).unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o777), (alice.uid, 0o700));
        if geteuid().is_root() {
            assert_eq!((alice.uid, bob.uid), (2_000_000, 2_000_001));
        }
        fs::remove_dir_all(&homes.dir).unwrap();
    }

    #[test]
    fn what_is_not_a_home_of_ours_is_refused() {
        let homes = homes("refused");
        let _made = homes.of(&user("alice")).unwrap();
        symlink("/etc", homes.dir.join("eve")).unwrap();
        fs::write(homes.dir.join("mallory"), "").unwrap();
        assert!(homes.of(&user("eve")).is_err());
        assert!(homes.of(&user("mallory")).is_err());
        fs::set_permissions(&homes.dir, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(homes.of(&user("bob")).is_err());
        fs::remove_dir_all(&homes.dir).unwrap();
    }

    #[test]
    fn a_crash_in_between_leaves_nothing_that_blocks_the_next_start() {
        let homes = homes("crash");
        fs::create_dir_all(homes.dir.join(".new-alice")).unwrap();
        assert!(homes.of(&user("alice")).is_ok());
        fs::remove_dir_all(&homes.dir).unwrap();
    }
}
