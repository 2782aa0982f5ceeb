//! Nobody is shown a state older than one shown before, nor older than a write acknowledged before the request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::ledger::{EXACT, Ledger, ask, json_of};

/// Long enough for some thousand reads; `SIDEQUEST_TEST_SECONDS=60` makes it longer.
const RUN: Duration = Duration::from_millis(1500);
const OBJECTS: i32 = 4;
const READERS: usize = 6;

#[expect(
    clippy::disallowed_methods,
    reason = "how tests are told what to do is no part of the product"
)]
fn length() -> Duration {
    let seconds = std::env::var("SIDEQUEST_TEST_SECONDS").ok();
    seconds.map_or(RUN, |seconds| Duration::from_secs(seconds.parse().unwrap()))
}

/// The amount of one object's order, as far as somebody can know it.
#[derive(Default)]
struct Known {
    /// Acknowledged to its writer.
    acknowledged: AtomicI64,
    /// Shown to a reader.
    shown: AtomicI64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_sees_an_older_state_than_before() {
    let Some(ledger) = Ledger::new(OBJECTS).await else {
        return;
    };
    let ledger = Arc::new(ledger);
    let known: Arc<Vec<Known>> = Arc::new((0..OBJECTS).map(|_| Known::default()).collect());
    // Two servers over the same databases: one knows nothing of what the other is told.
    let engines = [ledger.engine(1 << 20), ledger.engine(1 << 20)];
    let (is_over, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writers = JoinSet::new();
    for at in 0..OBJECTS {
        let (ledger, known, is_over) = (ledger.clone(), known.clone(), is_over.clone());
        writers.spawn(async move {
            let mut revision = 1;
            while !is_over.load(Ordering::Relaxed) {
                let amount = revision + 1;
                let written = ledger
                    .patch("orders", at + 1, revision, json!({ "amount": amount }))
                    .await
                    .unwrap();
                revision = written.revision;
                known[at as usize]
                    .acknowledged
                    .store(i64::from(amount), Ordering::SeqCst);
                // Pauses of different lengths, so that some documents are read often and others never.
                tokio::time::sleep(Duration::from_millis(u64::from(at.unsigned_abs()) * 7)).await;
            }
        });
    }
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (engine, ledger, known) = (engines[reader % 2].clone(), ledger.clone(), known.clone());
        let (is_over, reads) = (is_over.clone(), reads.clone());
        readers.spawn(async move {
            let plan = ledger.plan(&EXACT);
            let mut at = reader;
            while !is_over.load(Ordering::Relaxed) {
                at = (at + 1) % OBJECTS as usize;
                let known = &known[at];
                let least = [&known.acknowledged, &known.shown].map(|value| value.load(Ordering::SeqCst));
                let answered = ask(&engine, &(at + 1).to_string(), &plan, None).await.unwrap();
                let document = json_of(&answered);
                let amount = document["total"]["amount"].as_i64().unwrap();
                for least in least {
                    assert!(amount >= least, "{amount} of {} after {least}", at + 1);
                }
                if answered.tag.is_some() {
                    // All of it is of one state.
                    assert_eq!(document["by"]["city"][0]["amount"], amount);
                    assert_eq!(document["orders"][0]["amount"], amount);
                }
                known.shown.fetch_max(amount, Ordering::SeqCst);
                reads.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let end = Instant::now() + length();
    tokio::time::sleep_until(end).await;
    is_over.store(true, Ordering::Relaxed);
    for tasks in [&mut writers, &mut readers] {
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
    let hits: u64 = engines
        .iter()
        .map(|engine| engine.metric().cache_hits.get())
        .sum();
    let made: u64 = engines
        .iter()
        .map(|engine| engine.metric().cache_partial.get())
        .sum();
    let reads = reads.load(Ordering::Relaxed);
    println!("{reads} reads, {hits} as they were kept, {made} made anew");
    assert!(
        hits > 50 && made > 50,
        "{reads} reads, {hits} hits, {made} made anew"
    );
}
