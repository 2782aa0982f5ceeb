//! One bottleneck each: section 8.2 of the design, in its order.
//!
//! Without its plant a request waits 10 to 40 ms in the database and costs little, so that the load stays far below
//! what the rig carries and the twin is healthy.

use diagnosis::bottleneck::Bottleneck::{self, *};

use super::{ALL_SOURCES, Kind, Load, Next, Protocol, Rate, Scenario};
use crate::plants::means::{Means, Party};

const WAIT_40_MS: Means = Means::Api("--sql", &["select pg_sleep(0.04)"]);
const WAIT_20_MS: Means = Means::Api("--sql", &["select pg_sleep(0.02)"]);
const WAIT_10_MS: Means = Means::Api("--sql", &["select pg_sleep(0.01)"]);
const LOOK_UP: Means = Means::Api("--sql", &["select * from item where id = $1"]);
const LOOK_UP_10_MS: Means = Means::Api(
    "--sql",
    &["select * from item where id = $1", "select pg_sleep(0.01)"],
);

const fn users(users_max: u32) -> Load {
    Load {
        protocol: Protocol::Http1,
        users_max,
        at_once: None,
    }
}

const fn streams(users_max: u32, at_once: Option<u32>) -> Load {
    Load {
        protocol: Protocol::Http2,
        users_max,
        at_once,
    }
}

const fn plant(
    id: &'static str,
    what: &'static str,
    expected: &'static [Bottleneck],
    means: Planted,
    load: Load,
) -> Scenario {
    Scenario {
        id,
        kind: Kind::Plant,
        what,
        expected,
        next: means.next,
        base: means.base,
        plant: means.plant,
        load,
        sources: ALL_SOURCES,
    }
}

/// What the rig has, what is planted, and which limit is known then.
#[derive(Clone, Copy)]
struct Planted {
    base: &'static [Means],
    plant: &'static [Means],
    next: Option<Next>,
}

const fn limit(resource: Bottleneck, rate: Rate) -> Option<Next> {
    Some(Next { resource, rate })
}

