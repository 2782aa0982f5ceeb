//! What `quest` is to do: its flags, its file and defaults, put together into the crate's own `Config`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args as _, FromArgMatches as _};
use quest::{
    bound::Bound,
    config::{Bounds, Config, Sources},
    hook::{Change, Hook, Undo},
    observer::postgres::Location,
    probe::Place,
};

use super::load::Run;
use crate::args::{
    load::Load,
    quest::{self as args, Quest, Settings},
};

const BUDGET: Duration = Duration::from_secs(180);
const RATE_MAX: u32 = 100_000;
const CONCURRENCY_MAX: u32 = 256;
const ERRORS_MAX_PERCENT: u32 = 20;
const AT_ONCE: u32 = 200;
const SEED: u64 = 1;
/// How many times a hook multiplies its setting, and how long the target needs after it.
const TIMES: f64 = 2.0;
const SETTLE: Duration = Duration::from_secs(1);
/// How a condition begins that names an earlier evidence.
const WORSE_THAN: &str = "worse-than=";
/// Parties that a probe can stand before.
const PATHS: [&str; 2] = ["database", "downstream"];
/// A request that takes longer is of no use to an investigation.
const REQUEST_TIMEOUT: &str = "65s";

/// The defaults, as `--help` and the reference show them, by the option's name.
pub(crate) fn defaults() -> Vec<(&'static str, String)> {
    vec![
        ("budget", format!("{}m", BUDGET.as_secs() / 60)),
        ("max_rate", RATE_MAX.to_string()),
        ("max_concurrency", CONCURRENCY_MAX.to_string()),
        ("max_errors", ERRORS_MAX_PERCENT.to_string()),
        ("at_once", AT_ONCE.to_string()),
        ("out", "quest-TIME".to_owned()),
        ("seed", SEED.to_string()),
    ]
}

/// What `quest` is to do.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) source: Source,
    /// Where the report of a replay is written, if anywhere.
    pub(crate) out: Option<PathBuf>,
    pub(crate) compare: Option<PathBuf>,
    pub(crate) bounds: Vec<Bound>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// Things that the user should know before it begins.
    pub(crate) notes: Vec<String>,
}

/// Where the evidence comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Ask(Box<Config>),
    Replay(PathBuf),
}

