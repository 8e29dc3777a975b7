//! Cut: ends TCP connections between clients and nginx, with `SOCK_DESTROY` of the kernel's sock_diag(7).
//!
//! nginx owns the websockets and asks about them only at their handshake; this is how a logout reaches them. Only
//! connections to nginx's own ports, named in root's settings, can be cut, whatever the gateway asks.

mod message;

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use hubgate_protocol::Connection;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;

use message::{Family, Reply, Row};

/// The kernel answers at once; a socket that is silent is broken.
const ANSWER_S: i64 = 5;
/// The kernel's own largest piece of a dump.
const PIECE: usize = 32 * 1024;

/// Why connections could not be cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// No `CAP_NET_ADMIN` over this network.
    #[error("the kernel forbids it: CAP_NET_ADMIN is needed")]
    Forbidden,
    /// A kernel without `CONFIG_INET_DIAG_DESTROY`.
    #[error("this kernel cannot end connections (CONFIG_INET_DIAG_DESTROY)")]
    Unsupported,
    /// Something else.
    #[error("sock_diag failed: {0}")]
    Failed(#[from] io::Error),
}

impl From<nix::Error> for CutError {
    fn from(error: nix::Error) -> Self {
        match error {
            nix::Error::EPERM | nix::Error::EACCES => Self::Forbidden,
            nix::Error::EOPNOTSUPP | nix::Error::EPROTONOSUPPORT | nix::Error::EAFNOSUPPORT => {
                Self::Unsupported
            }
            error => Self::Failed(error.into()),
        }
    }
}

/// Ends those of `connections` that are connected to one of `ports`; tells how many.
///
/// # Errors
/// [`CutError`]; connections that ended meanwhile are no error.
pub fn cut(connections: &[Connection], ports: &[u16]) -> Result<u32, CutError> {
    let wanted: HashSet<SocketAddr> =
        connections.iter().map(|peer| SocketAddr::new(peer.addr.to_canonical(), peer.port)).collect();
    if wanted.is_empty() || ports.is_empty() {
        return Ok(0);
    }
    let netlink = open()?;
    let mut closed = 0;
    for family in [Family::V4, Family::V6] {
        for port in ports {
            for row in dump(&netlink, family, *port)? {
                if row.is_between(*port, &wanted) && destroy(&netlink, &row)? {
                    closed += 1;
                }
            }
        }
    }
    Ok(closed)
}

fn open() -> Result<OwnedFd, CutError> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag)?;
    setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::new(ANSWER_S, 0))?;
    Ok(netlink)
}

/// All connections of one family at one local port.
fn dump(netlink: &OwnedFd, family: Family, port: u16) -> Result<Vec<Row>, CutError> {
    send(netlink, &message::dump(family, port))?;
    let mut rows = Vec::new();
    loop {
        for reply in replies(netlink)? {
            match reply {
                Reply::Row(row) => rows.push(*row),
                Reply::Ack(0) | Reply::Done => return Ok(rows),
                // A kernel without IPv6 has no such connections.
                Reply::Ack(code)
                    if family == Family::V6 && nix::Error::from_raw(code) == nix::Error::ENOENT =>
                {
                    return Ok(rows);
                }
                Reply::Ack(code) => return Err(nix::Error::from_raw(code).into()),
            }
        }
    }
}

/// Ends one; false when it has gone by itself.
fn destroy(netlink: &OwnedFd, row: &Row) -> Result<bool, CutError> {
    send(netlink, &message::destroy(row))?;
    loop {
        for reply in replies(netlink)? {
            match reply {
                Reply::Ack(0) => return Ok(true),
                Reply::Ack(code) if nix::Error::from_raw(code) == nix::Error::ENOENT => return Ok(false),
                Reply::Ack(code) => return Err(nix::Error::from_raw(code).into()),
                Reply::Row(_) | Reply::Done => {}
            }
        }
    }
}

fn send(netlink: &OwnedFd, bytes: &[u8]) -> Result<(), CutError> {
    let kernel = NetlinkAddr::new(0, 0);
    sendto(netlink.as_raw_fd(), bytes, &kernel, MsgFlags::empty())?;
    Ok(())
}

fn replies(netlink: &OwnedFd) -> Result<Vec<Reply>, CutError> {
    let mut piece = vec![0; PIECE];
    let len = recv(netlink.as_raw_fd(), &mut piece, MsgFlags::empty())?;
    Ok(message::replies(piece.get(..len).unwrap_or_default()))
}

impl Row {
    /// Whether this is a connection to our `port` from one of `peers`.
    fn is_between(&self, port: u16, peers: &HashSet<SocketAddr>) -> bool {
        // A client of a dual-stack listener that speaks IPv4 appears as an IPv6 address that holds an IPv4 one.
        let peer = SocketAddr::new(IpAddr::to_canonical(&self.remote.ip()), self.remote.port());
        self.local_port == port && peers.contains(&peer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Both ends of a connection, and what the kernel said to the cut.
    fn try_cut(listen: &str, ports: impl Fn(u16) -> Vec<u16>) -> (TcpStream, Result<u32, CutError>) {
        let listener = TcpListener::bind(listen).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (_server, _) = listener.accept().unwrap();
        let own = client.local_addr().unwrap();
        let outcome = cut(&[Connection { addr: own.ip(), port: own.port() }], &ports(port));
        (client, outcome)
    }

    #[test]
    fn a_connection_to_our_port_ends_or_the_kernel_says_why_not() {
        for listen in ["127.0.0.1:0", "[::]:0"] {
            let (mut client, outcome) = try_cut(listen, |port| vec![port]);
            match outcome {
                Ok(closed) => {
                    assert_eq!(closed, 1, "{listen}");
                    client.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
                    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
                }
                Err(CutError::Forbidden | CutError::Unsupported) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_connection_to_another_port_is_never_touched() {
        let (mut client, outcome) = try_cut("127.0.0.1:0", |port| vec![if port == 1 { 2 } else { 1 }]);
        assert!(matches!(outcome, Ok(0)), "{outcome:?}");
        client.set_nonblocking(true).unwrap();
        // The listener's end has been dropped, so the end of the stream is what a whole connection shows.
        assert!(matches!(client.read(&mut [0]), Ok(0)) || client.take_error().unwrap().is_none());
        assert!(matches!(cut(&[], &[443]), Ok(0)));
    }
}
