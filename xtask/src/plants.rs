//! `cargo xtask plants`: bottlenecks are planted into a rig, quests look for them without being told, and what they
//! say is scored against what was planted.
//!
//! A run may be done in turns: what each quest left is kept below the work directory and not done again, and every
//! turn ends with the table over all that is there.

mod bite;
mod chore;
mod credits;
mod database;
mod distance;
mod group;
mod inquiry;
mod leftovers;
mod means;
mod missing;
mod namespace;
mod ours;
mod place;
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

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use self::{
    place::Place,
    scenario::{Kind, Scenario, Severity},
};
use crate::{
    bench::build,
    workspace::{say, target},
};

/// Items that are asked for, one after another.
const VALUES: &str = "id=1..5000";
/// Of a smoke run, each quest.
const SMOKE_BUDGET: &str = "20s";
/// Of a smoke run, the share that must be right.
const SMOKE_RIGHT_MIN: f64 = 0.7;

/// What to plant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Scenarios by id; without any, all of them.
    ids: Vec<String>,
    /// Say what there is, and what this machine cannot plant, and do nothing.
    #[arg(long)]
    list: bool,
    /// A few scenarios with short rounds: 10 minutes at most; most of them must be right.
    #[arg(long, conflicts_with_all = ["ids", "list"])]
    smoke: bool,
    /// How long each quest may take [default: 60s].
    #[arg(long)]
    budget: Option<String>,
    /// How much is planted.
    #[arg(long, default_value = "medium")]
    severity: Severities,
    /// Each quest so many times, with another seed each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=score::SEEDS_MAX))]
    seeds: u64,
    /// A quest of each scenario with its plant off, too.
    #[arg(long)]
    twins: bool,
    /// Only twins.
    #[arg(long, conflicts_with = "twins")]
    only_twins: bool,
    /// Only the test loads, to see whether the plants bite.
    #[arg(long)]
    only_bite: bool,
    /// What an earlier turn has done is done again.
    #[arg(long)]
    again: bool,
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

/// How much is planted.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Severities {
    Weak,
    Medium,
    Strong,
    All,
}

impl Severities {
    fn all(self) -> &'static [Severity] {
        match self {
            Severities::Weak => &[Severity::Weak],
            Severities::Medium => &[Severity::Medium],
            Severities::Strong => &[Severity::Strong],
            Severities::All => &[Severity::Weak, Severity::Medium, Severity::Strong],
        }
    }
}

impl Options {
    fn budget(&self) -> &str {
        match &self.budget {
            Some(budget) => budget,
            None if self.smoke => SMOKE_BUDGET,
            None => "60s",
        }
    }

    fn work(&self) -> PathBuf {
        let name = if self.smoke { "plants-smoke" } else { "plants" };
        self.work.clone().unwrap_or_else(|| target().join(name))
    }
}

/// Does it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.rejudge {
        return recording::write_judged();
    }
    let chosen = chosen(options)?;
    if options.list {
        list(options, &chosen);
        return Ok(());
    }
    let work = options.work();
    // A plant that failed does not keep the others from the table.
    let planted = if options.score {
        Ok(())
    } else {
        plant(options, &chosen, &work)
    };
    if options.only_bite {
        return planted;
    }
    let cases = score::cases(&work)?;
    let scored = score::score(&cases);
    say(report::table(&cases, options.binary.as_deref()));
    if options.record {
        record(&cases)?;
    }
    if let Some(name) = &options.write {
        report::write(name, options, &cases)?;
    }
    planted?;
    if options.smoke && (scored.false_alarms.right > 0 || scored.top_1.value() < SMOKE_RIGHT_MIN) {
        bail!("smoke: too little of it is right");
    }
    Ok(())
}

fn chosen(options: &Options) -> anyhow::Result<Vec<&'static Scenario>> {
    let ids: Vec<&str> = if options.smoke {
        scenario::SMOKE.to_vec()
    } else {
        options.ids.iter().map(String::as_str).collect()
    };
    if let Some(unknown) = ids
        .iter()
        .find(|id| scenario::all().all(|scenario| scenario.id != **id))
    {
        bail!("plant {unknown}: there is no such scenario; see --list");
    }
    Ok(scenario::all()
        .filter(|scenario| ids.is_empty() || ids.contains(&scenario.id))
        .collect())
}

