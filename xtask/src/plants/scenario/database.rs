//! Bottlenecks of the database.

use diagnosis::bottleneck::Bottleneck::*;

use super::{
    Rate, Scenario,
    Severity::{Medium, Strong, Weak},
    dose, http1, plant,
};
use crate::plants::means::{Means, Party};

const WAIT_10_MS: Means = Means::Api("--sql", &["select pg_sleep(0.01)"]);
const LOOK_UP: Means = Means::Api("--sql", &["select * from item where id = $1"]);
const LOOK_UP_10_MS: Means = Means::Api(
    "--sql",
    &["select * from item where id = $1", "select pg_sleep(0.01)"],
);

/// All of them.
pub(super) const PLANTS: &[Scenario] = &[
    plant(
        "pool3",
        &[D1],
        &[WAIT_10_MS],
        http1(8),
        &[
            dose(
                Weak,
                "pool of 5, queries of 10 ms",
                &[Means::Api("--pool", &["5"])],
            )
            .limit(D1, Rate::Plateau),
            dose(
                Medium,
                "pool of 3, queries of 10 ms",
                &[Means::Api("--pool", &["3"])],
            )
            .limit(D1, Rate::Plateau),
            dose(
                Strong,
                "pool of 2, queries of 10 ms",
                &[Means::Api("--pool", &["2"])],
            )
            .limit(D1, Rate::Plateau),
        ],
    ),
    plant(
        "slow1of50",
        &[D2],
        &[LOOK_UP_10_MS],
        http1(16),
        &[
            dose(
                Weak,
                "one more statement, which takes 20 ms",
                &[Means::Api(
                    "--sql",
                    &[
                        "select * from item where id = $1",
                        "select pg_sleep(0.01)",
                        "select id, pg_sleep(0.02) from item where id = $1",
                    ],
                )],
            ),
            dose(
                Medium,
                "one more statement, which takes 40 ms",
                &[Means::Api(
                    "--sql",
                    &[
                        "select * from item where id = $1",
                        "select pg_sleep(0.01)",
                        "select id, pg_sleep(0.04) from item where id = $1",
                    ],
                )],
            ),
            dose(
                Strong,
                "one more statement, which takes 100 ms",
                &[Means::Api(
                    "--sql",
                    &[
                        "select * from item where id = $1",
                        "select pg_sleep(0.01)",
                        "select id, pg_sleep(0.1) from item where id = $1",
                    ],
                )],
            ),
        ],
    ),
    plant(
        "distincton",
        &[D3],
        &[Means::Api(
            "--sql",
            &[
                "select * from latest_kept order by at desc limit 20",
                "select pg_sleep(0.01)",
            ],
        )],
        http1(8),
        &[
            dose(
                Weak,
                "newest first over a DISTINCT ON view, 100,000 revisions",
                &[
                    Means::Sql {
                        apply: "create table revision_some as select * from revision where id < 20000; \
                                alter table revision_some add primary key (id, revision); \
                                create view latest_some as select distinct on (id) * from revision_some order by id, revision desc; \
                                analyze revision_some",
                        undo: "drop view if exists latest_some; drop table if exists revision_some",
                    },
                    Means::Api(
                        "--sql",
                        &[
                            "select * from latest_some order by at desc limit 20",
                            "select pg_sleep(0.01)",
                        ],
                    ),
                ],
            )
            .limit(D9, Rate::Plateau),
            dose(
                Medium,
                "newest first over a DISTINCT ON view, 500,000 revisions",
                &[Means::Api(
                    "--sql",
                    &[
                        "select * from latest order by at desc limit 20",
                        "select pg_sleep(0.01)",
                    ],
                )],
            )
            .limit(D9, Rate::Plateau),
            dose(
                Strong,
                "newest first over a DISTINCT ON view, 1,000,000 revisions",
                &[
                    Means::Sql {
                        apply: "create table revision_more as select * from revision \
                                union all select id + 100001, revision, at, owner, note from revision; \
                                alter table revision_more add primary key (id, revision); \
                                create view latest_more as select distinct on (id) * from revision_more order by id, revision desc; \
                                analyze revision_more",
                        undo: "drop view if exists latest_more; drop table if exists revision_more",
                    },
                    Means::Api(
                        "--sql",
                        &[
                            "select * from latest_more order by at desc limit 20",
                            "select pg_sleep(0.01)",
                        ],
                    ),
                ],
            )
            .limit(D9, Rate::Plateau),
        ],
    ),
    plant(
        "rowlock",
        &[D5],
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
        &[
            dose(
                Weak,
                "UPDATE of one of four rows",
                &[Means::Api(
                    "--sql",
                    &[
                        "update item set value = value + 1 where id = $1 % 4 + 1",
                        "select pg_sleep(0.008)",
                    ],
                )],
            ),
            dose(
                Medium,
                "UPDATE of the same row",
                &[Means::Api(
                    "--sql",
                    &[
                        "update item set value = value + 1 where id = 1",
                        "select pg_sleep(0.008)",
                    ],
                )],
            )
            .limit(D5, Rate::Plateau),
            dose(
                Strong,
                "UPDATE of the same row, in a transaction twice as long",
                &[Means::Api(
                    "--sql",
                    &[
                        "update item set value = value + 1 where id = 1",
                        "select pg_sleep(0.016)",
                    ],
                )],
            )
            .limit(D5, Rate::Plateau),
        ],
    ),
    plant(
        "nplus1",
        &[D8],
        &[LOOK_UP_10_MS, Means::DatabaseDelay { ms: 1 }],
        http1(4),
        &[
            dose(
                Weak,
                "20 queries a request, the database 1 ms away",
                &[LOOK_UP, Means::Api("--repeat", &["20"])],
            ),
            dose(
                Medium,
                "40 queries a request, the database 1 ms away",
                &[LOOK_UP, Means::Api("--repeat", &["40"])],
            ),
            dose(
                Strong,
                "100 queries a request, the database 1 ms away",
                &[LOOK_UP, Means::Api("--repeat", &["100"])],
            ),
        ],
    ),
    plant(
        "dbcpu",
        &[D9],
        &[LOOK_UP_10_MS, Means::Cores(Party::Database, "1")],
        http1(8),
        &[
            dose(
                Weak,
                "PostgreSQL on 1 core, 8 active, half the work",
                &[Means::Api(
                    "--sql",
                    &[
                        "select sum(hashint4(n)) from generate_series(1, 10000) n",
                        "select max(md5(n::text)) from generate_series(1, 5000) n",
                        "select count(*) from generate_series(1, 15000) n where n % 7 = 3",
                    ],
                )],
            )
            .limit(D9, Rate::Plateau),
            dose(
                Medium,
                "PostgreSQL on 1 core, 8 active",
                &[Means::Api(
                    "--sql",
                    &[
                        "select sum(hashint4(n)) from generate_series(1, 20000) n",
                        "select max(md5(n::text)) from generate_series(1, 10000) n",
                        "select count(*) from generate_series(1, 30000) n where n % 7 = 3",
                    ],
                )],
            )
            .limit(D9, Rate::Plateau),
            dose(
                Strong,
                "PostgreSQL on 1 core, 8 active, twice the work",
                &[Means::Api(
                    "--sql",
                    &[
                        "select sum(hashint4(n)) from generate_series(1, 40000) n",
                        "select max(md5(n::text)) from generate_series(1, 20000) n",
                        "select count(*) from generate_series(1, 60000) n where n % 7 = 3",
                    ],
                )],
            )
            .limit(D9, Rate::Plateau),
        ],
    ),
    plant(
        "idletx",
        &[D7],
        &[LOOK_UP_10_MS, Means::Api("--transaction", &[])],
        http1(16),
        &[
            dose(
                Weak,
                "10 ms idle in each transaction, with a pool of 6",
                &[
                    LOOK_UP,
                    Means::Api("--idle-ms", &["10"]),
                    Means::Api("--pool", &["6"]),
                ],
            ),
            dose(
                Medium,
                "20 ms idle in each transaction, with a pool of 6",
                &[
                    LOOK_UP,
                    Means::Api("--idle-ms", &["20"]),
                    Means::Api("--pool", &["6"]),
                ],
            ),
            dose(
                Strong,
                "40 ms idle in each transaction, with a pool of 4",
                &[
                    LOOK_UP,
                    Means::Api("--idle-ms", &["40"]),
                    Means::Api("--pool", &["4"]),
                ],
            ),
        ],
    ),
    plant(
        "dropindex",
        &[D4],
        &[Means::Api(
            "--sql",
            &["select * from event where kind = $1", "select pg_sleep(0.01)"],
        )],
        http1(8),
        &[
            dose(
                Weak,
                "the index that a route needs is gone, 200,000 rows",
                &[
                    Means::Sql {
                        apply: "create table event_some as select * from event where id <= 200000; \
                                alter table event_some add primary key (id); analyze event_some",
                        undo: "drop table if exists event_some",
                    },
                    Means::Api(
                        "--sql",
                        &[
                            "select * from event_some where kind = $1",
                            "select pg_sleep(0.01)",
                        ],
                    ),
                ],
            ),
            dose(
                Medium,
                "the index that a route needs is gone, 400,000 rows",
                &[Means::Sql {
                    apply: "drop index event_kind",
                    undo: "create index if not exists event_kind on event (kind)",
                }],
            ),
            dose(
                Strong,
                "the index that a route needs is gone, 800,000 rows",
                &[
                    Means::Sql {
                        apply: "create table event_more as select * from event \
                                union all select id + 400000, kind, note from event; \
                                alter table event_more add primary key (id); analyze event_more",
                        undo: "drop table if exists event_more",
                    },
                    Means::Api(
                        "--sql",
                        &[
                            "select * from event_more where kind = $1",
                            "select pg_sleep(0.01)",
                        ],
                    ),
                ],
            ),
        ],
    ),
    plant(
        "tablelock",
        &[D6],
        &[
            Means::Api("--transaction", &[]),
            Means::Api(
                "--sql",
                &["lock table kind in access share mode", "select pg_sleep(0.008)"],
            ),
        ],
        http1(8),
        &[
            dose(
                Weak,
                "each request locks a table, 4 ms",
                &[Means::Api(
                    "--sql",
                    &[
                        "lock table kind in access exclusive mode",
                        "select pg_sleep(0.004)",
                    ],
                )],
            ),
            dose(
                Medium,
                "each request locks a table, 8 ms",
                &[Means::Api(
                    "--sql",
                    &[
                        "lock table kind in access exclusive mode",
                        "select pg_sleep(0.008)",
                    ],
                )],
            ),
            dose(
                Strong,
                "each request locks a table, 20 ms",
                &[Means::Api(
                    "--sql",
                    &[
                        "lock table kind in access exclusive mode",
                        "select pg_sleep(0.02)",
                    ],
                )],
            ),
        ],
    ),
    plant(
        "walfsync",
        &[D11],
        &[
            Means::Api(
                "--sql",
                &[
                    "update item set value = value + 1 where id = $1",
                    "select pg_sleep(0.01)",
                ],
            ),
            Means::Postgres("synchronous_commit", "on"),
        ],
        http1(8),
        &[
            dose(
                Weak,
                "commits wait for a disk that writes 1 MB/s",
                &[Means::WriteRate(Party::Database, 1_000_000)],
            ),
            dose(
                Medium,
                "commits wait for a disk that writes 200 kB/s",
                &[Means::WriteRate(Party::Database, 200_000)],
            ),
            dose(
                Strong,
                "commits wait for a disk that writes 100 kB/s",
                &[Means::WriteRate(Party::Database, 100_000)],
            ),
        ],
    ),
    plant(
        "dbquota",
        &[D9b],
        &[Means::Api(
            "--sql",
            &[
                "select * from item where id = $1",
                "select sum(hashint4(n)) from generate_series(1, 10000) n",
                "select pg_sleep(0.01)",
            ],
        )],
        http1(8),
        &[
            dose(
                Weak,
                "PostgreSQL's processes have a quota of 20 % of a core",
                &[Means::Quota(Party::Database, 20)],
            ),
            dose(
                Medium,
                "PostgreSQL's processes have a quota of 15 % of a core",
                &[Means::Quota(Party::Database, 15)],
            ),
            dose(
                Strong,
                "PostgreSQL's processes have a quota of 10 % of a core",
                &[Means::Quota(Party::Database, 10)],
            ),
        ],
    ),
    plant(
        "dbread",
        &[D10],
        &[
            Means::Api(
                "--sql",
                &[
                    "select sum(length(note)) from event where id = any(array( \
                     select (random() * 399999)::int4 + 1 from generate_series(1, 2)))",
                    "select pg_sleep(0.01)",
                ],
            ),
            // The table does not fit, and no two requests ask for the same rows.
            Means::Postgres("shared_buffers", "2MB"),
        ],
        http1(8),
        &[
            dose(
                Weak,
                "rows that lie on a disk which reads 8 MB/s",
                &[
                    Means::ColdTable("event"),
                    Means::ReadRate(Party::Database, 8_000_000),
                ],
            ),
            dose(
                Medium,
                "rows that lie on a disk which reads 4 MB/s",
                &[
                    Means::ColdTable("event"),
                    Means::ReadRate(Party::Database, 4_000_000),
                ],
            ),
            dose(
                Strong,
                "rows that lie on a disk which reads 2 MB/s",
                &[
                    Means::ColdTable("event"),
                    Means::ReadRate(Party::Database, 2_000_000),
                ],
            ),
        ],
    ),
    plant(
        "dbcheckpoints",
        &[D12],
        &[
            Means::Api(
                "--sql",
                &[
                    "update item set value = value + 1 where id % 499 = $1::int4 % 499",
                    "select pg_sleep(0.02)",
                ],
            ),
            Means::Postgres("synchronous_commit", "on"),
            Means::WriteRate(Party::Database, 3_000_000),
        ],
        http1(8),
        &[dose(
            Medium,
            "a checkpoint every 3 s of a table that is written all over, on a disk that writes 3 MB/s",
            &[Means::Checkpoints { every_s: 3 }],
        )],
    ),
];
