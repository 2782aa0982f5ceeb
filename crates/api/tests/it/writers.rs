//! Many writers at once over HTTP: dense revisions, each acknowledged one there with its content and author.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    client::{get, write},
    running::start_kept,
};

const WRITERS: usize = 16;
const KEYS: usize = 10;
const WRITES: usize = 30;

#[tokio::test]
async fn writers_lose_nothing() {
    let Some(server) = start_kept(|_| {}).await else {
        return;
    };
    let at = server.api;
    for key in 0..KEYS {
        let body = json!({ "box": "red", "at": "2013-07-01T12:00:00Z", "size": 0 });
        let created = write(
            at,
            &format!("PUT /api/v1/parts/{key}"),
            &[("if-none-match", "*")],
            &body,
        )
        .await;
        assert_eq!(created.status, 201, "{}", created.text());
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            let mut conflicts = 0;
            for n in 0..WRITES {
                let key = (writer + n * 7) % KEYS;
                let (what, author) = (format!("PATCH /api/v1/parts/{key}"), format!("writer {writer}"));
                let size = 1 + writer * WRITES + n;
                // What another one answers with is where the next try begins.
                let mut revision = 1_i64;
                loop {
                    let tag = format!("\"{revision}\"");
                    let headers = [("if-match", tag.as_str()), ("sidequest-author", author.as_str())];
                    let answer = write(at, &what, &headers, &json!({ "size": size })).await;
                    let told = answer.json();
                    match answer.status.as_u16() {
                        200 => {
                            acknowledged.push((key, told["revision"].as_i64().unwrap(), size, author));
                            break;
                        }
                        412 => {
                            conflicts += 1;
                            revision = told["current"]["revision"].as_i64().unwrap();
                        }
                        _ => panic!("{told}"),
                    }
                }
            }
            (acknowledged, conflicts)
        });
    }
    let mut acknowledged: BTreeMap<(usize, i64), (usize, String)> = BTreeMap::new();
    let mut conflicts = 0;
    while let Some(writer) = writers.join_next().await {
        let (written, refused) = writer.unwrap();
        conflicts += refused;
        for (key, revision, size, author) in written {
            assert!(
                acknowledged.insert((key, revision), (size, author)).is_none(),
                "{key} {revision} twice"
            );
        }
    }
    assert!(conflicts > 0, "nobody was ever late");
    assert_eq!(acknowledged.len(), WRITERS * WRITES);
    let mut found = 0;
    for key in 0..KEYS {
        let history = get(at, &format!("/api/v1/parts/{key}/revisions?limit=1000"))
            .await
            .json();
        let items = history["items"].as_array().unwrap();
        for (at, item) in items.iter().rev().enumerate() {
            let revision = i64::try_from(at).unwrap() + 1;
            assert_eq!(item["revision"], revision, "dense");
            if revision > 1 {
                let (size, author) = &acknowledged[&(key, revision)];
                assert_eq!((&item["size"], &item["author"]), (&json!(size), &json!(author)));
                found += 1;
            }
        }
    }
    assert_eq!(found, acknowledged.len());
    server.ended().await.unwrap();
}
