//! How many statements requests need: one a dataset, not one a section, and few for many at once.

use std::{sync::Arc, time::Duration};

use analysis::{config::Strategy, engine::Existence, error::Error, exact::Reuse};
use futures_util::{StreamExt, future::join_all};
use model::plan::Plan;
use tokio::time::Instant;

use crate::world::{World, document, soon, text};

const SQL: &str = "
    create table customer (id int4 primary key, name text);
    create table orders (id int8 primary key, customer int4, at timestamptz, city text, kind int2, big int8,
        price float8, weight float4, paid bool,
        note json);
    create table places (city text, day date, rain float8, mood text);
    insert into customer select n, 'c' || n from generate_series(1, 500) n;
    insert into orders select n, n % 500 + 1, '2024-01-01T00:00:00Z'::timestamptz + make_interval(mins => n * 7), 'city ' || n % 7,
        n % 5, n, n / 8.0, n / 4.0, n % 3 = 0 from generate_series(1, 10000) n;
    create index on orders (customer, at, id);
    insert into places select 'city ' || c, '2024-01-01'::date + d, d, 'm' || d % 3 from generate_series(0, 6) c, generate_series(0, 60) d;
";

#[tokio::test(flavor = "multi_thread")]
async fn one_request_needs_one_statement_a_source() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 2).await else {
        return;
    };
    let engine = world.engine(Strategy::Fused);
    let before = world.statements();
    document(&engine, "7", &world.plan()).await.unwrap();
    // The record, the orders, the places, and two sections of own SQL.
    assert_eq!(world.statements() - before, 5);
    let cut = Plan::fields(&world.model, &["by.city.orders", "total"]).unwrap();
    let before = world.statements();
    document(&engine, "7", &cut).await.unwrap();
    assert_eq!(world.statements() - before, 2, "no join and no own SQL is needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_needs_one_statement_a_section() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 2).await else {
        return;
    };
    let engine = world.engine(Strategy::Each);
    let before = world.statements();
    document(&engine, "7", &world.plan()).await.unwrap();
    let joined = 2;
    assert_eq!(
        world.statements() - before,
        1 + world.model.sections.len() as u64 + joined
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_at_once_need_at_most_eight_statements_a_source() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 2).await else {
        return;
    };
    let engine = world.engine(Strategy::Fused);
    let plan = world.plan();
    let before = world.statements();
    let ids: Vec<String> = (1..=500).map(|id| id.to_string()).collect();
    let documents = join_all(ids.iter().map(|id| {
        let (engine, plan) = (engine.clone(), plan.clone());
        async move { document(&engine, id, &plan).await.unwrap() }
    }))
    .await;
    for (id, document) in ids.iter().zip(&documents) {
        assert!(text(document).starts_with(&format!("{{\"id\":{id},")));
    }
    let statements = world.statements() - before;
    assert!(statements <= 5 * 8, "{statements} statements");
}

/// On one thread, so that all have asked before the first batch is taken: on a busy machine the one who asks may be held
/// up between two of them, and then there are more batches.
#[tokio::test]
async fn different_selections_share_one_statement_and_each_gets_its_own() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 1).await else {
        return;
    };
    let engine = world.engine(Strategy::Fused);
    let cuts = [
        vec!["total.orders"],
        vec!["by.city.units", "by.kind_paid.orders"],
        vec!["total.units", "lists.dearest"],
    ];
    let alone: Vec<String> = {
        let mut alone = Vec::new();
        for cut in &cuts {
            let plan = Plan::fields(&world.model, cut).unwrap();
            alone.push(text(&document(&engine, "7", &plan).await.unwrap()));
        }
        alone
    };
    // Many of each at once: they are joined, whatever they select.
    let before = world.statements();
    let together = join_all((0..60).map(|n| {
        let plan = Plan::fields(&world.model, &cuts[n % 3]).unwrap();
        let engine = engine.clone();
        async move { text(&document(&engine, "7", &plan).await.unwrap()) }
    }))
    .await;
    for (n, body) in together.iter().enumerate() {
        assert_eq!(*body, alone[n % 3]);
    }
    let statements = world.statements() - before;
    assert!(statements <= 8, "{statements} statements for 60 requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_streamed_in_order_and_a_dropped_stream_stops_the_work() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 2).await else {
        return;
    };
    let engine = world.engine(Strategy::Fused);
    let ids: Vec<Arc<str>> = (1..=500).rev().map(|id| id.to_string().into()).collect();
    let plan = Arc::new(world.plan());
    let mut stream = Box::pin(engine.documents(&ids, plan, None, Duration::from_secs(60), Reuse::Exact));
    let mut seen = Vec::new();
    while let Some((id, document)) = stream.next().await {
        document.unwrap();
        seen.push(id);
        if seen.len() == 100 {
            break;
        }
    }
    drop(stream);
    assert_eq!(seen, ids[..100]);
    assert!(
        engine.metric().documents.get() <= 100 + 64,
        "work ahead is bounded"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_time_is_up_is_told_so_while_others_go_on() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 2).await else {
        return;
    };
    let engine = world.engine(Strategy::Fused);
    let plan = Plan::fields(&world.model, &["total"]).unwrap();
    // The table is locked from outside: nothing can be read.
    world
        .outside
        .batch_execute("begin; lock table orders in access exclusive mode")
        .await
        .unwrap();
    let deadline = Instant::now() + Duration::from_millis(200);
    let hurried = engine
        .document(&"7".into(), &plan, Existence::Asked, deadline)
        .await;
    assert!(
        matches!(hurried, Err(Error::Deadline { .. } | Error::Store { .. })),
        "{hurried:?}"
    );
    let other = "8".into();
    let patient = engine.document(&other, &plan, Existence::Asked, soon());
    let (patient, unlocked) = tokio::join!(patient, world.outside.batch_execute("commit"));
    unlocked.unwrap();
    patient.unwrap();
}

/// A reference of the same database needs a connection of the pool that the dataset's statement is on.
#[tokio::test(flavor = "multi_thread")]
async fn one_connection_is_enough_for_joins_within_a_database() {
    let toml = include_str!("shop.toml").replace("database = \"other\"", "database = \"main\"");
    let Some(world) = World::new(&toml, SQL, 1).await else {
        return;
    };
    let engine = world.engine(Strategy::Fused);
    let plan = world.plan();
    let ids: Vec<Arc<str>> = (1..=300).map(|id: i32| id.to_string().into()).collect();
    let deadline = Instant::now() + Duration::from_secs(15);
    let all = ids
        .iter()
        .map(|id| engine.document(id, &plan, Existence::Asked, deadline));
    for answered in join_all(all).await {
        answered.unwrap();
    }
}
