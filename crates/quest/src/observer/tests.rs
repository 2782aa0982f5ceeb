//! What readings over a window come to.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Depth, Observer, Reading, State, Watcher, Window, timing::parts};

fn reading(at: f64, counter: f64, gauge: Option<f64>) -> Reading {
    let mut reading = Reading {
        at,
        ..Reading::default()
    };
    reading.counters.insert("c".to_owned(), counter);
    if let Some(gauge) = gauge {
        reading.gauges.insert("g".to_owned(), gauge);
    }
    reading
}

/// Of most gauges the mean is enough; when a checkpoint was at work must be known.
#[test]
fn some_levels_keep_their_times() {
    let mut readings = VecDeque::new();
    for (at, level) in [(1.0, 0.0), (1.5, 1.0), (2.0, 1.0)] {
        let mut reading = reading(at, 0.0, Some(7.0));
        reading.gauges.insert("maintenance".to_owned(), level);
        readings.push_back(reading);
    }
    let window = Window::over(&readings, 0);
    assert_eq!(
        window.courses["maintenance"],
        [[1.0, 0.0], [1.5, 1.0], [2.0, 1.0]]
    );
    assert!(!window.courses.contains_key("g"));
}

#[test]
fn levels_are_weighted_by_the_time_that_they_stood() {
    // 1 for nine seconds, 11 for one: a mean of samples would say 6.
    let readings = VecDeque::from([
        reading(0.0, 5.0, Some(1.0)),
        reading(9.0, 6.0, Some(11.0)),
        reading(10.0, 9.0, Some(0.0)),
    ]);
    let window = Window::over(&readings, 0);
    assert_eq!(window.mean("g"), Some(2.0));
    assert_eq!(window.growth("c"), Some(4.0));
    assert_eq!(window.peaks["g"], 11.0);
}

#[test]
fn what_is_not_there_is_zero() {
    let readings = VecDeque::from([
        reading(0.0, 1.0, None),
        reading(5.0, 1.0, Some(4.0)),
        reading(10.0, 1.0, None),
    ]);
    assert_eq!(Window::over(&readings, 0).mean("g"), Some(2.0));
}

/// A statement that was not among the greatest when the window began had run before: its growth is not known.
#[test]
fn what_was_beyond_the_end_of_a_list_has_not_grown_from_nothing() {
    let mut readings = VecDeque::new();
    for (at, names) in [
        (0.0, ["statement/1/calls", "table/a/seq_scans"].as_slice()),
        (
            1.0,
            &[
                "statement/1/calls",
                "statement/2/calls",
                "table/a/seq_scans",
                "table/b/seq_scans",
            ],
        ),
    ] {
        let mut reading = reading(at, 0.0, None);
        for name in names {
            reading.counters.insert((*name).to_owned(), 5_000.0);
        }
        readings.push_back(reading);
    }
    assert_eq!(
        Window::over(&readings, 0).growth("statement/2/calls"),
        Some(5_000.0)
    );
    readings[0].cut.push("statement/");
    let window = Window::over(&readings, 0);
    assert_eq!(window.growth("statement/1/calls"), Some(0.0));
    assert_eq!(window.growth("statement/2/calls"), None);
    assert_eq!(window.growth("table/b/seq_scans"), Some(5_000.0));
}

#[test]
fn sources_of_one_kind_add_up() {
    let one = Window::over(
        &VecDeque::from([reading(0.0, 0.0, Some(1.0)), reading(2.0, 3.0, Some(1.0))]),
        0,
    );
    let mut sum = Window::default();
    sum.add(&one);
    sum.add(&one);
    assert_eq!(sum.growth("c"), Some(6.0));
    assert_eq!(sum.mean("g"), Some(2.0));
}

/// Counts its readings, and is gone after some.
struct Fading(Arc<AtomicU32>, u32);

impl Observer for Fading {
    fn read(&mut self, _: Depth) -> Result<Reading, State> {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        if count >= self.1 {
            return Err(State::Absent("gone".to_owned()));
        }
        Ok(reading(0.0, f64::from(count), Some(1.0)))
    }
}

#[test]
fn a_source_is_read_only_within_windows() {
    let count = Arc::new(AtomicU32::new(0));
    let observer = Box::new(Fading(Arc::clone(&count), u32::MAX));
    let mut watcher = Watcher::start("it", observer, Duration::from_millis(1), Instant::now());
    assert_eq!(
        count.load(Ordering::Relaxed),
        1,
        "read once, to see whether it is there"
    );
    watcher.begin();
    while count.load(Ordering::Relaxed) < 5 {
        std::thread::yield_now();
    }
    let window = watcher.end();
    assert!(window.readings >= 5, "{window:?}");
    let after = count.load(Ordering::Relaxed);
    drop(watcher);
    assert_eq!(count.load(Ordering::Relaxed), after);
}

