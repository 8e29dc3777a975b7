//! Files of `NAME=value` lines that systemd reads as root: the one place of secrets on the way to a unit.
//!
//! A unit's properties and its command line can be read by everybody; these files by root alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::hub::Environment;

/// A directory of such files.
#[derive(Debug)]
pub struct EnvFiles {
    dir: PathBuf,
}

impl EnvFiles {
    /// In `dir`, which is made when it is missing.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Where the file of `instance` is. An instance is made of checked names: it has neither slash nor leading dot.
    #[must_use]
    pub fn path(&self, instance: &str) -> PathBuf {
        self.dir.join(format!("{instance}.env"))
    }

    /// Replaces the file of `instance` in one step; tells whether its content changed.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn put(&self, instance: &str, env: &Environment) -> io::Result<bool> {
        self.prepare()?;
        let path = self.path(instance);
        let content = Zeroizing::new(content(env));
        let old = fs::read(&path).map(Zeroizing::new);
        if old.is_ok_and(|old| *old == content.as_bytes()) {
            return Ok(false);
        }
        let fresh = path.with_extension("env.new");
        remove(&fresh)?;
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(&fresh)
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .and_then(|()| fs::rename(&fresh, &path));
        written.map_err(|error| place(&path, &error))?;
        Ok(true)
    }

    /// Removes the file of `instance`; one that is not there is removed.
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn remove(&self, instance: &str) -> io::Result<()> {
        remove(&self.path(instance))
    }

    /// The directory, which nobody else may enter.
    fn prepare(&self) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(&self.dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(place(&self.dir, &error)),
        }
        let meta = fs::symlink_metadata(&self.dir)?;
        if meta.is_dir() && meta.uid() == geteuid().as_raw() && meta.mode() & 0o077 == 0 {
            return Ok(());
        }
        let text =
            "must be a directory of the daemon's user that nobody else can enter; chown root and chmod 700";
        Err(io::Error::other(format!("{}: {text}", self.dir.display())))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(place(path, &error)),
        _ => Ok(()),
    }
}

fn place(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The environment as systemd.exec(5) reads it back under `EnvironmentFile=`.
fn content(env: &Environment) -> String {
    let mut text = String::new();
    for (name, value) in env.pairs() {
        text.push_str(name);
        text.push_str("=\"");
        for c in value.chars() {
            // All that has a meaning between double quotes there.
            if matches!(c, '"' | '\\' | '`' | '$') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn files(name: &str) -> EnvFiles {
        let dir = std::env::temp_dir().join(format!("hubgate-envfile-{}-{name}", std::process::id()));
        let _absent = fs::remove_dir_all(&dir);
        EnvFiles::new(&dir)
    }

    fn env(value: &str) -> Environment {
        let mut env = Environment::default();
        env.set("A", value);
        env.set("B", "2");
        env
    }

    #[test]
    fn a_file_is_for_its_owner_alone_and_changes_only_with_its_content() {
        let files = files("put");
        assert!(files.put("alice:gpu", &env("1")).unwrap());
        assert!(!files.put("alice:gpu", &env("1")).unwrap());
        assert!(files.put("alice:gpu", &env("one")).unwrap());
        let path = files.path("alice:gpu");
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=\"one\"\nB=\"2\"\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
        assert_eq!(fs::metadata(&files.dir).unwrap().mode() & 0o777, 0o700);
        files.remove("alice:gpu").unwrap();
        files.remove("alice:gpu").unwrap();
        assert_eq!(fs::read_dir(&files.dir).unwrap().count(), 0);
        fs::remove_dir_all(&files.dir).unwrap();
    }

    #[test]
    fn no_value_can_end_its_quotes() {
        assert_eq!(content(&env("\"\nX=\\ `$HOME`")), "A=\"\\\"\nX=\\\\ \\`\\$HOME\\`\"\nB=\"2\"\n");
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let files = files("refused");
        fs::create_dir(&files.dir).unwrap();
        fs::set_permissions(&files.dir, fs::Permissions::from_mode(0o711)).unwrap();
        assert!(files.put("alice", &env("1")).is_err());
        fs::remove_dir_all(&files.dir).unwrap();
    }
}
