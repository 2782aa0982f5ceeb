//! Writes of others are seen at once, and what was kept of their objects is freed when they are told.

use std::time::Duration;

use store::listen;
use tokio::{task::JoinSet, time::timeout};

use crate::ledger::{EXACT, Ledger, read};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_somebody_else_is_seen_and_frees_what_was_kept() {
    let Some(ledger) = Ledger::new(3).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(64 << 20), ledger.plan(&EXACT));
    assert_eq!(listen::told(&ledger.model, &ledger.databases), [1]);
    let mut listeners = JoinSet::new();
    let (databases, told) = (ledger.databases.clone(), engine.clone());
    listeners.spawn(async move {
        listen::follow(&databases, "side", |object| {
            told.evict(object);
        })
        .await;
    });
    let (_, other) = read(&engine, 2, &plan).await;
    let mut amount = 1;
    let mut tags = Vec::new();
    // Who listens does so soon, and then every message counts.
    let heard = async {
        while engine.metric().cache_notified.get() == 0 {
            let (document, tag) = read(&engine, 1, &plan).await;
            assert_eq!(document["total"]["amount"], amount);
            assert!(
                tag.is_some() && !tags.contains(&tag),
                "another state has another tag"
            );
            tags.push(tag);
            amount += 1;
            let sql = format!("update orders_current set amount = {amount} where customer = 1");
            ledger.side.batch_execute(&sql).await.unwrap();
        }
    };
    timeout(PATIENCE, heard).await.expect("somebody listens");
    let (document, _) = read(&engine, 1, &plan).await;
    assert_eq!(document["total"]["amount"], amount);
    assert_eq!(read(&engine, 2, &plan).await.1, other, "nobody wrote of 2");
    // Somebody who ends the connection is no harm: another is made.
    let ended = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where query like 'listen %' and datname = current_database() and pid <> pg_backend_pid()";
    let count: i64 = ledger.side.query_one(ended, &[]).await.unwrap().get(0);
    assert_eq!(count, 1);
    let before = engine.metric().cache_notified.get();
    let heard = async {
        while engine.metric().cache_notified.get() == before {
            read(&engine, 1, &plan).await;
            ledger
                .side
                .batch_execute("notify sidequest, 'orders 1'")
                .await
                .unwrap();
        }
    };
    timeout(PATIENCE, heard).await.expect("somebody listens again");
    listeners.shutdown().await;
}
