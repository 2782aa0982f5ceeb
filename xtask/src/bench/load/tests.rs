//! What the tools say is read right, rows survive their file, and a goal is judged only when all of it was measured.

use super::{
    cell, page,
    raw::{self, Row},
    tool::{Kind, Tool},
};

fn succeeded(kind: Kind, said: &str) -> Option<u64> {
    let tool = Tool {
        kind,
        program: kind.name().into(),
    };
    tool.succeeded(said).ok()
}

#[test]
fn successes_are_what_was_answered_with_200() {
    let h2load = "finished in 1.20s, 833.33 req/s, 1.00MB/s\n\
        requests: 1024 total, 1024 started, 1024 done, 1000 succeeded, 24 failed, 24 errored, 0 timeout\n\
        status codes: 998 2xx, 0 3xx, 2 4xx, 0 5xx\n";
    assert_eq!(succeeded(Kind::H2load, h2load), Some(998));
    assert_eq!(succeeded(Kind::Ours, h2load), Some(998));
    let wrk = "  2 threads and 6 connections\n  123456 requests in 3.00s, 20.00MB read\n  Non-2xx or 3xx responses: 56\n";
    assert_eq!(succeeded(Kind::Wrk, wrk), Some(123_400));
    let oha = r#"{"summary":{"successRate":1.0},"statusCodeDistribution":{"200":4600,"503":2},"errorDistribution":{"aborted":400}}"#;
    assert_eq!(succeeded(Kind::Oha, oha), Some(4_600));
    let hey = "Status code distribution:\n  [200]\t9600 responses\n  [503]\t3 responses\n";
    assert_eq!(succeeded(Kind::Hey, hey), Some(9_600));
    assert_eq!(succeeded(Kind::Hey, "Average: NaN secs"), None);
}

#[test]
fn every_cell_has_a_name_of_its_own_and_tools_that_can_do_it() {
    let cells = cell::all();
    let mut names: Vec<String> = cells.iter().map(ToString::to_string).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), cells.len());
    assert!(
        cells
            .iter()
            .all(|cell| Kind::H2load.can(*cell) && Kind::Ours.can(*cell))
    );
}

fn row(peer: Kind, tool: Kind, pair: u32, cpu_s: f64, is_kept: bool) -> Row {
    Row {
        cell: "nginx h1 x6 13 B".to_owned(),
        commit: "abc".to_owned(),
        peer: peer.name().to_owned(),
        pair,
        place: 0,
        tool: tool.name().to_owned(),
        requests: 1_000,
        succeeded: 1_000,
        wall_s: 4.0,
        client_cpu_s: cpu_s,
        server_cpu_s: 1.0,
        foreign_cpu_s: 0.0,
        is_kept,
    }
}

#[test]
fn ratios_are_of_pairs_and_disturbed_pairs_do_not_count() {
    let mut rows = Vec::new();
    for (pair, ours, theirs, is_kept) in [
        (1, 1.0, 2.0, true),
        (2, 3.0, 4.0, true),
        (3, 9.0, 1.0, false),
        (4, 1.5, 2.0, true),
    ] {
        rows.push(row(Kind::H2load, Kind::Ours, pair, ours, is_kept));
        rows.push(row(Kind::H2load, Kind::H2load, pair, theirs, is_kept));
    }
    let tables = page::tables(&rows);
    assert!(tables.contains("| 0.75 (0.50–0.75) |"), "{tables}");
    assert!(tables.contains("| 3 of 4 |"), "{tables}");
    assert!(
        tables.contains("not judged: 3 of 4 cells not measured"),
        "{tables}"
    );
}

#[test]
fn rows_survive_their_file() {
    let directory = std::env::temp_dir().join(format!("sidequest-rows-{}", std::process::id()));
    let rows = vec![row(Kind::Wrk, Kind::Wrk, 7, 1.25, true)];
    raw::write(&directory, &rows).expect("rows are written");
    let read = raw::read(&directory).expect("rows are read");
    std::fs::remove_dir_all(&directory).expect("the directory is ours");
    assert_eq!(format!("{read:?}"), format!("{rows:?}"));
}
