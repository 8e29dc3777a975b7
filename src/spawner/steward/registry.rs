//! Which accounts hubgate made, and what it is doing with them: a file each in the state directory, root's alone.
//!
//! A file is written before the first deed and says when the last is done, so that a worker that was killed leaves what its
//! successor finishes or undoes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hubgate_protocol::{Home, Username};
use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl};
use serde::{Deserialize, Serialize};

/// How a record is called.
const SUFFIX: &str = ".json";
/// The last uid that was given; no user name begins with a dot.
const LAST_UID: &str = ".last-uid";
/// Held by the one worker that is at work.
const LOCK: &str = ".lock";

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its number; an account of that name with another one is somebody else's.
    pub uid: u32,
    /// When it was made, seconds since 1970.
    pub created_s: i64,
    /// Its home.
    pub home: PathBuf,
    /// Whether a group was made with it.
    pub own_group: bool,
    /// How far it is.
    pub stage: Stage,
    /// Expiry that it had when it was locked, days since 1970; negative for none.
    #[serde(default)]
    pub expire_day: Option<i64>,
}

/// How far an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Stage {
    /// Being made: to be undone.
    Making,
    /// There.
    Made,
    /// Being removed: to be finished.
    Removing {
        /// What becomes of its home.
        home: Home,
    },
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Registry {
    dir: PathBuf,
}

impl Registry {
    /// Below the state directory.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("accounts") }
    }

    /// Waits until no other worker is at work, and keeps others from it until the answer is dropped. The programs that a
    /// worker runs hold it too: where the worker is killed, its successor waits for their end.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn hold(&self) -> io::Result<Flock<File>> {
        self.made(|| {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
            let path = self.dir.join(LOCK);
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
            fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
        })
    }

    /// The record of `user`.
    ///
    /// # Errors
    /// A sentence with the place; an absent record is `None`.
    pub fn get(&self, user: &Username) -> io::Result<Option<Record>> {
        match fs::read(self.path(user)) {
            Ok(bytes) => {
                let record = serde_json::from_slice(&bytes).map_err(io::Error::other);
                self.made(|| record).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => self.made(|| Err(error)),
        }
    }

    /// Writes a record, to the disk.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn put(&self, user: &Username, record: &Record) -> io::Result<()> {
        self.write(&self.path(user), &serde_json::to_vec(record)?)
    }

    /// Forgets an account.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn remove(&self, user: &Username) -> io::Result<()> {
        self.made(|| {
            fs::remove_file(self.path(user))?;
            File::open(&self.dir)?.sync_all()
        })
    }

    /// What was begun and is not done.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn unfinished(&self) -> io::Result<Vec<(Username, Record)>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => self.made(|| entries)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let user = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse::<Username>().ok());
            if let Some(user) = user
                && let Some(record) = self.get(&user)?
                && record.stage != Stage::Made
            {
                found.push((user, record));
            }
        }
        Ok(found)
    }

    /// The last uid that was given to anybody; `None` before the first.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn last_uid(&self) -> io::Result<Option<u32>> {
        match fs::read_to_string(self.dir.join(LAST_UID)) {
            Ok(text) => self.made(|| text.trim().parse().map_err(io::Error::other)).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => self.made(|| Err(error)),
        }
    }

    /// Notes that `uid` is given: files of its owner may outlive the account, and must not get another owner.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn give_uid(&self, uid: u32) -> io::Result<()> {
        self.write(&self.dir.join(LAST_UID), uid.to_string().as_bytes())
    }

    fn path(&self, user: &Username) -> PathBuf {
        self.dir.join(format!("{user}{SUFFIX}"))
    }

    /// The whole content or the old one, whatever happens in between.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.made(|| {
            let fresh = self.dir.join(".new");
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&fresh, path)?;
            File::open(&self.dir)?.sync_all()
        })
    }

    fn made<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        act().map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.dir.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(stage: Stage) -> Record {
        Record { uid: 2000, created_s: 7, home: "/home/a".into(), own_group: true, stage, expire_day: None }
    }

    #[test]
    fn a_record_is_kept_until_it_is_removed_and_only_what_is_not_done_is_unfinished() {
        let dir = std::env::temp_dir().join(format!("hubgate-registry-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&dir);
        let registry = Registry::new(&dir);
        assert_eq!(registry.unfinished().unwrap(), []);
        let held = registry.hold().unwrap();
        let (alice, bob): (Username, Username) = ("alice".parse().unwrap(), "b.json".parse().unwrap());
        registry.put(&alice, &record(Stage::Made)).unwrap();
        registry.put(&bob, &record(Stage::Removing { home: Home::Archive })).unwrap();
        assert_eq!(registry.get(&alice).unwrap(), Some(record(Stage::Made)));
        assert_eq!(
            registry.unfinished().unwrap(),
            [(bob.clone(), record(Stage::Removing { home: Home::Archive }))]
        );
        registry.remove(&bob).unwrap();
        assert_eq!((registry.get(&bob).unwrap(), registry.last_uid().unwrap()), (None, None));
        registry.give_uid(2000).unwrap();
        assert_eq!(registry.last_uid().unwrap(), Some(2000));
        drop(held);
        fs::remove_dir_all(dir).unwrap();
    }
}
