//! Bottlenecks of the line between the client and nginx.
//!
//! Without its plant nginx is reached by the loopback.

use diagnosis::bottleneck::Bottleneck::*;

use super::{
    ALL_SOURCES, Dose, Kind, Rate, Scenario, Severity,
    Severity::{Medium, Strong, Weak},
    dose, http1, plant,
};
use crate::plants::means::{Means, Party};

const LOOK_UP_5_MS: Means = Means::Api(
    "--sql",
    &["select * from item where id = $1", "select pg_sleep(0.005)"],
);
const WAIT_20_MS: Means = Means::Api("--sql", &["select pg_sleep(0.02)"]);

const fn far(round_trip_ms: u32) -> Means {
    Means::Distance {
        before: Party::Proxy,
        round_trip_ms,
    }
}

const fn line(bytes: u32) -> Means {
    Means::Line {
        before: Party::Proxy,
        bytes,
    }
}

const fn loss(percent: u32) -> Means {
    Means::Loss {
        before: Party::Proxy,
        percent,
    }
}

/// An answer of [`full`], as it travels: quotes and commas are not counted by the API's option.
const ANSWER_BYTES: f64 = 155_000.0;

/// The limit is the line over what an answer has.
const fn full(severity: Severity, what: &'static str, plant: &'static [Means], bytes: u32) -> Dose {
    dose(severity, what, plant).limit(N2, Rate::Known(bytes as f64 / ANSWER_BYTES))
}

/// More than the buffers between the database and the API hold.
const LARGE_ROW: Means = Means::Api("--sql", &["select repeat('x', 5000000)"]);
/// What a request does besides, so that the API has time for large rows.
const DOWNSTREAM: Means = Means::Downstream {
    slots: 600,
    slot_ms: 100,
};

/// All of them.
pub(super) const PLANTS: &[Scenario] = &[
    plant(
        "faraway",
        &[N1],
        &[LOOK_UP_5_MS],
        http1(8),
        &[
            dose(Weak, "a round trip of 15 ms, small answers", &[far(15)]),
            dose(Medium, "a round trip of 40 ms, small answers", &[far(40)]),
            dose(Strong, "a round trip of 120 ms, small answers", &[far(120)]),
        ],
    ),
    plant(
        "fullline",
        &[N2],
        &[WAIT_20_MS, Means::Api("--body-bytes", &["145600"])],
        http1(8),
        &[
            full(Weak, "a line of 8 MB/s, 155 kB", &[line(8_000_000)], 8_000_000),
            full(Medium, "a line of 4 MB/s, 155 kB", &[line(4_000_000)], 4_000_000),
            full(Strong, "a line of 2 MB/s, 155 kB", &[line(2_000_000)], 2_000_000),
        ],
    ),
    plant(
        "lossy",
        &[N3],
        &[LOOK_UP_5_MS],
        http1(8),
        &[
            dose(Weak, "1 % of the packets are lost, small answers", &[loss(1)]),
            dose(Medium, "2 % of the packets are lost, small answers", &[loss(2)]),
            dose(Strong, "5 % of the packets are lost, small answers", &[loss(5)]),
        ],
    ),
    plant(
        "slowreader",
        &[N4],
        &[LARGE_ROW, DOWNSTREAM],
        http1(4),
        &[
            dose(
                Weak,
                "the API leaves rows of 5 MB unread for 0.2 s",
                &[Means::Api("--read-late-ms", &["200"])],
            ),
            dose(
                Medium,
                "the API leaves rows of 5 MB unread for 0.3 s",
                &[Means::Api("--read-late-ms", &["300"])],
            ),
            dose(
                Strong,
                "the API leaves rows of 5 MB unread for 1 s",
                &[Means::Api("--read-late-ms", &["1000"])],
            ),
        ],
    ),
];

/// Healthy, though not near.
pub(super) const CONTROLS: &[Scenario] = &[Scenario {
    id: "nearby",
    kind: Kind::Control,
    expected: &[],
    base: &[WAIT_20_MS, far(2)],
    doses: &[dose(Medium, "a round trip of 2 ms", &[])],
    load: http1(8),
    sources: ALL_SOURCES,
    shows: None,
}];
