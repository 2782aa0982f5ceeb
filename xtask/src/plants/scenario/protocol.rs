//! Bottlenecks of client, proxy and protocol.
//!
//! Without its plant a request waits 10 to 40 ms in the database and costs little, so that the load stays far below
//! what the rig carries and the twin is healthy.

use diagnosis::bottleneck::Bottleneck::*;

use super::{
    Dose, Rate, Scenario,
    Severity::{Medium, Strong, Weak},
    browser, dose, http1, http2, plant,
};
use crate::plants::{
    means::{Means, Party},
    proxy::REQUESTS_EACH,
};

const WAIT_40_MS: Means = Means::Api("--sql", &["select pg_sleep(0.04)"]);
const WAIT_20_MS: Means = Means::Api("--sql", &["select pg_sleep(0.02)"]);
const LOOK_UP_10_MS: Means = Means::Api(
    "--sql",
    &["select * from item where id = $1", "select pg_sleep(0.01)"],
);
/// Sixty connections to the database, each held 40 ms and the round trip.
const POOL_OF_60: Rate = Rate::Known(60.0 / 0.0408);

const fn browsers(severity: super::Severity, what: &'static str, users: u32, parts: u32) -> Dose {
    dose(severity, what, &[])
        .load(browser(users, parts))
        .limit(D1, POOL_OF_60)
}

const LIMIT_429: Means = Means::Proxy("limit_req_status", "429");
const LIMIT: Means = Means::Proxy("limit_req", "zone=all burst=5 nodelay");

