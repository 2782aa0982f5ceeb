//! What a profile says, read back by another's reader of the format.

use std::{
    io::Read as _,
    time::{Duration, SystemTime},
};

use super::{
    stack::{Frame, Stack},
    *,
};

/// The messages of `profile.proto` that are written, as prost reads them.
mod proto {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Profile {
        #[prost(message, repeated, tag = "1")]
        pub(super) sample_type: Vec<ValueType>,
        #[prost(message, repeated, tag = "2")]
        pub(super) sample: Vec<Sample>,
        #[prost(message, repeated, tag = "4")]
        pub(super) location: Vec<Location>,
        #[prost(message, repeated, tag = "5")]
        pub(super) function: Vec<Function>,
        #[prost(string, repeated, tag = "6")]
        pub(super) string_table: Vec<String>,
        #[prost(int64, tag = "9")]
        pub(super) time_nanos: i64,
        #[prost(int64, tag = "10")]
        pub(super) duration_nanos: i64,
        #[prost(message, optional, tag = "11")]
        pub(super) period_type: Option<ValueType>,
        #[prost(int64, tag = "12")]
        pub(super) period: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ValueType {
        #[prost(int64, tag = "1")]
        pub(super) kind: i64,
        #[prost(int64, tag = "2")]
        pub(super) unit: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Sample {
        #[prost(uint64, repeated, tag = "1")]
        pub(super) location_id: Vec<u64>,
        #[prost(int64, repeated, tag = "2")]
        pub(super) value: Vec<i64>,
        #[prost(message, repeated, tag = "3")]
        pub(super) label: Vec<Label>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Label {
        #[prost(int64, tag = "1")]
        pub(super) key: i64,
        #[prost(int64, tag = "2")]
        pub(super) text: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Location {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(message, repeated, tag = "4")]
        pub(super) line: Vec<Line>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Line {
        #[prost(uint64, tag = "1")]
        pub(super) function_id: u64,
        #[prost(int64, tag = "2")]
        pub(super) line: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Function {
        #[prost(uint64, tag = "1")]
        pub(super) id: u64,
        #[prost(int64, tag = "2")]
        pub(super) name: i64,
        #[prost(int64, tag = "3")]
        pub(super) system_name: i64,
        #[prost(int64, tag = "4")]
        pub(super) filename: i64,
    }
}

fn read(pprof: &[u8]) -> proto::Profile {
    let mut message = Vec::new();
    flate2::read::GzDecoder::new(pprof)
        .read_to_end(&mut message)
        .unwrap();
    prost::Message::decode(message.as_slice()).unwrap()
}

fn frame(function: &str, line: u32) -> Frame {
    Frame {
        function: function.to_owned(),
        file: "src/x.rs".to_owned(),
        line,
    }
}

fn example() -> Profile {
    Profile {
        began: SystemTime::UNIX_EPOCH + Duration::from_secs(5),
        took: Duration::from_secs(2),
        hertz: 100,
        stacks: vec![
            Stack {
                thread: "worker".to_owned(),
                frames: vec![frame("inner", 3), frame("outer", 9)],
                count: 4,
            },
            Stack {
                thread: "worker".to_owned(),
                frames: vec![frame("inner", 4), frame("outer", 9)],
                count: 1,
            },
        ],
    }
}

#[test]
fn folded_stacks() {
    assert_eq!(example().folded(), "worker;outer;inner 1\nworker;outer;inner 4\n");
    assert_eq!(example().samples(), 5);
}

#[test]
fn pprof_says_everything_once() {
    let profile = read(&example().pprof().unwrap());
    let text = |at: i64| profile.string_table[usize::try_from(at).unwrap()].as_str();
    assert_eq!(text(0), "");
    let kinds: Vec<_> = profile
        .sample_type
        .iter()
        .map(|kind| (text(kind.kind), text(kind.unit)))
        .collect();
    assert_eq!(kinds, [("samples", "count"), ("cpu", "nanoseconds")]);
    assert_eq!((profile.function.len(), profile.location.len()), (2, 3));
    assert_eq!(profile.sample[0].value, [4, 40_000_000]);
    assert_eq!(text(profile.sample[0].label[0].text), "worker");
    let stack: Vec<(&str, i64)> = profile.sample[0]
        .location_id
        .iter()
        .map(|id| {
            let line = &profile
                .location
                .iter()
                .find(|place| place.id == *id)
                .unwrap()
                .line[0];
            let function = profile
                .function
                .iter()
                .find(|function| function.id == line.function_id)
                .unwrap();
            assert_eq!(text(function.filename), "src/x.rs");
            (text(function.name), line.line)
        })
        .collect();
    assert_eq!(stack, [("inner", 3), ("outer", 9)]);
    assert_eq!((profile.period, profile.time_nanos), (10_000_000, 5_000_000_000));
    assert_eq!(profile.duration_nanos, 2_000_000_000);
}

#[inline(never)]
fn a_function_that_is_busy(until: Instant) -> u64 {
    let mut sum = 0_u64;
    while Instant::now() < until {
        for at in 0..10_000_u64 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(at));
        }
    }
    sum
}

/// In one test, as there is one profiler a process.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_function_is_named_and_profiles_take_turns() {
    let profiler = Profiler::new();
    let busy =
        tokio::task::spawn_blocking(|| a_function_that_is_busy(Instant::now() + Duration::from_secs(3)));
    // A continuous one is under way, for much longer than the test.
    let continuous = profiler.clone();
    let long = tokio::task::spawn_blocking(move || {
        let window = Window {
            age_min: Duration::from_secs(600),
            cpu_min: Duration::ZERO,
            age_max: Duration::from_secs(600),
        };
        tokio::runtime::Handle::current().block_on(continuous.take_window(&window))
    });
    tokio::task::yield_now().await;
    let profile = profiler.take(Duration::from_secs(1)).await.unwrap();
    let folded = profile.folded();
    assert!(folded.contains("a_function_that_is_busy"), "{folded}");
    assert!(profile.samples() > 10, "{} samples", profile.samples());
    let pprof = read(&profile.pprof().unwrap());
    assert!(
        pprof
            .string_table
            .iter()
            .any(|text| text == "telemetry::profile::tests::a_function_that_is_busy"),
        "{:?}",
        pprof.string_table
    );
    busy.await.unwrap();
    // Either it made room, or it had not begun and does not end by itself.
    profiler.0.wanted.notify_one();
    long.await.unwrap().unwrap();
}

#[test]
fn names_are_whole_and_short() {
    #[track_caller]
    fn check(name: &str, file: &str, expect: &str) {
        assert_eq!(stack::name(name, file), expect);
    }
    check(
        "analysis::fused::row::h0123456789abcdef",
        "",
        "analysis::fused::row",
    );
    check(
        "row",
        "/build/crates/analysis/src/fused.rs",
        "analysis::fused::row",
    );
    check("row", "crates/analysis/src/lib.rs", "analysis::row");
    check(
        "poll<a::B<C>, d>",
        "/r/tokio-1.54.1/src/loom/std/cell.rs",
        "tokio::loom::std::cell::poll",
    );
    check("<a::B as c::D>::poll", "x/src/y.rs", "<a::B as c::D>::poll");
    check(
        "{closure#0}<a::B>",
        "/r/x-y-0.3/src/y/mod.rs",
        "x_y::y::{closure#0}",
    );
    check("malloc", "./malloc/malloc.c", "malloc");
}
