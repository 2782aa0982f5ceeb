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
    /// nginx keeps no connection to the API.
    NoUpstreamKeepAlive,
    /// The certificate has an RSA key of 4096 bits instead of one of P-256.
    CertificateRsa4096,
    /// CPU quota in per cent of a core.
    Quota(Party, u32),
    /// The cores on which a party runs, as cpuset lists them.
    Cores(Party, &'static str),
    /// Bytes a second to the disk.
    WriteRate(Party, u64),
    /// A setting of PostgreSQL.
    Postgres(&'static str, &'static str),
    /// SQL before the run and SQL after it.
    Sql { apply: &'static str, undo: &'static str },
    /// What the database answers arrives so much later: a relay stands before it.
    DatabaseDelay { ms: u32 },
}

/// What all means of a scenario amount to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) api: BTreeMap<&'static str, &'static [&'static str]>,
    pub(crate) downstream: Option<(u32, u32)>,
    pub(crate) proxy: BTreeMap<&'static str, &'static str>,
    pub(crate) proxy_http: BTreeMap<&'static str, &'static str>,
    pub(crate) is_upstream_closed: bool,
    pub(crate) is_certificate_rsa: bool,
    pub(crate) quota_percent: BTreeMap<Party, u32>,
    pub(crate) cores: BTreeMap<Party, &'static str>,
    pub(crate) write_rate_bytes: BTreeMap<Party, u64>,
    pub(crate) postgres: BTreeMap<&'static str, &'static str>,
    pub(crate) sql: Vec<(&'static str, &'static str)>,
    pub(crate) database_delay_ms: Option<u32>,
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
            Means::NoUpstreamKeepAlive => self.is_upstream_closed = true,
            Means::CertificateRsa4096 => self.is_certificate_rsa = true,
            Means::Quota(party, percent) => {
                self.quota_percent.insert(party, percent);
            }
            Means::Cores(party, list) => {
                self.cores.insert(party, list);
            }
            Means::WriteRate(party, bytes) => {
                self.write_rate_bytes.insert(party, bytes);
            }
            Means::Postgres(name, value) => {
                self.postgres.insert(name, value);
            }
            Means::Sql { apply, undo } => self.sql.push((apply, undo)),
            Means::DatabaseDelay { ms } => self.database_delay_ms = Some(ms),
        }
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
