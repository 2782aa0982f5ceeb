//! A network namespace for nginx, with few local ports: the machine's own range is left as it is.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
};

use super::{group::Group, process};
use crate::workspace::{output, say};

const NAME: &str = "sidequest-plants";
const OUTSIDE: &str = "sqp-outside";
const INSIDE: &str = "sqp-inside";
const OUTSIDE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 219, 100, 1);
const INSIDE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 219, 100, 2);
const PORT_FIRST: u32 = 20_000;

/// Gone when dropped, with every connection in it.
#[derive(Debug)]
pub(crate) struct Namespace(());

impl Namespace {
    /// With so many local ports, and a wire to the machine.
    pub(crate) fn start(ports: u32) -> anyhow::Result<Namespace> {
        clear();
        ip(&["netns", "add", NAME])?;
        // From here on it is removed whatever fails.
        let namespace = Namespace(());
        ip(&[
            "link", "add", "name", OUTSIDE, "type", "veth", "peer", "name", INSIDE,
        ])?;
        ip(&["link", "set", INSIDE, "netns", NAME])?;
        ip(&["addr", "add", &format!("{OUTSIDE_ADDRESS}/30"), "dev", OUTSIDE])?;
        ip(&["link", "set", OUTSIDE, "up"])?;
        let inside = |arguments: &[&str]| ip(&[&["-n", NAME], arguments].concat());
        inside(&["addr", "add", &format!("{INSIDE_ADDRESS}/30"), "dev", INSIDE])?;
        inside(&["link", "set", INSIDE, "up"])?;
        inside(&["link", "set", "lo", "up"])?;
        let range = format!("{PORT_FIRST} {}", PORT_FIRST + ports - 1);
        ip(&[
            "netns",
            "exec",
            NAME,
            "sh",
            "-c",
            &format!("echo {range} > /proc/sys/net/ipv4/ip_local_port_range"),
        ])?;
        Ok(namespace)
    }

    /// Where a process in it listens.
    pub(crate) fn listen(&self, port: u16) -> SocketAddr {
        SocketAddr::from((INSIDE_ADDRESS, port))
    }

    /// Where a process of the machine listens that is reached from within.
    pub(crate) fn outside(&self, port: u16) -> SocketAddr {
        SocketAddr::from((OUTSIDE_ADDRESS, port))
    }

    /// A command that joins the groups and the namespace, and then becomes the program.
    pub(crate) fn command(&self, group: &Group, program: &Path) -> Command {
        let mut command = process::command(group, Path::new("ip"));
        command.args(["netns", "exec", NAME]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "del", NAME]) {
            say(format_args!("warning: the namespace {NAME} stays: {error:#}"));
        }
        // One end of the wire goes with the other, and both with the namespace, a little later.
        let _ = ip(&["link", "del", OUTSIDE]);
    }
}

/// What a run left that was killed.
pub(crate) fn clear() {
    let _ = ip(&["netns", "del", NAME]);
    let _ = ip(&["link", "del", OUTSIDE]);
}

/// Why there is no namespace here, if there is none.
pub(crate) fn missing() -> Option<String> {
    Namespace::start(1)
        .err()
        .map(|error| format!("no network namespace: {error:#}"))
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    output(Command::new("ip").args(arguments)).map(drop)
}
