//! Over HTTP, too: no reader is shown a state older than one shown before, nor older than a write that was
//! acknowledged before its request; a tag has one content, and 304 is only said of the newest.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    client::{send, write},
    versions::shop,
};

/// Long enough for some hundred reads; `SIDEQUEST_TEST_SECONDS=60` makes it longer.
const RUN: Duration = Duration::from_millis(1500);
const OBJECTS: usize = 3;
const READERS: usize = 6;

/// The amount of one object's order, as far as somebody can know it.
#[derive(Default)]
struct Known {
    acknowledged: AtomicI64,
    shown: AtomicI64,
}

#[derive(Default)]
struct Seen {
    known: [Known; OBJECTS],
    /// By object and tag: the bytes, and the amount in them.
    tags: Mutex<HashMap<(usize, String), (Bytes, i64)>>,
    is_over: AtomicBool,
    full: AtomicU64,
    unchanged: AtomicU64,
    writes: AtomicU64,
}

#[expect(
    clippy::disallowed_methods,
    reason = "how tests are told what to do is no part of the product"
)]
fn length() -> Duration {
    let seconds = std::env::var("SIDEQUEST_TEST_SECONDS").ok();
    seconds.map_or(RUN, |seconds| Duration::from_secs(seconds.parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_is_shown_an_older_state_than_before() {
    let Some(server) = shop().await else { return };
    let at = server.api;
    let seen = Arc::new(Seen::default());
    let mut tasks = JoinSet::new();
    for object in 0..OBJECTS {
        let seen = Arc::clone(&seen);
        tasks.spawn(async move {
            let what = format!("PATCH /api/v1/orders/{}", object + 1);
            let mut revision = 1;
            while !seen.is_over.load(Ordering::Relaxed) {
                let amount = 10 + revision;
                let held = format!("\"{revision}\"");
                let written = write(at, &what, &[("if-match", &held)], &json!({ "amount": amount })).await;
                assert_eq!(written.status, 200, "{}", written.text());
                revision += 1;
                seen.known[object].acknowledged.store(amount, Ordering::SeqCst);
                seen.writes.fetch_add(1, Ordering::Relaxed);
                // Pauses of different lengths, so that some documents are read often and others never.
                sleep(Duration::from_millis(5 + 20 * object as u64)).await;
            }
        });
    }
    for reader in 0..READERS {
        let seen = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut held: [Option<String>; OBJECTS] = Default::default();
            let mut object = reader;
            while !seen.is_over.load(Ordering::Relaxed) {
                object = (object + 1) % OBJECTS;
                let known = &seen.known[object];
                let least = [&known.acknowledged, &known.shown].map(|value| value.load(Ordering::SeqCst));
                let amount = seen.read(at, object, &mut held[object]).await;
                for least in least {
                    assert!(amount >= least, "{amount} of {object} after {least}");
                }
                known.shown.fetch_max(amount, Ordering::SeqCst);
            }
        });
    }
    sleep(length()).await;
    seen.is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let [writes, full, unchanged] =
        [&seen.writes, &seen.full, &seen.unchanged].map(|count| count.load(Ordering::Relaxed));
    println!("{writes} writes, {full} bodies, {unchanged} times 304");
    assert!(
        writes > 20 && full > 20 && unchanged > 20,
        "{writes} {full} {unchanged}"
    );
}

impl Seen {
    /// The amount that a reader is shown, who holds what it saw last.
    async fn read(&self, at: std::net::SocketAddr, object: usize, held: &mut Option<String>) -> i64 {
        let what = format!("GET /api/v1/objects/{}/analysis?fields=orders,total", object + 1);
        let headers: Vec<(&str, &str)> = held.iter().map(|tag| ("if-none-match", tag.as_str())).collect();
        let answer = send(at, &what, &headers, "").await;
        if answer.status == 304 {
            self.unchanged.fetch_add(1, Ordering::Relaxed);
            let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
            return tags[&(object, held.clone().unwrap())].1;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.full.fetch_add(1, Ordering::Relaxed);
        let document = answer.json();
        let amount = document["total"]["amount"].as_i64().unwrap();
        *held = None;
        let tag = answer.header("etag").to_owned();
        // Without a tag somebody wrote meanwhile, and a part may be of before.
        if !tag.is_empty() {
            assert_eq!(document["orders"][0]["amount"], amount);
            let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
            let (bytes, _) = tags
                .entry((object, tag.clone()))
                .or_insert_with(|| (answer.body.clone(), amount));
            assert_eq!(*bytes, answer.body, "one tag, one content");
            *held = Some(tag);
        }
        amount
    }
}
