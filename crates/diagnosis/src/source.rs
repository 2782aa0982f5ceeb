//! Where observations come from, and whether each place could be read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! sources {
    ($($variant:ident $name:literal $words:literal;)*) => {
        /// A place that observations come from.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum Source {
            $(#[doc = $words] #[serde(rename = $name)] $variant,)*
        }

        impl Source {
            /// All of them.
            pub const ALL: &[Source] = &[$(Source::$variant,)*];

            /// As files write it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Source::$variant => $name,)*
                }
            }

            /// In words.
            pub fn words(self) -> &'static str {
                match self {
                    $(Source::$variant => $words,)*
                }
            }
        }
    };
}

sources! {
    Client "client" "what the load generator sees of each request";
    Generator "generator" "what the load generator knows of itself";
    Tcp "tcp" "TCP_INFO of connections";
    Metrics "metrics" "the target's Prometheus text";
    ServerTiming "server_timing" "the Server-Timing header";
    Traces "traces" "spans by OTLP or Jaeger";
    Activity "activity" "sampling of pg_stat_activity";
    Statements "statements" "pg_stat_statements";
    Statistics "statistics" "PostgreSQL's cumulative views";
    Plans "plans" "EXPLAIN, with hypothetical indexes where hypopg is there";
    Cgroup "cgroup" "cgroup v1 or v2 of the parties";
    Process "process" "/proc of the parties: CPU, threads, scheduling, files";
    Pressure "pressure" "pressure stall information of the hosts";
    Host "host" "/proc of the hosts: steal, disks, network";
    Proxy "proxy" "error log and access log of the proxy";
}

impl Source {
    /// The one of this name.
    pub fn of(name: &str) -> Option<Source> {
        Source::ALL.iter().copied().find(|source| source.name() == name)
    }
}

/// Whether a source could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was read.
    Available,
    /// It is there and may not be read.
    Denied,
    /// It is not there, or nobody told where.
    Absent,
}

/// A source, and whether it could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceState {
    /// Which.
    pub source: Source,
    /// Whose, where several parties have one: `server`, `database`, `client`, `proxy`; empty means all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Whether it was read.
    pub state: State,
    /// Why not, or how: "permission denied for pg_stat_statements", "scraped every 15 s".
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}
