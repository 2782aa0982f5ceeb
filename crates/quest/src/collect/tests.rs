//! Which source the server's times come from.

use std::collections::BTreeMap;

use diagnosis::signal::Signal;

use super::{Collector, of_server};
use crate::{observer::Window, watch::Parties};

fn window(grown: &[(&str, f64)]) -> Window {
    Window {
        seconds: 1.0,
        readings: 4,
        grown: grown.iter().map(|(key, by)| ((*key).to_owned(), *by)).collect(),
        ..Window::default()
    }
}

fn handler_ms(page: Option<Window>) -> Vec<f64> {
    let notes = BTreeMap::new();
    let mut collector = Collector {
        experiment: "baseline",
        round: 1,
        notes: &notes,
        observations: Vec::new(),
    };
    let timing = window(&[("probes", 4.0), ("total", 0.04)]);
    let mut windows = BTreeMap::from([("server timing".to_owned(), timing)]);
    windows.extend(page.map(|page| ("metrics 0".to_owned(), page)));
    of_server(&mut collector, &windows, 10.0, &Parties::default());
    let seen = collector.observations.iter();
    seen.filter(|seen| seen.signal == Signal::AppHandlerMs)
        .filter_map(diagnosis::observation::Observation::value)
        .map(f64::round)
        .collect()
}

#[test]
fn a_page_without_times_of_requests_leaves_them_to_server_timing() {
    assert_eq!(handler_ms(None), [10.0]);
    let unknown = window(&[]);
    assert_eq!(handler_ms(Some(unknown)), [10.0]);
    let of_process = window(&[("cpu_seconds", 0.5)]);
    assert_eq!(handler_ms(Some(of_process)), [10.0]);
    let known = window(&[("handler_seconds", 0.2), ("handler_count", 10.0)]);
    assert_eq!(handler_ms(Some(known)), [20.0]);
}
