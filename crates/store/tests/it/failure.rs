//! Backends and servers that go away.

use std::time::Duration;

use embedded::{Engine, testing::TestServer};
use rustix::process::{Pid, Signal, kill_process};
use store::{config::Config, error::Error, pool::Pool};
use tokio::time::{Instant, timeout};

use crate::world::{NAME, World, backend, config, embedded, rows, soon};

#[tokio::test]
async fn a_backend_that_was_ended_is_replaced() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    let first = backend(&pool).await;
    world
        .outside
        .execute("select pg_terminate_backend($1)", &[&first])
        .await
        .unwrap();
    let there = format!("select count(*) from pg_stat_activity where pid = {first}");
    while world.count(&there).await > 0 {}
    // The end may be seen by the pool or by the statement, but only once.
    let second = match rows(&pool, "select pg_backend_pid()").await {
        Ok(rows) => rows[0].get(0),
        Err(error) => {
            assert!(error.is_unavailable(), "{error}");
            backend(&pool).await
        }
    };
    assert_ne!(first, second);
    assert_eq!(pool.metric().connections_opened.get(), 2);
}

#[tokio::test]
async fn a_backend_that_is_ended_amid_a_statement_fails_that_one_alone() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool(1);
    backend(&pool).await;
    let end = async {
        world.until_asleep().await;
        let end = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where datname = current_database() and state = 'active' and pid <> pg_backend_pid()";
        world.outside.execute(end, &[]).await.unwrap();
    };
    let (ended, ()) = tokio::join!(rows(&pool, "select pg_sleep(600)"), end);
    let error = ended.err().unwrap();
    assert!(error.is_unavailable() && !error.is_deadline(), "{error:?}");
    let row = match rows(&pool, "select 1").await {
        Ok(rows) => rows,
        Err(_) => rows(&pool, "select 1").await.unwrap(),
    };
    assert_eq!(row.len(), 1);
    assert_eq!(pool.metric().cancels.get(), 0);
}

/// SIGQUIT: all backends end at once, without a goodbye. The managed server is then started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_fails_soon_and_serves_again() {
    if TestServer::shared().await.is_none() {
        return;
    }
    let names = [NAME.to_owned()];
    let databases = std::sync::Arc::new(embedded::open(&embedded(Engine::Managed), &names).await.unwrap());
    let config = Config {
        wait_max: Duration::from_secs(2),
        connect_max: Duration::from_secs(2),
        slow: Duration::from_secs(1),
        comments: false,
        ..config(3)
    };
    let pool = Pool::new(NAME.to_owned(), config, databases.clone());
    pool.warm().await.unwrap();
    let pid = i32::try_from(databases.postgres_pids()[0]).unwrap();
    let slow = Box::pin(rows(&pool, "select pg_sleep(600)"));
    let kill = async {
        rows(&pool, "select 1").await.unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::QUIT).unwrap();
    };
    let (slow, ()) = timeout(Duration::from_secs(10), async { tokio::join!(slow, kill) })
        .await
        .unwrap();
    assert!(slow.err().unwrap().is_unavailable());
    let died = Instant::now();
    let mut refused = false;
    loop {
        match timeout(Duration::from_secs(5), rows(&pool, "select 1"))
            .await
            .expect("nothing hangs")
        {
            Ok(_) => break,
            Err(error) => {
                assert!(error.is_unavailable(), "{error:?}");
                refused |= matches!(error, Error::Connect { .. });
            }
        }
        assert!(died.elapsed() < Duration::from_secs(15), "it does not come back");
        tokio::task::yield_now().await;
    }
    assert!(refused, "connections are refused meanwhile");
    for _ in 0..3 {
        assert_eq!(rows(&pool, "select 1").await.unwrap().len(), 1);
    }
    pool.get(soon()).await.unwrap();
    assert_eq!(pool.in_use(), 0);
    drop(pool);
    std::sync::Arc::into_inner(databases).unwrap().stop().await;
}
