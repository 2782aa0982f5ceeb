//! Names in a header, and what they are taken for.

use std::collections::BTreeMap;

use diagnosis::signal::Signal;

use super::{super::Collector, timing};
use crate::observer::Window;

fn signals(names: &[&str]) -> Vec<Signal> {
    let notes = BTreeMap::new();
    let mut collector = Collector {
        experiment: "ramp-1",
        round: 1,
        notes: &notes,
        observations: Vec::new(),
    };
    let mut window = Window {
        grown: names.iter().map(|name| ((*name).to_owned(), 1.0)).collect(),
        ..Window::default()
    };
    window.grown.insert("probes".to_owned(), 10.0);
    timing(&mut collector, &window);
    let signals = collector.observations.iter();
    signals.map(|observation| observation.signal).collect()
}

#[test]
fn a_proxy_s_time_for_its_upstream_is_no_call_of_the_server() {
    assert_eq!(
        signals(&["db", "total", "downstream"]),
        [Signal::AppHandlerMs, Signal::AppDbMs, Signal::AppDownstreamMs]
    );
    assert_eq!(signals(&["upstream", "http", "wait", "acquire"]), []);
}
