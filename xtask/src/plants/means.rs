//! What a plant is made of: each means is a value, and a rig is settled by the means of a scenario.
//!
//! Nothing here changes anything. [`Settings`] is what they amount to, later ones winning over earlier ones; the rig
//! applies it, and takes back what it applied when it is dropped, after a failure too.

use std::collections::BTreeMap;

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Generator,
    Proxy,
    Api,
    Downstream,
    Database,
}

/// One change to the rig.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Means {
    /// An option of the foreign API, with its values; no value for a switch.
    Api(&'static str, &'static [&'static str]),
    /// The downstream service: requests at a time, and how long each takes.
    Downstream { slots: u32, slot_ms: u32 },
    /// A directive of nginx's `server`.
    Proxy(&'static str, &'static str),
    /// A directive of nginx's `http`.
    ProxyHttp(&'static str, &'static str),
    /// Connections of nginx, those to clients and those to the API.
    WorkerConnections(u32),
    /// nginx keeps no connection to the API.
    NoUpstreamKeepAlive,
    /// The certificate has an RSA key of so many bits instead of one of P-256.
    CertificateRsa(u32),
    /// CPU quota in per cent of a core.
    Quota(Party, u32),
    /// The cores on which a party runs, as cpuset lists them.
    Cores(Party, &'static str),
    /// Bytes a second to the disk.
    WriteRate(Party, u64),
    /// Bytes a second from the disk.
    ReadRate(Party, u64),
    /// What a table and its indexes hold is on the disk only: the machine keeps nothing of their files in memory.
    ColdTable(&'static str),
    /// A setting of PostgreSQL.
    Postgres(&'static str, &'static str),
    /// SQL before the run and SQL after it.
    Sql { apply: &'static str, undo: &'static str },
    /// What the database answers arrives so much later: a relay stands before it.
    DatabaseDelay { ms: u32 },
    /// A party is so far from those who ask it, by a TUN device: TCP sees the round trip.
    Distance { before: Party, round_trip_ms: u32 },
    /// The line before a party carries so many bytes a second in each direction, by the same device.
    Line { before: Party, bytes: u32 },
    /// The line before a party loses so many of a hundred packets in each direction, by the same device.
    Loss { before: Party, percent: u32 },
    /// nginx lives in a network namespace of its own, with so many local ports.
    Ports(u32),
    /// CPU on credit, as burstable machines have it.
    Credits(Party, Credits),
    /// Bytes of memory at most, page cache included.
    Memory(Party, u64),
    /// A `CHECKPOINT` every so many seconds.
    Checkpoints { every_s: u64 },
    /// The API is `sidequest serve`, with an option and its value.
    Serve(&'static str, &'static str),
    /// The API is `sidequest serve`; a section of its model for each statement, of `$1` wanted items.
    Sections(&'static [&'static str]),
}

/// A token bucket over CPU: what is used over the share that is earned is paid from the balance; without one, only
/// what is earned is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credits {
    /// Of a core.
    pub(crate) earned_percent: u32,
    /// The balance at the start, and at most: milliseconds of CPU.
    pub(crate) balance_ms: u32,
}

/// What all means of a scenario amount to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) api: BTreeMap<&'static str, &'static [&'static str]>,
    pub(crate) downstream: Option<(u32, u32)>,
    pub(crate) proxy: BTreeMap<&'static str, &'static str>,
    pub(crate) proxy_http: BTreeMap<&'static str, &'static str>,
    pub(crate) worker_connections: Option<u32>,
    pub(crate) is_upstream_closed: bool,
    pub(crate) certificate_rsa_bits: Option<u32>,
    pub(crate) quota_percent: BTreeMap<Party, u32>,
    pub(crate) cores: BTreeMap<Party, &'static str>,
    pub(crate) write_rate_bytes: BTreeMap<Party, u64>,
    pub(crate) read_rate_bytes: BTreeMap<Party, u64>,
    pub(crate) cold_tables: Vec<&'static str>,
    pub(crate) postgres: BTreeMap<&'static str, &'static str>,
    pub(crate) sql: Vec<(&'static str, &'static str)>,
    pub(crate) database_delay_ms: Option<u32>,
    pub(crate) round_trip_ms: BTreeMap<Party, u32>,
    pub(crate) line_bytes: BTreeMap<Party, u32>,
    pub(crate) loss_percent: BTreeMap<Party, u32>,
    pub(crate) ports: Option<u32>,
    pub(crate) credits: BTreeMap<Party, Credits>,
    pub(crate) memory_bytes: BTreeMap<Party, u64>,
    pub(crate) checkpoints_every_s: Option<u64>,
    pub(crate) serve: BTreeMap<&'static str, &'static str>,
    /// With some, the API is ours.
    pub(crate) sections: Option<&'static [&'static str]>,
}

impl Settings {
    /// In this order: what a plant says stands over what its scenario has anyway.
    pub(crate) fn of<'a>(means: impl IntoIterator<Item = &'a Means>) -> Settings {
        let mut settings = Settings::default();
        for means in means {
            settings.take(*means);
        }
        settings
    }

    fn take(&mut self, means: Means) {
        match means {
            Means::Api(option, values) => {
                self.api.insert(option, values);
            }
            Means::Downstream { slots, slot_ms } => self.downstream = Some((slots, slot_ms)),
            Means::Proxy(name, value) => {
                self.proxy.insert(name, value);
            }
            Means::ProxyHttp(name, value) => {
                self.proxy_http.insert(name, value);
            }
            Means::WorkerConnections(most) => self.worker_connections = Some(most),
            Means::NoUpstreamKeepAlive => self.is_upstream_closed = true,
            Means::CertificateRsa(bits) => self.certificate_rsa_bits = Some(bits),
            Means::Quota(party, percent) => {
                self.quota_percent.insert(party, percent);
            }
            Means::Cores(party, list) => {
                self.cores.insert(party, list);
            }
            Means::WriteRate(party, bytes) => {
                self.write_rate_bytes.insert(party, bytes);
            }
            Means::ReadRate(party, bytes) => {
                self.read_rate_bytes.insert(party, bytes);
            }
            Means::ColdTable(table) => self.cold_tables.push(table),
            Means::Postgres(name, value) => {
                self.postgres.insert(name, value);
            }
            Means::Sql { apply, undo } => self.sql.push((apply, undo)),
            Means::DatabaseDelay { ms } => self.database_delay_ms = Some(ms),
            Means::Distance {
                before,
                round_trip_ms,
            } => {
                self.round_trip_ms.insert(before, round_trip_ms);
            }
            Means::Line { before, bytes } => {
                self.line_bytes.insert(before, bytes);
            }
            Means::Loss { before, percent } => {
                self.loss_percent.insert(before, percent);
            }
            Means::Ports(ports) => self.ports = Some(ports),
            Means::Credits(party, credits) => {
                self.credits.insert(party, credits);
            }
            Means::Memory(party, bytes) => {
                self.memory_bytes.insert(party, bytes);
            }
            Means::Checkpoints { every_s } => self.checkpoints_every_s = Some(every_s),
            Means::Serve(option, value) => {
                self.serve.insert(option, value);
            }
            Means::Sections(statements) => self.sections = Some(statements),
        }
    }

    /// Whether a load uses up what was planted: the next one needs a rig of its own.
    pub(crate) fn is_used_up(&self) -> bool {
        self.ports.is_some() || !self.credits.is_empty()
    }
}

impl Party {
    /// Of its control group.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Party::Generator => "generator",
            Party::Proxy => "proxy",
            Party::Api => "api",
            Party::Downstream => "downstream",
            Party::Database => "database",
        }
    }
}
