//! The same bottlenecks where the API is `sidequest serve`: nginx before it, its model over the rig's tables, each
//! statement a section, and no answer kept for the next request.

use diagnosis::bottleneck::Bottleneck::*;

use super::{
    Rate, Scenario,
    Severity::{Medium, Strong, Weak},
    browser, dose, http1, http2, plant,
};
use crate::plants::means::{Means, Party};

const POOL_OF_60: Means = Means::Serve("--pool", "60");
const WAIT_40_MS: Means = Means::Sections(&[
    "select o as object, 1::int8 as n from unnest($1::int4[]) o, lateral (select pg_sleep(0.04)) s",
]);
const WAIT_20_MS: Means = Means::Sections(&[
    "select o as object, 1::int8 as n from unnest($1::int4[]) o, lateral (select pg_sleep(0.02)) s",
]);
const WAIT_10_MS: Means = Means::Sections(&[
    "select o as object, 1::int8 as n from unnest($1::int4[]) o, lateral (select pg_sleep(0.01)) s",
]);

/// All of them.
pub(super) const PLANTS: &[Scenario] = &[
    plant(
        "ours-browser6",
        &[C1],
        &[POOL_OF_60, WAIT_40_MS],
        browser(16, 120),
        &[dose(
            Medium,
            "ours: HTTP/1.1 over 6 connections, 120 parts at once; the twin over HTTP/2",
            &[],
        )
        .limit(D1, Rate::Known(60.0 / 0.0408))],
    ),
    plant(
        "ours-goaway1000",
        &[P1],
        &[
            Means::Serve("--pool", "100"),
            WAIT_40_MS,
        ],
        http2(64).at_once(5_000).without_resending(),
        &[dose(
            Medium,
            "ours: nginx's default of 1000 requests a connection, 5000 on one",
            &[Means::Proxy("keepalive_requests", "1000")],
        )],
    ),
    plant(
        "ours-streams8",
        &[P2],
        &[POOL_OF_60, WAIT_40_MS],
        http2(16),
        &[dose(
            Medium,
            "ours: 8 concurrent streams",
            &[Means::ProxyHttp("http2_max_concurrent_streams", "8")],
        )
        .limit(D1, Rate::Known(60.0 / 0.0408))],
    ),
    plant(
        "ours-quota",
        &[S3],
        &[POOL_OF_60, WAIT_20_MS],
        http1(16),
        &[
            dose(Weak, "ours: API quota 4 %", &[Means::Quota(Party::Api, 4)]).limit(S3, Rate::Plateau),
            dose(Medium, "ours: API quota 3 %", &[Means::Quota(Party::Api, 3)]).limit(S3, Rate::Plateau),
            dose(Strong, "ours: API quota 2 %", &[Means::Quota(Party::Api, 2)]).limit(S3, Rate::Plateau),
        ],
    ),
    plant(
        "ours-pool3",
        &[D1],
        &[POOL_OF_60, WAIT_10_MS],
        http1(8),
        &[
            dose(
                Weak,
                "ours: pool of 5, queries of 10 ms",
                &[Means::Serve("--pool", "5")],
            )
            .limit(D1, Rate::Plateau),
            dose(
                Medium,
                "ours: pool of 3, queries of 10 ms",
                &[Means::Serve("--pool", "3")],
            )
            .limit(D1, Rate::Plateau),
            dose(
                Strong,
                "ours: pool of 2, queries of 10 ms",
                &[Means::Serve("--pool", "2")],
            )
            .limit(D1, Rate::Plateau),
        ],
    ),
    plant(
        "ours-dbcpu",
        &[D9],
        &[POOL_OF_60, WAIT_10_MS, Means::Cores(Party::Database, "1")],
        http1(8),
        &[dose(
            Medium,
            "ours: PostgreSQL on 1 core, 8 active",
            &[Means::Sections(&[
                "select o as object, (select sum(hashint4(n)) from generate_series(1, 20000) n)::int8 as n from unnest($1::int4[]) o",
                "select o as object, (select max(length(md5(n::text))) from generate_series(1, 10000) n)::int8 as n from unnest($1::int4[]) o",
                "select o as object, (select count(*) from generate_series(1, 30000) n where n % 7 = 3)::int8 as n from unnest($1::int4[]) o",
            ])],
        )
        .limit(D9, Rate::Plateau)],
    ),
    plant(
        "ours-distincton",
        &[D3],
        &[
            POOL_OF_60,
            Means::Sections(&[
                "select o as object, l.id::int8 as n from unnest($1::int4[]) o, (select id from latest_kept order by at desc limit 20) l order by 1, 2",
                "select o as object, 1::int8 as n from unnest($1::int4[]) o, lateral (select pg_sleep(0.01)) s",
            ]),
        ],
        http1(8),
        &[dose(
            Medium,
            "ours: newest first over a DISTINCT ON view, 500,000 revisions",
            &[Means::Sections(&[
                "select o as object, l.id::int8 as n from unnest($1::int4[]) o, (select id from latest order by at desc limit 20) l order by 1, 2",
                "select o as object, 1::int8 as n from unnest($1::int4[]) o, lateral (select pg_sleep(0.01)) s",
            ])],
        )
        .limit(D9, Rate::Plateau)],
    ),
];
