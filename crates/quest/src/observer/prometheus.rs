//! Metrics in Prometheus' text format, ours and those of the usual libraries, read as what they mean.

mod meaning;
#[cfg(test)]
mod tests;
mod text;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    fetch::Fetcher,
    observer::{Depth, Observer, Reading, State},
};

pub use meaning::METRICS;
pub use text::{Line, parse};

/// One exposition, read within this time.
pub const SCRAPE_MAX: Duration = Duration::from_secs(2);

/// How often it is read within a window.
pub const INTERVAL: Duration = Duration::from_millis(250);

/// A page of metrics.
#[derive(Debug)]
pub struct Prometheus {
    fetcher: Fetcher,
    known: BTreeMap<String, &'static str>,
    lines: usize,
}

impl Prometheus {
    /// Nothing is asked yet.
    pub fn new(fetcher: Fetcher) -> Prometheus {
        Prometheus {
            fetcher,
            known: BTreeMap::new(),
            lines: 0,
        }
    }
}

impl Observer for Prometheus {
    fn read(&mut self, _: Depth) -> Result<Reading, State> {
        let answer = self.fetcher.get(SCRAPE_MAX).map_err(State::Absent)?;
        match answer.status {
            200 => {}
            401 | 403 => return Err(State::Denied(format!("answered {}", answer.status))),
            status => return Err(State::Absent(format!("answered {status}"))),
        }
        let lines = parse(&String::from_utf8_lossy(&answer.body));
        if lines.is_empty() {
            return Err(State::Absent("its answer holds no metric".to_owned()));
        }
        self.lines = lines.len();
        Ok(meaning::read(&lines, &mut self.known))
    }

    fn facts(&self) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::from([("lines".to_owned(), self.lines.to_string())]);
        for (name, meaning) in &self.known {
            facts.insert(name.clone(), (*meaning).to_owned());
        }
        facts
    }
}
