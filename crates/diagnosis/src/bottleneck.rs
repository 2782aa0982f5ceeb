//! The closed list of bottlenecks: identity, name and layer.
//!
//! What proves one, what it is confused with and what helps stands in [`crate::rule`], one file each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The part of the path in which a bottleneck sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// C: the client or the load generator.
    Client,
    /// P: proxy and protocol.
    Protocol,
    /// S: the server.
    Server,
    /// D: the database.
    Database,
    /// N: the network.
    Network,
    /// X: none.
    None,
}

macro_rules! bottlenecks {
    ($($variant:ident $layer:ident $name:literal;)*) => {
        /// What can limit an HTTP API. The order is that of the catalogue.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum Bottleneck {
            $(#[doc = $name] $variant,)*
        }

        impl Bottleneck {
            /// All of them, in the order of the catalogue.
            pub const ALL: &[Bottleneck] = &[$(Bottleneck::$variant,)*];

            /// As reports and files write it.
            pub fn id(self) -> &'static str {
                match self {
                    $(Bottleneck::$variant => stringify!($variant),)*
                }
            }

            /// In words.
            pub fn name(self) -> &'static str {
                match self {
                    $(Bottleneck::$variant => $name,)*
                }
            }

            /// Where it sits.
            pub fn layer(self) -> Layer {
                match self {
                    $(Bottleneck::$variant => Layer::$layer,)*
                }
            }
        }
    };
}

bottlenecks! {
    C1 Client "browser's 6-connection limit (HTTP/1)";
    C2 Client "load generator saturated";
    P1 Protocol "max requests per HTTP/2 connection";
    P2 Protocol "max concurrent streams";
    P3 Protocol "HTTP/2 flow-control window";
    P4 Protocol "proxy to upstream without keep-alive";
    P5 Protocol "ephemeral ports exhausted";
    P6 Protocol "TLS handshakes";
    P7 Protocol "accept queue overflow";
    P8 Protocol "rate or connection limiting";
    P9 Protocol "timeouts";
    P10 Protocol "file descriptors or worker_connections exhausted";
    S1 Server "server CPU saturated";
    S2 Server "one hot thread or lock";
    S3 Server "CFS quota throttling of the server";
    S4 Server "CPU burst credits exhausted";
    S5 Server "memory pressure: swap, GC, OOM";
    S6 Server "large payload serialisation";
    S7 Server "downstream service";
    D1 Database "connection pool exhausted";
    D2 Database "one dominant slow query";
    D3 Database "sequential scan under a DISTINCT ON view";
    D4 Database "missing index";
    D5 Database "row lock contention";
    D6 Database "table lock, DDL";
    D7 Database "idle in transaction";
    D8 Database "N+1 queries";
    D9 Database "database CPU saturated";
    D9b Database "CFS quota throttling of the database";
    D10 Database "database read I/O";
    D11 Database "WAL, commit fsync";
    D12 Database "checkpoint or autovacuum";
    D13 Database "LWLocks, too many connections";
    N1 Network "network latency";
    N2 Network "bandwidth";
    N3 Network "packet loss";
    N4 Network "slow reader";
    X0 None "none found";
}

impl Bottleneck {
    /// The one of this id.
    pub fn of(id: &str) -> Option<Bottleneck> {
        Bottleneck::ALL
            .iter()
            .copied()
            .find(|bottleneck| bottleneck.id() == id)
    }
}
