//! Continuous profiles reach Pyroscope's ingest API.

use std::{io::Read as _, time::Duration};

use telemetry::{
    metric::{
        Registry,
        exposition::{Format, write},
    },
    otlp::Headers,
    profile::{
        Profiler, Window,
        pyroscope::{self, Config},
    },
    push::endpoint::{Authorities, Endpoint},
};
use tokio::{sync::oneshot, task::JoinSet};

use crate::collector::{Behaviour, Collector};

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_are_pushed_one_after_the_other() {
    let collector = Collector::start(&[Behaviour::Take]).await;
    let config = Config {
        endpoint: Endpoint::parse(&collector.url(), &Authorities::System).unwrap(),
        application: "sidequest{pod=\"a b\"}".to_owned(),
        window: Window {
            age_min: Duration::from_millis(300),
            cpu_min: Duration::from_millis(100),
            age_max: Duration::from_secs(600),
        },
        timeout: Duration::from_secs(5),
        headers: Headers::new(&[("X-Scope-OrgID".to_owned(), "marked".to_owned())]).unwrap(),
    };
    assert!(!format!("{config:?}").contains("marked"));
    let pusher = pyroscope::pusher(config, Profiler::new(), &Registry::new());
    let (end, ended) = oneshot::channel::<()>();
    let mut running = JoinSet::new();
    running.spawn(pusher.run(async {
        let _ = ended.await;
    }));
    // Work, until two windows have come.
    let (stop, mut stopped) = oneshot::channel::<()>();
    let busy = tokio::task::spawn_blocking(move || {
        while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
            std::hint::black_box((0..100_000_u64).fold(0_u64, |sum, at| sum.wrapping_mul(31) ^ at));
        }
    });
    let taken = collector.taken(2).await;
    let _ = stop.send(());
    busy.await.unwrap();
    let _ = end.send(());
    while running.join_next().await.is_some() {}
    let first = &taken[0];
    assert_eq!(first.headers["x-scope-orgid"], "marked");
    assert!(
        first
            .target
            .starts_with("/ingest?name=sidequest%7Bpod%3D%22a%20b%22%7D&from="),
        "{}",
        first.target
    );
    assert!(
        first.target.contains("&format=pprof&sampleRate=97"),
        "{}",
        first.target
    );
    let body = &first.body;
    let at = body.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let mut message = Vec::new();
    // What follows the profile is the form's end.
    flate2::bufread::GzDecoder::new(&body[at..])
        .read_to_end(&mut message)
        .unwrap();
    assert!(message.len() > 100);
    assert!(body.ends_with(b"\r\n--sidequest-profile--\r\n"));
}

/// The window of a process that does nothing goes on: telling it would be its only work.
#[cfg(unix)]
#[tokio::test]
async fn what_does_nothing_tells_nothing() {
    let collector = Collector::start(&[Behaviour::Take]).await;
    let config = Config {
        endpoint: Endpoint::parse(&collector.url(), &Authorities::System).unwrap(),
        application: "sidequest".to_owned(),
        window: Window {
            age_min: Duration::from_millis(10),
            cpu_min: Duration::from_secs(60),
            age_max: Duration::from_secs(600),
        },
        timeout: Duration::from_secs(5),
        headers: Headers::default(),
    };
    let registry = Registry::new();
    let pusher = pyroscope::pusher(config, Profiler::new(), &registry);
    // Some fifty times as long as a window at least.
    pusher.run(tokio::time::sleep(Duration::from_millis(500))).await;
    let text = write(&registry, Format::Prometheus);
    assert!(text.contains("sidequest_profiles_pushed_total 0\n"), "{text}");
    assert!(text.contains("sidequest_profiles_failed_total 0\n"), "{text}");
}
