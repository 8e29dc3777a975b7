//! Telling the service manager: sd_notify(3), written by hand because it is one datagram.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `state`, such as `READY=1`, to `NOTIFY_SOCKET`, if there is one.
pub fn notify(state: &str) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(address.as_bytes(), state) {
        log::warn!("the service manager could not be told {state}: {error}");
    }
}

fn send(address: &[u8], state: &str) -> io::Result<()> {
    let address = match address.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(address))?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reaches_an_abstract_and_a_path_socket() {
        let name = format!("hubgate-ready-{}", std::process::id());
        let abstract_end = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(format!("@{name}").as_bytes(), "READY=1").unwrap();
        let path = std::env::temp_dir().join(name);
        let path_end = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str().as_bytes(), "READY=1").unwrap();
        for end in [abstract_end, path_end] {
            let mut text = [0; 16];
            let len = end.recv(&mut text).unwrap();
            assert_eq!(&text[..len], b"READY=1");
        }
        std::fs::remove_file(path).unwrap();
        assert!(send(b"/nowhere/at/all", "READY=1").is_err());
    }
}
