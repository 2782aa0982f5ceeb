//! Healthy, and looks as if it were not. What looks suspicious is the base; nothing is planted.

use super::{ALL_SOURCES, Kind, Load, Protocol, Scenario};
use crate::plants::means::{Means, Party};

const WAIT_20_MS: Means = Means::Api("--sql", &["select pg_sleep(0.02)"]);

const fn control(id: &'static str, what: &'static str, base: &'static [Means], users_max: u32) -> Scenario {
    Scenario {
        id,
        kind: Kind::Control,
        what,
        expected: &[],
        next: None,
        base,
        plant: &[],
        load: Load {
            protocol: Protocol::Http1,
            users_max,
            at_once: None,
        },
        sources: ALL_SOURCES,
    }
}

/// All of them.
pub(super) const CONTROLS: &[Scenario] = &[
    control(
        "busy60",
        "API at about 60 % CPU, nothing queues",
        &[WAIT_20_MS, Means::Api("--hash-blocks", &["80"])],
        4,
    ),
    control(
        "rareslow",
        "1 % of requests run a query of 60 ms",
        &[Means::Api(
            "--sql",
            &["select pg_sleep(case when $1::int4 % 100 = 0 then 0.08 else 0.02 end)"],
        )],
        8,
    ),
    control(
        "idleconnections",
        "a pool of 150, of which 8 are used; all others wait for their client",
        &[WAIT_20_MS, Means::Api("--pool", &["150"])],
        8,
    ),
    control(
        "smallscan",
        "sequential scan of a table of 50 rows",
        &[Means::Api(
            "--sql",
            &["select * from kind where id = $1 % 50", "select pg_sleep(0.02)"],
        )],
        8,
    ),
    control(
        "throttledalittle",
        "a quota that throttles now and then",
        &[WAIT_20_MS, Means::Quota(Party::Api, 8)],
        8,
    ),
    control(
        "checkpoint",
        "checkpoints, for pages of many rows are written and little log is kept",
        &[
            Means::Api(
                "--sql",
                &[
                    "update item set value = value + 1 where id = $1",
                    "select pg_sleep(0.02)",
                ],
            ),
            Means::Postgres("max_wal_size", "32MB"),
            Means::Postgres("min_wal_size", "32MB"),
        ],
        8,
    ),
];
