//! Healthy, and looks as if it were not. What looks suspicious is the base; nothing is planted.

use super::{ALL_SOURCES, Dose, Kind, Scenario, Severity::Medium, Shows, dose, http1};
use crate::plants::means::{Means, Party};

const WAIT_20_MS: Means = Means::Api("--sql", &["select pg_sleep(0.02)"]);

const fn control(
    id: &'static str,
    base: &'static [Means],
    users_max: u32,
    doses: &'static [Dose],
    shows: Option<Shows>,
) -> Scenario {
    Scenario {
        id,
        kind: Kind::Control,
        expected: &[],
        base,
        doses,
        load: http1(users_max),
        sources: ALL_SOURCES,
        shows,
    }
}

/// All of them.
pub(super) const CONTROLS: &[Scenario] = &[
    control(
        "busy60",
        &[WAIT_20_MS, Means::Api("--hash-blocks", &["80"])],
        4,
        &[dose(Medium, "API at about 60 % CPU, nothing queues", &[])],
        None,
    ),
    control(
        "rareslow",
        &[Means::Api(
            "--sql",
            &["select pg_sleep(case when $1::int4 % 100 = 0 then 0.08 else 0.02 end)"],
        )],
        8,
        &[dose(Medium, "1 % of requests run a query of 80 ms", &[])],
        None,
    ),
    control(
        "idleconnections",
        &[WAIT_20_MS, Means::Api("--pool", &["150"])],
        8,
        &[dose(
            Medium,
            "a pool of 150, of which 8 are used; all others wait for their client",
            &[],
        )],
        None,
    ),
    control(
        "clientread",
        &[
            Means::Api("--sql", &["select * from item where id = $1"]),
            Means::Api("--pool", &["16"]),
            Means::Downstream {
                slots: 1_000,
                slot_ms: 20,
            },
        ],
        8,
        &[dose(
            Medium,
            "every session of the database waits for its client, 99 % of the time",
            &[],
        )],
        None,
    ),
    control(
        "smallscan",
        &[Means::Api(
            "--sql",
            &["select * from kind where id = $1 % 50", "select pg_sleep(0.02)"],
        )],
        8,
        &[dose(Medium, "sequential scan of a table of 50 rows", &[])],
        None,
    ),
    control(
        "throttledalittle",
        &[
            WAIT_20_MS,
            Means::Api("--chore-ms", &["14"]),
            Means::Quota(Party::Api, 14),
        ],
        8,
        &[dose(
            Medium,
            "a quota that holds the API for a moment every few seconds",
            &[],
        )],
        Some(Shows::Throttled { share_max: 0.02 }),
    ),
    control(
        "checkpoint",
        &[
            Means::Api(
                "--sql",
                &[
                    "update item set value = value + 1 where id = $1",
                    "select pg_sleep(0.02)",
                ],
            ),
            Means::Checkpoints { every_s: 5 },
        ],
        8,
        &[dose(Medium, "a checkpoint every 5 s, of few pages", &[])],
        Some(Shows::Checkpoints(2)),
    ),
];
