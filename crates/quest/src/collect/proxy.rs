//! What the proxy's logs have said.

use diagnosis::signal::Signal;

use super::Collector;
use crate::observer::Window;

const LINES: [(&str, Signal); 6] = [
    ("worker_connections", Signal::ProxyWorkerConnections),
    ("no_address", Signal::ProxyNoAddress),
    ("no_file", Signal::ProxyNoFile),
    ("timeouts", Signal::ProxyTimeouts),
    ("requests", Signal::ProxyRequests),
    ("connections", Signal::ProxyUpstreamConnections),
];

pub(super) fn observe(collector: &mut Collector<'_>, window: &Window) {
    for (key, signal) in LINES {
        collector.maybe(signal, "", window.growth(key));
    }
    if let (Some(rate), Some(connections)) = (window.growth("limited"), window.growth("limited_connections"))
    {
        collector.value(Signal::ProxyLimited, "", rate + connections);
        collector.value(Signal::ProxyLimited, "connections", connections);
    }
    let requests = window.growth("requests").unwrap_or(0.0);
    if let (true, Some(connect), Some(response)) = (
        requests > 0.0,
        window.growth("connect_ms"),
        window.growth("response_ms"),
    ) {
        collector.value(Signal::ProxyUpstreamConnectMs, "", connect / requests);
        // nginx counts the answer from the beginning of connecting.
        let waited = (response - connect).max(0.0) / requests;
        collector.value(Signal::ProxyUpstreamMs, "", waited);
    }
}
