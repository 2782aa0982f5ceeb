//! What the proxy's log has said.

use diagnosis::signal::Signal;

use super::Collector;
use crate::observer::Window;

const LINES: [(&str, Signal); 5] = [
    ("limited", Signal::ProxyLimited),
    ("worker_connections", Signal::ProxyWorkerConnections),
    ("no_address", Signal::ProxyNoAddress),
    ("no_file", Signal::ProxyNoFile),
    ("timeouts", Signal::ProxyTimeouts),
];

pub(super) fn observe(collector: &mut Collector<'_>, window: &Window) {
    for (key, signal) in LINES {
        collector.maybe(signal, "", window.growth(key));
    }
}
