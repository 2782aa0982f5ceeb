//! The rows of raw.csv, which is all that the page is made from: a run may be measured in several sittings.

use std::{fs, path::Path};

use anyhow::Context as _;

const HEAD: &str = "cell,commit,peer,pair,place,tool,requests,succeeded,wall_s,client_cpu_s,server_cpu_s,foreign_cpu_s,is_kept";

/// One run of one tool.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) cell: String,
    pub(crate) commit: String,
    /// Whom the pair compares us with, and which of the pairs it is.
    pub(crate) peer: String,
    pub(crate) pair: u32,
    /// Whose turn it was within the pair: 0 or 1.
    pub(crate) place: usize,
    pub(crate) tool: String,
    /// Asked for; 0 of wrk, which counts none.
    pub(crate) requests: u64,
    pub(crate) succeeded: u64,
    pub(crate) wall_s: f64,
    pub(crate) client_cpu_s: f64,
    pub(crate) server_cpu_s: f64,
    pub(crate) foreign_cpu_s: f64,
    pub(crate) is_kept: bool,
}

impl Row {
    /// The figure: of the client's CPU time, microseconds a request that succeeded.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.client_cpu_s * 1e6 / self.succeeded_count()
    }

    pub(crate) fn rate(&self) -> f64 {
        self.succeeded_count() / self.wall_s
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn succeeded_count(&self) -> f64 {
        self.succeeded as f64
    }
}

/// The rows of an earlier sitting, if there was one.
pub(crate) fn read(directory: &Path) -> anyhow::Result<Vec<Row>> {
    let file = directory.join("raw.csv");
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    text.lines()
        .skip(1)
        .map(|line| row(line).with_context(|| format!("read {}: {line}", file.display())))
        .collect()
}

pub(crate) fn write(directory: &Path, rows: &[Row]) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let mut text = format!("{HEAD}\n");
    for row in rows {
        text.push_str(&format!(
            "{},{},{},{},{},{},{},{},{:.3},{:.2},{:.2},{:.2},{}\n",
            row.cell,
            row.commit,
            row.peer,
            row.pair,
            row.place,
            row.tool,
            row.requests,
            row.succeeded,
            row.wall_s,
            row.client_cpu_s,
            row.server_cpu_s,
            row.foreign_cpu_s,
            row.is_kept,
        ));
    }
    let file = directory.join("raw.csv");
    fs::write(&file, text).with_context(|| format!("write {}", file.display()))
}

fn row(line: &str) -> Option<Row> {
    let mut fields = line.split(',');
    Some(Row {
        cell: fields.next()?.to_owned(),
        commit: fields.next()?.to_owned(),
        peer: fields.next()?.to_owned(),
        pair: fields.next()?.parse().ok()?,
        place: fields.next()?.parse().ok()?,
        tool: fields.next()?.to_owned(),
        requests: fields.next()?.parse().ok()?,
        succeeded: fields.next()?.parse().ok()?,
        wall_s: fields.next()?.parse().ok()?,
        client_cpu_s: fields.next()?.parse().ok()?,
        server_cpu_s: fields.next()?.parse().ok()?,
        foreign_cpu_s: fields.next()?.parse().ok()?,
        is_kept: fields.next()?.parse().ok()?,
    })
}
