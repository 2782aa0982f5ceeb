//! Traces: from traceparent to what is kept, and how it is drawn.

use std::time::{Duration, Instant};

use super::{
    id::{SpanId, TraceId},
    keep::Reason,
    kept::{Kept, KeptSpan},
    name::{NAMES_MAX, Names},
    parent::Traceparent,
    span::Step,
    tracer::{Config, End, Tracer},
    waterfall::waterfall,
    *,
};
use crate::metric::{
    Registry,
    exposition::{Format, write},
};

fn config() -> Config {
    Config {
        enabled: true,
        share: 1.0,
        slow: Duration::from_secs(3600),
        follow_parent: true,
        ring_traces_max: 8,
        kept_per_second_max: 1000,
    }
}

fn tracer(config: Config) -> Tracer {
    Tracer::new(config, &Registry::new(), None)
}

const END: End = End {
    method: "GET",
    route: "/api/v1/objects/{id}",
    status: 200,
    body_bytes: 7,
    failed: false,
};

fn kept(tracer: &Tracer, trace: &Trace) -> Kept {
    let id = tracer.end(trace, END).expect("the share is everything");
    Kept::clone(&tracer.find(id).unwrap())
}

#[track_caller]
fn parsed(header: &str, expect: Option<(&str, &str, bool)>) {
    let got = Traceparent::parse(header);
    let told = got.map(|got| (got.trace.to_string(), got.span.to_string(), got.sampled));
    let expect = expect.map(|(trace, span, sampled)| (trace.to_owned(), span.to_owned(), sampled));
    assert_eq!(told, expect, "{header}");
}

#[test]
fn traceparents_right_and_wrong() {
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let good = format!("00-{trace}-{span}-01");
    parsed(&good, Some((trace, span, true)));
    parsed(&format!("00-{trace}-{span}-00"), Some((trace, span, false)));
    parsed(&format!("00-{trace}-{span}-ff"), Some((trace, span, true)));
    // A later version may say more.
    parsed(
        &format!("cc-{trace}-{span}-01-what-comes"),
        Some((trace, span, true)),
    );
    parsed(&format!("cc-{trace}-{span}-01what"), None);
    parsed(&format!("00-{trace}-{span}-01-more"), None);
    parsed(&format!("ff-{trace}-{span}-01"), None);
    parsed(&format!("00-{}-{span}-01", "0".repeat(32)), None);
    parsed(&format!("00-{trace}-{}-01", "0".repeat(16)), None);
    parsed(&good.to_uppercase(), None);
    parsed(&format!("00-{trace}-{span}-1"), None);
    parsed(&format!("0x-{trace}-{span}-01"), None);
    parsed("", None);
    parsed(&"é".repeat(30), None);
}

proptest::proptest! {
    #[test]
    fn a_traceparent_survives_its_journey(trace in 1_u128.., span in 1_u64.., sampled: bool) {
        let parent = Traceparent {
            trace: TraceId::new(trace).unwrap(),
            span: SpanId::new(span).unwrap(),
            sampled,
        };
        proptest::prop_assert_eq!(Traceparent::parse(&parent.to_string()), Some(parent));
    }

    #[test]
    fn no_header_breaks_the_parser(header in "\\PC{0,80}") {
        if let Some(parent) = Traceparent::parse(&header) {
            let same = parent.to_string();
            // All but the version and the flags we do not know.
            proptest::prop_assert_eq!(&same[3..52], &header[3..52]);
        }
    }

    #[test]
    fn hexadecimal_headers_are_read_or_refused(header in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}") {
        let valid = !header.starts_with("ff")
            && header[3..35].bytes().any(|b| b != b'0')
            && header[36..52].bytes().any(|b| b != b'0');
        proptest::prop_assert_eq!(Traceparent::parse(&header).is_some(), valid);
    }
}

#[test]
fn off_is_nothing() {
    let tracer = tracer(Config {
        enabled: false,
        ..config()
    });
    let trace = tracer.request(None, Instant::now());
    assert!(!trace.is_on());
    let open = trace.begin(Step::Handle);
    trace.end(open);
    assert_eq!(tracer.end(&trace, END), None);
    assert!(tracer.list().is_empty());
    assert_eq!(trace.traceparent(), None);
}

