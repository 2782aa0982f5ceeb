//! Many writers at once: nothing is lost, nothing is there twice, and the order is one that could have been.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use model::model::Model;
use serde_json::Value;
use store::{
    export::{Export, What},
    pool::Pool,
    revision::{Bound, Change, Refusal, Write, one, write},
};
use tokio::task::JoinSet;

use crate::{
    kept::{Kept, body, change, content, migrated, things},
    world::soon,
};

const WRITERS: usize = 16;
const KEYS: i32 = 10;
const ATTEMPTS: usize = 20_000;

fn replacement(model: &Model, key: i32, expected: i32, n: i64, author: &str) -> Change {
    let content = content(model.objects(), key, &body("a", 0, n));
    change(key, Write::Replace { expected, content }, author)
}

/// A write that was acknowledged.
struct Acknowledged {
    key: i32,
    revision: i32,
    n: i64,
    author: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_on_ten_keys_lose_nothing() {
    let model = Arc::new(things());
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(WRITERS);
    let kept = Kept {
        pool: &pool,
        collection: model.objects(),
    };
    for key in 0..KEYS {
        kept.create(key, &body("a", 0, -1)).await.unwrap();
    }
    let attempts = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (model, pool, attempts) = (model.clone(), pool.clone(), attempts.clone());
        writers.spawn(async move { persist(writer, &model, &pool, &attempts).await });
    }
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    let mut conflicts = 0;
    for (own, refused) in writers.join_all().await {
        acknowledged.extend(own);
        conflicts += refused;
    }
    assert!(
        conflicts > ATTEMPTS / 20,
        "only {conflicts} conflicts: they did not meet"
    );
    let mut found: HashMap<i32, Vec<(i32, i64, String)>> = HashMap::new();
    let mut export = Export::start(&pool, model.objects(), What::All, soon())
        .await
        .unwrap();
    while let Some(revision) = export.next().await.unwrap() {
        let shown: Value = serde_json::from_slice(&revision.json()).unwrap();
        found.entry(revision.key.parse().unwrap()).or_default().push((
            revision.revision,
            shown["n"].as_i64().unwrap(),
            revision.author.unwrap(),
        ));
    }
    for (key, revisions) in &found {
        let numbers: Vec<i32> = revisions.iter().map(|(number, ..)| *number).collect();
        let dense: Vec<i32> = (1..=i32::try_from(revisions.len()).unwrap()).collect();
        assert_eq!(numbers, dense, "key {key}");
    }
    let written: usize = found.values().map(Vec::len).sum();
    assert_eq!(written, acknowledged.len() + 10, "each revision is somebody's");
    for Acknowledged {
        key,
        revision,
        n,
        author,
    } in acknowledged
    {
        let at = usize::try_from(revision).unwrap() - 1;
        assert_eq!(found[&key][at], (revision, n, author));
    }
    let gaps = "select count(*) from (select id, revision, superseded_at, lead(recorded_at) over w as next, \
         row_number() over w as n from (select id, revision, recorded_at, superseded_at from things_history union all \
         select id, revision, recorded_at, null from things_current) a window w as (partition by id order by revision)) g \
         where superseded_at is distinct from next or n <> revision";
    assert_eq!(world.count(gaps).await, 0, "intervals touch");
}

