//! The bridge with a backend that understands a handful of words and remembers what it was told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, error::SqlState};

use super::*;

/// What all lives of the fake backend share.
#[derive(Clone, Default)]
struct Record {
    log: Arc<Mutex<Vec<String>>>,
    opened: Arc<AtomicU64>,
}

impl Record {
    fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

struct Fake {
    record: Record,
    status: u8,
}

impl Fake {
    fn open(record: &Record) -> Result<Self, Fault> {
        record.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            record: record.clone(),
            status: b'I',
        })
    }
}

impl Backend for Fake {
    fn parameters(&mut self) -> Result<Vec<(String, String)>, Fault> {
        Ok(vec![("server_version".to_owned(), "0.fake".to_owned())])
    }

    fn exchange(&mut self, request: &[u8], answer: Answer) -> Result<(), Fault> {
        for message in frame::messages(request) {
            let frame::Message::Query { sql } = message else {
                continue;
            };
            let sql = str::from_utf8(sql).unwrap();
            self.record.log.lock().unwrap().push(sql.to_owned());
            match sql.split_whitespace().collect::<Vec<_>>()[..] {
                ["begin"] => self.status = b'T',
                ["commit" | "ROLLBACK"] => self.status = b'I',
                ["die"] => return Err(Fault("told to die".to_owned())),
                ["panic"] => panic!("told to panic"),
                ["mute"] => return Ok(()),
                ["rows", count] => {
                    answer.part(
                        &[
                            b"T\0\0\0\x1a\0\x01a\0\0\0\0\0\0\0".as_slice(),
                            &[0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0],
                        ]
                        .concat(),
                    );
                    for _ in 0..count.parse::<u32>().unwrap() {
                        let row = [b"D\0\0\x04\x0a\0\x01\0\0\x04\0".as_slice(), &[b'x'; 1024]].concat();
                        answer.part(&row);
                    }
                }
                _ => {}
            }
        }
        answer.part(b"C\0\0\0\x06O\0");
        answer.part(&[b'Z', 0, 0, 0]);
        answer.part(&[5, self.status]);
        Ok(())
    }

    fn close(self) -> Result<(), Fault> {
        self.record.log.lock().unwrap().push("closed".to_owned());
        Ok(())
    }
}

struct Bench {
    bridge: Bridge,
    record: Record,
    tasks: JoinSet<()>,
}

impl Bench {
    async fn new(limits: Limits) -> Self {
        let record = Record::default();
        let opened = record.clone();
        let bridge = Bridge::open(move || Fake::open(&opened), limits).await.unwrap();
        Self {
            bridge,
            record,
            tasks: JoinSet::new(),
        }
    }

    async fn client(&mut self) -> Client {
        let (stream, served) = self.bridge.connect();
        self.tasks.spawn(served);
        let (client, connection) = tokio_postgres::Config::new()
            .user("u")
            .connect_raw(stream, NoTls)
            .await
            .unwrap();
        self.tasks.spawn(async move {
            let _ = connection.await;
        });
        client
    }

    /// Ends all clients and gives what the backend was told.
    async fn end(mut self) -> Vec<String> {
        while self.tasks.join_next().await.is_some() {}
        self.bridge.stop(Duration::from_secs(5)).await;
        self.record.lines()
    }
}

#[tokio::test]
async fn a_transaction_is_not_entered_by_others() {
    let mut bench = Bench::new(LIMITS).await;
    let (first, second) = (bench.client().await, bench.client().await);
    first.batch_execute("begin").await.unwrap();
    let other = second.batch_execute("other");
    let inside = async {
        first.batch_execute("inside").await.unwrap();
        first.batch_execute("commit").await.unwrap();
    };
    let (other, ()) = tokio::join!(other, inside);
    other.unwrap();
    drop((first, second));
    assert_eq!(
        bench.end().await,
        ["begin", "inside", "commit", "other", "closed"]
    );
}

#[tokio::test]
async fn a_client_that_goes_amid_a_transaction_is_rolled_back() {
    let mut bench = Bench::new(LIMITS).await;
    let (first, second) = (bench.client().await, bench.client().await);
    first.batch_execute("begin").await.unwrap();
    drop(first);
    second.batch_execute("other").await.unwrap();
    drop(second);
    assert_eq!(bench.end().await, ["begin", "ROLLBACK", "other", "closed"]);
}

#[tokio::test]
async fn a_client_whose_task_is_aborted_is_rolled_back_by_the_next() {
    let mut bench = Bench::new(LIMITS).await;
    let first = bench.client().await;
    first.batch_execute("begin").await.unwrap();
    bench.tasks.shutdown().await;
    let second = bench.client().await;
    second.batch_execute("other").await.unwrap();
    drop(second);
    assert_eq!(bench.end().await, ["begin", "ROLLBACK", "other", "closed"]);
}

