//! Continuous profiles reach Pyroscope's ingest API.

use std::{io::Read as _, time::Duration};

use telemetry::{
    metric::Registry,
    otlp::Headers,
    profile::{
        Profiler,
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
        interval: Duration::from_millis(300),
        timeout: Duration::from_secs(5),
        headers: Headers::default(),
    };
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