/// All of them.
pub(super) const PLANTS: &[Scenario] = &[
    plant(
        "browser6",
        &[C1],
        &[WAIT_40_MS],
        browser(16, 120),
        &[
            browsers(
                Weak,
                "HTTP/1.1 over 6 connections, 24 parts at once; the twin over HTTP/2",
                10,
                24,
            ),
            browsers(
                Medium,
                "HTTP/1.1 over 6 connections, 120 parts at once; the twin over HTTP/2",
                16,
                120,
            ),
            browsers(
                Strong,
                "HTTP/1.1 over 6 connections, 480 parts at once; the twin over HTTP/2",
                32,
                480,
            ),
        ],
    ),
    plant(
        "goaway1000",
        &[P1],
        &[WAIT_40_MS, Means::Api("--pool", &["100"])],
        http2(64).at_once(5_000).without_resending(),
        &[
            dose(
                Weak,
                "4000 requests a connection, 5000 on one",
                &[Means::Proxy(REQUESTS_EACH, "4000")],
            ),
            dose(
                Medium,
                "nginx's default of 1000 requests a connection, 5000 on one",
                &[Means::Proxy(REQUESTS_EACH, "1000")],
            ),
            dose(
                Strong,
                "100 requests a connection, 5000 on one",
                &[Means::Proxy(REQUESTS_EACH, "100")],
            ),
        ],
    ),
    plant(
        "streams8",
        &[P2],
        &[WAIT_40_MS],
        http2(16),
        &[
            dose(
                Weak,
                "10 concurrent streams",
                &[Means::ProxyHttp("http2_max_concurrent_streams", "10")],
            )
            .limit(D1, POOL_OF_60),
            dose(
                Medium,
                "8 concurrent streams",
                &[Means::ProxyHttp("http2_max_concurrent_streams", "8")],
            )
            .limit(D1, POOL_OF_60),
            dose(
                Strong,
                "3 concurrent streams",
                &[Means::ProxyHttp("http2_max_concurrent_streams", "3")],
            )
            .limit(D1, POOL_OF_60),
        ],
    ),
    plant(
        "h2window",
        &[P3],
        &[
            WAIT_20_MS,
            Means::Api("--body-bytes", &["154000"]),
            Means::Distance {
                before: Party::Proxy,
                round_trip_ms: 40,
            },
        ],
        http2(4),
        &[
            dose(Weak, "windows of 64 KiB, 155 kB, a round trip of 40 ms", &[]).load(http2(4).window(16)),
            dose(Medium, "windows of 16 KiB, 155 kB, a round trip of 40 ms", &[]).load(http2(4).window(14)),
            dose(Strong, "windows of 4 KiB, 155 kB, a round trip of 40 ms", &[]).load(http2(4).window(12)),
        ],
    ),
    plant(
        "noupstreamka",
        &[P4],
        &[
            WAIT_20_MS,
            Means::Distance {
                before: Party::Api,
                round_trip_ms: 20,
            },
        ],
        http1(8),
        &[dose(
            Medium,
            "nginx keeps no connection to an API that is 20 ms away",
            &[Means::NoUpstreamKeepAlive],
        )],
    ),
    plant(
        "ports",
        &[P5, P4],
        &[WAIT_20_MS, Means::Ports(28_000)],
        http1(8),
        &[
            dose(
                Weak,
                "nginx keeps no connection to the API, and has 400 local ports",
                &[Means::NoUpstreamKeepAlive, Means::Ports(400)],
            ),
            dose(
                Medium,
                "nginx keeps no connection to the API, and has 200 local ports",
                &[Means::NoUpstreamKeepAlive, Means::Ports(200)],
            ),
            dose(
                Strong,
                "nginx keeps no connection to the API, and has 100 local ports",
                &[Means::NoUpstreamKeepAlive, Means::Ports(100)],
            ),
        ],
    ),
    plant(
        "limitreq",
        &[P8],
        &[WAIT_20_MS],
        http1(16),
        &[
            dose(
                Weak,
                "limit_req 200/s, answered 429",
                &[
                    Means::ProxyHttp("limit_req_zone", "$binary_remote_addr zone=all:1m rate=200r/s"),
                    LIMIT,
                    LIMIT_429,
                ],
            )
            .limit(P8, Rate::Known(200.0)),
            dose(
                Medium,
                "limit_req 50/s, answered 429",
                &[
                    Means::ProxyHttp("limit_req_zone", "$binary_remote_addr zone=all:1m rate=50r/s"),
                    LIMIT,
                    LIMIT_429,
                ],
            )
            .limit(P8, Rate::Known(50.0)),
            dose(
                Strong,
                "limit_req 20/s, answered 429",
                &[
                    Means::ProxyHttp("limit_req_zone", "$binary_remote_addr zone=all:1m rate=20r/s"),
                    LIMIT,
                    LIMIT_429,
                ],
            )
            .limit(P8, Rate::Known(20.0)),
        ],
    ),
    plant(
        "timeout",
        &[D2, P9],
        &[LOOK_UP_10_MS],
        http1(16),
        &[
            dose(
                Weak,
                "proxy_read_timeout 1 s, a query of 0.3 to 1.05 s",
                &[
                    Means::Proxy("proxy_read_timeout", "1s"),
                    Means::Api(
                        "--sql",
                        &[
                            "select * from item where id = $1",
                            "select pg_sleep(0.3 + random() * 0.75)",
                        ],
                    ),
                ],
            ),
            dose(
                Medium,
                "proxy_read_timeout 1 s, a query of 0.3 to 1.15 s",
                &[
                    Means::Proxy("proxy_read_timeout", "1s"),
                    Means::Api(
                        "--sql",
                        &[
                            "select * from item where id = $1",
                            "select pg_sleep(0.3 + random() * 0.85)",
                        ],
                    ),
                ],
            ),
            dose(
                Strong,
                "proxy_read_timeout 1 s, a query of 0.3 to 2.3 s",
                &[
                    Means::Proxy("proxy_read_timeout", "1s"),
                    Means::Api(
                        "--sql",
                        &[
                            "select * from item where id = $1",
                            "select pg_sleep(0.3 + random() * 2.0)",
                        ],
                    ),
                ],
            ),
        ],
    ),
    plant(
        "tls",
        &[P6],
        &[LOOK_UP_10_MS],
        http1(8),
        &[
            dose(
                Weak,
                "a new connection for each second request, RSA of 4096 bits",
                &[Means::CertificateRsa(4096), Means::Proxy(REQUESTS_EACH, "2")],
            ),
            dose(
                Medium,
                "a new connection for each request, RSA of 4096 bits",
                &[
                    Means::CertificateRsa(4096),
                    Means::Proxy("keepalive_timeout", "0"),
                ],
            ),
            dose(
                Strong,
                "a new connection for each request, RSA of 6144 bits",
                &[
                    Means::CertificateRsa(6144),
                    Means::Proxy("keepalive_timeout", "0"),
                ],
            ),
        ],
    ),
    plant(
        "client",
        &[C2],
        &[WAIT_20_MS],
        http1(24),
        &[
            dose(Weak, "generator quota 3 %", &[Means::Quota(Party::Generator, 3)]),
            dose(
                Medium,
                "generator quota 2 %: what the design's 3 % is for our generator",
                &[Means::Quota(Party::Generator, 2)],
            ),
            dose(
                Strong,
                "generator quota 1 %",
                &[Means::Quota(Party::Generator, 1)],
            ),
        ],
    ),
];
