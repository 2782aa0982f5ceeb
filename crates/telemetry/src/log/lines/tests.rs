//! In order, many at once, never waiting, and none lost without being counted.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Instant,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Lines whose every write is sent to the test.
fn gathered() -> (Lines, Receiver<Vec<u8>>, Counter) {
    let (written, writes) = sync_channel(1 << 16);
    let (lines, dropped) = to(written);
    (lines, writes, dropped)
}

fn to(written: SyncSender<Vec<u8>>) -> (Lines, Counter) {
    let dropped = Counter::default();
    let write = move |bytes: &[u8]| {
        written
            .send(bytes.to_vec())
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    };
    (
        Lines::new(Gather::Many, dropped.clone(), Box::new(write)),
        dropped,
    )
}

#[test]
fn many_lines_make_few_writes() {
    let (lines, writes, dropped) = gathered();
    for number in 0..1000 {
        lines.push(format!("{number}\n").as_bytes());
    }
    let mut all = Vec::new();
    let mut count = 0;
    while all.iter().filter(|byte| **byte == b'\n').count() < 1000 {
        all.extend(
            writes
                .recv_timeout(PATIENCE)
                .expect("they are written by themselves"),
        );
        count += 1;
    }
    let expected: String = (0..1000).map(|number| format!("{number}\n")).collect();
    assert_eq!(String::from_utf8(all).unwrap(), expected);
    assert!(count < 20, "{count} writes");
    assert_eq!(dropped.get(), 0);
}

#[test]
fn what_is_written_at_once_comes_after_what_waits() {
    let (lines, writes, _) = gathered();
    lines.push(b"one\n");
    lines.push(b"two\n");
    lines.write(b"three\n").unwrap();
    let all: Vec<u8> = writes.try_iter().flatten().collect();
    assert_eq!(all, b"one\ntwo\nthree\n");
}

#[test]
fn what_waits_is_written_at_the_end() {
    let (lines, writes, _) = gathered();
    lines.push(b"last\n");
    lines.flush();
    assert_eq!(writes.try_recv().unwrap(), b"last\n");
    lines.push(b"very last\n");
    drop(lines);
    assert_eq!(writes.try_recv().unwrap(), b"very last\n");
}

#[test]
fn a_reader_that_stands_still_holds_up_nobody_and_is_counted() {
    // Whoever writes waits for the test to read.
    let (written, writes) = sync_channel(0);
    let (lines, dropped) = to(written);
    let line = vec![b'x'; 64 << 10];
    let until = Instant::now() + PATIENCE;
    let mut pushed = 0_u64;
    while dropped.get() == 0 {
        lines.push(&line);
        pushed += 1;
        assert!(Instant::now() < until, "{pushed} lines found room");
    }
    // What found room arrives, once somebody reads.
    let arriving = thread::spawn(move || writes.iter().map(|bytes| bytes.len() as u64).sum::<u64>());
    drop(lines);
    let arrived = arriving.join().unwrap() / line.len() as u64;
    assert_eq!(arrived + dropped.get(), pushed);
}

#[test]
fn nobody_is_woken_for_nothing() {
    let (lines, writes, _) = gathered();
    lines.push(b"one\n");
    writes.recv_timeout(PATIENCE).expect("it is written by itself");
    let until = Instant::now() + PATIENCE;
    while lines.shared.waiting().thread != Thread::Idle {
        assert!(Instant::now() < until, "the thread does not go to sleep");
        thread::yield_now();
    }
    // Asleep without a time limit: it stays so until there is a line.
    assert!(writes.try_recv().is_err());
}
