//! Statements that nobody waits for any more.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use store::{
    error::Error,
    pool::Pool,
    query::{Query, Run},
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::world::{World, after_ms, backend, config, rows, rows_until, soon};

async fn run(pool: &Pool, sql: &str, deadline: Instant) -> Result<Query, Error> {
    let sql: Arc<str> = sql.into();
    pool.run(Run {
        what: "a test",
        sql: &sql,
        parameters: &[],
        deadline,
        abandoned: None,
    })
    .await
}

#[tokio::test]
async fn a_query_that_is_dropped_is_cancelled_before_the_next_one_starts() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    for round in 1..=20 {
        tokio::select! {
            _ = rows(&pool, "select pg_sleep(600)") => panic!("it ends by itself"),
            () = world.until_asleep() => {}
        }
        // The permit is given back last, so nothing runs when the next one has it.
        backend(&pool).await;
        assert_eq!(world.active().await, 0);
        assert_eq!(pool.metric().cancels.get(), round);
        // A late signal would hit it.
        rows(&pool, "select pg_sleep(0.01)").await.unwrap();
    }
    assert_eq!(
        pool.metric().connections_opened.get(),
        21,
        "a cancelled connection is not used again"
    );
}

#[tokio::test]
async fn a_query_dropped_among_its_rows_is_cancelled() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let mut query = run(&pool, "select generate_series(1, 100000000)", soon())
        .await
        .unwrap();
    for n in 1..=1000 {
        assert_eq!(query.next().await.unwrap().unwrap().get::<_, i32>(0), n);
    }
    drop(query);
    assert_eq!(rows(&pool, "select 1").await.unwrap().len(), 1);
    assert_eq!(world.active().await, 0);
    assert_eq!(pool.metric().rows.get(), 1001);
}

#[tokio::test]
async fn a_short_query_that_is_dropped_needs_no_cancellation() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let first = backend(&pool).await;
    for _ in 0..20 {
        drop(
            run(&pool, "select generate_series(1, 100)", soon())
                .await
                .unwrap(),
        );
    }
    assert_eq!(backend(&pool).await, first);
    assert_eq!(pool.metric().cancels.get(), 0);
}

#[tokio::test]
async fn a_query_may_be_dropped_where_there_is_no_runtime() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let query = run(&pool, "select generate_series(1, 100000000)", soon())
        .await
        .unwrap();
    std::thread::spawn(move || drop(query)).join().unwrap();
    backend(&pool).await;
    assert_eq!(world.active().await, 0);
    assert_eq!(pool.metric().cancels.get(), 1);
}

#[tokio::test]
async fn a_future_dropped_while_it_prepares_gives_its_permit_back() {
    let Some(mut world) = World::with("create table t (a int)").await else {
        return;
    };
    let pool = world.pool(1);
    backend(&pool).await;
    let transaction = world.outside.transaction().await.unwrap();
    transaction
        .batch_execute("lock table t in access exclusive mode")
        .await
        .unwrap();
    // It waits for the table before it can be described.
    let left = timeout(Duration::from_millis(100), rows(&pool, "select a from t")).await;
    assert!(left.is_err());
    backend(&pool).await;
    transaction.rollback().await.unwrap();
    assert_eq!(world.active().await, 0);
    assert_eq!(rows(&pool, "select a from t").await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_deadline_ends_a_statement() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let began = Instant::now();
    let error = rows_until(&pool, "select pg_sleep(600)", after_ms(100))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, Error::Deadline { .. }) && error.is_deadline(),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    backend(&pool).await;
    assert_eq!(world.active().await, 0);
}

#[tokio::test]
async fn a_deadline_ends_a_statement_that_always_has_a_row() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let mut query = run(&pool, "select generate_series(1, 100000000)", after_ms(200))
        .await
        .unwrap();
    let error = loop {
        match query.next().await {
            Ok(row) => assert!(row.is_some()),
            Err(error) => break error,
        }
    };
    assert!(error.is_deadline(), "{error}");
    assert!(
        query.next().await.unwrap().is_none(),
        "nothing comes after an error"
    );
    drop(query);
    backend(&pool).await;
    assert_eq!(world.active().await, 0);
}

#[tokio::test]
async fn the_database_itself_ends_a_statement() {
    let Some(world) = World::new().await else { return };
    let mut config = config(1);
    config.statement_timeout = Some(Duration::from_millis(50));
    let pool = world.pool_of(config);
    let first = backend(&pool).await;
    let error = rows(&pool, "select pg_sleep(600)").await.err().unwrap();
    assert!(
        matches!(error, Error::Statement { .. }) && error.is_deadline() && !error.is_unavailable(),
        "{error}"
    );
    assert_eq!(backend(&pool).await, first);
    assert_eq!(pool.metric().cancels.get(), 0);
}

#[tokio::test]
async fn a_statement_ends_when_it_is_abandoned() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let (leave, left) = oneshot::channel::<()>();
    let sql: Arc<str> = "select pg_sleep(600)".into();
    let abandoned = Box::pin(left.map(|_| ()));
    let run = Run {
        what: "a test",
        sql: &sql,
        parameters: &[],
        deadline: soon(),
        abandoned: Some(abandoned),
    };
    let leaving = async {
        world.until_asleep().await;
        drop(leave);
    };
    let (ended, ()) = tokio::join!(pool.rows(run), leaving);
    assert!(ended.err().unwrap().is_deadline());
    backend(&pool).await;
    assert_eq!(world.active().await, 0);
}

#[tokio::test]
async fn who_leaves_does_not_wait_for_a_connection() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let held = pool.get(soon()).await.unwrap();
    let (leave, left) = oneshot::channel::<()>();
    let sql: Arc<str> = "select 1".into();
    let abandoned = Box::pin(left.map(|_| ()));
    let run = Run {
        what: "a test",
        sql: &sql,
        parameters: &[],
        deadline: soon(),
        abandoned: Some(abandoned),
    };
    let (ended, ()) = tokio::join!(pool.run(run), async { drop(leave) });
    assert!(ended.err().unwrap().is_deadline());
    drop(held);
    assert_eq!(pool.metric().statements.get(), 0);
}

/// Whatever is dropped when: nobody else's statement is hit, and no permit is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_is_hit_by_a_cancellation() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(4);
    let clients = (0..400u64).map(|n| {
        let pool = pool.clone();
        async move {
            // About as long as a statement may take before it is cancelled: the races are here.
            let ms = n * 7 % 40;
            let sql = format!("select pg_sleep({}), {n}", ms as f64 / 1000.0);
            match n % 4 {
                0 => drop(timeout(Duration::from_millis(n % 5), rows(&pool, &sql)).await),
                1 => drop(run(&pool, &sql, soon()).await.unwrap()),
                _ => assert_eq!(rows(&pool, &sql).await.unwrap().len(), 1, "client {n}"),
            }
        }
    });
    join_all(clients).await;
    let leases = join_all((0..4).map(|_| pool.get(soon()))).await;
    assert!(leases.iter().all(Result::is_ok));
    drop(leases);
    assert_eq!(pool.in_use(), 0);
    assert_eq!(world.active().await, 0);
}
