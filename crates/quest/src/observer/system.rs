//! What the machine says, where the target runs on ours: processes, control groups, pressure, network counters.

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod find;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod process;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::time::Duration;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{System, name_of, named, owner_of_port, parent_of};
#[cfg(target_os = "linux")]
pub use find::{name_of, named, owner_of_port, parent_of};
#[cfg(target_os = "linux")]
pub use host::System;

/// How often it is read within a window.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// Processes of one party at most.
pub const PROCESSES_MAX: usize = 256;

/// Threads of one party at most.
pub const THREADS_MAX: usize = 1_024;

/// Whose a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Ours.
    Client,
    /// What stands before the server.
    Proxy,
    /// The API.
    Server,
    /// The database.
    Database,
}

/// Processes that do one thing together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Whose.
    pub role: Role,
    /// The first; its children belong to it where it is a database or a proxy.
    pub pid: u32,
    /// What it is called.
    pub name: String,
}

impl Role {
    /// As keys begin.
    pub fn name(self) -> &'static str {
        match self {
            Role::Client => "client",
            Role::Proxy => "proxy",
            Role::Server => "server",
            Role::Database => "database",
        }
    }

    /// Whose a process of this name most likely is.
    pub fn of_name(name: &str) -> Role {
        match name {
            "postgres" | "postmaster" => Role::Database,
            "nginx" | "haproxy" | "envoy" | "traefik" | "caddy" | "apache2" | "httpd" => Role::Proxy,
            _ => Role::Server,
        }
    }
}
