//! A page's requests as a browser's network panel shows them: queued, connecting, waiting, downloading.

use std::fmt::Write as _;

use load::{
    sample::Sample,
    scenario::Scenario,
    summary::{Connection, Summary, text::duration},
};

/// Columns of the picture.
const WIDTH: usize = 48;

/// Requests shown; the middle of more is left out.
const ROWS_MAX: usize = 60;

/// The parts of one request's time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Phases {
    queued: u64,
    connect: u64,
    tls: u64,
    waiting: u64,
    download: u64,
}

/// The picture.
pub(super) fn text(summary: &Summary, scenario: &Scenario, samples: &[Sample]) -> String {
    let mut samples: Vec<&Sample> = samples.iter().collect();
    samples.sort_by_key(|sample| (sample.sent_ns, sample.index));
    let Some(end) = samples.iter().map(|sample| sample.done_ns).max() else {
        return String::new();
    };
    let begin = samples
        .iter()
        .map(|sample| sample.scheduled_ns)
        .min()
        .unwrap_or(0);
    let span = (end - begin).max(1);
    let mut out = format!(
        "page: {} requests over {} of {} in {}\n",
        samples.len(),
        connections(summary.connections),
        super::protocol_name(summary.protocol),
        duration(span as f64)
    );
    let _ = writeln!(out, "{}", staircase(&samples));
    let _ = writeln!(
        out,
        "{:<28} {:>8} {:>8} {:>8} {:>8} {:>8}  . queued  c connect  t TLS  - first byte  = download",
        "", "queued", "connect", "TLS", "1st byte", "download"
    );
    let mut seen = std::collections::HashSet::new();
    let skipped = samples.len().saturating_sub(ROWS_MAX);
    for (at, sample) in samples.iter().enumerate() {
        let connection = summary
            .connection_list
            .iter()
            .find(|connection| connection.number == sample.connection)
            .filter(|_| seen.insert(sample.connection));
        if skipped > 0 && at == ROWS_MAX / 2 {
            let _ = writeln!(out, "... {skipped} more ...");
        }
        if skipped > 0 && (ROWS_MAX / 2..ROWS_MAX / 2 + skipped).contains(&at) {
            continue;
        }
        let phases = phases(sample, connection);
        let _ = writeln!(
            out,
            "{:<28} {:>8} {:>8} {:>8} {:>8} {:>8}  |{}|",
            shortened(&scenario.path_of(sample.index)),
            duration(phases.queued as f64),
            duration(phases.connect as f64),
            duration(phases.tls as f64),
            duration(phases.waiting as f64),
            duration(phases.download as f64),
            bar(phases, sample.scheduled_ns - begin, span)
        );
    }
    out.trim_end().to_owned()
}

/// How long requests stood in the queue, and how many were under way at most.
fn staircase(samples: &[&Sample]) -> String {
    let mut queued: Vec<u64> = samples
        .iter()
        .map(|sample| sample.sent_ns.saturating_sub(sample.scheduled_ns))
        .collect();
    queued.sort_unstable();
    let at = |index: usize| duration(queued.get(index).copied().unwrap_or(0) as f64);
    let mut steps: Vec<(u64, i64)> = samples
        .iter()
        .flat_map(|sample| [(sample.sent_ns, 1), (sample.done_ns, -1)])
        .collect();
    // One that is over makes room for the next in the same moment.
    steps.sort_unstable();
    let most = steps
        .iter()
        .scan(0, |now, (_, step)| {
            *now += step;
            Some(*now)
        })
        .max();
    format!(
        "queued: half of them {} or longer, the last {}; at most {} at once",
        at(queued.len() / 2),
        at(queued.len().saturating_sub(1)),
        most.unwrap_or(0)
    )
}

/// The first request of a connection is the one that had to wait for it.
fn phases(sample: &Sample, first_of: Option<&Connection>) -> Phases {
    let before = sample.sent_ns.saturating_sub(sample.scheduled_ns);
    let (connect, tls) = first_of.map_or((0, 0), |connection| (connection.connect_ns, connection.tls_ns));
    let connect = connect.min(before);
    let tls = tls.min(before - connect);
    Phases {
        queued: before - connect - tls,
        connect,
        tls,
        waiting: sample.first_byte_ns.saturating_sub(sample.sent_ns),
        download: sample.done_ns.saturating_sub(sample.first_byte_ns),
    }
}

fn bar(phases: Phases, offset: u64, span: u64) -> String {
    let mut bar = String::with_capacity(WIDTH);
    let mut at = offset;
    let column = |ns: u64| (ns as u128 * WIDTH as u128 / u128::from(span)) as usize;
    bar.extend(std::iter::repeat_n(' ', column(at).min(WIDTH)));
    for (letter, ns) in [
        ('.', phases.queued),
        ('c', phases.connect),
        ('t', phases.tls),
        ('-', phases.waiting),
        ('=', phases.download),
    ] {
        at += ns;
        let until = column(at).min(WIDTH);
        let length = until.saturating_sub(bar.chars().count());
        bar.extend(std::iter::repeat_n(letter, length));
    }
    // Even the shortest is seen.
    if bar.trim_end().is_empty() {
        bar.pop();
        bar.push('=');
    }
    format!("{bar:<WIDTH$}")
}

fn connections(count: u64) -> String {
    match count {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}

/// The end of a path tells more than its beginning.
fn shortened(path: &str) -> String {
    const MAX: usize = 28;
    let letters: Vec<char> = path.chars().collect();
    if letters.len() <= MAX {
        return path.to_owned();
    }
    let tail: String = letters[letters.len() - (MAX - 2)..].iter().collect();
    format!("..{tail}")
}
