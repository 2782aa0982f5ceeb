//! What TCP says of the connections to the target: our end without a subject, and the server's where it is here.

use diagnosis::signal::Signal;

use super::Collector;
use crate::observer::Window;

pub(super) fn observe(collector: &mut Collector<'_>, window: &Window) {
    for (end, subject) in [("client", ""), ("server", "server")] {
        let key = |name: &str| format!("{end}/{name}");
        let growth = |name: &str| window.growth(&key(name));
        collector.maybe(
            Signal::TcpMinRttMs,
            subject,
            window.troughs.get(&key("min_rtt_ms")).copied(),
        );
        let Some(seen) = growth("rtt_seen").filter(|seen| *seen > 0.0) else {
            continue;
        };
        collector.maybe(Signal::TcpRttMs, subject, growth("rtt_ms").map(|sum| sum / seen));
        for (name, signal) in [
            ("sent_again", Signal::TcpRetransmits),
            ("segments", Signal::TcpSegments),
        ] {
            collector.growth(signal, subject, window, &key(name), 1.0);
        }
        let busy = growth("busy_seconds").unwrap_or(0.0);
        // As many connections as were seen in the mean, over the whole time.
        let connected = seen / window.readings.max(1) as f64 * window.seconds;
        if connected > 0.0 {
            collector.value(Signal::TcpBusyShare, subject, (busy / connected).min(1.0));
        }
        if busy > 0.0 {
            let limited = growth("reader_limited_seconds").unwrap_or(0.0);
            collector.value(Signal::TcpReaderLimitedShare, subject, (limited / busy).min(1.0));
        }
    }
}
