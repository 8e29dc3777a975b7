//! The daemon's own socket: passed by the service manager, or bound here.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Pid, Uid, geteuid};

use crate::os::adopt;

/// First descriptor that `LISTEN_FDS` counts, sd_listen_fds(3).
const LISTEN_FDS_START: i32 = 3;

/// A socket and where it came from.
#[derive(Debug)]
pub struct Listening {
    /// Accepts the gateway.
    pub listener: UnixListener,
    /// Removed at the end; absent when the service manager owns the socket and would start this daemon again.
    pub own_path: Option<PathBuf>,
}

/// The inherited socket, or a fresh one at `path` for `gateway` alone.
///
/// # Errors
/// A sentence with place and remedy.
pub fn listen(path: &Path, gateway: Uid) -> io::Result<Listening> {
    if let Some(passed) = inherited()? {
        passed.set_nonblocking(true)?;
        return Ok(Listening { listener: passed, own_path: None });
    }
    let with_place = |error: io::Error| {
        let remedy = "is its directory there, and does no other hubgate-spawner run?";
        io::Error::new(error.kind(), format!("listen: {}: {error} ({remedy})", path.display()))
    };
    remove_stale(path).map_err(with_place)?;
    let listener = UnixListener::bind(path).map_err(with_place)?;
    // The umask of this daemon made it 0700 for a start; who may open it is the first check of a client.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(with_place)?;
    if geteuid().is_root() && !gateway.is_root() {
        chown(path, Some(gateway.as_raw()), None).map_err(with_place)?;
    }
    listener.set_nonblocking(true)?;
    Ok(Listening { listener, own_path: Some(path.to_owned()) })
}

/// Whether the client is root or the gateway, by the uid that the kernel saw at its connect.
///
/// # Errors
/// Those of `getsockopt(2)`.
pub fn is_welcome(stream: &UnixStream, gateway: Uid) -> io::Result<bool> {
    let peer = getsockopt(stream, sockopt::PeerCredentials)?;
    let welcome = peer.uid() == 0 || peer.uid() == gateway.as_raw();
    if !welcome {
        log::warn!("connection refused: uid={} is neither root nor the gateway", peer.uid());
    }
    Ok(welcome)
}

fn inherited() -> io::Result<Option<UnixListener>> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<i32>().ok());
    if number("LISTEN_PID") != Some(Pid::this().as_raw()) {
        return Ok(None);
    }
    match number("LISTEN_FDS") {
        Some(1) => {
            let fd: OwnedFd = adopt(LISTEN_FDS_START)?;
            Ok(Some(UnixListener::from(fd)))
        }
        count => Err(io::Error::other(format!("LISTEN_FDS is {count:?}; one socket is expected"))),
    }
}

/// A socket that nobody listens at was left by a daemon that was killed; a living one is not taken away.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => Err(io::Error::other("is in the way and not a socket")),
        Ok(_) if UnixStream::connect(path).is_ok() => Err(io::ErrorKind::AddrInUse.into()),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_a_living_one_and_a_file_are_not() {
        let dir = std::env::temp_dir().join(format!("hubgate-listen-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("spawner.sock");
        drop(UnixListener::bind(&path).unwrap());
        let first = listen(&path, geteuid()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(listen(&path, geteuid()).is_err());
        drop(first);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(listen(&path, geteuid()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_peers_uid_decides() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(is_welcome(&one, geteuid()).unwrap());
        assert_eq!(is_welcome(&one, Uid::from_raw(4_000_000)).unwrap(), geteuid().is_root());
    }
}
