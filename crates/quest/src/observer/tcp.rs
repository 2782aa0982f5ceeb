//! What TCP itself says of the connections to the target: round trips, segments sent again, who stops whom.
//!
//! The kernel lists its sockets with their `TCP_INFO` to anybody who asks by `sock_diag`, so the sockets of the load
//! need not be touched. Where the target is on this machine its end of the same connections is there too, and it is the
//! end that sends the answers: what is lost of them, and what a slow reader does to them, only it can count.

#[cfg(target_os = "linux")]
mod diag;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

#[cfg(target_os = "linux")]
use diag::sockets;
#[cfg(not(target_os = "linux"))]
use elsewhere::sockets;

use crate::observer::{Depth, Observer, Reading, State};

/// How often it is read within a window.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// Sockets of one reading at most.
pub const SOCKETS_MAX: usize = 8_192;

/// Readings without the server's end after which it is not looked for any more: a kernel with many sockets takes its
/// time to list them, and a target elsewhere has no end here.
const IN_VAIN_MAX: u32 = 20;

/// What the kernel says of one socket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Socket {
    /// Of this socket and no other, ever.
    pub(crate) cookie: u64,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) told: Told,
}

/// Of its `TCP_INFO`; what an older kernel does not have is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) rtt_us: f64,
    pub(crate) min_rtt_us: f64,
    pub(crate) sent_again: f64,
    pub(crate) segments_sent: f64,
    pub(crate) busy_us: f64,
    pub(crate) reader_limited_us: f64,
}

/// By which of its ports a socket is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It is connected to the port: the client's end.
    Peer,
    /// It has the port: the server's end.
    Local,
}

/// Which of the two kinds of addresses a socket was made for. A server that listens to both has sockets of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Reads the sockets of the connections to one target.
#[derive(Debug)]
pub struct Tcp {
    addresses: BTreeSet<IpAddr>,
    port: u16,
    families: Vec<Family>,
    /// Of the server's end, once it was seen.
    server_family: Option<Family>,
    in_vain: u32,
    before: BTreeMap<u64, Told>,
    sums: BTreeMap<String, f64>,
}

impl Tcp {
    /// Of a target by all its addresses.
    pub fn new(addresses: &[SocketAddr]) -> Result<Tcp, State> {
        let port = addresses
            .first()
            .map(SocketAddr::port)
            .ok_or_else(|| State::Absent("the target is not reached by TCP".to_owned()))?;
        let has = |is_wanted: fn(&SocketAddr) -> bool| addresses.iter().any(is_wanted);
        let families = [
            (Family::V4, has(SocketAddr::is_ipv4)),
            (Family::V6, has(SocketAddr::is_ipv6)),
        ];
        Ok(Tcp {
            addresses: addresses
                .iter()
                .map(|address| address.ip().to_canonical())
                .collect(),
            port,
            families: families
                .into_iter()
                .filter_map(|(family, is_there)| is_there.then_some(family))
                .collect(),
            server_family: None,
            in_vain: 0,
            before: BTreeMap::new(),
            sums: BTreeMap::new(),
        })
    }

    fn add(&mut self, end: &str, sockets: &[Socket], reading: &mut Reading, now: &mut BTreeMap<u64, Told>) {
        let mut least = f64::INFINITY;
        for socket in sockets {
            let told = socket.told;
            let before = self.before.get(&socket.cookie).copied().unwrap_or_default();
            let mut add = |name: &str, by: f64| {
                *self.sums.entry(format!("{end}/{name}")).or_default() += by.max(0.0);
            };
            add("sent_again", told.sent_again - before.sent_again);
            add("segments", told.segments_sent - before.segments_sent);
            add("busy_seconds", (told.busy_us - before.busy_us) / 1e6);
            add(
                "reader_limited_seconds",
                (told.reader_limited_us - before.reader_limited_us) / 1e6,
            );
            if told.rtt_us > 0.0 {
                add("rtt_ms", told.rtt_us / 1e3);
                add("rtt_seen", 1.0);
            }
            // Before anything was measured the kernel says that it is as large as can be.
            if told.min_rtt_us > 0.0 && told.min_rtt_us < f64::from(u32::MAX) {
                least = least.min(told.min_rtt_us / 1e3);
            }
            now.insert(socket.cookie, told);
        }
        if least.is_finite() {
            reading.gauges.insert(format!("{end}/min_rtt_ms"), least);
        }
    }
}

impl Tcp {
    fn ours(&self) -> Result<Vec<Socket>, State> {
        let mut found = Vec::new();
        for family in &self.families {
            found.extend(sockets(*family, Side::Peer, self.port)?);
        }
        found.retain(|socket| self.addresses.contains(&socket.peer.ip()));
        Ok(found)
    }

    /// Only of connections whose other end is ours: a server may have clients besides.
    fn theirs(&mut self, ours: &[Socket]) -> Vec<Socket> {
        if ours.is_empty() || self.in_vain >= IN_VAIN_MAX {
            return Vec::new();
        }
        let ports: BTreeSet<u16> = ours.iter().map(|socket| socket.local.port()).collect();
        let families = match &self.server_family {
            Some(family) => std::slice::from_ref(family),
            None => &[Family::V4, Family::V6],
        };
        for family in families {
            // What cannot be listed is not seen; our own end has told whether anything can.
            let mut found = sockets(*family, Side::Local, self.port).unwrap_or_default();
            found.retain(|socket| ports.contains(&socket.peer.port()));
            if !found.is_empty() {
                self.server_family = Some(*family);
                return found;
            }
        }
        if self.server_family.is_none() {
            self.in_vain += 1;
        }
        Vec::new()
    }
}

impl Observer for Tcp {
    fn read(&mut self, _: Depth) -> Result<Reading, State> {
        let ours = self.ours()?;
        let theirs = self.theirs(&ours);
        let mut reading = Reading::default();
        let mut now = BTreeMap::new();
        self.add("client", &ours, &mut reading, &mut now);
        self.add("server", &theirs, &mut reading, &mut now);
        self.before = now;
        reading.counters = self.sums.clone();
        Ok(reading)
    }
}
