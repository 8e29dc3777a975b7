//! The listening socket of a server: made by the daemon in a directory that no user can write.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use hubgate_protocol::ServerId;
use nix::unistd::{Gid, geteuid};

/// A socket that is removed from the file system when it is dropped.
#[derive(Debug)]
pub struct ServerSocket {
    listener: UnixListener,
    path: PathBuf,
}

/// Makes the directory, or checks the one that is there.
///
/// # Errors
/// A sentence with the place.
pub fn prepare_dir(dir: &Path, group: Gid) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o750).create(dir) {
        Ok(()) => {
            give_to_group(dir, group)?;
            return fs::set_permissions(dir, fs::Permissions::from_mode(0o750));
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", dir.display()))),
    }
    let meta = fs::symlink_metadata(dir)?;
    if meta.is_dir() && meta.uid() == geteuid().as_raw() && meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    let text = "must be a directory of the daemon's user that nobody else can write, or a user could put another's \
                socket in its own place";
    Err(io::Error::other(format!("{}: {text}", dir.display())))
}

impl ServerSocket {
    /// Listens in `dir` under the server's own name, for `group` alone.
    ///
    /// # Errors
    /// Those of the kernel, with the place.
    pub fn bind(dir: &Path, server: &ServerId, group: Gid) -> io::Result<Self> {
        let path = dir.join(server.socket_name());
        let with_place =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        remove_stale(&path).map_err(with_place)?;
        let listener = UnixListener::bind(&path).map_err(with_place)?;
        let socket = Self { listener, path: path.clone() };
        // Until here the daemon's umask keeps everybody out.
        give_to_group(&path, group).map_err(with_place)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).map_err(with_place)?;
        Ok(socket)
    }

    /// The socket itself.
    #[must_use]
    pub fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for ServerSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            log::warn!("{}: cannot be removed: {error}", self.path.display());
        }
    }
}

/// What a daemon that was killed left behind.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::other("is in the way and not a socket; move it")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Without root a group of which the daemon's user is no member cannot be given: then nginx runs as that user too, and
/// the owner's rights are enough.
fn give_to_group(path: &Path, group: Gid) -> io::Result<()> {
    match chown(path, None, Some(group.as_raw())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !geteuid().is_root() => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("hubgate-socket-{}-{name}", std::process::id()));
        let _absent = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn a_socket_is_for_its_group_alone_replaces_a_stale_one_and_goes_when_it_is_dropped() {
        let dir = dir("bind");
        let (group, server) = (nix::unistd::getegid(), "alice:gpu".parse().unwrap());
        prepare_dir(&dir, group).unwrap();
        let path = dir.join("alice@gpu.sock");
        drop(UnixListener::bind(&path).unwrap());
        let socket = ServerSocket::bind(&dir, &server, group).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o750);
        UnixStream::connect(&path).unwrap();
        drop(socket);
        assert!(!path.exists());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_directory_that_others_can_write_and_a_file_in_the_way_are_refused() {
        let dir = dir("refused");
        let group = nix::unistd::getegid();
        prepare_dir(&dir, group).unwrap();
        fs::write(dir.join("alice.sock"), "precious").unwrap();
        assert!(ServerSocket::bind(&dir, &"alice".parse().unwrap(), group).is_err());
        assert_eq!(fs::read_to_string(dir.join("alice.sock")).unwrap(), "precious");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(prepare_dir(&dir, group).is_err());
        fs::remove_dir_all(dir).unwrap();
    }
}
