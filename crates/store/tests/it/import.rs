//! Rows in by import, out by export: all or nothing, and the same revisions again.

use model::collection::Collection;
use serde_json::{Value, json};
use store::{
    content::Content,
    export::{Export, What},
    import::{BadRow, Envelope, Import, Kind, Outcome, Row},
    pool::Pool,
    seed::Way,
    version,
};

use crate::{
    kept::{Kept, body, content, migrated, things},
    world::soon,
};

const BOTH: [Way; 2] = [Way::Copy, Way::Insert];

async fn import(pool: &Pool, collection: &Collection, way: Way, kind: Kind, rows: &[Row]) -> Outcome {
    let mut import = Import::begin_by(way, pool, collection, kind, soon())
        .await
        .unwrap();
    for row in rows {
        import.row(row).await.unwrap();
    }
    import.finish().await.unwrap()
}

async fn exported(pool: &Pool, collection: &Collection, what: What) -> Vec<String> {
    let mut export = Export::start(pool, collection, what, soon()).await.unwrap();
    let mut lines = Vec::new();
    while let Some(revision) = export.next().await.unwrap() {
        lines.push(String::from_utf8(revision.json()).unwrap());
    }
    lines
}

/// Reads what [`exported`] gave.
fn read(collection: &Collection, lines: &[String]) -> Vec<Row> {
    let row = |(at, line): (usize, &String)| {
        let value: Value = serde_json::from_str(line).unwrap();
        let instant = |name: &str| value[name].as_str().map(|text| text.parse().unwrap());
        Row {
            line: at as u64 + 1,
            content: Content::of_json(collection, &value, None).unwrap(),
            envelope: Envelope {
                revision: i32::try_from(value["revision"].as_i64().unwrap()).unwrap(),
                recorded_at: instant("recorded_at"),
                superseded_at: instant("superseded_at"),
                author: value["author"].as_str().map(str::to_owned),
                comment: value["comment"].as_str().map(str::to_owned),
                deleted: value["deleted"].as_bool().unwrap(),
            },
        }
    };
    lines.iter().enumerate().map(row).collect()
}

fn record(collection: &Collection, line: u64, key: i32, body: &Value) -> Row {
    Row {
        line,
        content: content(collection, key, body),
        envelope: Envelope {
            author: Some("importer".to_owned()),
            ..Envelope::default()
        },
    }
}

#[tokio::test]
async fn what_was_exported_is_the_same_after_an_import() {
    let model = things();
    let collection = model.objects();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(1);
    let kept = Kept {
        pool: &pool,
        collection,
    };
    for key in 1..=20 {
        let mut odd = body("a\tb\\c\n", i64::from(key), 1);
        odd["the word"] = json!("\\N\r");
        odd["j"] = json!({ "x": ["\t", 1.5, null] });
        odd["real"] = json!(0.1);
        kept.create(key, &odd).await.unwrap();
        if key % 2 == 0 {
            kept.patch(key, 1, &json!({ "owner": "b", "the word": "" }))
                .await
                .unwrap();
        }
        if key % 4 == 0 {
            kept.delete(key, 2).await.unwrap();
        }
    }
    let before = exported(&pool, collection, What::All).await;
    assert_eq!(before.len(), 35);
    let rows = read(collection, &before);
    for way in BOTH {
        let other = migrated(&model).await.unwrap();
        let pool = other.pool(1);
        // The order of the lines does not matter.
        let backwards: Vec<Row> = rows.iter().rev().cloned().collect();
        let outcome = import(&pool, collection, way, Kind::Revisions, &backwards).await;
        assert_eq!(outcome, Outcome::Imported { revisions: 35 });
        assert_eq!(exported(&pool, collection, What::All).await, before, "{way:?}");
        assert_eq!(exported(&pool, collection, What::Newest).await.len(), 15);
        // Of its two owners, and of the past.
        assert_eq!(version::of_all(&pool, soon()).await.unwrap(), 3);
        // Writes go on where the revisions end.
        let kept = Kept {
            pool: &pool,
            collection,
        };
        assert_eq!(kept.create(4, &body("a", 0, 1)).await.unwrap().revision, 4);
        let outcome = import(&pool, collection, way, Kind::Revisions, &rows).await;
        let Outcome::Refused { rows, count } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(count, 35);
        assert_eq!(rows[0].problem, "record 1 is there already");
    }
}