#[test]
fn steps_stand_under_those_that_are_open() {
    let tracer = tracer(config());
    let trace = tracer.request(None, Instant::now());
    let handle = trace.begin(Step::Handle);
    let pool = trace.begin(Step::Pool {
        database: Name::of("flights"),
    });
    trace.end(pool);
    let statement = trace.begin(Step::Statement {
        database: Name::of("flights"),
        statement: Name::of("delays"),
        sql: Name::of("select $1"),
        rows: 0,
    });
    trace.end_as(statement, Instant::now(), |step| {
        if let Step::Statement { rows, .. } = step {
            *rows = 17;
        }
    });
    trace.end(handle);
    let write = trace.begin(Step::Write);
    trace.fail(write);
    assert_eq!(trace.split().statements, 1);
    let kept = kept(&tracer, &trace);
    let told: Vec<(&str, bool)> = kept
        .spans
        .iter()
        .map(|span| (&*span.step, span.parent_id == kept.span_id))
        .collect();
    assert_eq!(
        told,
        [
            ("handle", true),
            ("pool", false),
            ("statement", false),
            ("write", true)
        ]
    );
    assert_eq!(kept.spans[2].parent_id, kept.spans[0].span_id);
    assert_eq!(kept.spans[2].rows, Some(17));
    assert_eq!(kept.spans[2].database.as_deref(), Some("flights"));
    assert_eq!(kept.spans[2].sql.as_deref(), Some("select $1"));
    assert!(kept.spans[3].failed);
}

#[test]
fn an_unended_step_ends_with_its_trace() {
    let tracer = tracer(config());
    let trace = tracer.request(None, Instant::now());
    let _open = trace.begin(Step::Handle);
    let kept = kept(&tracer, &trace);
    assert!(kept.spans[0].unended);
    assert!(kept.spans[0].began_ns + kept.spans[0].took_ns <= kept.took_ns);
}

#[test]
fn the_callers_trace_goes_on() {
    let tracer = tracer(Config {
        share: 0.0,
        ..config()
    });
    let parent = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    let trace = tracer.request(Some(parent), Instant::now());
    assert_eq!(trace.id(), Some(parent.trace));
    let next = trace.traceparent().unwrap();
    assert!(next.trace == parent.trace && next.span != parent.span && next.sampled);
    let kept = kept(&tracer, &trace);
    assert_eq!((kept.kept, kept.parent_id), (Reason::Asked, Some(parent.span)));
}

/// Whoever is told of a trace can look for it.
#[test]
fn only_a_trace_that_will_be_kept_is_named() {
    let now = Instant::now();
    let later = now + Duration::from_secs(2);
    for (share, failed, at, named) in [
        (0.0, false, now, false),
        (0.0, true, now, true),
        (0.0, false, later, true),
        (1.0, false, now, true),
    ] {
        let config = Config {
            share,
            slow: Duration::from_secs(1),
            ..config()
        };
        let tracer = tracer(config);
        let trace = tracer.request(None, now);
        assert_eq!(tracer.findable(&trace, failed, at).is_some(), named);
    }
}

#[test]
fn sums_are_those_of_the_steps_that_ended() {
    let tracer = tracer(config());
    let began = Instant::now();
    let trace = tracer.request(None, began);
    let at = |ms| began + Duration::from_millis(ms);
    let database = Name::OTHER;
    trace.add(Step::Pool { database }, at(0), at(2));
    let statement = Step::Statement {
        database,
        statement: Name::OTHER,
        sql: Name::OTHER,
        rows: 0,
    };
    let ended = trace.begin_at(statement, at(2));
    trace.end_at(ended, at(7));
    trace.end_at(ended, at(9));
    let _open = trace.begin_at(statement, at(9));
    let split = trace.split();
    assert_eq!(
        (split.pool, split.database, split.statements),
        (Duration::from_millis(2), Duration::from_millis(5), 1)
    );
}

#[test]
fn a_trace_that_is_kept_for_certain_is_known_from_its_beginning() {
    let of = |share, sampled| {
        let tracer = tracer(Config { share, ..config() });
        let parent = Traceparent::parse(&format!(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{sampled}"
        ));
        tracer.request(parent, Instant::now())
    };
    assert_eq!(of(0.0, "00").chosen(), None);
    assert!(of(1.0, "00").chosen().is_some_and(|chosen| chosen.sampled));
    let asked = of(0.0, "01");
    assert_eq!(asked.chosen().map(|chosen| chosen.trace), asked.id());
    // A batch by itself is nobody's.
    let batch = asked.batch();
    assert_eq!(batch.chosen(), None);
    batch.works_for(&of(0.0, "00"));
    assert_eq!(batch.chosen(), None);
    batch.works_for(&asked);
    assert_eq!(batch.chosen(), asked.chosen());
}

#[test]
fn a_batch_knows_the_routes_it_works_for() {
    let tracer = tracer(config());
    let batch = tracer.batch();
    for route in ["/a", "/b", "/a"] {
        let member = tracer.request(None, Instant::now());
        member.route(Name::of(route));
        batch.works_for(&member);
    }
    let routes: Vec<_> = batch.routes().iter().map(|route| route.text()).collect();
    assert_eq!(routes, ["/a".into(), "/b".into()]);
}

