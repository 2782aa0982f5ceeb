//! Rows of requests: as CSV with all their times, and as h2load writes them.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use load::{outcome::Outcome, sample::Sample, scenario::Scenario, watch::Watch};

use crate::config::load::Outputs;

const COLUMNS: &str = "index,path,connection,scheduled_ms,sent_ms,first_byte_ms,done_ms,response_ms,service_ms,status,body_bytes,resent,outcome\n";

/// The files of rows that were asked for.
#[derive(Debug)]
pub(super) struct Logs {
    csv: Option<BufWriter<File>>,
    like_h2load: Option<BufWriter<File>>,
    /// When the run began, since 1970; none before the first samples.
    began_us: Option<u64>,
}

impl Logs {
    /// Opens them before the run, so that a wrong path costs nothing.
    pub(super) fn create(outputs: &Outputs) -> anyhow::Result<Logs> {
        let open = |path: &Path| {
            File::create(path)
                .map(BufWriter::new)
                .with_context(|| format!("create {}", path.display()))
        };
        let mut csv = outputs.log.as_deref().map(open).transpose()?;
        if let Some(csv) = &mut csv {
            csv.write_all(COLUMNS.as_bytes())
                .context("write the log of requests")?;
        }
        Ok(Logs {
            csv,
            like_h2load: outputs.log_like_h2load.as_deref().map(open).transpose()?,
            began_us: None,
        })
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.csv.is_some() || self.like_h2load.is_some()
    }

    pub(super) fn write(
        &mut self,
        samples: &[Sample],
        scenario: &Scenario,
        watch: &Watch,
    ) -> anyhow::Result<()> {
        let began_us = *self.began_us.get_or_insert_with(|| since_1970_us(watch));
        for sample in samples {
            if let Some(csv) = &mut self.csv {
                row(csv, sample, scenario).context("write the log of requests")?;
            }
            if let Some(file) = &mut self.like_h2load {
                let start = began_us + sample.sent_ns / 1_000;
                let took = (sample.done_ns - sample.sent_ns) / 1_000;
                let written = match sample.outcome {
                    Outcome::Lost(_) => writeln!(file, "{start}\t-1\t{took}"),
                    Outcome::Ok | Outcome::HttpError | Outcome::FailedCheck => {
                        writeln!(file, "{start}\t{}\t{took}", sample.status)
                    }
                };
                written.context("write h2load's log of requests")?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        for file in [&mut self.csv, &mut self.like_h2load].into_iter().flatten() {
            file.flush().context("write the log of requests")?;
        }
        Ok(())
    }
}

/// The run's beginning by the wall's clock.
fn since_1970_us(watch: &Watch) -> u64 {
    let since = watch.began().map(|began| began.elapsed()).unwrap_or_default();
    SystemTime::now()
        .checked_sub(since)
        .and_then(|began| began.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |time| time.as_micros() as u64)
}

fn row(csv: &mut BufWriter<File>, sample: &Sample, scenario: &Scenario) -> std::io::Result<()> {
    let ms = |ns: u64| ns as f64 / 1e6;
    let outcome = match sample.outcome {
        Outcome::Ok => "ok".to_owned(),
        Outcome::HttpError => "http_error".to_owned(),
        Outcome::FailedCheck => "failed_check".to_owned(),
        Outcome::Lost(reason) => format!("lost: {}", reason.words()),
    };
    writeln!(
        csv,
        "{},{},{},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4},{},{},{},{outcome}",
        sample.index,
        quoted(&scenario.path_of(sample.index)),
        sample.connection,
        ms(sample.scheduled_ns),
        ms(sample.sent_ns),
        ms(sample.first_byte_ns),
        ms(sample.done_ns),
        ms(sample.done_ns.saturating_sub(sample.scheduled_ns)),
        ms(sample.done_ns.saturating_sub(sample.sent_ns)),
        sample.status,
        sample.body_bytes,
        sample.resent
    )
}

/// A path may hold commas and quotes.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
