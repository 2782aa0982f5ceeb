//! Two bottlenecks at once; any of the two is a right verdict.

use diagnosis::bottleneck::Bottleneck::{self, *};

use super::{ALL_SOURCES, Dose, Kind, Load, Scenario, Severity::Medium, browser, dose, http1};
use crate::plants::means::{Means, Party};

const fn double(
    id: &'static str,
    expected: &'static [Bottleneck],
    base: &'static [Means],
    load: Load,
    doses: &'static [Dose],
) -> Scenario {
    Scenario {
        id,
        kind: Kind::Double,
        expected,
        base,
        doses,
        load,
        sources: ALL_SOURCES,
        shows: None,
    }
}

/// All of them.
pub(super) const DOUBLES: &[Scenario] = &[
    double(
        "pool3+rowlock",
        &[D5, D1],
        &[
            Means::Api("--transaction", &[]),
            Means::Api(
                "--sql",
                &[
                    "update item set value = value + 1 where id = $1",
                    "select pg_sleep(0.008)",
                ],
            ),
        ],
        http1(16),
        &[dose(
            Medium,
            "pool of 3, and UPDATE of the same row",
            &[
                Means::Api("--pool", &["3"]),
                Means::Api(
                    "--sql",
                    &[
                        "update item set value = value + 1 where id = 1",
                        "select pg_sleep(0.008)",
                    ],
                ),
            ],
        )],
    ),
    double(
        "quota+slow",
        &[S3, D2],
        &[Means::Api("--sql", &["select pg_sleep(0.01)"])],
        http1(16),
        &[dose(
            Medium,
            "API quota 3 %, and a query of 40 ms",
            &[
                Means::Quota(Party::Api, 3),
                Means::Api(
                    "--sql",
                    &["select * from item where id = $1", "select pg_sleep(0.04)"],
                ),
            ],
        )],
    ),
    double(
        "browser6+pool3",
        &[D1, C1],
        &[Means::Api("--sql", &["select pg_sleep(0.04)"])],
        browser(16, 120),
        &[dose(
            Medium,
            "6 connections, and a pool of 3",
            &[Means::Api("--pool", &["3"])],
        )],
    ),
    double(
        "dbcpu+idle",
        &[D9, D7],
        &[
            Means::Api("--sql", &["select pg_sleep(0.01)"]),
            Means::Api("--transaction", &[]),
            Means::Cores(Party::Database, "1"),
        ],
        http1(16),
        &[dose(
            Medium,
            "PostgreSQL on 1 core, and 20 ms idle in each transaction with a pool of 4",
            &[
                Means::Api("--pool", &["4"]),
                Means::Api("--idle-ms", &["20"]),
                Means::Api(
                    "--sql",
                    &["select sum(hashint4(n)) from generate_series(1, 60000) n"],
                ),
            ],
        )],
    ),
];
