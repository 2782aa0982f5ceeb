//! Bottlenecks of the way from the proxy to the API: queues, slots and patience.

use diagnosis::bottleneck::Bottleneck::*;

use super::{
    Scenario,
    Severity::{Medium, Strong, Weak},
    dose, http1, plant,
};
use crate::plants::means::Means;

const WAIT_20_MS: Means = Means::Api("--sql", &["select pg_sleep(0.02)"]);

const fn backlog(places: &'static [&'static str]) -> [Means; 1] {
    [Means::Api("--backlog", places)]
}

const LIMIT_CONN_ZONE: Means = Means::ProxyHttp("limit_conn_zone", "$server_addr zone=all:1m");

const fn limit_conn(at_once: &'static str) -> [Means; 2] {
    [LIMIT_CONN_ZONE, Means::Proxy("limit_conn", at_once)]
}

/// All of them.
pub(super) const PLANTS: &[Scenario] = &[
    plant(
        "acceptqueue",
        &[P7],
        // An API that does something else for 60 ms, twice a second, and accepts nothing meanwhile.
        &[
            WAIT_20_MS,
            Means::NoUpstreamKeepAlive,
            Means::Api("--chore-ms", &["60"]),
            Means::Api("--chore-every-s", &["0.5"]),
        ],
        http1(24),
        &[
            dose(
                Weak,
                "an accept queue of 8 places, and an API that pauses",
                &backlog(&["8"]),
            ),
            dose(
                Medium,
                "an accept queue of 2 places, and an API that pauses",
                &backlog(&["2"]),
            ),
            dose(
                Strong,
                "an accept queue of 1 place, and an API that pauses",
                &backlog(&["1"]),
            ),
        ],
    ),
    plant(
        "workerconnections",
        &[P10],
        &[WAIT_20_MS],
        http1(16),
        &[
            dose(
                Weak,
                "worker_connections 30, for 16 clients and as many to the API",
                &[Means::WorkerConnections(30)],
            ),
            dose(
                Medium,
                "worker_connections 24, for 16 clients and as many to the API",
                &[Means::WorkerConnections(24)],
            ),
            dose(
                Strong,
                "worker_connections 20, for 16 clients and as many to the API",
                &[Means::WorkerConnections(20)],
            ),
        ],
    ),
    plant(
        "files",
        &[P10],
        &[WAIT_20_MS],
        http1(24),
        &[
            dose(
                Weak,
                "ulimit -n of the API: 90, of which its database connections take 60",
                &[Means::Api("--files", &["90"])],
            ),
            dose(
                Medium,
                "ulimit -n of the API: 84, of which its database connections take 60",
                &[Means::Api("--files", &["84"])],
            ),
        ],
    ),
    plant(
        "shorttimeout",
        &[P9],
        &[WAIT_20_MS],
        http1(16),
        &[
            dose(
                Weak,
                "proxy_read_timeout 0.5 s, and usual answers of 0.3 to 0.52 s",
                &[
                    Means::Proxy("proxy_read_timeout", "500ms"),
                    Means::Api("--sql", &["select pg_sleep(0.3 + random() * 0.22)"]),
                ],
            ),
            dose(
                Medium,
                "proxy_read_timeout 0.5 s, and usual answers of 0.3 to 0.6 s",
                &[
                    Means::Proxy("proxy_read_timeout", "500ms"),
                    Means::Api("--sql", &["select pg_sleep(0.3 + random() * 0.3)"]),
                ],
            ),
        ],
    ),
    plant(
        "limitconn",
        &[P8],
        &[WAIT_20_MS],
        http1(16),
        &[
            dose(Weak, "limit_conn 12, answered 503", &limit_conn("all 12")),
            dose(Medium, "limit_conn 6, answered 503", &limit_conn("all 6")),
            dose(Strong, "limit_conn 2, answered 503", &limit_conn("all 2")),
        ],
    ),
];
