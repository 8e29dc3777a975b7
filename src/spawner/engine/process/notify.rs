//! The receiving end of `NOTIFY_SOCKET`, sd_notify(3): readiness and status of a server, believed from its main process.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt};

use crate::line::{STATUS_MAX, harmless};

/// Messages taken at a time, so that one that floods leaves time for the rest.
const AT_ONCE: usize = 64;
/// systemd's own bound of a message.
const MESSAGE_MAX: usize = 4096;

/// A datagram socket of one server.
///
/// Its address is abstract: a path would have to lie in a directory that the server's user can search, and the server's
/// user can do that in none of ours. Anybody can send to it, therefore the sender's pid, as the kernel gives it, decides.
#[derive(Debug)]
pub struct Notify {
    socket: UnixDatagram,
    address: String,
}

/// What a server said in one go.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `READY=1`
    pub ready: bool,
    /// The last `STATUS=`.
    pub status: Option<String>,
}

impl Notify {
    /// Binds an address that nobody can know beforehand.
    ///
    /// # Errors
    /// Those of the kernel, or of the source of random bytes.
    pub fn bind() -> io::Result<Self> {
        let mut noise = [0; 16];
        openssl::rand::rand_bytes(&mut noise).map_err(io::Error::other)?;
        let name: String = noise.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("hubgate-notify-{name}");
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        Ok(Self { socket, address: format!("@{name}") })
    }

    /// The value of `NOTIFY_SOCKET`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Takes what waits; messages of other processes than `main` are dropped.
    ///
    /// # Errors
    /// Those of `recvmsg(2)`.
    pub fn take(&self, main: i32) -> io::Result<Said> {
        let mut said = Said::default();
        for _ in 0..AT_ONCE {
            let mut buffer = [0; MESSAGE_MAX];
            let Some((len, pid)) = self.receive(&mut buffer)? else { break };
            if pid == Some(main) {
                said.read(buffer.get(..len).unwrap_or_default());
            }
        }
        Ok(said)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, Option<i32>)>> {
        let mut space = cmsg_space!(UnixCredentials);
        let mut slices = [IoSliceMut::new(buffer)];
        // Descriptors that a sender attaches find no room, and are closed by the kernel.
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        match recvmsg::<()>(self.socket.as_raw_fd(), &mut slices, Some(&mut space), flags) {
            Ok(message) => {
                let mut messages = message.cmsgs()?;
                let pid = messages.find_map(|message| match message {
                    ControlMessageOwned::ScmCredentials(credentials) => Some(credentials.pid()),
                    _ => None,
                });
                Ok(Some((message.bytes, pid)))
            }
            Err(nix::Error::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Said {
    fn read(&mut self, message: &[u8]) {
        for line in String::from_utf8_lossy(message).lines() {
            if line == "READY=1" {
                self.ready = true;
            } else if let Some(text) = line.strip_prefix("STATUS=") {
                self.status = Some(harmless(text, STATUS_MAX));
            }
        }
    }
}

impl AsFd for Notify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(notify: &Notify, text: &str) {
        let address = SocketAddr::from_abstract_name(&notify.address()[1..]).unwrap();
        UnixDatagram::unbound().unwrap().send_to_addr(text.as_bytes(), &address).unwrap();
    }

    #[test]
    fn readiness_and_the_last_status_of_the_main_process_are_heard() {
        let notify = Notify::bind().unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        assert_eq!(notify.take(me).unwrap(), Said::default());
        send(&notify, "STATUS=starting\n");
        send(&notify, "READY=1\nSTATUS=hubgate kernels=0\x1b[m\nWATCHDOG=1");
        let status = Some("hubgate kernels=0\u{fffd}[m".to_owned());
        assert_eq!(notify.take(me).unwrap(), Said { ready: true, status });
    }

    #[test]
    fn other_processes_are_not_believed() {
        let notify = Notify::bind().unwrap();
        send(&notify, "READY=1");
        assert_eq!(notify.take(1).unwrap(), Said::default());
    }

    #[test]
    fn an_endless_status_is_cut() {
        let notify = Notify::bind().unwrap();
        send(&notify, &format!("STATUS={}", "é".repeat(4000)));
        let me = i32::try_from(std::process::id()).unwrap();
        assert_eq!(notify.take(me).unwrap().status.unwrap().len(), STATUS_MAX);
    }
}
