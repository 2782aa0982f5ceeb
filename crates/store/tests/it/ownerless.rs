//! Records that belong to no object: they are part of what is read of all, so every write of one raises a version.
//! And writers of all ways that meet at the same records.

use model::{collection::Collection, model::Model};
use serde_json::{Value, json};
use store::{
    content::Content,
    import::{Envelope, Import, Kind, Outcome, Row},
    pool::Pool,
    revision::{Change, Write, write_all},
    seed::Way,
};

use crate::{
    kept::{Kept, change, content, migrated},
    world::{NAME, World, model_of, soon},
};

/// Orders of customers, or of none.
fn orders() -> Model {
    model_of(&format!(
        "name = \"test\"\ntitle = \"Test\"\nobject = \"orders\"\n[database.{NAME}]\n\
         [collection.orders]\ndatabase = \"{NAME}\"\nkey = \"id\"\nrevisions = true\nobject = \"customer\"\n\
         notify = true\ncolumns = {{ id = \"int4\", customer = \"text\", n = \"int4\" }}\n\
         [[section]]\nname = \"own\"\ntitle = \"Own\"\ndatabase = \"{NAME}\"\nsql = \"select 1 as o where 1 = any($1)\"\n\
         object = {{ o = \"int4\" }}\ncolumns = {{ o = \"int4\" }}\n",
    ))
}

async fn sum(world: &World) -> i64 {
    world
        .count("select coalesce(sum(version), 0)::int8 from object_version")
        .await
}

async fn import(
    pool: &Pool,
    collection: &Collection,
    way: Way,
    kind: Kind,
    bodies: &[(i32, Value)],
) -> Outcome {
    let mut import = Import::begin_by(way, pool, collection, kind, soon())
        .await
        .unwrap();
    for (line, (key, body)) in (1..).zip(bodies) {
        let row = Row {
            line,
            content: content(collection, *key, body),
            envelope: Envelope {
                revision: 1,
                recorded_at: Some("2013-01-01T00:00:00Z".parse().unwrap()),
                ..Envelope::default()
            },
        };
        import.row(&row).await.unwrap();
    }
    import.finish().await.unwrap()
}

#[tokio::test]
async fn every_way_to_write_raises_a_version() {
    let model = orders();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let (pool, collection) = (world.pool(2), model.objects());
    let kept = Kept {
        pool: &pool,
        collection,
    };
    let mut before = sum(&world).await;
    let mut raised = async |what: &str| {
        let now = sum(&world).await;
        assert!(now > before, "{what}: {before} before, {now} after");
        before = now;
    };
    let nobody = json!({ "customer": null, "n": 1 });
    kept.create(1, &nobody).await.unwrap();
    raised("created").await;
    kept.patch(1, 1, &json!({ "n": 2 })).await.unwrap();
    raised("changed").await;
    kept.delete(1, 2).await.unwrap();
    raised("deleted").await;
    kept.create(1, &nobody).await.unwrap();
    raised("created again").await;
    let content = content(collection, 2, &nobody);
    write_all(
        &pool,
        collection,
        &[change(2, Write::Create(content), "bulk")],
        soon(),
    )
    .await
    .unwrap();
    raised("in bulk").await;
    for (way, key) in [(Way::Copy, 10), (Way::Insert, 20)] {
        import(&pool, collection, way, Kind::Records, &[(key, nobody.clone())]).await;
        raised("imported").await;
        let changed = json!({ "customer": null, "n": 3 });
        import(&pool, collection, way, Kind::Records, &[(key, changed)]).await;
        raised("imported again").await;
        import(
            &pool,
            collection,
            way,
            Kind::Revisions,
            &[(key + 1, nobody.clone())],
        )
        .await;
        raised("imported with its history").await;
    }
    for sql in [
        "insert into orders_current (id, revision, recorded_at, n) values (30, 1, now(), 1)",
        "update orders_current set n = 7 where id = 30",
        "delete from orders_current where id = 30",
    ] {
        world.outside.execute(sql, &[]).await.unwrap();
        raised(sql).await;
    }
}

#[tokio::test]
async fn writes_of_customers_raise_no_version_of_nobody() {
    let model = orders();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(1);
    let kept = Kept {
        pool: &pool,
        collection: model.objects(),
    };
    kept.create(1, &json!({ "customer": "a", "n": 1 })).await.unwrap();
    kept.patch(1, 1, &json!({ "customer": "b" })).await.unwrap();
    let rows = "select count(*) from object_version where object not in ('a', 'b')";
    assert_eq!(
        world.count(rows).await,
        0,
        "or all new records would wait for each other"
    );
}

/// Keys whose order as numbers is not that as text, written many at once in both ways and in any order.
#[tokio::test]
async fn bulk_writes_and_imports_that_meet_do_not_lock_each_other() {
    let model = orders();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let (pool, collection) = (world.pool(4), model.objects());
    let keys: Vec<i32> = (1..=120).collect();
    let body = |n: i32| json!({ "customer": format!("c{}", n % 7), "n": n });
    let rows = |n: i32| -> Vec<(i32, Value)> { keys.iter().map(|key| (*key, body(key + n))).collect() };
    import(&pool, collection, Way::Copy, Kind::Records, &rows(0)).await;
    let bulk = async |n: i32| {
        let changes: Vec<Change> = (0..keys.len() as i32)
            .map(|at| {
                let key = keys[keys.len() - 1 - at as usize];
                let content = Content::of_json(collection, &body(key + n), Some(&key.to_string())).unwrap();
                change(key, Write::Replace { expected: n, content }, "bulk")
            })
            .collect();
        // Whoever comes second has seen an older revision: that is no failure of the database.
        let _ = write_all(&pool, collection, &changes, soon()).await;
    };
    for n in 1..=15 {
        let rows = rows(n * 1_000);
        let (outcome, ()) = tokio::join!(
            import(&pool, collection, Way::Copy, Kind::Records, &rows),
            bulk(n)
        );
        assert!(matches!(outcome, Outcome::Imported { .. }), "{n}: {outcome:?}");
    }
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(world.count(deadlocks).await, 0);
}