#[test]
fn a_batch_is_seen_in_each_of_its_members() {
    let tracer = tracer(config());
    let members: Vec<Trace> = (0..3).map(|_| tracer.request(None, Instant::now())).collect();
    let batch = members[0].batch();
    let source = Name::of("delays");
    for member in &members {
        batch.works_for(member);
        member.join(&batch, source, Instant::now());
    }
    let whole = batch.begin(Step::Batch {
        source,
        wants: 3,
        ids: 2,
    });
    let pool = batch.begin(Step::Pool {
        database: Name::of("flights"),
    });
    batch.end(pool);
    batch.end(whole);
    for member in &members {
        let kept = kept(&tracer, member);
        let [queue, whole, pool] = kept.spans.as_slice() else {
            panic!("{kept:?}");
        };
        assert_eq!((&*queue.step, queue.parent_id), ("queue", kept.span_id));
        assert_eq!((whole.parent_id, pool.parent_id), (kept.span_id, whole.span_id));
        assert_eq!((whole.wants, whole.objects), (Some(3), Some(2)));
        assert_eq!(whole.links.len(), 2, "the others, not itself");
        assert!(whole.links.iter().all(|link| link.trace_id != kept.trace_id));
        assert!(pool.links.is_empty());
    }
}

#[test]
fn what_is_kept_and_why() {
    #[track_caller]
    fn check(config: Config, end: End, sampled: Option<bool>, expect: Option<Reason>) {
        let tracer = tracer(config);
        let parent = sampled.map(|sampled| Traceparent {
            trace: TraceId::new(5).unwrap(),
            span: SpanId::new(5).unwrap(),
            sampled,
        });
        let trace = tracer.request(parent, Instant::now());
        let kept = tracer.end(&trace, end).map(|id| tracer.find(id).unwrap().kept);
        assert_eq!(kept, expect);
    }
    let none = Config {
        share: 0.0,
        ..config()
    };
    let slow = Config {
        slow: Duration::ZERO,
        ..none.clone()
    };
    let alone = Config {
        follow_parent: false,
        ..none.clone()
    };
    let failed = End { failed: true, ..END };
    check(none.clone(), END, None, None);
    check(none.clone(), failed, None, Some(Reason::Failed));
    check(slow.clone(), failed, None, Some(Reason::Failed));
    check(slow, END, None, Some(Reason::Slow));
    check(none.clone(), END, Some(true), Some(Reason::Asked));
    check(none, END, Some(false), None);
    check(alone, END, Some(true), None);
    check(config(), END, None, Some(Reason::Share));
}

#[test]
fn the_share_is_about_as_large_as_asked() {
    let tracer = tracer(Config {
        share: 0.1,
        kept_per_second_max: u32::MAX,
        ..config()
    });
    let kept = (0..10_000)
        .filter(|_| tracer.end(&tracer.request(None, Instant::now()), END).is_some())
        .count();
    assert!((850..1150).contains(&kept), "{kept} of 10000");
}

#[test]
fn the_ring_is_bounded_and_failures_outlive_the_share() {
    let tracer = tracer(config());
    let failed = tracer.request(None, Instant::now());
    let failed = tracer.end(&failed, End { failed: true, ..END }).unwrap();
    for _ in 0..100 {
        let _ = tracer.end(&tracer.request(None, Instant::now()), END);
    }
    let lines = tracer.list();
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().any(|line| line.trace_id == failed));
    let times: Vec<u64> = lines
        .iter()
        .map(|line| line.began_unix_ns + line.took_ns)
        .collect();
    assert!(
        times.is_sorted_by(|one, next| one >= next),
        "the newest first: {times:?}"
    );
}

#[test]
fn a_storm_is_not_told_in_full() {
    let registry = Registry::new();
    let tracer = Tracer::new(
        Config {
            kept_per_second_max: 3,
            ..config()
        },
        &registry,
        None,
    );
    // Two windows at most are touched.
    let kept = (0..100)
        .filter(|_| tracer.end(&tracer.request(None, Instant::now()), END).is_some())
        .count();
    assert!((3..=6).contains(&kept), "{kept}");
    let text = write(&registry, Format::Prometheus);
    assert!(
        text.contains(&format!("sidequest_traces_dropped_total {}\n", 100 - kept)),
        "{text}"
    );
}

#[test]
fn there_is_a_limit_of_spans() {
    let tracer = tracer(config());
    let trace = tracer.request(None, Instant::now());
    for at in 0..record::SPANS_MAX + 10 {
        let source = Name::of(&format!("source {at}"));
        let now = Instant::now();
        trace.add(Step::Queue { source }, now, now);
    }
    let kept = kept(&tracer, &trace);
    assert_eq!((kept.spans.len(), kept.spans_lost), (record::SPANS_MAX, 10));
}

