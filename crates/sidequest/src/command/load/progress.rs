//! How a run goes: on a terminal one line that changes, elsewhere a plain line now and then.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use load::{
    summary::text::bytes,
    watch::{CLASSES, Glance, class_end_ms},
};

use crate::console;

const LIVE: Duration = Duration::from_millis(250);
const PLAIN: Duration = Duration::from_secs(5);

/// Heights of the chart.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What was shown last.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    began: Instant,
    last: (Instant, Glance),
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Progress {
        let is_live = !quiet && std::io::stderr().is_terminal();
        let bar = is_live.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is a constant"));
            bar
        });
        let now = Instant::now();
        Progress {
            bar,
            quiet,
            began: now,
            last: (now, load::watch::Watch::new().glance()),
        }
    }

    pub(super) fn interval(&self) -> Duration {
        if self.bar.is_some() { LIVE } else { PLAIN }
    }

    pub(super) fn tick(&mut self, glance: &Glance) {
        let now = Instant::now();
        let (then, before) = &self.last;
        let seconds = now.duration_since(*then).as_secs_f64();
        if self.quiet || seconds < 0.05 {
            return;
        }
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let classes: [u64; CLASSES] =
            std::array::from_fn(|class| glance.classes[class].saturating_sub(before.classes[class]));
        let line = format!(
            "{:>5.1}s  {:>9.0} req/s  {:>8}B/s  {} in flight  {} failed  {}",
            self.began.elapsed().as_secs_f64(),
            rate(glance.ok, before.ok),
            bytes(rate(glance.bytes, before.bytes)),
            glance.in_flight,
            glance.failed,
            chart(&classes)
        );
        match &self.bar {
            Some(bar) => bar.set_message(line),
            None => console::faults(line),
        }
        self.last = (now, *glance);
    }

    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Response times since the last line, each column twice as long as the one before.
fn chart(classes: &[u64; CLASSES]) -> String {
    let first = classes.iter().position(|count| *count > 0);
    let last = classes.iter().rposition(|count| *count > 0);
    let (Some(first), Some(last)) = (first, last) else {
        return String::new();
    };
    let most = classes.iter().copied().max().unwrap_or(1).max(1);
    let bars: String = classes[first..=last]
        .iter()
        .map(|count| {
            // What is there at all is seen.
            let height = (*count * 8).div_ceil(most);
            BARS[height.min(8) as usize]
        })
        .collect();
    let low = if first == 0 { 0.0 } else { class_end_ms(first - 1) };
    format!(
        "{} |{bars}| {}",
        milliseconds(low),
        milliseconds(class_end_ms(last))
    )
}

fn milliseconds(ms: f64) -> String {
    load::summary::text::duration(ms * 1e6)
}
