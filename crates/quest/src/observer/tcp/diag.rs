//! The kernel's list of TCP sockets by netlink: `sock_diag`, as `ss -ti` asks for it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
    netlink::{self, SocketAddrNetlink},
    recv, sendto, socket_with,
    sockopt::{Timeout, set_socket_timeout},
};

use super::{Family, SOCKETS_MAX, Side, Socket, Told};
use crate::observer::State;

/// The kernel answers at once or not at all.
const ANSWER_MAX: Duration = Duration::from_secs(2);
const BUFFER_BYTES: usize = 65_536;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const ASK_FOR_ALL: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const INET_DIAG_INFO: u16 = 2;
/// From ESTABLISHED to LAST_ACK, without those that only wait, and those that listen.
const STATES: u32 = (1 << 1) | (1 << 4) | (1 << 5) | (1 << 8) | (1 << 9);

const HEADER_BYTES: usize = 16;
const MESSAGE_BYTES: usize = 72;

/// All of a family that have the port on that side.
pub(super) fn sockets(family: Family, side: Side, port: u16) -> Result<Vec<Socket>, State> {
    let family = match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    };
    ask(family, side, port).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => State::Denied("sock_diag: not permitted".to_owned()),
        _ => State::Absent(format!("sock_diag: {error}")),
    })
}

fn ask(family: u8, side: Side, port: u16) -> io::Result<Vec<Socket>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_MAX))?;
    let request = request(family, side, port);
    sendto(
        &socket,
        &request,
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let (_, read) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if !take(&buffer[..read.min(BUFFER_BYTES)], &mut found)? {
            return Ok(found);
        }
    }
}

fn request(family: u8, side: Side, port: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let length: u32 = 72;
    bytes.extend(length.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(ASK_FOR_ALL.to_ne_bytes());
    // Sequence and sender.
    bytes.extend([0; 8]);
    bytes.extend([family, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0]);
    bytes.extend(STATES.to_ne_bytes());
    let (local, peer) = match side {
        Side::Peer => (0, port),
        Side::Local => (port, 0),
    };
    bytes.extend(local.to_be_bytes());
    bytes.extend(peer.to_be_bytes());
    bytes.resize(length as usize, 0);
    bytes
}

/// What one answer holds; whether more will come.
pub(super) fn take(mut bytes: &[u8], found: &mut Vec<Socket>) -> io::Result<bool> {
    while let (Some(length), Some(kind)) = (u32_at(bytes, 0), u16_at(bytes, 4)) {
        let length = length as usize;
        if length < HEADER_BYTES || length > bytes.len() {
            break;
        }
        match kind {
            NLMSG_DONE => return Ok(false),
            NLMSG_ERROR => {
                let code = u32_at(bytes, HEADER_BYTES).map_or(0, |code| code.cast_signed().wrapping_neg());
                return Err(io::Error::from_raw_os_error(code));
            }
            _ => {}
        }
        if let Some(socket) = socket(&bytes[HEADER_BYTES..length]) {
            found.push(socket);
        }
        if found.len() >= SOCKETS_MAX {
            return Ok(false);
        }
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    Ok(true)
}

fn socket(message: &[u8]) -> Option<Socket> {
    let address = |at: usize| match message.first()? {
        &AF_INET => {
            let bytes: [u8; 4] = message.get(at..at + 4)?.try_into().ok()?;
            Some(IpAddr::V4(Ipv4Addr::from(bytes)))
        }
        _ => {
            let bytes: [u8; 16] = message.get(at..at + 16)?.try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
    };
    let port = |at: usize| Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?));
    Some(Socket {
        local: SocketAddr::new(address(8)?, port(4)?),
        peer: SocketAddr::new(address(24)?, port(6)?),
        cookie: u64_at(message, 44)?,
        told: told(message.get(MESSAGE_BYTES..)?)?,
    })
}

/// `TCP_INFO` among the attributes.
fn told(mut attributes: &[u8]) -> Option<Told> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let kind = u16_at(attributes, 2)?;
        if length < 4 {
            return None;
        }
        if kind == INET_DIAG_INFO {
            let info = attributes.get(4..length)?;
            let short = |at: usize| u32_at(info, at).map_or(0.0, f64::from);
            let long = |at: usize| u64_at(info, at).map_or(0.0, |number| number as f64);
            // As `struct tcp_info` of linux/tcp.h has them: it only grows at its end.
            return Some(Told {
                rtt_us: short(68),
                sent_again: short(100),
                min_rtt_us: short(148),
                segments_sent: short(156),
                busy_us: long(168),
                reader_limited_us: long(176),
            });
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