/// All of them.
pub(super) const PLANTS: &[Scenario] = &[
    plant(
        "browser6",
        "HTTP/1.1 over 6 connections, 120 parts at once; the twin over HTTP/2",
        &[C1],
        Planted {
            base: &[WAIT_40_MS],
            plant: &[],
            // Sixty connections to the database, each held 40 ms and the round trip.
            next: limit(D1, Rate::Known(60.0 / 0.0408)),
        },
        Load {
            protocol: Protocol::Browser,
            users_max: 16,
            at_once: Some(120),
        },
    ),
    plant(
        "goaway1000",
        "nginx's default, 5000 requests on 1 connection",
        &[P1],
        Planted {
            base: &[
                WAIT_40_MS,
                Means::Api("--pool", &["100"]),
                Means::Proxy("keepalive_requests", "100000"),
            ],
            plant: &[Means::Proxy("keepalive_requests", "1000")],
            next: None,
        },
        streams(64, Some(5_000)),
    ),
    plant(
        "streams8",
        "8 concurrent streams",
        &[P2],
        Planted {
            base: &[WAIT_40_MS],
            plant: &[Means::ProxyHttp("http2_max_concurrent_streams", "8")],
            next: limit(D1, Rate::Known(60.0 / 0.0408)),
        },
        streams(16, None),
    ),
    plant(
        "limitreq",
        "limit_req 50/s, answered 429",
        &[P8],
        Planted {
            base: &[WAIT_20_MS],
            plant: &[
                Means::ProxyHttp("limit_req_zone", "$binary_remote_addr zone=all:1m rate=50r/s"),
                Means::Proxy("limit_req", "zone=all burst=5 nodelay"),
                Means::Proxy("limit_req_status", "429"),
            ],
            next: limit(P8, Rate::Known(50.0)),
        },
        users(16),
    ),
    plant(
        "timeout",
        "proxy_read_timeout 1 s, a query of 0.3 to 1.15 s",
        &[D2, P9],
        Planted {
            base: &[LOOK_UP_10_MS],
            plant: &[
                Means::Proxy("proxy_read_timeout", "1s"),
                Means::Api(
                    "--sql",
                    &[
                        "select * from item where id = $1",
                        "select pg_sleep(0.3 + random() * 0.85)",
                    ],
                ),
            ],
            next: None,
        },
        users(16),
    ),
    plant(
        "tls",
        "a new connection for each request, RSA of 4096 bits",
        &[P6],
        Planted {
            base: &[LOOK_UP_10_MS],
            plant: &[Means::CertificateRsa4096, Means::Proxy("keepalive_timeout", "0")],
            next: None,
        },
        users(8),
    ),
    plant(
        "apicpu",
        "hash loop, API on 1 core",
        &[S1],
        Planted {
            base: &[LOOK_UP_10_MS, Means::Cores(Party::Api, "1")],
            plant: &[Means::Api("--hash-blocks", &["200"])],
            next: limit(S1, Rate::Plateau),
        },
        users(8),
    ),
    plant(
        "quota",
        "API quota 4 %: what the design's 10 % is for its slower API",
        &[S3],
        Planted {
            base: &[WAIT_20_MS],
            plant: &[Means::Quota(Party::Api, 4)],
            next: limit(S3, Rate::Plateau),
        },
        users(16),
    ),
    plant(
        "bigjson",
        "400 kB of JSON with gzip",
        &[S6],
        Planted {
            base: &[LOOK_UP_10_MS],
            plant: &[Means::Api("--body-bytes", &["400000"]), Means::Api("--gzip", &[])],
            next: None,
        },
        users(8),
    ),
    plant(
        "downstream",
        "downstream of 4 slots, 30 ms each",
        &[S7],
        Planted {
            base: &[
                LOOK_UP_10_MS,
                Means::Downstream {
                    slots: 1_000,
                    slot_ms: 30,
                },
            ],
            plant: &[Means::Downstream {
                slots: 4,
                slot_ms: 30,
            }],
            next: limit(S7, Rate::Known(133.0)),
        },
        users(12),
    ),
    plant(
        "pool3",
        "pool of 3, queries of 10 ms",
        &[D1],
        Planted {
            base: &[WAIT_10_MS],
            plant: &[Means::Api("--pool", &["3"])],
            next: limit(D1, Rate::Plateau),
        },
        users(8),
    ),
    plant(
        "slow1of50",
        "one more statement, which takes 40 ms",
        &[D2],
        Planted {
            base: &[LOOK_UP_10_MS],
            plant: &[Means::Api(
                "--sql",
                &[
                    "select * from item where id = $1",
                    "select pg_sleep(0.01)",
                    "select id, pg_sleep(0.04) from item where id = $1",
                ],
            )],
            next: None,
        },
        users(16),
    ),
    plant(
        "distincton",
        "newest first over a DISTINCT ON view, 500,000 revisions",
        &[D3],
        Planted {
            base: &[Means::Api(
                "--sql",
                &[
                    "select * from latest_kept order by at desc limit 20",
                    "select pg_sleep(0.01)",
                ],
            )],
            plant: &[Means::Api(
                "--sql",
                &[
                    "select * from latest order by at desc limit 20",
                    "select pg_sleep(0.01)",
                ],
            )],
            next: limit(D9, Rate::Plateau),
        },
        users(8),
    ),
    plant(
        "rowlock",
        "UPDATE of the same row",
        &[D5],
        Planted {
            base: &[
                Means::Api("--transaction", &[]),
                Means::Api(
                    "--sql",
                    &[
                        "update item set value = value + 1 where id = $1",
                        "select pg_sleep(0.008)",
                    ],
                ),
            ],
            plant: &[Means::Api(
                "--sql",
                &[
                    "update item set value = value + 1 where id = 1",
                    "select pg_sleep(0.008)",
                ],
            )],
            next: limit(D5, Rate::Plateau),
        },
        users(16),
    ),
    plant(
        "nplus1",
        "40 queries a request, the database 1 ms away",
        &[D8],
        Planted {
            base: &[LOOK_UP, Means::DatabaseDelay { ms: 1 }],
            plant: &[Means::Api("--repeat", &["40"])],
            next: None,
        },
        users(4),
    ),
    plant(
        "dbcpu",
        "PostgreSQL on 1 core, 8 active",
        &[D9],
        Planted {
            base: &[LOOK_UP_10_MS, Means::Cores(Party::Database, "1")],
            plant: &[Means::Api(
                "--sql",
                &[
                    "select sum(hashint4(n)) from generate_series(1, 20000) n",
                    "select max(md5(n::text)) from generate_series(1, 10000) n",
                    "select count(*) from generate_series(1, 30000) n where n % 7 = 3",
                ],
            )],
            next: limit(D9, Rate::Plateau),
        },
        users(8),
    ),
    plant(
        "client",
        "generator quota 3 %",
        &[C2],
        Planted {
            base: &[WAIT_20_MS],
            plant: &[Means::Quota(Party::Generator, 3)],
            next: None,
        },
        users(8),
    ),
    plant(
        "applock",
        "one lock of the whole API, held 8 ms",
        &[S2],
        Planted {
            base: &[LOOK_UP_10_MS],
            plant: &[Means::Api("--lock-ms", &["8"])],
            next: None,
        },
        users(8),
    ),
    plant(
        "idletx",
        "20 ms idle in each transaction, with a pool of 6",
        &[D7],
        Planted {
            base: &[LOOK_UP_10_MS, Means::Api("--transaction", &[])],
            plant: &[
                Means::Api("--sql", &["select * from item where id = $1"]),
                Means::Api("--idle-ms", &["20"]),
                Means::Api("--pool", &["6"]),
            ],
            next: None,
        },
        users(16),
    ),
    plant(
        "dropindex",
        "the index that a route needs is gone, 400,000 rows",
        &[D4],
        Planted {
            base: &[Means::Api(
                "--sql",
                &["select * from event where kind = $1", "select pg_sleep(0.01)"],
            )],
            plant: &[Means::Sql {
                apply: "drop index event_kind",
                undo: "create index if not exists event_kind on event (kind)",
            }],
            next: None,
        },
        users(8),
    ),
    plant(
        "tablelock",
        "each request locks a table, 8 ms",
        &[D6],
        Planted {
            base: &[
                Means::Api("--transaction", &[]),
                Means::Api(
                    "--sql",
                    &["lock table kind in access share mode", "select pg_sleep(0.008)"],
                ),
            ],
            plant: &[Means::Api(
                "--sql",
                &[
                    "lock table kind in access exclusive mode",
                    "select pg_sleep(0.008)",
                ],
            )],
            next: None,
        },
        users(8),
    ),
    plant(
        "walfsync",
        "commits wait for a disk that writes 200 kB/s",
        &[D11],
        Planted {
            base: &[
                Means::Api(
                    "--sql",
                    &[
                        "update item set value = value + 1 where id = $1",
                        "select pg_sleep(0.01)",
                    ],
                ),
                Means::Postgres("synchronous_commit", "on"),
            ],
            plant: &[Means::WriteRate(Party::Database, 200_000)],
            next: None,
        },
        users(8),
    ),
    plant(
        "noupstreamka",
        "nginx keeps no connection to the API",
        &[P4],
        Planted {
            base: &[],
            plant: &[Means::NoUpstreamKeepAlive],
            next: None,
        },
        users(8),
    ),
];
