//! What tells others about the server while it runs: the exporter of traces, the pusher of profiles.

use std::sync::Arc;

use api::observe::Observe;
use telemetry::{
    cgroup,
    log::{self, Level},
    metric::{Registry, family::Description, number::Counter},
    otlp, process,
    profile::{Profiler, pyroscope},
    runtime,
    trace::tracer::Tracer,
};
use tokio::{runtime::Handle, sync::watch, task::JoinSet};

use crate::config::Config;

/// Tasks that run until the server has ended. Off, there are none.
pub(crate) struct Watching {
    tasks: JoinSet<()>,
    closing: watch::Sender<bool>,
}

impl Watching {
    /// Starts what the configuration asks for, on the runtime that serves.
    pub(crate) fn start(config: &Config, level: Level) -> (Observe, Watching) {
        let registry = Arc::new(Registry::new());
        register(&registry);
        level.register(&registry);
        let (closing, closed) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let telemetry = &config.telemetry;
        let sink = telemetry.otlp.clone().map(|otlp| {
            let (sink, exporter) = otlp::exporter(otlp, &registry);
            tasks.spawn(exporter.run(until(closed.clone())));
            sink
        });
        let profiler = Profiler::new();
        if let Some(push) = telemetry.pyroscope.clone() {
            let pusher = pyroscope::pusher(push, profiler.clone(), &registry);
            tasks.spawn(pusher.run(until(closed)));
        }
        let observe = Observe {
            tracer: Tracer::new(telemetry.traces.clone(), &registry, sink),
            registry,
            profiler,
            log: Some(level),
            config: format!("{:#}\n", config.shown()).into(),
        };
        (observe, Watching { tasks, closing })
    }

    /// Sends what waits still, for no longer than a few seconds.
    pub(crate) async fn stop(mut self) {
        let _ = self.closing.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn until(mut closed: watch::Receiver<bool>) {
    // Whoever drops the sender wants the same.
    let _ = closed.wait_for(|closed| *closed).await;
}

fn register(registry: &Registry) {
    let build = process::Build {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        },
    };
    process::register(registry, build);
    cgroup::register(registry);
    runtime::register(registry, &Handle::current());
}

/// Every metric there can be, whatever is configured: for the reference.
pub(crate) fn descriptions() -> anyhow::Result<Vec<Description>> {
    let registry = Registry::new();
    let runtime = crate::command::serve::runtime().map_err(|failure| failure.error)?;
    let _entered = runtime.enter();
    register(&registry);
    log::register(&registry, Counter::default());
    let configured = Config::with_everything_on()?;
    if let Some(otlp) = configured.otlp {
        let (sink, _) = otlp::exporter(otlp, &registry);
        let _ = Tracer::new(configured.traces, &registry, Some(sink));
    }
    if let Some(push) = configured.pyroscope {
        let _ = pyroscope::pusher(push, Profiler::new(), &registry);
    }
    let mut all = registry.descriptions();
    all.extend(api::observe::descriptions());
    all.sort_by_key(|description| description.name);
    Ok(all)
}