impl Task {
    /// Puts everything together.
    pub(crate) fn resolve(settings: Settings) -> anyhow::Result<Task> {
        let bounds = settings
            .fail_if
            .iter()
            .map(|text| {
                text.parse::<Bound>()
                    .map_err(|reason| anyhow!("understand --fail-if: {reason}"))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let (out, compare) = (settings.out.clone(), settings.compare.clone());
        let (json, quiet) = (settings.json, settings.quiet);
        let mut notes = Vec::new();
        let source = match settings.replay.clone() {
            Some(path) => Source::Replay(path),
            None => {
                let (config, said) = ask(settings)?;
                notes = said;
                Source::Ask(Box::new(config))
            }
        };
        Ok(Task {
            source,
            out,
            compare,
            bounds,
            json,
            quiet,
            notes,
        })
    }
}

/// The options, and where they say nothing, the file.
pub(crate) fn settled(quest: Quest) -> anyhow::Result<Settings> {
    Ok(match &quest.config {
        Some(path) => {
            let file = read_file(path)?;
            quest.settings.or(file)
        }
        None => quest.settings,
    })
}

fn ask(settings: Settings) -> anyhow::Result<(Config, Vec<String>)> {
    let Some(url) = settings.url.clone() else {
        bail!("find the target: give a URL, or --replay FILE");
    };
    let run = Run::resolve(as_load(&settings, &url)?)?;
    let began = jiff::Timestamp::now().to_string();
    let stamp: String = began
        .chars()
        .filter(|letter| *letter != ':')
        .take_while(|letter| *letter != '.')
        .collect();
    let postgres = settings
        .postgres
        .iter()
        .map(|url| {
            // The URL is in no message: it may hold a password.
            Location::parse(url).map_err(|reason| anyhow!("read a --postgres URL: {reason}"))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let config = Config {
        scenario: run.scenario,
        url,
        load: run.config,
        connections: settings.connections,
        hooks: settings
            .hooks
            .iter()
            .map(hook)
            .collect::<anyhow::Result<Vec<_>>>()?,
        undo: Undo::default(),
        probes: settings
            .probe
            .iter()
            .map(|text| probe(text))
            .collect::<anyhow::Result<Vec<_>>>()?,
        sources: Sources {
            metrics: settings.metrics,
            traces: settings.traces,
            postgres,
            proxy_logs: settings.proxy_log,
            processes: settings.process,
        },
        bounds: Bounds {
            budget: settings.budget.map_or(BUDGET, |span| span.0),
            rate_max: f64::from(settings.max_rate.unwrap_or(RATE_MAX).max(1)),
            concurrency_max: settings.max_concurrency.unwrap_or(CONCURRENCY_MAX),
            errors_max: f64::from(settings.max_errors.unwrap_or(ERRORS_MAX_PERCENT)) / 100.0,
            burst: settings.at_once.unwrap_or(AT_ONCE),
            is_burst_said: settings.at_once.is_some(),
            allow_writes: settings.allow_writes,
        },
        out: settings
            .out
            .unwrap_or_else(|| PathBuf::from(format!("quest-{stamp}"))),
        began,
        seed: settings.seed.unwrap_or(SEED),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok((config, run.notes))
}

fn hook(given: &args::Hook) -> anyhow::Result<Hook> {
    let change = match (&given.setting, &given.leave_out) {
        (Some(name), None) => {
            let times = given.times.unwrap_or(TIMES);
            if !times.is_finite() || times <= 0.0 {
                bail!("understand the hook of `{name}`: times = {times} is no ratio");
            }
            Change::Setting {
                name: name.clone(),
                times,
            }
        }
        (None, Some(what)) if given.times.is_none() => Change::LeaveOut(what.clone()),
        _ => bail!(
            "understand the hook of `{}`: it names either a setting, and how many times, or what to leave-out",
            given.apply
        ),
    };
    Ok(Hook {
        change,
        apply: given.apply.clone(),
        revert: given.revert.clone(),
        settle: given.settle.map_or(SETTLE, |span| span.0),
    })
}

fn probe(text: &str) -> anyhow::Result<Place> {
    let wrong = || {
        anyhow!(
            "understand --probe {text}: it is PATH=LISTEN,TO, such as database=127.0.0.1:6432,127.0.0.1:5432"
        )
    };
    let (path, ends) = text.split_once('=').ok_or_else(wrong)?;
    let (listen, to) = ends.split_once(',').ok_or_else(wrong)?;
    if !PATHS.contains(&path) {
        bail!(
            "understand --probe {text}: `{path}` is none of {}",
            PATHS.join(", ")
        );
    }
    Ok(Place {
        path: path.to_owned(),
        listen: listen.parse().map_err(|_| wrong())?,
        to: to.parse().map_err(|_| wrong())?,
    })
}

/// What is asked for is said as `load` says it, so that one understands what the other does.
fn as_load(settings: &Settings, url: &str) -> anyhow::Result<Load> {
    let mut line: Vec<OsString> = vec!["load".into(), "--request-timeout".into(), REQUEST_TIMEOUT.into()];
    for (flag, values) in [("--values", &settings.values), ("--header", &settings.header)] {
        for value in values {
            line.push(flag.into());
            line.push(value.into());
        }
    }
    if let Some(method) = &settings.method {
        line.extend(["--method".into(), method.into()]);
    }
    if let Some(bits) = settings.window_bits {
        line.extend(["--window-bits".into(), bits.to_string().into()]);
    }
    if let Some(data) = &settings.data {
        line.extend(["--data".into(), data.into()]);
    }
    for (flag, is_given) in [
        ("--h1", settings.h1),
        ("--h2", settings.h2),
        ("--insecure", settings.insecure),
    ] {
        if is_given {
            line.push(flag.into());
        }
    }
    line.extend(["--".into(), url.into()]);
    let matches = Load::augment_args(clap::Command::new("load"))
        .try_get_matches_from(line)
        .map_err(|error| anyhow!("understand what to ask: {error}"))?;
    Ok(Load::from_arg_matches(&matches)?)
}

/// Paths in the file are relative to the file, so that it works from every directory.
fn read_file(path: &Path) -> anyhow::Result<Settings> {
    let what = || format!("read the file {}", path.display());
    let text = std::fs::read_to_string(path).with_context(what)?;
    // toml's message has the place, the line and a caret, so it stands as it is.
    let mut settings: Settings =
        toml::from_str(&text).map_err(|error| anyhow!("{}:\n{}", what(), error.to_string().trim_end()))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    for relative in [
        &mut settings.data,
        &mut settings.out,
        &mut settings.replay,
        &mut settings.compare,
    ]
    .into_iter()
    .flatten()
    {
        *relative = directory.join(&relative);
    }
    for log in &mut settings.proxy_log {
        *log = directory.join(&log);
    }
    // These two name a file within a text.
    for values in &mut settings.values {
        if let Some((name, said)) = values.split_once('=')
            && let Some(file) = said.strip_prefix('@')
        {
            *values = format!("{name}=@{}", directory.join(file).display());
        }
    }
    for condition in &mut settings.fail_if {
        if let Some(file) = condition.trim().strip_prefix(WORSE_THAN) {
            *condition = format!("{WORSE_THAN}{}", directory.join(file).display());
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests;