fn list(options: &Options, chosen: &[&Scenario]) {
    for scenario in chosen {
        for severity in options.severity.all() {
            let Some(dose) = scenario.dose(*severity) else {
                continue;
            };
            say(format_args!(
                "{:18} {:7} {:8} {}",
                scenario.id,
                severity.name(),
                report::expected(scenario),
                dose.what
            ));
            if let Some(reason) = missing::missing(scenario, dose, options.binary.as_deref()) {
                say(format_args!("    CANNOT BE PLANTED HERE: {reason}"));
            }
        }
    }
}

/// What a run is made of, in its order: each plant, and its twin after it.
fn places(options: &Options, chosen: &[&'static Scenario]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for scenario in chosen {
        for severity in options.severity.all() {
            for seed in place::SEED..place::SEED + options.seeds {
                if scenario.dose(*severity).is_none() {
                    continue;
                }
                let planted = Place {
                    scenario,
                    severity: *severity,
                    seed,
                    is_planted: true,
                };
                let is_control = scenario.kind == Kind::Control;
                if !is_control && !options.only_twins {
                    places.push(planted);
                }
                if is_control || options.twins || options.only_twins {
                    places.push(planted.twin());
                }
            }
        }
    }
    let mut names = std::collections::BTreeSet::new();
    places.retain(|place| names.insert(place.name()));
    places
}

/// One that fails does not keep the others from their turn.
fn plant(options: &Options, chosen: &[&'static Scenario], work: &Path) -> anyhow::Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build(true)?,
    };
    fs::create_dir_all(rig::DATA).with_context(|| format!("create {}", rig::DATA))?;
    let lock = File::create(Path::new(rig::DATA).join("lock")).context("open the rig's lock")?;
    if lock.try_lock().is_err() {
        bail!("plant: another run has the rig");
    }
    leftovers::clear()?;
    let places = places(options, chosen);
    let is_done = |place: &Place| match options.only_bite {
        true => inquiry::load_of(work, *place).is_some(),
        false => matches!(inquiry::read(work, *place), Ok(Some(_))),
    };
    let left: Vec<&Place> = places
        .iter()
        .filter(|place| options.again || !is_done(place))
        .collect();
    say(format_args!(
        "{} of {} quests are left, each of {} at most",
        left.len(),
        places.len(),
        options.budget()
    ));
    let asked = inquiry::Asked {
        binary: &binary,
        work,
        budget: options.budget(),
        only_bite: options.only_bite,
    };
    let mut failed = Vec::new();
    for place in left {
        if let Err(error) = plant_one(*place, &asked) {
            say(format_args!("{}: FAILED: {error:#}", place.name()));
            failed.push(place.name());
        }
    }
    leftovers::clear()?;
    if !failed.is_empty() {
        bail!("plant {}", failed.join(", "));
    }
    Ok(())
}

fn plant_one(place: Place, asked: &inquiry::Asked<'_>) -> anyhow::Result<()> {
    if let Some(dose) = place.scenario.dose(place.severity)
        && let Some(reason) = missing::missing(place.scenario, dose, Some(asked.binary))
    {
        say(format_args!("{}: CANNOT BE PLANTED HERE: {reason}", place.name()));
        return Ok(());
    }
    if place.is_planted && score::load_of_twin(asked.work, place).is_none() {
        let only_bite = inquiry::Asked {
            only_bite: true,
            ..asked.clone()
        };
        inquiry::run(place.twin(), &only_bite)?;
    }
    if let Some(inquiry) = inquiry::run(place, asked)? {
        say(format_args!(
            "{}: {} ({}): {}",
            inquiry.place.name(),
            inquiry.verdict.bottleneck.map_or("none", |found| found.id()),
            inquiry.verdict.grade.words(),
            inquiry.verdict.sentence
        ));
    } else if let (Some(load), Some(twin)) = (
        inquiry::load_of(asked.work, place),
        score::load_of_twin(asked.work, place),
    ) && place.is_planted
    {
        let bites = if load.bites(twin) {
            "bites"
        } else {
            "DOES NOT BITE"
        };
        say(format_args!("{}: {bites}", place.name()));
    }
    Ok(())
}

fn record(cases: &[score::Case]) -> anyhow::Result<()> {
    for case in cases {
        let name = case.inquiry.place.name();
        if !recording::keep(&case.inquiry.evidence, &name)? {
            say(format_args!(
                "{name}: more than {} kB, not kept",
                recording::PACKED_MAX / 1_000
            ));
        }
    }
    recording::write_judged()
}
