//! What recording costs: a trace of 51 spans that is forgotten, the same when off, what a record and an analysis
//! write, and a metric's addition.
//!
//! `cargo bench -p telemetry`. Prints the median of rounds; nothing is asserted, as machines differ.

use std::{
    hint::black_box,
    io::Write as _,
    time::{Duration, Instant},
};

use telemetry::{
    metric::{New, Registry, histogram::SECONDS},
    trace::{
        Open, Trace,
        name::Name,
        span::Step,
        tracer::{Config, End, Tracer},
    },
};

const END: End = End {
    method: "GET",
    route: "/",
    status: 200,
    body_bytes: 0,
    failed: false,
};
const ROUNDS: usize = 21;
const TIMES: u32 = 2_000;

fn main() {
    let registry = Registry::new();
    let config = Config {
        enabled: true,
        share: 0.0,
        slow: Duration::from_secs(3600),
        follow_parent: false,
        ring_traces_max: 64,
        kept_per_second_max: 100,
    };
    let on = Tracer::new(config.clone(), &registry, None);
    let off = Tracer::new(
        Config {
            enabled: false,
            ..config
        },
        &registry,
        None,
    );
    measure("51 spans, on and forgotten", || spans(&on));
    measure("51 spans, off", || spans(&off));
    measure("a record, on and forgotten", || record(&on));
    measure("a record, off", || record(&off));
    measure("100 analyses of 20 datasets, on and forgotten", || analyses(&on));
    measure("100 analyses of 20 datasets, off", || analyses(&off));
    let counter = registry.counter("a_total", "A.");
    measure("counter", || counter.increment());
    let times = registry.times(
        New {
            name: "b_seconds",
            about: "B.",
            labels: &[],
        },
        SECONDS,
    );
    let histogram = times.with(&[]).0;
    measure("histogram", || {
        histogram.observe(black_box(Duration::from_micros(700)));
    });
}

fn spans(tracer: &Tracer) {
    let database = Name::OTHER;
    let trace = tracer.request(None, Instant::now());
    for _ in 0..51 {
        let open = trace.begin(Step::Pool { database });
        trace.end(open);
    }
    black_box(tracer.end(&trace, END));
}

/// The steps of a request for one record.
fn record(tracer: &Tracer) {
    let began = Instant::now();
    let trace = tracer.request(None, began);
    let name = Name::OTHER;
    trace.route(name);
    let handle = trace.steps(|steps| {
        steps.add(Step::Route, began, began);
        steps.begin_at(Step::Handle, began)
    });
    let pool = trace.begin_at(Step::Pool { database: name }, began);
    trace.end_at(pool, began);
    let statement = Step::Statement {
        database: name,
        statement: name,
        sql: name,
        rows: 0,
    };
    black_box(trace.routes());
    let statement = trace.begin_at(statement, began);
    trace.end_at(statement, began);
    let split = trace.steps(|steps| {
        steps.end_at(handle.unwrap_or(Open::NONE), began);
        steps.add(Step::Encode, began, began);
        let _until_the_end = steps.begin_at(Step::Write, began);
        steps.split()
    });
    black_box(split);
    black_box(tracer.findable(&trace, false, began));
    black_box(tracer.end_at(&trace, END, began));
}

/// What batches write into the requests that they work for.
fn analyses(tracer: &Tracer) {
    let began = Instant::now();
    let members: Vec<Trace> = (0..100).map(|_| tracer.request(None, began)).collect();
    for _ in 0..20 {
        let batch = members[0].batch();
        for member in &members {
            batch.works_for(member);
            member.join(&batch, Name::OTHER, began);
        }
    }
    for member in &members {
        black_box(tracer.end_at(member, END, began));
    }
}

fn measure(what: &str, work: impl Fn()) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..TIMES {
                work();
            }
            began.elapsed().as_nanos() as f64 / f64::from(TIMES)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let _ = writeln!(std::io::stdout(), "{what}: {:.1} ns", rounds[ROUNDS / 2]);
}