/// Writes random keys until all attempts are used up; after a conflict the same again over what came.
async fn persist(
    writer: usize,
    model: &Model,
    pool: &Pool,
    attempts: &AtomicUsize,
) -> (Vec<Acknowledged>, usize) {
    let author = format!("writer {writer}");
    let mut acknowledged = Vec::new();
    let mut conflicts = 0;
    let mut round = 0;
    'records: loop {
        let key = i32::try_from((writer * 7 + round * 3) % 10).unwrap();
        let n = i64::try_from(round * WRITERS + writer).unwrap();
        round += 1;
        let current = one(pool, model.objects(), &key.to_string(), Bound::Newest, soon()).await;
        let mut expected = current.unwrap().unwrap().revision;
        loop {
            if attempts.fetch_add(1, Ordering::Relaxed) >= ATTEMPTS {
                break 'records;
            }
            let change = replacement(model, key, expected, n, &author);
            match write(pool, model.objects(), &change, soon()).await {
                Ok(written) => {
                    assert_eq!(written.revision, expected + 1);
                    acknowledged.push(Acknowledged {
                        key,
                        revision: written.revision,
                        n,
                        author: author.clone(),
                    });
                    break;
                }
                Err(Refusal::Conflict { current }) => {
                    conflicts += 1;
                    assert!(current.revision > expected);
                    expected = current.revision;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    (acknowledged, conflicts)
}

/// Creations and deletions of one key at once: of creations at one time one wins, and the numbers go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creations_and_deletions_meet() {
    let model = Arc::new(things());
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(8);
    let acknowledged = Arc::new(AtomicI64::new(0));
    let mut tasks = JoinSet::new();
    for writer in 0..8 {
        let (model, pool, acknowledged) = (model.clone(), pool.clone(), acknowledged.clone());
        tasks.spawn(async move {
            let kept = Kept {
                pool: &pool,
                collection: model.objects(),
            };
            for round in 0..100 {
                let written = match kept.create(1, &body("a", 0, writer * 1000 + round)).await {
                    Ok(written) => Ok(written),
                    Err(Refusal::Conflict { current }) => kept.delete(1, current.revision).await,
                    Err(other) => panic!("{other}"),
                };
                match written {
                    Ok(_) => acknowledged.fetch_add(1, Ordering::Relaxed),
                    Err(Refusal::Conflict { .. } | Refusal::NotFound { .. }) => 0,
                    Err(other) => panic!("{other}"),
                };
            }
        });
    }
    tasks.join_all().await;
    let rows = "(select id, revision, deleted from things_history union all select id, revision, deleted from things_current)";
    let count = world.count(&format!("select count(*) from {rows} r")).await;
    assert_eq!(count, acknowledged.load(Ordering::Relaxed));
    let newest = world
        .count(&format!("select max(revision)::int8 from {rows} r"))
        .await;
    assert_eq!(newest, count, "dense");
    let alternate = format!("select count(*) from {rows} r where deleted <> (revision % 2 = 0)");
    assert_eq!(
        world.count(&alternate).await,
        0,
        "creation and deletion take turns"
    );
}

/// What one client saw: when it asked, when it had its answer, and which revision that was about.
#[derive(Clone, Copy, Debug)]
struct Operation {
    asked: Instant,
    answered: Instant,
    revision: i32,
    kind: Sort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// It made the revision.
    Wrote,
    /// It saw the revision, by reading or by being refused.
    Saw,
}

/// Whether there is an order of all operations, each at a point between its question and its answer, in which a
/// revision is made once and seen only while it is the newest. Revisions are numbered, so there is but one order of
/// the writes, and it is enough to find points for these: each as early as it can be.
fn linearizable(operations: &[Operation]) -> Result<(), String> {
    let newest = operations
        .iter()
        .map(|operation| operation.revision)
        .max()
        .unwrap_or(0);
    let mut earliest: Option<Instant> = None;
    for revision in 1..=newest {
        let of = |revision: i32, kind: Sort| {
            operations
                .iter()
                .filter(move |operation| operation.revision == revision && operation.kind == kind)
        };
        let writes: Vec<&Operation> = of(revision, Sort::Wrote).collect();
        let [write] = writes.as_slice() else {
            return Err(format!("revision {revision} was made {} times", writes.len()));
        };
        // Who saw the one before asked while it was the newest, so before this one.
        let begin = of(revision - 1, Sort::Saw)
            .map(|saw| saw.asked)
            .chain([write.asked])
            .chain(earliest)
            .max()
            .unwrap_or(write.asked);
        let end = of(revision, Sort::Saw)
            .map(|saw| saw.answered)
            .chain([write.answered])
            .min()
            .unwrap_or(write.answered);
        if begin > end {
            return Err(format!("revision {revision} was there before it could be"));
        }
        earliest = Some(begin);
    }
    Ok(())
}

#[test]
fn the_checker_knows_what_cannot_be() {
    let start = Instant::now();
    let at = |ms: u64| start + std::time::Duration::from_millis(ms);
    let check = |operations: &[(Sort, i32, u64, u64)], fine: bool| {
        let operations: Vec<Operation> = operations
            .iter()
            .map(|(kind, revision, asked, answered)| Operation {
                asked: at(*asked),
                answered: at(*answered),
                revision: *revision,
                kind: *kind,
            })
            .collect();
        assert_eq!(linearizable(&operations).is_ok(), fine, "{operations:?}");
    };
    use Sort::{Saw, Wrote};
    check(
        &[
            (Wrote, 1, 0, 10),
            (Wrote, 2, 5, 20),
            (Saw, 2, 6, 8),
            (Saw, 1, 6, 30),
        ],
        true,
    );
    // Seen after a later one was acknowledged.
    check(&[(Wrote, 1, 0, 10), (Wrote, 2, 11, 20), (Saw, 1, 21, 30)], false);
    // Seen before anybody asked for it.
    check(&[(Wrote, 1, 0, 10), (Saw, 2, 11, 12), (Wrote, 2, 13, 20)], false);
    // Two readers, the later of which sees the older.
    check(
        &[
            (Wrote, 1, 0, 10),
            (Wrote, 2, 11, 50),
            (Saw, 2, 20, 21),
            (Saw, 1, 22, 23),
        ],
        false,
    );
    // The same number given twice, and one lost.
    check(&[(Wrote, 1, 0, 10), (Wrote, 1, 0, 10)], false);
    check(&[(Wrote, 1, 0, 10), (Wrote, 3, 11, 12)], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_of_a_key_is_linearizable() {
    let model = Arc::new(things());
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(8);
    let asked = Instant::now();
    let kept = Kept {
        pool: &pool,
        collection: model.objects(),
    };
    kept.create(1, &body("a", 0, 0)).await.unwrap();
    let mut operations = vec![Operation {
        asked,
        answered: Instant::now(),
        revision: 1,
        kind: Sort::Wrote,
    }];
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let (model, pool) = (model.clone(), pool.clone());
        clients.spawn(async move {
            let mut seen = 1;
            let mut own = Vec::new();
            for round in 0..150 {
                let asked = Instant::now();
                let (revision, kind) = if (client + round) % 3 == 0 {
                    let found = one(&pool, model.objects(), "1", Bound::Newest, soon()).await;
                    (found.unwrap().unwrap().revision, Sort::Saw)
                } else {
                    let change = replacement(&model, 1, seen, i64::from(client * 1000 + round), "c");
                    match write(&pool, model.objects(), &change, soon()).await {
                        Ok(written) => (written.revision, Sort::Wrote),
                        Err(Refusal::Conflict { current }) => {
                            assert_ne!(current.revision, seen);
                            (current.revision, Sort::Saw)
                        }
                        Err(other) => panic!("{other}"),
                    }
                };
                own.push(Operation {
                    asked,
                    answered: Instant::now(),
                    revision,
                    kind,
                });
                seen = revision;
            }
            own
        });
    }
    operations.extend(clients.join_all().await.into_iter().flatten());
    let writes = operations
        .iter()
        .filter(|operation| operation.kind == Sort::Wrote)
        .count();
    assert!(writes > 100, "{writes} writes");
    linearizable(&operations).unwrap();
}
