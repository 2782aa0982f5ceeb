//! The `Server-Timing` header, read by a slow trickle of our own beside the load: what the server says of one request.
//!
//! Its means come from few requests, so they only split what the load has measured.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    fetch::Fetcher,
    observer::{Depth, Observer, Reading, State},
};

/// A probe slower than this is given up.
const PROBE_MAX: Duration = Duration::from_secs(5);

/// How often one is sent within a window.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// Parts of one header at most.
const PARTS_MAX: usize = 64;

/// Asks the target itself.
#[derive(Debug)]
pub struct Timing {
    fetcher: Fetcher,
    sums: BTreeMap<String, f64>,
    probes: f64,
}

impl Timing {
    /// Nothing is asked yet.
    pub fn new(fetcher: Fetcher) -> Timing {
        Timing {
            fetcher,
            sums: BTreeMap::new(),
            probes: 0.0,
        }
    }
}

impl Observer for Timing {
    fn read(&mut self, _: Depth) -> Result<Reading, State> {
        let answer = self.fetcher.get(PROBE_MAX).map_err(State::Absent)?;
        // The load's good answers are split by it, and a refusal is none.
        match answer.status {
            200..=299 => {}
            401 | 403 => return Err(State::Denied(format!("answered {}", answer.status))),
            status => return Err(State::Absent(format!("answered {status}"))),
        }
        let parts: Vec<(String, f64)> = answer
            .headers
            .iter()
            .filter(|(name, _)| name == "server-timing")
            .flat_map(|(_, value)| parts(value))
            .take(PARTS_MAX)
            .collect();
        if parts.is_empty() {
            return Err(State::Absent(
                "answers carry no `server-timing` with durations".to_owned(),
            ));
        }
        self.probes += 1.0;
        for (name, ms) in parts {
            *self.sums.entry(name).or_default() += ms / 1e3;
        }
        let mut counters = self.sums.clone();
        counters.insert("probes".to_owned(), self.probes);
        Ok(Reading {
            counters,
            ..Reading::default()
        })
    }
}

/// Names and milliseconds of a header's value.
pub(crate) fn parts(value: &str) -> Vec<(String, f64)> {
    value
        .split(',')
        .filter_map(|part| {
            let mut fields = part.split(';').map(str::trim);
            let name = fields.next()?;
            let duration = fields.find_map(|field| field.strip_prefix("dur="))?;
            let ms: f64 = duration.trim_matches('"').parse().ok()?;
            (ms.is_finite() && ms >= 0.0 && !name.is_empty()).then(|| (name.to_owned(), ms))
        })
        .collect()
}
