//! Bottlenecks of the API itself, and of what it calls.

use diagnosis::bottleneck::Bottleneck::*;

use super::{
    Rate, Scenario,
    Severity::{Medium, Strong, Weak},
    dose, http1, plant,
};
use crate::plants::means::{Credits, Means, Party};

const WAIT_20_MS: Means = Means::Api("--sql", &["select pg_sleep(0.02)"]);
const LOOK_UP_10_MS: Means = Means::Api(
    "--sql",
    &["select * from item where id = $1", "select pg_sleep(0.01)"],
);

const fn credits(earned_percent: u32, balance_ms: u32) -> Means {
    Means::Credits(
        Party::Api,
        Credits {
            earned_percent,
            balance_ms,
        },
    )
}

const fn slots(slots: u32) -> Means {
    Means::Downstream { slots, slot_ms: 30 }
}

/// All of them.
pub(super) const PLANTS: &[Scenario] = &[
    plant(
        "apicpu",
        &[S1],
        &[LOOK_UP_10_MS, Means::Cores(Party::Api, "1")],
        http1(8),
        &[
            dose(
                Weak,
                "hash loop of 6 MiB, API on 1 core",
                &[Means::Api("--hash-blocks", &["100"])],
            )
            .limit(S1, Rate::Plateau),
            dose(
                Medium,
                "hash loop of 12 MiB, API on 1 core",
                &[Means::Api("--hash-blocks", &["200"])],
            )
            .limit(S1, Rate::Plateau),
            dose(
                Strong,
                "hash loop of 25 MiB, API on 1 core",
                &[Means::Api("--hash-blocks", &["400"])],
            )
            .limit(S1, Rate::Plateau),
        ],
    ),
    plant(
        "quota",
        &[S3],
        &[WAIT_20_MS],
        http1(16),
        &[
            dose(Weak, "API quota 6 %", &[Means::Quota(Party::Api, 6)]).limit(S3, Rate::Plateau),
            dose(
                Medium,
                "API quota 4 %: what the design's 10 % is for its slower API",
                &[Means::Quota(Party::Api, 4)],
            )
            .limit(S3, Rate::Plateau),
            dose(Strong, "API quota 2 %", &[Means::Quota(Party::Api, 2)]).limit(S3, Rate::Plateau),
        ],
    ),
    plant(
        "credits",
        &[S4],
        &[WAIT_20_MS, Means::Api("--hash-blocks", &["25"])],
        http1(8).lasting(8),
        &[
            dose(
                Weak,
                "CPU on credit: 0.6 s at the start, 14 % of a core earned",
                &[credits(14, 600)],
            ),
            dose(
                Medium,
                "CPU on credit: 0.6 s at the start, 10 % of a core earned",
                &[credits(10, 600)],
            ),
            dose(
                Strong,
                "CPU on credit: 0.6 s at the start, 5 % of a core earned",
                &[credits(5, 600)],
            ),
        ],
    ),
    plant(
        "memlimit",
        &[S5],
        &[
            WAIT_20_MS,
            Means::Api("--map-bytes", &["268435456"]),
            Means::Api("--map-reads", &["400"]),
        ],
        http1(8),
        &[
            dose(
                Weak,
                "256 MiB read through memory, of which about 70 % fit the limit",
                &[Means::Memory(Party::Api, 225_000_000)],
            ),
            dose(
                Medium,
                "256 MiB read through memory, of which about half fit the limit",
                &[Means::Memory(Party::Api, 190_000_000)],
            ),
            dose(
                Strong,
                "256 MiB read through memory, of which about a quarter fit the limit",
                &[Means::Memory(Party::Api, 120_000_000)],
            ),
        ],
    ),
    plant(
        "bigjson",
        &[S6],
        &[LOOK_UP_10_MS],
        http1(8),
        &[
            dose(
                Weak,
                "150 kB of JSON with gzip",
                &[Means::Api("--body-bytes", &["150000"]), Means::Api("--gzip", &[])],
            ),
            dose(
                Medium,
                "400 kB of JSON with gzip",
                &[Means::Api("--body-bytes", &["400000"]), Means::Api("--gzip", &[])],
            ),
            dose(
                Strong,
                "1 MB of JSON with gzip",
                &[
                    Means::Api("--body-bytes", &["1000000"]),
                    Means::Api("--gzip", &[]),
                ],
            ),
        ],
    ),
    plant(
        "downstream",
        &[S7],
        &[LOOK_UP_10_MS, slots(600)],
        http1(12),
        &[
            dose(Weak, "downstream of 5 slots, 30 ms each", &[slots(5)]).limit(S7, Rate::Known(167.0)),
            dose(Medium, "downstream of 4 slots, 30 ms each", &[slots(4)]).limit(S7, Rate::Known(133.0)),
            dose(Strong, "downstream of 2 slots, 30 ms each", &[slots(2)]).limit(S7, Rate::Known(67.0)),
        ],
    ),
    plant(
        "applock",
        &[S2],
        &[LOOK_UP_10_MS],
        http1(8),
        &[
            dose(
                Weak,
                "one lock of the whole API, held 4 ms",
                &[Means::Api("--lock-ms", &["4"])],
            ),
            dose(
                Medium,
                "one lock of the whole API, held 8 ms",
                &[Means::Api("--lock-ms", &["8"])],
            ),
            dose(
                Strong,
                "one lock of the whole API, held 20 ms",
                &[Means::Api("--lock-ms", &["20"])],
            ),
        ],
    ),
];