#[tokio::test]
async fn waiting_has_a_deadline() {
    let mut bench = Bench::new(Limits {
        wait: Duration::from_millis(30),
        ..LIMITS
    })
    .await;
    let (first, second) = (bench.client().await, bench.client().await);
    first.batch_execute("begin").await.unwrap();
    let error = second.batch_execute("other").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE));
    first.batch_execute("commit").await.unwrap();
    second.batch_execute("again").await.unwrap();
    drop((first, second));
    assert_eq!(bench.end().await, ["begin", "commit", "again", "closed"]);
}

#[tokio::test]
async fn dawdling_in_a_transaction_has_a_deadline() {
    let mut bench = Bench::new(Limits {
        transaction_idle: Duration::from_millis(30),
        ..LIMITS
    })
    .await;
    let (first, second) = (bench.client().await, bench.client().await);
    first.batch_execute("begin").await.unwrap();
    second.batch_execute("other").await.unwrap();
    assert!(first.batch_execute("late").await.is_err());
    drop((first, second));
    assert_eq!(bench.end().await, ["begin", "ROLLBACK", "other", "closed"]);
}

#[tokio::test]
async fn a_failure_ends_all_sessions_and_opens_the_backend_again() {
    for (word, opened) in [("die", 2), ("panic", 2), ("mute", 2)] {
        let mut bench = Bench::new(LIMITS).await;
        let (first, idle) = (bench.client().await, bench.client().await);
        let error = first.batch_execute(word).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::CRASH_SHUTDOWN), "{word}");
        assert!(idle.batch_execute("old").await.is_err());
        let fresh = bench.client().await;
        fresh.batch_execute("new").await.unwrap();
        assert_eq!(bench.bridge.reopened(), 1);
        assert_eq!(bench.record.opened.load(Ordering::Relaxed), opened);
        drop((first, idle, fresh));
        let log = bench.end().await;
        assert!(
            log.contains(&"new".to_owned()) && !log.contains(&"old".to_owned()),
            "{log:?}"
        );
    }
}

#[tokio::test]
async fn a_long_answer_arrives_whole() {
    let mut bench = Bench::new(Limits {
        answer_bytes: 4096,
        ..LIMITS
    })
    .await;
    let client = bench.client().await;
    let answer = client.simple_query("rows 500").await.unwrap();
    let rows = answer
        .iter()
        .filter(|message| matches!(message, SimpleQueryMessage::Row(_)))
        .count();
    assert_eq!(rows, 500);
    drop(client);
    bench.end().await;
}

#[tokio::test]
async fn a_reader_that_stalls_does_not_stop_the_others() {
    let limits = Limits {
        answer_bytes: 4096,
        stall: Duration::from_millis(30),
        ..LIMITS
    };
    let mut bench = Bench::new(limits).await;
    // A client by hand, that sends a query and reads nothing.
    let (mut stream, served) = bench.bridge.connect();
    bench.tasks.spawn(served);
    let startup = [
        b"\0\0\0\x0a\0\x03\0\0\0\0".as_slice(),
        b"Q\0\0\0\x0erows 9999\0".as_slice(),
    ]
    .concat();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &startup)
        .await
        .unwrap();
    let other = bench.client().await;
    other.batch_execute("other").await.unwrap();
    drop((stream, other));
    assert_eq!(
        bench.end().await.iter().filter(|line| *line == "other").count(),
        1
    );
}

#[tokio::test]
async fn what_is_not_the_protocol_is_refused() {
    let mut bench = Bench::new(Limits {
        batch_bytes: 1000,
        ..LIMITS
    })
    .await;
    let long = format!("x {}", "y".repeat(1000));
    let client = bench.client().await;
    let error = client.batch_execute(&long).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::PROGRAM_LIMIT_EXCEEDED));
    let (mut stream, served) = bench.bridge.connect();
    bench.tasks.spawn(served);
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut told = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut told)
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&told).contains("08P01"));
    drop(client);
    bench.end().await;
}

#[test]
fn batches_end_with_sync_or_query() {
    let mut buffer = bytes::BytesMut::new();
    let mut search = frame::Search::default();
    let parse = b"P\0\0\0\x0as0\0x\0\0\0";
    let parse = &parse[..11];
    let steps: [(&[u8], frame::Found); 5] = [
        (parse, frame::Found::Nothing),
        (b"d\0\0\0\x05x", frame::Found::Nothing),
        (b"S\0\0", frame::Found::Nothing),
        (
            b"\0\x04Q",
            frame::Found::Batch([parse, b"S\0\0\0\x04"].concat().into()),
        ),
        (b"\0\0\0\x03", frame::Found::Garbage),
    ];
    for (bytes, expect) in steps {
        buffer.extend_from_slice(bytes);
        assert_eq!(search.batch(&mut buffer, 100), expect);
    }
}
