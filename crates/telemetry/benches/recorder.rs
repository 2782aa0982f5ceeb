//! What recording costs: a trace of 51 spans that is forgotten, the same when off, and a metric's addition.
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
        span::Step,
        tracer::{Config, End, Tracer},
    },
};

const ROUNDS: usize = 21;
const TIMES: u32 = 20_000;

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
    let database = telemetry::trace::name::Name::OTHER;
    let trace = tracer.request(None, Instant::now());
    for _ in 0..51 {
        let open = trace.begin(Step::Pool { database });
        trace.end(open);
    }
    let end = End {
        method: "GET",
        route: "/",
        status: 200,
        body_bytes: 0,
        failed: false,
    };
    black_box(tracer.end(&trace, end));
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
