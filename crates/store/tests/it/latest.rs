//! Pages of newest revisions, and of those known at an instant.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::json;
use store::{
    export::{Export, What},
    latest::{Edge, Page, objects_statement, of_all, of_object, of_objects, page_statement},
    record::{self, List, Record},
    revision::Revision,
};

use crate::{
    kept::{Kept, body, migrated, things},
    world::{World, soon},
};

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn page(limit: usize) -> Page {
    Page {
        columns: vec![0, 1, 2, 4],
        descending: false,
        edge: None,
        limit,
        as_of: None,
    }
}

fn keys(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|record| format!("{}:{}", record.key, record.revision.unwrap_or(0)))
        .collect()
}

/// Many rows without a write each: 40 owners, 500 things each, three revisions of each.
const MANY: &str = "insert into things_current (id, revision, recorded_at, owner, at, n) \
     select i, 3, now() - i / 40 % 4 * interval '1 hour', 'owner ' || i % 40, '2013-01-01Z'::timestamptz + (i * 7919 % 20000) / 3 * interval '1 minute', i \
     from generate_series(1, 20000) i; \
     insert into things_history (id, revision, recorded_at, superseded_at, owner, at, n) \
     select id, r, recorded_at - (3 - r) * interval '1 hour', recorded_at - (2 - r) * interval '1 hour', owner, at, n \
     from things_current, generate_series(1, 2) r; analyze";