#[test]
fn a_source_that_goes_away_says_so() {
    let observer = Box::new(Fading(Arc::new(AtomicU32::new(0)), 2));
    let mut watcher = Watcher::start("it", observer, Duration::from_secs(60), Instant::now());
    assert!(watcher.state().is_available());
    watcher.begin();
    let window = watcher.end();
    assert_eq!(watcher.state(), &State::Absent("gone".to_owned()));
    assert_eq!(window.failures, 1);
}

#[test]
fn server_timing_is_read_as_it_is_written() {
    assert_eq!(
        parts("db;dur=12.5;desc=\"x\", cache;desc=hit, total;dur=\"20\", bad;dur=-1"),
        [("db".to_owned(), 12.5), ("total".to_owned(), 20.0)]
    );
}

#[test]
fn lines_of_a_proxy_s_log_are_counted_from_its_end_on() {
    use std::io::Write as _;

    use super::proxy_log::ProxyLog;

    let path = std::env::temp_dir().join(format!("sidequest-error-log-{}", std::process::id()));
    std::fs::write(&path, "upstream timed out\nupstream timed out\n").unwrap();
    let mut log = ProxyLog::open(&path).unwrap();
    let mut counted = |kind: &str| log.read(Depth::Full).unwrap().counters[kind];
    assert_eq!(counted("timeouts"), 0.0);
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    let mut say = |text: &str| file.write_all(text.as_bytes()).unwrap();
    say("2026/11/25 08:00:00 [error] 1#1: *7 upstream timed out (110: Connection timed out) while reading\n");
    say(
        "[crit] 1#1: *8 connect() to 127.0.0.1:81 failed (99: Cannot assign requested address)\n[error] limiting re",
    );
    assert_eq!(
        (counted("timeouts"), counted("no_address"), counted("limited")),
        (1.0, 1.0, 0.0)
    );
    say("quests, excess: 0.9 by zone \"all\"\n[alert] 4096 worker_connections are not enough\n");
    assert_eq!(
        (
            counted("limited"),
            counted("worker_connections"),
            counted("no_file")
        ),
        (1.0, 1.0, 0.0)
    );
    // Rotated: a new file in its place.
    std::fs::write(&path, "limiting connections by zone\n").unwrap();
    assert_eq!((counted("limited"), counted("limited_connections")), (1.0, 1.0));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(log.read(Depth::Full), Err(State::Absent(_))));
}

#[test]
fn times_of_an_access_log_are_read_in_any_format() {
    use super::proxy_log::access::Times;

    let times = |line: &str| Times::of(line).map(|times| (times.connect_ms, times.response_ms));
    let of = |connect: f64, response: f64| Some((Some(connect), Some(response)));
    assert_eq!(times("uct=0.020 urt=0.040 rt=0.062"), of(20.0, 40.0));
    assert_eq!(
        times(r#"127.0.0.1 "GET /a?uct=9 HTTP/1.1" 200 upstream_connect_time="0.020" urt="0.041""#),
        of(20.0, 41.0)
    );
    assert_eq!(
        times(r#"{"agent":"\"upstream_connect_time\":\"7\"","upstream_connect_time":"0.003","urt": 0.5}"#),
        of(3.0, 500.0)
    );
    // Two were tried, the first in vain; and one request that no upstream was asked for.
    assert_eq!(times("uct=-, 0.020 urt=1.000, 0.040"), of(20.0, 1_040.0));
    assert_eq!(times("uct=- urt=-"), Some((None, None)));
    assert_eq!(
        times(r#"{"upstream_connect_time":"","urt":""}"#),
        Some((None, None))
    );
    assert_eq!(times("GET /product=0.5?uct=1 urt=0.5"), None);
}

#[test]
fn an_access_log_is_told_from_an_error_log() {
    use std::io::Write as _;

    use super::proxy_log::{Lines, ProxyLog};

    let path = std::env::temp_dir().join(format!("sidequest-access-log-{}", std::process::id()));
    std::fs::write(&path, "uct=0.500 urt=0.600\n").unwrap();
    let mut log = ProxyLog::open(&path).unwrap();
    assert_eq!(log.lines, Lines::Times);
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    file.write_all(b"uct=0.020 urt=0.040\nuct=0.000 urt=0.010\nuct=- urt=-\nuct=0.0")
        .unwrap();
    let counted = log.read(Depth::Full).unwrap().counters;
    let of = |kind: &str| counted.get(kind).copied();
    assert_eq!(
        [
            of("requests"),
            of("connections"),
            of("connect_ms"),
            of("response_ms"),
            of("limited")
        ],
        [Some(3.0), Some(1.0), Some(20.0), Some(50.0), None]
    );
    for (text, lines) in [
        ("", Lines::None),
        ("127.0.0.1 - - \"GET / HTTP/1.1\" 200 12\n", Lines::Requests),
        (
            "2026/11/25 08:00:00 [warn] 1#1: low, request: \"GET / HTTP/1.1\"\n",
            Lines::Errors,
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(ProxyLog::open(&path).unwrap().lines, lines, "{text}");
    }
    std::fs::remove_file(&path).unwrap();
}
