//! Evidence of plants that is kept in the repository: it replays to the same verdict on any machine, without a rig.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use diagnosis::{
    baseline,
    bottleneck::Bottleneck,
    evidence::{self, Evidence},
    verdict::Verdict,
};

use crate::workspace::root;

/// What a quest calls it.
pub(crate) const FILE: &str = "evidence.jsonl.zst";
const ENDING: &str = ".jsonl.zst";
/// The verdicts of all recordings, a line each: the test compares, `--rejudge` writes.
pub(crate) const VERDICTS: &str = "verdicts.txt";
/// Of one recording when unpacked.
const BYTES_MAX: u64 = 1 << 28;
/// Of one recording in the repository.
pub(crate) const PACKED_MAX: usize = 300_000;
/// They are written once and read by everybody.
const LEVEL: i32 = 19;

/// Where they are.
pub(crate) fn directory() -> PathBuf {
    root().join("benchsuite/plants/recordings")
}

/// Evidence from a file.
pub(crate) fn read(file: &Path) -> anyhow::Result<Evidence> {
    evidence::read(&unpack(file)?).with_context(|| format!("read {}", file.display()))
}

fn unpack(file: &Path) -> anyhow::Result<Vec<u8>> {
    let packed = File::open(file).with_context(|| format!("read {}", file.display()))?;
    let mut bytes = Vec::new();
    zstd::Decoder::new(packed)?
        .take(BYTES_MAX)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts evidence into the repository; if it is too large, not.
pub(crate) fn keep(evidence: &Path, name: &str) -> anyhow::Result<bool> {
    let packed = zstd::encode_all(unpack(evidence)?.as_slice(), LEVEL)?;
    let is_small = packed.len() <= PACKED_MAX;
    if is_small {
        fs::create_dir_all(directory())?;
        let file = directory().join(format!("{name}{ENDING}"));
        fs::write(&file, packed).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(is_small)
}

/// All that are kept: name and file, in order.
pub(crate) fn all() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory()).context("list the recordings")? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if let Some(name) = name.strip_suffix(ENDING) {
            all.push((name.to_owned(), path.clone()));
        }
    }
    all.sort();
    Ok(all)
}

/// What this version says of all recordings, a line each.
pub(crate) fn judge_all() -> anyhow::Result<String> {
    let mut text = String::new();
    for (name, file) in all()? {
        let verdict = diagnosis::diagnose(&read(&file)?);
        text.push_str(&format!("{name}: {}\n", words(&verdict)));
    }
    Ok(text)
}

/// Says that this version's verdicts are meant.
pub(crate) fn write_judged() -> anyhow::Result<()> {
    fs::write(directory().join(VERDICTS), judge_all()?).context("write the verdicts of the recordings")
}

fn words(verdict: &Verdict) -> String {
    let id = verdict.bottleneck.map_or("none", Bottleneck::id);
    let share = verdict
        .share
        .map_or_else(String::new, |share| format!(", {:.0} %", share.mid * 100.0));
    format!("{id}, {}{share}", verdict.grade.words())
}

type Baseline = fn(&Evidence) -> Option<Bottleneck>;

/// The four baselines by name.
pub(crate) const BASELINES: [(&str, Baseline); 4] = [
    ("robust score (BARO)", baseline::robust_score),
    ("highest utilisation", baseline::highest_utilisation),
    ("biggest span", baseline::biggest_span),
    ("throughput limit (k6)", baseline::throughput_limit),
];
