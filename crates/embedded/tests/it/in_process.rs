//! The engine in this process: many clients on one backend, failures, and data that stays.

use std::time::{Duration, Instant};

use embedded::{Backends, Databases, Engine, EngineKind, Provider, open};
use futures_util::{SinkExt, TryStreamExt, pin_mut};
use tokio_postgres::{error::SqlState, types::Type};

use crate::directory::{Directory, connected, names, value};

async fn opened(directory: &Directory) -> Databases {
    match open(&directory.config(Engine::InProcess), &names(&["fleet"])).await {
        Ok(databases) => databases,
        Err(error) => panic!("failed to {error}"),
    }
}

#[tokio::test]
async fn it_opens_answers_and_keeps_what_was_written() {
    let directory = Directory::new();
    for round in 0..2_i64 {
        let began = Instant::now();
        let databases = opened(&directory).await;
        let client = databases.connect("fleet").await.unwrap().client;
        assert_eq!(value::<i32>(&client, "select 1").await, 1);
        println!("round {round}: first query after {:?}", began.elapsed());
        let caps = databases.caps("fleet");
        assert_eq!(
            (caps.engine, caps.backends),
            (EngineKind::PostgreSql, Backends::One)
        );
        assert!(!caps.interrupt && !caps.copy_in && !caps.listen && !caps.pg_stat_statements);
        assert!(databases.is_ours("fleet"));
        client
            .batch_execute("create table if not exists t (a int); insert into t values (1)")
            .await
            .unwrap();
        assert_eq!(value::<i64>(&client, "select count(*) from t").await, round + 1);
        let line = databases.choices()[0].to_string();
        assert!(
            line.starts_with("database: in-process PostgreSQL 18.4 in "),
            "{line}"
        );
        databases.stop().await;
    }
    // What is there decides, also where a PostgreSQL is installed.
    let databases = open(&directory.config(Engine::Auto), &names(&["fleet"]))
        .await
        .unwrap();
    assert_eq!(databases.choices()[0].provider, Provider::InProcess);
    databases.stop().await;
}

#[tokio::test]
async fn clients_take_turns_and_transactions_stay_apart() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let first = databases.connect("fleet").await.unwrap().client;
    first
        .batch_execute("create table t (a int primary key, b int); insert into t values (1, 0)")
        .await
        .unwrap();
    let began = Instant::now();
    let work = (0..8).map(|number: i32| {
        let databases = &databases;
        async move {
            let mut client = databases.connect("fleet").await.unwrap().client;
            let twice = client
                .prepare_typed("select $1 * 2", &[Type::INT4])
                .await
                .unwrap();
            for round in 0..20 {
                let row = client
                    .query_one(&twice, &[&(number * 100 + round)])
                    .await
                    .unwrap();
                assert_eq!(row.get::<_, i32>(0), (number * 100 + round) * 2);
                // Reads and writes in two steps: others in between would be lost.
                let transaction = client.transaction().await.unwrap();
                let old: i32 = transaction
                    .query_one("select b from t where a = 1", &[])
                    .await
                    .unwrap()
                    .get(0);
                transaction
                    .execute("update t set b = $1 where a = 1", &[&(old + 1)])
                    .await
                    .unwrap();
                transaction.commit().await.unwrap();
            }
        }
    });
    futures_util::future::join_all(work).await;
    println!(
        "8 clients, 20 rounds of a query and a transaction: {:?}",
        began.elapsed()
    );
    assert_eq!(value::<i32>(&first, "select b from t").await, 160);
    databases.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_amid_a_transaction_is_rolled_back() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let other = databases.connect("fleet").await.unwrap().client;
    other.batch_execute("create table t (a int)").await.unwrap();
    let mut first = databases.connect("fleet").await.unwrap().client;
    let transaction = first.transaction().await.unwrap();
    transaction
        .execute("insert into t values (1)", &[])
        .await
        .unwrap();
    let waiting = value::<i64>(&other, "select count(*) from t");
    std::mem::forget(transaction);
    drop(first);
    assert_eq!(waiting.await, 0);
    databases.stop().await;
}

#[tokio::test]
async fn prepared_statements_go_with_their_client() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let other = databases.connect("fleet").await.unwrap().client;
    let first = databases.connect("fleet").await.unwrap().client;
    let statement = first.prepare("select 42").await.unwrap();
    let mine = "select count(*) from pg_prepared_statements where statement = 'select 42'";
    assert_eq!(value::<i64>(&other, mine).await, 1);
    std::mem::forget(statement);
    drop(first);
    let deadline = Instant::now() + Duration::from_secs(5);
    while value::<i64>(&other, mine).await > 0 {
        assert!(Instant::now() < deadline);
    }
    databases.stop().await;
}

