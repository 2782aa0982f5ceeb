//! A line by a TUN device: `benchsuite/plants/distance.py` lets packets arrive later, at a rate, or not at all, and TCP
//! sees it.
//!
//! Opening the device takes an `ioctl`, which Rust would not do without `unsafe`.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::bail;
use rustix::process::Signal;

use super::{
    group::Group,
    means::{Party, Settings},
    process::{self, Process},
};
use crate::workspace::root;

pub(crate) const DEVICE: &str = "/dev/net/tun";
const READY_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A party is further away, or behind a bad line, as long as this lives.
#[derive(Debug)]
pub(crate) struct Distance {
    near: Ipv4Addr,
    far: Ipv4Addr,
    _process: Process,
}

impl Distance {
    /// Before a party, if its settings say so.
    pub(crate) fn of(
        party: Party,
        directory: &Path,
        settings: &Settings,
    ) -> anyhow::Result<Option<Distance>> {
        let round_trip_ms = settings.round_trip_ms.get(&party).copied().unwrap_or(0);
        let line = [
            ("--bytes-per-second", settings.line_bytes.get(&party)),
            ("--loss-percent", settings.loss_percent.get(&party)),
        ];
        if round_trip_ms == 0 && line.iter().all(|(_, value)| value.is_none()) {
            return Ok(None);
        }
        // A network of its own for each party, in a range that nobody is likely to use.
        let network = party as u8 + 1;
        let (near, far) = (
            Ipv4Addr::new(10, 219, network, 1),
            Ipv4Addr::new(10, 219, network, 2),
        );
        let log = directory.join(format!("distance-{}.log", party.name()));
        let mut command = process::command(&Group::none(), Path::new("python3"));
        command.arg(root().join("benchsuite/plants/distance.py"));
        command.args(["--device", &format!("sqp-{}", party.name())]);
        command.args(["--near", &near.to_string(), "--far", &far.to_string()]);
        command.args(["--delay-ms", &(f64::from(round_trip_ms) / 2.0).to_string()]);
        for (option, value) in line {
            if let Some(value) = value {
                command.args([option, &value.to_string()]);
            }
        }
        let process = Process::start("the distance", &mut command, &log, Signal::TERM)?;
        let started = Instant::now();
        while !fs::read_to_string(&log)?.contains("ready") {
            if started.elapsed() > READY_MAX {
                bail!("start the distance: see {}", log.display());
            }
            thread::sleep(POLL);
        }
        Ok(Some(Distance {
            near,
            far,
            _process: process,
        }))
    }

    /// Where the party listens.
    pub(crate) fn listen(&self, port: u16) -> SocketAddr {
        SocketAddr::from((self.near, port))
    }

    /// Where it is reached.
    pub(crate) fn reached(&self, listen: SocketAddr) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.far), listen.port())
    }
}

/// Why there is no distance here, if there is none.
pub(crate) fn missing() -> Option<String> {
    (!Path::new(DEVICE).exists()).then(|| format!("there is no {DEVICE}"))
}
