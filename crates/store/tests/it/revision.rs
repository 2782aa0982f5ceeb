//! Writes: what each adds, what each answers, and what they leave.

use std::sync::Arc;

use serde_json::{Value, json};
use store::{
    export::{Export, What},
    revision::{self, Bound, Refusal, Write, difference, write_all},
    version,
};

use crate::{
    kept::{Kept, body, change, content, migrated, things},
    world::soon,
};

fn said<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    match result {
        Ok(_) => "written".to_owned(),
        Err(Refusal::Conflict { current }) => format!("conflict with {}", current.revision),
        Err(Refusal::NotFound { deleted, .. }) => match deleted {
            Some(deleted) => format!("deleted by {}", deleted.revision),
            None => "not found".to_owned(),
        },
        Err(Refusal::NoRevision { to, .. }) => format!("no content in {to}"),
        Err(Refusal::Invalid { problem, .. }) => problem,
        Err(Refusal::Store(error)) => panic!("{error}: {error:?}"),
    }
}

#[tokio::test]
async fn a_record_lives_through_every_sort_of_write() {
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
    assert_eq!(said(kept.replace(1, 1, &body("a", 0, 0)).await), "not found");
    assert_eq!(said(kept.delete(1, 1).await), "not found");
    assert_eq!(kept.create(1, &body("a", 0, 1)).await.unwrap().revision, 1);
    assert_eq!(said(kept.create(1, &body("a", 0, 1)).await), "conflict with 1");
    assert_eq!(kept.replace(1, 1, &body("b", 0, 2)).await.unwrap().revision, 2);
    assert_eq!(
        said(kept.replace(1, 1, &body("b", 0, 3)).await),
        "conflict with 2"
    );
    assert_eq!(
        kept.patch(1, 2, &json!({ "the word": "it's\n\"so\"" }))
            .await
            .unwrap()
            .revision,
        3
    );
    assert_eq!(kept.delete(1, 3).await.unwrap().revision, 4);
    assert_eq!(said(kept.delete(1, 4).await), "deleted by 4");
    assert_eq!(said(kept.patch(1, 4, &json!({ "n": 5 })).await), "deleted by 4");
    assert_eq!(kept.create(1, &body("c", 1, 7)).await.unwrap().revision, 5);
    let revert = |expected, to| change(1, Write::Revert { expected, to }, "reverter");
    assert_eq!(said(kept.write(&revert(5, 4)).await), "no content in 4");
    assert_eq!(said(kept.write(&revert(5, 9)).await), "no content in 9");
    assert_eq!(said(kept.write(&revert(4, 3)).await), "conflict with 5");
    assert_eq!(kept.write(&revert(5, 3)).await.unwrap().revision, 6);
    assert_eq!(kept.write(&revert(6, 6)).await.unwrap().revision, 7);

    let history = revision::history(&pool, collection, "1", None, 100, soon())
        .await
        .unwrap();
    let shown: Vec<String> = history
        .iter()
        .map(|revision| {
            let value: Value = serde_json::from_slice(&revision.json()).unwrap();
            let author = value["author"].as_str().unwrap();
            let deleted = if revision.deleted { " deleted" } else { "" };
            format!(
                "{} {author}{deleted} {} {} {} {}",
                revision.revision, value["owner"], value["n"], value["twice"], value["the word"]
            )
        })
        .collect();
    let word = "\"it's\\n\\\"so\\\"\"";
    assert_eq!(
        shown,
        [
            &format!("7 reverter \"b\" 2 4 {word}"),
            &format!("6 reverter \"b\" 2 4 {word}"),
            "5 creator \"c\" 7 14 null",
            &format!("4 deleter deleted \"b\" 2 4 {word}"),
            &format!("3 patcher \"b\" 2 4 {word}"),
            "2 replacer \"b\" 2 4 null",
            "1 creator \"a\" 1 2 null",
        ]
    );
    for pair in history.windows(2) {
        assert_eq!(
            pair[1].superseded_at,
            Some(pair[0].recorded_at),
            "intervals touch"
        );
        assert!(pair[1].recorded_at <= pair[0].recorded_at);
    }
    assert_eq!(history[0].superseded_at, None);
    let part = revision::history(&pool, collection, "1", Some(4), 2, soon())
        .await
        .unwrap();
    assert_eq!(
        part.iter().map(|revision| revision.revision).collect::<Vec<_>>(),
        [3, 2]
    );

    for expected in &history {
        let bound = Bound::Number(expected.revision);
        let found = revision::one(&pool, collection, "1", bound, soon())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.json(), expected.json());
        let bound = Bound::AsOf(expected.recorded_at);
        let found = revision::one(&pool, collection, "1", bound, soon())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.json(), expected.json(), "as of the instant it was recorded");
    }
    let bound = Bound::Number(8);
    assert!(
        revision::one(&pool, collection, "1", bound, soon())
            .await
            .unwrap()
            .is_none()
    );

    let [two, three] = [&history[5], &history[4]];
    let differences = difference::fields(collection, two, three);
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].field, "the word");
    let patch = difference::patch(collection, two, three);
    assert_eq!(
        patch,
        json!([{ "op": "replace", "path": "/the word", "value": "it's\n\"so\"" }])
    );
    // A version each write and each object that it was of.
    let objects: Vec<Arc<str>> = ["a", "b", "c", "d"].map(Arc::from).to_vec();
    let versions = version::of_objects(&pool, &objects, soon()).await.unwrap();
    assert_eq!(versions, [2, 6, 2, 0]);
    assert_eq!(version::of_all(&pool, soon()).await.unwrap(), 10);
}

