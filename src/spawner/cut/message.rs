//! The bytes of sock_diag(7): `nlmsghdr` and `inet_diag_req_v2` out, `inet_diag_msg` in. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x01;
const NLM_F_ACK: u16 = 0x04;
const NLM_F_DUMP: u16 = 0x300;
const IPPROTO_TCP: u8 = 6;
const HEADER: usize = 16;
/// `inet_diag_sockid`: ports 2 + 2, addresses 16 + 16, interface 4, cookie 8.
const SOCKID: usize = 48;
/// All states but `TCP_LISTEN` (10) and `TCP_TIME_WAIT` (6): bits 1 to 12.
const STATES: u32 = 0x1ffe & !(1 << 10) & !(1 << 6);

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    fn number(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    family: Family,
    /// As the kernel gave it, with its cookie: what is ended is this connection and no later one of the same ports.
    id: [u8; SOCKID],
    pub(super) local_port: u16,
    pub(super) remote: SocketAddr,
}

/// One message of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Row(Box<Row>),
    /// End of a dump.
    Done,
    /// An `errno`, 0 for success.
    Ack(i32),
}

/// Asks for all connections at a local port.
pub(super) fn dump(family: Family, port: u16) -> Vec<u8> {
    let mut id = [0; SOCKID];
    if let Some(place) = id.first_chunk_mut() {
        *place = port.to_be_bytes();
    }
    request(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, family, &id)
}

/// Asks for the end of one.
pub(super) fn destroy(row: &Row) -> Vec<u8> {
    request(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, row.family, &row.id)
}

fn request(kind: u16, flags: u16, family: Family, id: &[u8; SOCKID]) -> Vec<u8> {
    let mut body = vec![family.number(), IPPROTO_TCP, 0, 0];
    body.extend_from_slice(&STATES.to_ne_bytes());
    body.extend_from_slice(id);
    let len = u32::try_from(HEADER + body.len()).unwrap_or_default();
    let mut out = len.to_ne_bytes().to_vec();
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    // Sequence 1, from the kernel's idea of who we are.
    out.extend_from_slice(&1_u32.to_ne_bytes());
    out.extend_from_slice(&0_u32.to_ne_bytes());
    out.extend_from_slice(&body);
    out
}

/// Reads what the kernel sent; what is not understood is left out.
pub(super) fn replies(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while let Some(len) = u32_at(bytes, 0).and_then(|len| usize::try_from(len).ok())
        && let Some(message) = bytes.get(HEADER..len)
    {
        let kind = bytes.get(4..6).and_then(|kind| kind.try_into().ok()).map(u16::from_ne_bytes);
        replies.extend(reply(kind.unwrap_or_default(), message));
        // Messages begin at multiples of four.
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    replies
}

fn reply(kind: u16, message: &[u8]) -> Option<Reply> {
    match kind {
        NLMSG_DONE => Some(Reply::Done),
        NLMSG_ERROR => {
            let code = message.first_chunk().copied().map(i32::from_ne_bytes)?;
            Some(Reply::Ack(code.checked_neg()?))
        }
        SOCK_DIAG_BY_FAMILY => row(message).map(|row| Reply::Row(Box::new(row))),
        _ => None,
    }
}

/// `inet_diag_msg`: family, state, timer, retransmits, then the socket's id.
fn row(message: &[u8]) -> Option<Row> {
    let id: [u8; SOCKID] = *message.get(4..)?.first_chunk()?;
    let port = |at: usize| id.get(at..at + 2).and_then(|port| port.try_into().ok()).map(u16::from_be_bytes);
    let remote = id.get(20..36)?;
    let (family, ip) = match message.first()? {
        2 => (Family::V4, IpAddr::from(Ipv4Addr::from(*remote.first_chunk::<4>()?))),
        10 => (Family::V6, IpAddr::from(Ipv6Addr::from(*remote.first_chunk::<16>()?))),
        _ => return None,
    };
    Some(Row { family, id, local_port: port(0)?, remote: SocketAddr::new(ip, port(2)?) })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut out = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
        out.extend_from_slice(&kind.to_ne_bytes());
        out.extend_from_slice(&[0; 10]);
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn v4_row() -> Vec<u8> {
        let mut body = vec![2, 1, 0, 0];
        body.extend_from_slice(&443_u16.to_be_bytes());
        body.extend_from_slice(&50000_u16.to_be_bytes());
        body.extend_from_slice(&[[10, 0, 0, 1], [0; 4], [0; 4], [0; 4]].concat());
        body.extend_from_slice(&[[192, 0, 2, 7], [0; 4], [0; 4], [0; 4]].concat());
        body.extend_from_slice(&[9; 12]);
        body.extend_from_slice(&[0; 20]);
        body
    }

    #[test]
    fn a_request_has_the_size_that_the_kernel_expects() {
        let bytes = dump(Family::V6, 443);
        assert_eq!(bytes.len(), 72);
        assert_eq!(u32_at(&bytes, 0), Some(72));
        assert_eq!(bytes[16..18], [10, 6]);
        assert_eq!(bytes[24..26], 443_u16.to_be_bytes());
    }

    #[test]
    fn a_row_gives_port_and_peer_and_is_destroyed_by_the_id_it_came_with() {
        let body = v4_row();
        let found = replies(&[message(SOCK_DIAG_BY_FAMILY, &body), message(NLMSG_DONE, &[0; 4])].concat());
        let [Reply::Row(row), Reply::Done] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((row.local_port, row.remote), (443, "192.0.2.7:50000".parse().unwrap()));
        assert_eq!(destroy(row)[24..], body[4..52]);
    }

    #[test]
    fn an_error_is_told_as_errno() {
        assert_eq!(replies(&message(NLMSG_ERROR, &(-1_i32).to_ne_bytes())), [Reply::Ack(1)]);
        assert_eq!(replies(&message(NLMSG_ERROR, &0_i32.to_ne_bytes())), [Reply::Ack(0)]);
    }

    #[test]
    fn broken_messages_are_left_out_and_end_the_reading() {
        for bytes in [
            &[][..],
            &[0; 3],
            &[0; 16],
            &[0xff; 64],
            &[4, 0, 0, 0, 3, 0, 0, 0],
            &message(SOCK_DIAG_BY_FAMILY, &[2; 20]),
        ] {
            assert!(replies(bytes).is_empty(), "{bytes:?}");
        }
    }
}
