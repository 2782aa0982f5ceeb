//! Who gets a connection, and when.

use std::{cell::RefCell, time::Duration};

use futures_util::future::join_all;
use store::error::Error;

use crate::world::{World, after_ms, backend, config, rows, soon};

#[tokio::test]
async fn first_come_first_served() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let held = pool.get(soon()).await.unwrap();
    let order = RefCell::new(Vec::new());
    let waiting = join_all((0..50).map(|n| {
        let (pool, order) = (&pool, &order);
        async move {
            let lease = pool.get(soon()).await.unwrap();
            order.borrow_mut().push(n);
            tokio::task::yield_now().await;
            drop(lease);
        }
    }));
    let release = async {
        assert_eq!(pool.in_use(), 1);
        drop(held);
    };
    tokio::join!(waiting, release);
    assert_eq!(order.into_inner(), (0..50).collect::<Vec<_>>());
    assert_eq!(pool.metric().connections_opened.get(), 1);
    assert_eq!(pool.metric().leases.get(), 51);
}

#[tokio::test]
async fn waiting_ends_at_the_deadline_or_the_bound_of_the_pool() {
    let Some(world) = World::new().await else { return };
    for (bound_ms, deadline_ms) in [(20_000, 50), (50, 20_000)] {
        let mut config = config(1);
        config.wait_max = Duration::from_millis(bound_ms);
        let pool = world.pool_of(config);
        let held = pool.get(soon()).await.unwrap();
        let error = pool.get(after_ms(deadline_ms)).await.err().unwrap();
        assert!(matches!(&error, Error::Busy { connections: 1, .. }), "{error}");
        assert!(error.is_unavailable());
        assert_eq!(pool.metric().lease_timeouts.get(), 1);
        drop(held);
        pool.get(soon()).await.unwrap();
    }
}

#[tokio::test]
async fn a_waiter_that_leaves_does_not_hold_the_others_up() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let held = pool.get(soon()).await.unwrap();
    let left = tokio::time::timeout(Duration::from_millis(10), pool.get(soon())).await;
    assert!(left.is_err());
    drop(held);
    pool.get(soon()).await.unwrap();
    assert_eq!(pool.in_use(), 0);
}

#[tokio::test]
async fn a_warm_pool_opens_all_it_has() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(5);
    pool.warm().await.unwrap();
    assert_eq!(pool.metric().connections_opened.get(), 5);
    assert_eq!(
        world
            .count("select count(*) from pg_stat_activity where datname = current_database()")
            .await,
        6
    );
    let leases = join_all((0..5).map(|_| pool.get(soon()))).await;
    assert!(leases.iter().all(Result::is_ok));
    assert_eq!(pool.metric().connections_opened.get(), 5);
}

#[tokio::test]
async fn instants_are_read_in_utc_and_text_is_exact() {
    let Some(world) = World::new().await else { return };
    let set = "do $$ begin execute format('alter database %I set timezone to ''America/New_York''', current_database()); \
               execute format('alter database %I set extra_float_digits to 0', current_database()); \
               execute format('alter database %I set datestyle to ''German''', current_database()); end $$";
    world.outside.batch_execute(set).await.unwrap();
    let pool = world.pool(1);
    let row = &rows(
        &pool,
        "select '2013-01-02 03:04:05Z'::timestamptz::text, (0.1::float8 + 0.2)::text",
    )
    .await
    .unwrap()[0];
    assert_eq!(row.get::<_, &str>(0), "2013-01-02 03:04:05+00");
    assert_eq!(row.get::<_, &str>(1), "0.30000000000000004");
}

#[tokio::test]
async fn a_statement_is_prepared_once_a_connection() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    for _ in 0..10 {
        rows(&pool, "select 1 as prepared_once").await.unwrap();
    }
    let prepared = rows(
        &pool,
        "select count(*) from pg_prepared_statements where statement like '%prepared_once'",
    )
    .await;
    assert_eq!(prepared.unwrap()[0].get::<_, i64>(0), 1);
    assert_eq!(pool.metric().statements.get(), 11);
    assert_eq!(pool.metric().rows.get(), 11);
}

#[tokio::test]
async fn a_statement_whose_table_changed_is_prepared_anew() {
    let Some(world) = World::with("create table t (a int); insert into t values (1)").await else {
        return;
    };
    let pool = world.pool(1);
    rows(&pool, "select * from t").await.unwrap();
    world
        .outside
        .batch_execute("alter table t add b text default 'x'")
        .await
        .unwrap();
    let error = rows(&pool, "select * from t").await.err().unwrap();
    assert!(!error.is_unavailable(), "{error}");
    assert_eq!(
        rows(&pool, "select * from t").await.unwrap()[0].get::<_, &str>(1),
        "x"
    );
    rows(&pool, "deallocate all").await.unwrap();
    rows(&pool, "select * from t").await.err().unwrap();
    rows(&pool, "select * from t").await.unwrap();
    assert_eq!(pool.metric().connections_opened.get(), 1);
}

#[tokio::test]
async fn a_refused_statement_leaves_the_connection_as_it_was() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let first = backend(&pool).await;
    for sql in [
        "selec 1",
        "select nothing",
        "select 1/0 from generate_series(1, 10)",
        "select $1::int",
    ] {
        let error = rows(&pool, sql).await.err().unwrap();
        assert!(
            matches!(error, Error::Statement { .. }) && !error.is_deadline(),
            "{sql}"
        );
        assert!(!error.is_unavailable(), "{sql}");
        assert_eq!(backend(&pool).await, first, "{sql}");
    }
    assert_eq!(pool.metric().cancels.get(), 0);
}