/// Of names of their own: those of the process are everybody's.
#[test]
fn there_is_a_limit_of_names() {
    let names = Names::new();
    for at in 0..NAMES_MAX {
        names.name(&format!("name {at}"));
    }
    assert_eq!(names.name("one too many"), Name::OTHER);
    assert_ne!(names.name("name 1"), Name::OTHER, "known ones stay known");
    assert_eq!(&*names.text(names.name("name 1")), "name 1");
}

#[tokio::test]
async fn a_task_finds_its_trace() {
    let tracer = tracer(config());
    assert!(!current().is_on());
    let trace = tracer.request(None, Instant::now());
    let id = trace.id();
    scope(trace.clone(), async move {
        tokio::task::yield_now().await;
        assert_eq!(current().id(), id);
        let open = current().begin(Step::Document);
        current().end(open);
    })
    .await;
    scope_sync(trace.clone(), || assert_eq!(current().id(), id));
    assert_eq!(kept(&tracer, &trace).spans.len(), 1);
}

#[test]
fn json_is_read_back() {
    let kept = example();
    let text = serde_json::to_string(&kept).unwrap();
    assert!(
        text.contains(r#""trace_id":"000000000000000000000000000000ab""#),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), kept);
}

fn span(id: u64, parent: u64, step: &str, [began_us, took_us]: [u64; 2]) -> KeptSpan {
    KeptSpan {
        span_id: SpanId::new(id).unwrap(),
        parent_id: SpanId::new(parent).unwrap(),
        step: step.to_owned().into(),
        about: None,
        began_ns: began_us * 1000,
        took_ns: took_us * 1000,
        unended: false,
        failed: false,
        database: None,
        sql: None,
        rows: None,
        wants: None,
        objects: None,
        links: Vec::new(),
    }
}

/// 10 ms, of which half a millisecond is not explained.
fn example() -> Kept {
    let about = |text: &str| Some(text.into());
    Kept {
        trace_id: TraceId::new(0xab).unwrap(),
        span_id: SpanId::new(1).unwrap(),
        parent_id: None,
        kept: Reason::Slow,
        method: "GET".into(),
        route: "/api/v1/objects/{id}/analysis".into(),
        status: 200,
        body_bytes: 1234,
        began_unix_ns: 1_700_000_000_000_000_000,
        took_ns: 10_000_000,
        spans_lost: 0,
        spans: vec![
            span(2, 1, "handle", [500, 9000]),
            KeptSpan {
                about: about("delays"),
                ..span(3, 2, "queue", [500, 1000])
            },
            KeptSpan {
                about: about("delays"),
                wants: Some(5),
                objects: Some(4),
                ..span(4, 2, "batch", [1500, 8000])
            },
            KeptSpan {
                database: about("flights"),
                ..span(5, 4, "pool", [1500, 100])
            },
            KeptSpan {
                about: about("delays"),
                database: about("flights"),
                rows: Some(3652),
                ..span(6, 4, "statement", [1600, 7900])
            },
            span(7, 1, "write", [9500, 500]),
        ],
    }
}

#[test]
fn the_waterfall() {
    let drawn = waterfall(&example(), 100);
    let expect = "\
000000000000000000000000000000ab GET /api/v1/objects/{id}/analysis 200, 1234 bytes, 10.00 ms, kept: slow
request                                      10.00 ms ██████████████████████████████████████████████
├ handle                                      9.00 ms   █████████████████████████████████████████▊
│ ├ queue delays                              1.00 ms   ████▉
│ └ batch delays of 5, 4 objects              8.00 ms       █████████████████████████████████████▊
│   ├ pool flights                           100.0 µs       █▍
│   └ statement delays flights, 3652 rows     7.90 ms        ████████████████████████████████████▊
└ write                                      500.0 µs                                            ███
steps explain 95.0 % of it
";
    assert_eq!(drawn, expect, "\n{drawn}");
}

#[test]
fn a_waterfall_of_nonsense_ends() {
    let mut circle = example();
    circle.spans[0].parent_id = circle.spans[1].span_id;
    circle.spans[1].parent_id = circle.spans[0].span_id;
    circle.spans[5].parent_id = circle.spans[5].span_id;
    circle.spans[5].step = "a\u{1b}[31m\nb".into();
    circle.took_ns = 0;
    assert!(waterfall(&circle, 10).lines().count() < 10);
}

#[test]
fn explained_is_the_union_of_innermost_steps() {
    let mut trace = example();
    assert!((trace.explained() - 0.95).abs() < 1e-9);
    trace.spans.clear();
    assert!(trace.explained().abs() < 1e-9);
}