async fn plan(world: &World, sql: &str) -> String {
    let sql = format!("explain (costs off) {sql}");
    let rows = world.outside.query(&sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| row.get::<_, &str>(0).trim().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn a_page_is_an_ordered_index_scan() {
    let model = things();
    let Some(world) = migrated(&model).await else {
        return;
    };
    world.outside.batch_execute(MANY).await.unwrap();
    // As the managed server has it; with the cost of turning disks a sort is thought cheaper.
    world
        .outside
        .batch_execute("set random_page_cost to 1.1")
        .await
        .unwrap();
    let collection = model.objects();
    let filled = |sql: String| {
        sql.replace("$1::int4[]", "array['owner 1', 'owner 2']::text[]")
            .replace("$1::text[]", "array['owner 1', 'owner 2']::text[]")
            .replace("$1::text", "'owner 1'::text")
            .replace("$2::int8", "50::int8")
            .replace("$2::text", "'2013-07-01T12:00:00Z'::text")
            .replace("$3::text::int4", "'7'::text::int4")
            .replace("$3::text::timestamptz", "(now() - interval '90 minutes')")
            .replace("$3::int8", "50::int8")
            .replace("$4::int8", "50::int8")
    };
    let check = |plan: &str, index: &str| {
        assert!(plan.contains(index), "{plan}");
        assert!(!plan.lines().any(|line| line.ends_with("Sort")), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    };
    let first = plan(&world, &filled(page_statement(collection, &page(50), true))).await;
    check(&first, "using things_object_time");
    let place = record::Place {
        value: Some(String::new()),
        key: String::new(),
    };
    for edge in [Edge::After(place.clone()), Edge::Before(place.clone())] {
        let page = Page {
            edge: Some(edge),
            ..page(50)
        };
        let text = page_statement(collection, &page, true);
        let shown = plan(&world, &filled(text)).await;
        check(&shown, "using things_object_time");
        // The place is where the scan begins, not a filter over what it passes.
        let condition = shown.lines().find(|line| line.starts_with("Index Cond")).unwrap();
        assert!(condition.contains("ROW(at, id)"), "{shown}");
    }
    let all = plan(&world, "select id, at from things order by at, id limit 50").await;
    check(&all, "using things_time");
    // The story's own statement, over the view.
    let view = plan(
        &world,
        "select * from things where owner = 'owner 1' order by at, id limit 50",
    )
    .await;
    check(&view, "using things_object_time");
    let many = plan(&world, &filled(objects_statement(collection, &page(50)))).await;
    assert!(many.contains("using things_object_time"), "{many}");
    assert!(!many.contains("Seq Scan"), "{many}");
    let then = Page {
        as_of: Some(Timestamp::UNIX_EPOCH),
        ..page(50)
    };
    let then = plan(&world, &filled(page_statement(collection, &then, true))).await;
    check(&then, "using things_object_time");
    check(&then, "using things_as_of");
    assert!(then.contains("Merge Append"), "{then}");
}

#[tokio::test]
async fn pages_make_the_list_both_ways() {
    let model = things();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(1);
    let collection = model.objects();
    let kept = Kept {
        pool: &pool,
        collection,
    };
    let mut dice = Dice(7);
    for key in 1..=60 {
        // Few hours, so that many share one.
        let (owner, hour) = (["a", "b"][dice.below(2) as usize], dice.below(9) as i64);
        kept.create(key, &body(owner, hour, 0)).await.unwrap();
        if dice.below(4) == 0 {
            kept.delete(key, 1).await.unwrap();
        } else if dice.below(3) == 0 {
            kept.replace(key, 1, &body(owner, dice.below(9) as i64, 1))
                .await
                .unwrap();
        }
    }
    for object in [Some("a"), Some("b"), Some("nobody"), None] {
        for descending in [false, true] {
            let turn = async |page: Page| {
                let page = Page { descending, ..page };
                let before = pool.metric().statements.get();
                let found = match object {
                    Some(object) => of_object(&pool, collection, object, &page, soon()).await,
                    None => of_all(&pool, collection, &page, soon()).await,
                };
                assert_eq!(
                    pool.metric().statements.get(),
                    before + 1,
                    "a page is one statement"
                );
                found.unwrap()
            };
            let whole = turn(page(1000)).await;
            let mut places: Vec<_> = whole.iter().map(|record| record.place.clone()).collect();
            if descending {
                places.reverse();
            }
            let order = |place: &record::Place| (place.value.clone(), place.key.parse::<i32>().unwrap());
            assert!(places.is_sorted_by_key(order), "{places:?}");
            for limit in [1, 7, 100] {
                let mut forwards = Vec::new();
                let mut edge = None;
                loop {
                    let part = turn(Page { edge, ..page(limit) }).await;
                    let Some(last) = part.last() else { break };
                    edge = Some(Edge::After(last.place.clone()));
                    forwards.extend(part);
                }
                assert_eq!(keys(&forwards), keys(&whole));
                let Some(last) = whole.last() else { continue };
                let mut backwards = vec![last.clone()];
                loop {
                    let edge = Some(Edge::Before(backwards[0].place.clone()));
                    let part = turn(Page { edge, ..page(limit) }).await;
                    if part.is_empty() {
                        break;
                    }
                    backwards.splice(0..0, part);
                }
                assert_eq!(keys(&backwards), keys(&whole));
            }
        }
    }
    let objects: Vec<Arc<str>> = ["b", "nobody", "a"].map(Arc::from).to_vec();
    let before = pool.metric().statements.get();
    let many = of_objects(&pool, collection, &objects, &page(5), soon())
        .await
        .unwrap();
    assert_eq!(pool.metric().statements.get(), before + 1);
    assert_eq!(many.len(), 3);
    for (object, records) in many {
        let alone = of_object(&pool, collection, &object, &page(5), soon())
            .await
            .unwrap();
        assert_eq!(keys(&records), keys(&alone), "{object}");
    }
}

/// What was known of an object at an instant, from all revisions.
fn brute_force(all: &BTreeMap<i32, Vec<Revision>>, owner: &str, instant: Timestamp) -> Vec<String> {
    let mut known: Vec<(String, i32, i32)> = Vec::new();
    for (key, revisions) in all {
        let Some(newest) = revisions.iter().rfind(|revision| revision.recorded_at <= instant) else {
            continue;
        };
        let shown: serde_json::Value = serde_json::from_slice(&newest.json()).unwrap();
        if !newest.deleted && shown["owner"] == owner {
            known.push((shown["at"].as_str().unwrap().to_owned(), *key, newest.revision));
        }
    }
    known.sort();
    known
        .iter()
        .map(|(_, key, revision)| format!("{key}:{revision}"))
        .collect()
}

#[tokio::test]
async fn as_of_equals_brute_force() {
    let model = things();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(1);
    let collection = model.objects();
    let kept = Kept {
        pool: &pool,
        collection,
    };
    let mut dice = Dice(42);
    let mut newest: BTreeMap<i32, (i32, bool)> = BTreeMap::new();
    let owners = ["a", "b", "c", "d", "e"];
    for _ in 0..1200 {
        let key = dice.below(80) as i32;
        let thing = body(owners[dice.below(5) as usize], dice.below(50) as i64, 0);
        let (revision, is_there) = newest.get(&key).copied().unwrap_or((0, false));
        let written = match (is_there, dice.below(5)) {
            (false, _) => kept.create(key, &thing).await,
            (true, 0) => kept.delete(key, revision).await,
            // A change of the owner alone, of the time alone, and of all.
            (true, 1) => {
                kept.patch(key, revision, &json!({ "owner": owners[dice.below(5) as usize] }))
                    .await
            }
            (true, 2) => kept.patch(key, revision, &json!({ "n": 5 })).await,
            (true, _) => kept.replace(key, revision, &thing).await,
        };
        let is_deletion = is_there && sees_deletion(&kept, key).await;
        newest.insert(key, (written.unwrap().revision, !is_deletion));
    }
    let mut all: BTreeMap<i32, Vec<Revision>> = BTreeMap::new();
    let mut export = Export::start(&pool, collection, What::All, soon()).await.unwrap();
    while let Some(revision) = export.next().await.unwrap() {
        all.entry(revision.key.parse().unwrap())
            .or_default()
            .push(revision);
    }
    drop(export);
    let instants: Vec<Timestamp> = all
        .values()
        .flatten()
        .flat_map(|revision| {
            let us = revision.recorded_at.as_microsecond();
            [us - 1, us, us + 1].map(|us| Timestamp::from_microsecond(us).unwrap())
        })
        .collect();
    assert_eq!(instants.len(), 3600);
    let mut seen = 0;
    for _ in 0..200 {
        let instant = instants[dice.below(3600) as usize];
        let owner = owners[dice.below(5) as usize];
        let expected = brute_force(&all, owner, instant);
        seen += expected.len();
        let page = Page {
            as_of: Some(instant),
            ..page(1000)
        };
        let found = of_object(&pool, collection, owner, &page, soon()).await.unwrap();
        assert_eq!(keys(&found), expected, "{owner} as of {instant}");
        // The same by the list of any collection, and by the batch of objects.
        let list = List {
            columns: vec![0],
            filters: vec![(1, Some(owner.to_owned()))],
            ids: None,
            sort: Some(record::Sort {
                column: 2,
                descending: false,
            }),
            after: None,
            limit: 1000,
            as_of: Some(instant),
        };
        let found = record::list(&pool, collection, &list, soon()).await.unwrap();
        assert_eq!(keys(&found), expected, "{owner} as of {instant}, by the list");
        let found = of_objects(&pool, collection, &[owner.into()], &page, soon())
            .await
            .unwrap();
        assert_eq!(
            keys(&found[0].1),
            expected,
            "{owner} as of {instant}, by the batch"
        );
    }
    assert!(seen > 1000, "{seen} records were compared");
}

async fn sees_deletion(kept: &Kept<'_>, key: i32) -> bool {
    let key = key.to_string();
    store::revision::get(kept.pool, kept.collection, &key, None, soon())
        .await
        .unwrap()
        .is_none()
}