#[tokio::test]
async fn a_write_is_one_statement() {
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
    let statements = || pool.metric().statements.get();
    let before = statements();
    kept.create(1, &body("a", 0, 1)).await.unwrap();
    assert_eq!(statements(), before + 1);
    kept.replace(1, 1, &body("a", 0, 1)).await.unwrap();
    assert_eq!(statements(), before + 2);
    kept.patch(1, 2, &json!({ "n": 3 })).await.unwrap();
    assert_eq!(statements(), before + 3);
    kept.write(&change(1, Write::Revert { expected: 3, to: 1 }, "r"))
        .await
        .unwrap();
    assert_eq!(statements(), before + 4);
    kept.delete(1, 4).await.unwrap();
    assert_eq!(statements(), before + 5);
    // A refusal asks once more: for the revision to show.
    kept.delete(1, 4).await.unwrap_err();
    assert_eq!(statements(), before + 7);
}

#[tokio::test]
async fn many_writes_are_one_transaction() {
    let model = things();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(2);
    let collection = model.objects();
    let create = |key: i32, owner: &str, n| {
        change(
            key,
            Write::Create(content(collection, key, &body(owner, 0, n))),
            "bulk",
        )
    };
    let many: Vec<_> = (1..=250)
        .rev()
        .map(|key| create(key, ["a", "b"][key as usize % 2], 1))
        .collect();
    let written = write_all(&pool, collection, &many, soon()).await.unwrap();
    assert_eq!(written.len(), 250);
    let objects: Vec<Arc<str>> = ["a", "b"].map(Arc::from).to_vec();
    let versions = version::of_objects(&pool, &objects, soon()).await.unwrap();
    assert_eq!(versions, [1, 1], "an object is named once");
    // The last of them is there already: nothing of the others stays.
    let mut more: Vec<_> = (300..400).map(|key| create(key, "a", 1)).collect();
    more.push(create(7, "a", 1));
    let refused = write_all(&pool, collection, &more, soon()).await.unwrap_err();
    assert_eq!(refused.index, Some(100));
    assert_eq!(said::<()>(Err(refused.refusal)), "conflict with 1");
    // Too much for a computed column.
    let mut more: Vec<_> = (300..400).map(|key| create(key, "a", 1)).collect();
    let part = json!({ "owner": "a", "at": "2013-07-01T00:00:00Z", "n": 1, "j": { "a": [1, 2] } });
    more.push(change(
        401,
        Write::Create(content(collection, 401, &part)),
        "bulk",
    ));
    assert_eq!(
        write_all(&pool, collection, &more, soon()).await.unwrap().len(),
        101
    );
    assert_eq!(world.count("select count(*) from things").await, 351);
    let mut export = Export::start(&pool, collection, What::Newest, soon())
        .await
        .unwrap();
    let mut rows = 0;
    while let Some(revision) = export.next().await.unwrap() {
        rows += 1;
        let _: Value = serde_json::from_slice(&revision.json()).unwrap();
    }
    assert_eq!(rows, 351);
}

#[tokio::test]
async fn what_postgresql_refuses_is_said() {
    let model = things();
    let Some(world) = migrated(&model).await else {
        return;
    };
    world
        .outside
        .batch_execute("alter table things_current add check (n <> 13)")
        .await
        .unwrap();
    let pool = world.pool(1);
    let kept = Kept {
        pool: &pool,
        collection: model.objects(),
    };
    assert!(said(kept.create(1, &body("a", 0, 13)).await).contains("violates check constraint"));
    assert_eq!(said(kept.create(1, &body("a", 0, 12)).await), "written");
    // The tables disagree: stopped by the key of history, loudly.
    world
        .outside
        .batch_execute(
            "insert into things_history (id, revision, recorded_at, superseded_at) values (1, 1, now(), now())",
        )
        .await
        .unwrap();
    let refused = kept.replace(1, 1, &body("a", 0, 1)).await.unwrap_err();
    let Refusal::Store(error) = refused else {
        panic!("{refused:?}")
    };
    assert!(!error.is_unavailable());
    assert_eq!(
        world
            .count("select count(*) from things_current where revision = 1")
            .await,
        1
    );
}

#[tokio::test]
async fn an_object_too_long_for_an_index_is_named() {
    let model = things();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let pool = world.pool(1);
    let kept = Kept {
        pool: &pool,
        collection: model.objects(),
    };
    // What repeats itself is compressed and fits; digits of a hash do not.
    let mut state = 1_u64;
    let long: String = (0..9_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
        })
        .collect();
    for length in [4_500, 9_000] {
        let refused = kept.create(1, &body(&long[..length], 0, 0)).await.unwrap_err();
        assert!(
            matches!(&refused, Refusal::Invalid { field, .. } if field == "owner"),
            "{refused:?}"
        );
    }
    kept.create(1, &body(&"a".repeat(9_000), 0, 0)).await.unwrap();
    let refused = write_all(
        &pool,
        model.objects(),
        &[change(
            2,
            Write::Create(content(model.objects(), 2, &body(&long, 0, 0))),
            "many",
        )],
        soon(),
    )
    .await
    .unwrap_err();
    assert!(
        matches!(&refused.refusal, Refusal::Invalid { field, .. } if field == "owner"),
        "{:?}",
        refused.refusal
    );
}
