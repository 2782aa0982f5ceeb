//! `cargo xtask plants`: bottlenecks are planted into a rig, quests look for them without being told, and what they
//! say is scored against what was planted.
//!
//! A run may be done in turns: what each quest left is kept below the work directory, and every turn ends with the
//! table over all that is there.

mod bite;
mod database;
mod group;
mod inquiry;
mod means;
mod process;
mod proxy;
mod recording;
mod relay;
mod report;
mod rig;
mod scenario;
mod score;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::{
    bench::build,
    workspace::{say, target},
};

/// Items that are asked for, one after another.
const VALUES: &str = "id=1..5000";

/// What to plant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Scenarios by id; without any, all of them.
    ids: Vec<String>,
    /// Say what there is, and do nothing.
    #[arg(long)]
    list: bool,
    /// How long each quest may take.
    #[arg(long, default_value = "60s")]
    budget: String,
    /// A quest of each scenario with its plant off, too.
    #[arg(long)]
    twins: bool,
    /// Only twins: the plants were asked about in an earlier turn.
    #[arg(long, conflicts_with = "twins")]
    only_twins: bool,
    /// Only the test loads, to see whether the plants bite.
    #[arg(long)]
    only_bite: bool,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Use this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Where the turns of one run are kept.
    #[arg(long)]
    work: Option<PathBuf>,
    /// Ask nobody: score what earlier turns have left.
    #[arg(long)]
    score: bool,
    /// Write the table into benchsuite/runs/NAME.
    #[arg(long, value_name = "NAME")]
    write: Option<String>,
    /// And keep the evidence as recordings, which the tests replay.
    #[arg(long)]
    record: bool,
    /// Judge the recordings anew, and take what is said of them as meant.
    #[arg(long)]
    rejudge: bool,
}

/// Does it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let chosen = chosen(&options.ids)?;
    if options.list {
        for scenario in &chosen {
            say(format_args!(
                "{:18} {:8} {}",
                scenario.id,
                report::expected(scenario),
                scenario.what
            ));
        }
        return Ok(());
    }
    if options.rejudge {
        return recording::write_judged();
    }
    let work = options.work.clone().unwrap_or_else(|| target().join("plants"));
    if !options.score {
        plant(options, &chosen, &work)?;
    }
    let cases = score::cases(&work)?;
    let scored = score::score(&cases);
    say(report::table(&cases, &scored));
    if options.record {
        record(&cases)?;
    }
    match &options.write {
        Some(name) => report::write(name, options, &cases, &scored),
        None => Ok(()),
    }
}

fn chosen(ids: &[String]) -> anyhow::Result<Vec<&'static scenario::Scenario>> {
    if let Some(unknown) = ids
        .iter()
        .find(|id| scenario::all().all(|scenario| scenario.id != **id))
    {
        bail!("plant {unknown}: there is no such scenario; see --list");
    }
    Ok(scenario::all()
        .filter(|scenario| ids.is_empty() || ids.iter().any(|id| id == scenario.id))
        .collect())
}

/// One that fails does not keep the others from their turn.
fn plant(options: &Options, chosen: &[&scenario::Scenario], work: &Path) -> anyhow::Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build(true)?,
    };
    let mut failed = Vec::new();
    for scenario in chosen {
        if let Err(error) = plant_one(options, scenario, work, &binary) {
            say(format_args!("{}: FAILED: {error:#}", scenario.id));
            failed.push(scenario.id);
        }
    }
    if !failed.is_empty() {
        bail!("plant {}", failed.join(", "));
    }
    Ok(())
}

fn plant_one(
    options: &Options,
    scenario: &scenario::Scenario,
    work: &Path,
    binary: &Path,
) -> anyhow::Result<()> {
    let asked = |only_bite: bool| inquiry::Asked {
        binary,
        work,
        budget: &options.budget,
        seed: options.seed,
        only_bite,
    };
    let is_control = scenario.kind == scenario::Kind::Control;
    if is_control || options.twins || options.only_twins {
        told(inquiry::run(scenario, false, &asked(options.only_bite))?);
    } else if inquiry::load_of(work, scenario.id, false).is_none() || options.only_bite {
        inquiry::run(scenario, false, &asked(true))?;
    }
    if !is_control && !options.only_twins {
        told(inquiry::run(scenario, true, &asked(options.only_bite))?);
    }
    Ok(())
}

fn told(inquiry: Option<inquiry::Inquiry>) {
    if let Some(inquiry) = inquiry {
        say(format_args!(
            "{}: {} ({}): {}",
            recording::name(&inquiry.id, inquiry.is_planted),
            inquiry.verdict.bottleneck.map_or("none", |found| found.id()),
            inquiry.verdict.grade.words(),
            inquiry.verdict.sentence
        ));
    }
}

fn record(cases: &[score::Case]) -> anyhow::Result<()> {
    for case in cases {
        let name = recording::name(case.scenario.id, case.inquiry.is_planted);
        if !recording::keep(&case.inquiry.evidence, &name)? {
            say(format_args!(
                "{name}: more than {} kB, not kept",
                recording::PACKED_MAX / 1_000
            ));
        }
    }
    recording::write_judged()
}