#[tokio::test]
async fn what_the_one_backend_must_not_see_is_refused() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let mut client = databases.connect("fleet").await.unwrap().client;
    client.batch_execute("create table t (a int)").await.unwrap();
    let copied = client.copy_in::<_, bytes::Bytes>("copy t from stdin").await;
    let Err(error) = copied else {
        panic!("COPY was taken")
    };
    assert_eq!(error.code(), Some(&SqlState::FEATURE_NOT_SUPPORTED));
    assert!(error.as_db_error().unwrap().message().contains("unnest"));
    for sql in [
        "copy t from stdin",
        "select 1; copy t from stdin",
        "listen a",
        "discard all",
        "deallocate all",
    ] {
        let error = client.batch_execute(sql).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::FEATURE_NOT_SUPPORTED), "{sql}");
    }
    // Amid a transaction the transaction fails, as with any error.
    let transaction = client.transaction().await.unwrap();
    transaction
        .batch_execute("insert into t values (1)")
        .await
        .unwrap();
    let Err(_) = transaction.copy_in::<_, bytes::Bytes>("copy t from stdin").await else {
        panic!("COPY was taken")
    };
    let error = transaction.batch_execute("select 1").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    transaction.rollback().await.unwrap();
    assert_eq!(value::<i64>(&client, "select count(*) from t").await, 0);
    assert_eq!(databases.restarts("fleet"), 0);
    databases.stop().await;
}

#[tokio::test]
async fn rows_come_in_by_unnest_and_out_by_copy() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let mut client = databases.connect("fleet").await.unwrap().client;
    client
        .batch_execute("create table t (a int, b text)")
        .await
        .unwrap();
    let (numbers, texts): (Vec<i32>, Vec<String>) = (0..100_000)
        .map(|number| (number, format!("row {number}")))
        .unzip();
    let began = Instant::now();
    let sql = "insert into t select * from unnest($1::int[], $2::text[])";
    assert_eq!(client.execute(sql, &[&numbers, &texts]).await.unwrap(), 100_000);
    println!("100000 rows of 2 columns by unnest: {:?}", began.elapsed());
    let began = Instant::now();
    let copied = client.copy_out("copy t to stdout").await.unwrap();
    let bytes: usize = copied
        .map_ok(|part| part.len())
        .try_fold(0, |sum, part| async move { Ok(sum + part) })
        .await
        .unwrap();
    println!("{bytes} bytes by COPY TO STDOUT: {:?}", began.elapsed());
    assert!(bytes > 1_500_000);
    let began = Instant::now();
    assert_eq!(
        client.query("select a, b from t", &[]).await.unwrap().len(),
        100_000
    );
    println!("100000 rows by one query: {:?}", began.elapsed());
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("select a from t", &[]).await.unwrap();
    let mut rows = 0;
    loop {
        let part = transaction.query_portal(&portal, 7000).await.unwrap().len();
        if part == 0 {
            break;
        }
        rows += part;
    }
    assert_eq!(rows, 100_000);
    transaction.commit().await.unwrap();
    databases.stop().await;
}

#[tokio::test]
async fn a_reader_that_gives_up_leaves_the_others_alone() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let first = databases.connect("fleet").await.unwrap().client;
    let other = databases.connect("fleet").await.unwrap().client;
    let sql = "select repeat('x', 1000) from generate_series(1, 20000)";
    {
        let rows = first.query_raw(sql, Vec::<i32>::new()).await.unwrap();
        pin_mut!(rows);
        assert!(rows.try_next().await.unwrap().is_some());
    }
    drop(first);
    assert_eq!(value::<i32>(&other, "select 1").await, 1);
    databases.stop().await;
}

#[tokio::test]
async fn three_databases_are_three_engines() {
    let directory = Directory::new();
    let known = names(&["a", "b", "c"]);
    let databases = open(&directory.config(Engine::InProcess), &known).await.unwrap();
    for name in &known {
        let client = databases.connect(name).await.unwrap().client;
        client
            .batch_execute(&format!("create table only_{name} (a int)"))
            .await
            .unwrap();
        let tables: i64 = value(
            &client,
            "select count(*) from pg_tables where tablename like 'only_%'",
        )
        .await;
        assert_eq!(tables, 1);
    }
    assert_eq!(databases.choices().len(), 1);
    databases.stop().await;
}

#[tokio::test]
async fn a_second_opener_is_refused() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let error = open(&directory.config(Engine::InProcess), &names(&["fleet"]))
        .await
        .unwrap_err();
    assert!(matches!(error, embedded::Error::Claimed { .. }), "{error}");
    databases.stop().await;
}

#[tokio::test]
async fn an_engine_that_failed_is_opened_again() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let client = databases.connect("fleet").await.unwrap().client;
    let idle = databases.connect("fleet").await.unwrap().client;
    client
        .batch_execute("create table t as select 1 as a")
        .await
        .unwrap();
    let began = Instant::now();
    // A backend that ends itself is an engine that failed.
    let error = client
        .batch_execute("set exit_on_error = on; select 1 / 0")
        .await
        .unwrap_err();
    println!("terminated: {error:?}");
    assert!(client.batch_execute("select 1").await.is_err());
    let fresh = connected(&databases, "fleet", Duration::from_secs(10)).await;
    assert_eq!(value::<i64>(&fresh, "select count(*) from t").await, 1);
    println!(
        "answered again after {:?}; reopened {} times",
        began.elapsed(),
        databases.restarts("fleet")
    );
    drop((client, idle));
    databases.stop().await;
}

#[tokio::test]
async fn a_copy_sink_is_never_reached() {
    let directory = Directory::new();
    let databases = opened(&directory).await;
    let client = databases.connect("fleet").await.unwrap().client;
    client.batch_execute("create table t (a int)").await.unwrap();
    if let Ok(sink) = client.copy_in("copy t from stdin").await {
        pin_mut!(sink);
        let _ = sink.send(bytes::Bytes::from_static(b"1\n")).await;
        panic!("COPY was taken");
    }
    assert_eq!(value::<i32>(&client, "select 1").await, 1);
    databases.stop().await;
}
