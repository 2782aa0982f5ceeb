//! Asking bad servers: short timeouts, and a watch over the run itself, which must end and must count right.

use std::{
    sync::mpsc::sync_channel,
    thread,
    time::{Duration, Instant},
};

use load::{
    arrivals::Arrivals,
    check::Check,
    config::{Bodies, Config, Limits, Protocol, Timeouts, Tls, WINDOW_MAX, Windows},
    ending::Ending,
    outcome::Lost,
    scenario::{Request, Scenario, values::Values},
    summary::Summary,
    target::Target,
    watch::Watch,
};

use super::kit::Hostile;

/// Of one request. Bad servers that do nothing cost a test this much.
pub(crate) const PATIENCE: Duration = Duration::from_millis(400);
/// A run that takes longer than this hangs.
const HANG: Duration = Duration::from_secs(30);

/// How a bad server is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) protocol: Protocol,
    pub(crate) requests: u64,
    pub(crate) clients: u32,
    pub(crate) streams: u32,
    pub(crate) bodies: Bodies,
    /// POST with so many bytes, instead of GET.
    pub(crate) post_bytes: Option<usize>,
    pub(crate) window: u32,
    /// So many a second for so long, instead of a number of requests in a closed loop.
    pub(crate) rate: Option<(f64, Duration)>,
}

impl Ask {
    /// One connection, one request at a time.
    pub(crate) fn http1(requests: u64) -> Ask {
        Ask {
            protocol: Protocol::Http1,
            requests,
            clients: 1,
            streams: 1,
            bodies: Bodies::Read,
            post_bytes: None,
            window: WINDOW_MAX,
            rate: None,
        }
    }

    /// One connection, so many requests at a time.
    pub(crate) fn http2(requests: u64, streams: u32) -> Ask {
        Ask {
            protocol: Protocol::Http2,
            streams,
            ..Ask::http1(requests)
        }
    }

    /// Asks, and fails the test if the run hangs, or its totals do not reconcile.
    #[track_caller]
    pub(crate) fn of(&self, server: &Hostile) -> Summary {
        self.of_url(server.url())
    }

    /// The same, wherever it is.
    #[track_caller]
    pub(crate) fn of_url(&self, url: String) -> Summary {
        let ask = self.clone();
        let (done, wait) = sync_channel(1);
        let began = Instant::now();
        let running = thread::spawn(move || {
            let summary = ask.run(&url);
            let _ = done.send(summary);
        });
        let summary = match wait.recv_timeout(HANG) {
            Ok(summary) => summary,
            Err(_) if running.is_finished() => panic!("the run panicked: {self:?}"),
            Err(_) => panic!("the run hangs: {self:?}"),
        };
        running.join().expect("it has ended well");
        self.reconcile(&summary);
        assert!(began.elapsed() < HANG);
        summary
    }

    fn run(&self, url: &str) -> Summary {
        let (target, path) = Target::parse(url).expect("a URL");
        let values = Values::none();
        let mut request = Request::get(&path, &values).expect("a request");
        if let Some(bytes) = self.post_bytes {
            request.method = "POST".to_owned();
            request.body = Some(vec![b'x'; bytes]);
        }
        request.check = Check::none();
        let scenario = Scenario::new(target, vec![request], values).expect("a scenario");
        let (arrivals, ending) = match self.rate {
            None => (Arrivals::Closed, Ending::after(self.requests)),
            Some((rate, span)) => (
                Arrivals::rate(rate).expect("a rate"),
                Ending::within(span, Duration::ZERO),
            ),
        };
        let ending = ending.expect("an ending");
        load::run::run(&scenario, &arrivals, &ending, &self.config(), &Watch::new()).expect("a run")
    }

    fn config(&self) -> Config {
        Config {
            threads: 1,
            clients: self.clients,
            streams: self.streams,
            protocol: self.protocol,
            bodies: self.bodies,
            windows: Windows {
                stream: self.window,
                connection: self.window,
            },
            header_table_bytes: 4_096,
            encoder_table_bytes: 4_096,
            timeouts: Timeouts {
                connect: PATIENCE,
                request: PATIENCE,
                inactivity: None,
                age: None,
            },
            tls: Tls {
                insecure: false,
                server_name: None,
                authorities: None,
                client: None,
            },
            connect_to: None,
            traceparent: false,
            seed: 1,
            limits: Limits {
                head_bytes_max: 65_536,
                informational_max: 16,
                refused_max: 5,
                connect_attempts_max: 3,
                slowest_listed_max: 5,
                connections_listed_max: 20,
            },
            samples: None,
        }
    }

    /// Asked is answered, lost or unsent, and every answer has one status.
    #[track_caller]
    fn reconcile(&self, summary: &Summary) {
        let totals = &summary.totals;
        let answered = totals.ok + totals.http_errors + totals.failed_checks;
        let lost: u64 = totals.lost.values().sum();
        assert_eq!(totals.asked, self.requests, "asked: {totals:?}");
        assert_eq!(
            answered + lost + totals.unsent,
            totals.asked,
            "the totals do not reconcile: {totals:?}"
        );
        assert_eq!(
            summary.statuses.values().sum::<u64>(),
            answered,
            "an answer has one status: {totals:?} {:?}",
            summary.statuses
        );
        // Answers and what was lost are timed, nothing else is, and nothing twice.
        assert!(summary.service.count() <= answered + lost, "{totals:?}");
    }
}

/// Everything was lost in this one way.
#[track_caller]
pub(crate) fn all_lost(summary: &Summary, how: Lost) {
    let totals = &summary.totals;
    assert_eq!(
        totals.lost.get(&how).copied().unwrap_or(0),
        totals.asked,
        "not all lost by {how:?}: {totals:?}"
    );
}

/// None is answered; each was lost in one of these ways, or never sent.
#[track_caller]
pub(crate) fn none_answered(summary: &Summary, ways: &[Lost]) {
    let totals = &summary.totals;
    assert_eq!(
        totals.ok + totals.http_errors + totals.failed_checks,
        0,
        "{totals:?}"
    );
    assert!(totals.lost.keys().all(|how| ways.contains(how)), "{totals:?}");
}

/// Every request was answered well.
#[track_caller]
pub(crate) fn all_ok(summary: &Summary) {
    let totals = &summary.totals;
    assert_eq!(totals.ok, totals.asked, "{totals:?}");
}