#[tokio::test]
async fn records_are_added_and_replaced() {
    let model = things();
    let collection = model.objects();
    for way in BOTH {
        let Some(world) = migrated(&model).await else {
            return;
        };
        let pool = world.pool(1);
        let kept = Kept {
            pool: &pool,
            collection,
        };
        for key in 1..=3 {
            kept.create(key, &body("old", 0, 1)).await.unwrap();
        }
        kept.delete(3, 1).await.unwrap();
        let rows: Vec<Row> = (2..=20_000)
            .map(|key| record(collection, key as u64, key, &body("new", 1, 2)))
            .collect();
        let outcome = import(&pool, collection, way, Kind::Records, &rows).await;
        assert_eq!(outcome, Outcome::Imported { revisions: 19_999 });
        assert_eq!(
            world
                .count("select count(*) from things where n = 2 and twice = 4")
                .await,
            19_999
        );
        let numbers = "select string_agg(revision::text, '' order by id)::int8 from things where id < 6";
        assert_eq!(world.count(numbers).await, 12_311);
        assert_eq!(world.count("select count(*) from things_history").await, 3);
        let versions = version::of_objects(&pool, &["old".into(), "new".into()], soon()).await;
        assert_eq!(versions.unwrap(), [5, 1]);
    }
}

#[tokio::test]
async fn bad_rows_are_named_and_leave_nothing() {
    let model = things();
    let collection = model.objects();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(1);
    let one = |line, key| record(collection, line, key, &body("a", 0, 1));
    for way in BOTH {
        let rows = [one(2, 1), one(3, 2), one(5, 1), one(8, 1)];
        let outcome = import(&pool, collection, way, Kind::Records, &rows).await;
        let bad = |line, key: &str| BadRow {
            line,
            problem: format!("key {key} stands on line 2 already"),
        };
        assert_eq!(
            outcome,
            Outcome::Refused {
                rows: vec![bad(5, "1"), bad(8, "1")],
                count: 2
            }
        );
        // Many bad ones: the first hundred by name, the others in number.
        let rows: Vec<Row> = (2..=1001).map(|line| one(line, 1)).collect();
        let outcome = import(&pool, collection, way, Kind::Records, &rows).await;
        let Outcome::Refused { rows, count } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((rows.len(), count), (100, 999));
        // Told by the caller, who could not even read one.
        let mut import = Import::begin_by(way, &pool, collection, Kind::Records, soon())
            .await
            .unwrap();
        import.row(&one(2, 1)).await.unwrap();
        import.refuse(BadRow {
            line: 3,
            problem: "no JSON".to_owned(),
        });
        import.row(&one(4, 1)).await.unwrap();
        let outcome = import.finish().await.unwrap();
        let Outcome::Refused { rows, count } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(count, 2);
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 4]);
        // Dropped in the middle.
        let mut import = Import::begin_by(way, &pool, collection, Kind::Records, soon())
            .await
            .unwrap();
        import.row(&one(2, 1)).await.unwrap();
        drop(import);
        assert_eq!(world.count("select count(*) from things_current").await, 0);
        assert_eq!(world.count("select count(*) from object_version").await, 0);
    }
}

#[tokio::test]
async fn histories_that_cannot_be_are_refused() {
    let model = things();
    let collection = model.objects();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(1);
    let revision = |line, key, number, recorded: Option<i64>, superseded: Option<i64>| {
        let instant = |second: i64| jiff::Timestamp::from_second(second).unwrap();
        let mut row = record(collection, line, key, &body("a", 0, 1));
        row.envelope.revision = number;
        row.envelope.recorded_at = recorded.map(instant);
        row.envelope.superseded_at = superseded.map(instant);
        row
    };
    let rows = [
        revision(1, 1, 1, Some(10), Some(20)),
        revision(2, 1, 2, Some(20), None),
        revision(3, 2, 1, Some(10), Some(20)),
        revision(4, 2, 3, Some(20), None),
        revision(5, 3, 1, None, None),
        revision(6, 4, 1, Some(20), Some(10)),
        revision(7, 4, 2, Some(10), None),
        revision(8, 5, 1, Some(10), Some(15)),
        revision(9, 5, 2, Some(20), None),
        revision(10, 6, 1, Some(10), Some(10)),
        revision(11, 6, 1, Some(10), None),
        revision(12, 7, 1, Some(10), Some(20)),
    ];
    for way in BOTH {
        let outcome = import(&pool, collection, way, Kind::Revisions, &rows).await;
        let Outcome::Refused { rows, count } = outcome else {
            panic!("{outcome:?}")
        };
        let said: Vec<String> = rows
            .iter()
            .map(|row| format!("{}: {}", row.line, row.problem))
            .collect();
        assert_eq!(count, 6);
        assert_eq!(
            said,
            [
                "4: revision 2 of record 2 is missing before revision 3",
                "5: recorded_at is missing",
                "7: it was recorded before the revision that it supersedes",
                "8: superseded_at is not when revision 2 was recorded",
                "11: revision 1 of record 6 stands there twice",
                "12: superseded_at is not when revision 2 was recorded",
            ]
        );
        assert_eq!(world.count("select count(*) from things_current").await, 0);
    }
}
