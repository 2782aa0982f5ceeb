//! What was made once is given again exactly as long as nothing it was made of has changed.

use analysis::{engine::Existence, error::Error, exact::Reuse};
use futures_util::future::join_all;
use model::plan::Plan;
use serde_json::json;
use store::revision::Write;

use crate::{
    ledger::{EXACT, Ledger, ask, customer, json_of, order, read},
    world::{document, soon},
};

const LARGE: usize = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_needs_one_statement_a_database_with_versions() {
    let Some(ledger) = Ledger::new(9).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(LARGE), ledger.plan(&EXACT));
    let (first, tag) = read(&engine, 7, &plan).await;
    assert!(tag.is_some());
    let before = ledger.statements();
    let (second, again) = read(&engine, 7, &plan).await;
    let after = ledger.statements();
    assert_eq!((first, tag), (second, again));
    assert_eq!([after[0] - before[0], after[1] - before[1]], [1, 1]);
    assert_eq!(engine.metric().cache_hits.get(), 1);
    // A selection whose versions are in one database asks only that one, and where its record is.
    let plan = ledger.plan(&["peers"]);
    read(&engine, 7, &plan).await;
    let before = ledger.statements();
    read(&engine, 7, &plan).await;
    let after = ledger.statements();
    assert_eq!([after[0] - before[0], after[1] - before[1]], [1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_burst_joins_its_look_ups() {
    let Some(ledger) = Ledger::new(500).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(LARGE), ledger.plan(&EXACT));
    let burst = || join_all((1..=500).map(|id| read(&engine, id, &plan)));
    let cold = burst().await;
    let before = ledger.statements();
    let warm = burst().await;
    let after = ledger.statements();
    assert!(cold == warm, "the same bytes under the same tags");
    assert_eq!(engine.metric().cache_hits.get(), 500);
    for database in [0, 1] {
        let statements = after[database] - before[database];
        // A look-up takes a fraction of a millisecond: how many wants come meanwhile is the machine's matter.
        assert!(statements <= 50, "{statements} statements for 500 requests");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_makes_anew_what_it_concerns_and_nothing_else() {
    let Some(ledger) = Ledger::new(9).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(LARGE), ledger.plan(&EXACT));
    let (_, seven) = read(&engine, 7, &plan).await;
    let (_, eight) = read(&engine, 8, &plan).await;
    ledger.create("orders", 100, order(7, 41)).await;
    let before = ledger.statements();
    let (document, tag) = read(&engine, 7, &plan).await;
    let after = ledger.statements();
    assert_eq!(document["total"], json!({ "orders": 2, "amount": 42 }));
    assert_ne!(tag, seven);
    // Of the database of customers only the versions are read, before and after, and once by the reference that
    // the orders are joined to; not the peers.
    assert_eq!([after[0] - before[0], after[1] - before[1]], [3, 3]);
    assert_eq!(engine.metric().cache_partial.get(), 1);
    assert_eq!(read(&engine, 8, &plan).await.1, eight, "nobody wrote of 8");
    assert_eq!(engine.metric().cache_hits.get(), 1);

    // Who is a peer depends on every customer.
    ledger
        .patch("customers", 9, 1, json!({ "grade": 1 }))
        .await
        .unwrap();
    let (document, other) = read(&engine, 7, &plan).await;
    assert_eq!(document["peers"], json!({ "peers": 4 }));
    assert_ne!(other, tag);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_version_is_looked_up() {
    let Some(ledger) = Ledger::new(3).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(LARGE), ledger.plan(&["by.rain"]));
    let (document, tag) = read(&engine, 1, &plan).await;
    assert_eq!(document["by"]["rain"], json!([{ "rain": 1, "orders": 1 }]));
    ledger
        .main
        .batch_execute("update places set rain = 5; update places_version set n = 2")
        .await
        .unwrap();
    let (document, other) = read(&engine, 1, &plan).await;
    assert_eq!(document["by"]["rain"], json!([{ "rain": 5, "orders": 1 }]));
    assert_ne!(tag, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_the_version_of_is_made_each_time_and_has_no_tag() {
    let Some(ledger) = Ledger::new(3).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(LARGE), Plan::analysis(&ledger.model));
    for note in ["first", "second", "third"] {
        ledger
            .side
            .execute("update notes set note = $1", &[&note])
            .await
            .unwrap();
        let (document, tag) = read(&engine, 1, &plan).await;
        assert_eq!(document["notes"], json!([{ "id": 1, "note": note }]));
        assert_eq!(document["total"], json!({ "orders": 1, "amount": 1 }));
        assert_eq!(tag, None);
    }
    // The others were made once.
    assert_eq!(engine.metric().cache_partial.get(), 2);
    let plan = ledger.plan(&["notes"]);
    let before = ledger.statements();
    read(&engine, 1, &plan).await;
    let after = ledger.statements();
    assert_eq!(
        [after[0] - before[0], after[1] - before[1]],
        [1, 1],
        "no version is looked up for nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_object_is_not_found_although_its_analysis_was_kept() {
    let Some(ledger) = Ledger::new(3).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(LARGE), ledger.plan(&["total"]));
    let (_, tag) = read(&engine, 2, &plan).await;
    ledger
        .write("customers", 2, Write::Delete { expected: 1 })
        .await
        .unwrap();
    let gone = ask(&engine, "2", &plan, None).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
    // One that was listed a moment ago does not ask; who asks after it does.
    let known = engine
        .document(&"2".into(), &plan, Existence::Known, soon())
        .await;
    known.unwrap();
    let gone = ask(&engine, "2", &plan, None).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
    ledger.create("customers", 2, customer(2)).await;
    let (document, back) = read(&engine, 2, &plan).await;
    assert_eq!(document["total"], json!({ "orders": 1, "amount": 1 }));
    assert_ne!(back, tag);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_and_a_document_that_was_dropped_is_made_again() {
    let Some(ledger) = Ledger::new(60).await else {
        return;
    };
    let bound = 20_000;
    let (engine, plan) = (ledger.engine(bound), ledger.plan(&EXACT));
    for _ in 0..2 {
        for id in 1..=60 {
            let (document, tag) = read(&engine, id, &plan).await;
            assert_eq!(document["total"]["orders"], 1);
            assert!(tag.is_some());
            assert!(engine.metric().cache_bytes.get() <= bound);
        }
    }
    assert!(engine.metric().cache_evicted.get() > 60);
    assert_eq!(engine.metric().cache_hits.get(), 0, "the least recent goes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_over_the_same_databases_give_the_same_tags() {
    let Some(ledger) = Ledger::new(3).await else {
        return;
    };
    let plan = ledger.plan(&EXACT);
    let one = read(&ledger.engine(LARGE), 1, &plan).await;
    let two = read(&ledger.engine(LARGE), 1, &plan).await;
    assert_eq!(one, two);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cache_nothing_is_looked_up() {
    let Some(ledger) = Ledger::new(3).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(0), ledger.plan(&["total"]));
    let before = ledger.statements();
    document(&engine, "1", &plan).await.unwrap();
    let after = ledger.statements();
    assert_eq!([after[0] - before[0], after[1] - before[1]], [1, 1]);
    assert_eq!(read(&engine, 1, &plan).await.1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_kept_too() {
    let Some(ledger) = Ledger::new(100).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(LARGE), ledger.plan(&EXACT));
    for id in 1..=100 {
        let known = engine
            .document(&id.to_string().into(), &plan, Existence::Known, soon())
            .await;
        let asked = ask(&engine, &id.to_string(), &plan, None).await.unwrap();
        assert_eq!(known.unwrap().body(), asked.document.body());
        assert_eq!(json_of(&asked)["id"], id);
    }
    // Whether it exists was not asked by the first.
    assert_eq!(engine.metric().cache_hits.get(), 0);
    assert_eq!(engine.metric().cache_partial.get(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_takes_from_the_cache_and_puts_nothing_into_it() {
    let Some(ledger) = Ledger::new(9).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(LARGE), ledger.plan(&EXACT));
    read(&engine, 7, &plan).await;
    let kept = engine.metric().cache_entries.get();
    let ids: Vec<std::sync::Arc<str>> = (1..=9).map(|id| id.to_string().into()).collect();
    let all = engine.documents(
        &ids,
        std::sync::Arc::new(plan),
        None,
        std::time::Duration::from_secs(60),
        Reuse::Passing,
    );
    let all: Vec<_> = futures_util::StreamExt::collect(all).await;
    assert!(all.len() == 9 && all.iter().all(|(_, document)| document.is_ok()));
    assert_eq!(engine.metric().cache_entries.get(), kept);
    assert_eq!(engine.metric().cache_hits.get(), 1);
}
