//! Two bottlenecks at once; any of the two is a right verdict.

use diagnosis::bottleneck::Bottleneck::*;

use super::{ALL_SOURCES, Kind, Load, Protocol, Scenario};
use crate::plants::means::{Means, Party};

const fn users(users_max: u32) -> Load {
    Load {
        protocol: Protocol::Http1,
        users_max,
        at_once: None,
    }
}

/// All of them.
pub(super) const DOUBLES: &[Scenario] = &[
    Scenario {
        id: "pool3+rowlock",
        kind: Kind::Double,
        what: "pool of 3, and UPDATE of the same row",
        expected: &[D5, D1],
        next: None,
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
        plant: &[
            Means::Api("--pool", &["3"]),
            Means::Api(
                "--sql",
                &[
                    "update item set value = value + 1 where id = 1",
                    "select pg_sleep(0.008)",
                ],
            ),
        ],
        load: users(16),
        sources: ALL_SOURCES,
    },
    Scenario {
        id: "quota+slow",
        kind: Kind::Double,
        what: "API quota 3 %, and a query of 40 ms",
        expected: &[S3, D2],
        next: None,
        base: &[Means::Api("--sql", &["select pg_sleep(0.01)"])],
        plant: &[
            Means::Quota(Party::Api, 3),
            Means::Api(
                "--sql",
                &["select * from item where id = $1", "select pg_sleep(0.04)"],
            ),
        ],
        load: users(16),
        sources: ALL_SOURCES,
    },
    Scenario {
        id: "browser6+pool3",
        kind: Kind::Double,
        what: "6 connections, and a pool of 3",
        expected: &[D1, C1],
        next: None,
        base: &[Means::Api("--sql", &["select pg_sleep(0.04)"])],
        plant: &[Means::Api("--pool", &["3"])],
        load: Load {
            protocol: Protocol::Browser,
            users_max: 16,
            at_once: Some(120),
        },
        sources: ALL_SOURCES,
    },
    Scenario {
        id: "dbcpu+idle",
        kind: Kind::Double,
        what: "PostgreSQL on 1 core, and 20 ms idle in each transaction with a pool of 4",
        expected: &[D9, D7],
        next: None,
        base: &[
            Means::Api("--sql", &["select pg_sleep(0.01)"]),
            Means::Api("--transaction", &[]),
            Means::Cores(Party::Database, "1"),
        ],
        plant: &[
            Means::Api("--pool", &["4"]),
            Means::Api("--idle-ms", &["20"]),
            Means::Api(
                "--sql",
                &["select sum(hashint4(n)) from generate_series(1, 60000) n"],
            ),
        ],
        load: users(16),
        sources: ALL_SOURCES,
    },
];
