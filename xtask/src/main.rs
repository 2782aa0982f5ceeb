//! `cargo xtask`: everything that is not the product. `ci` is what CI runs, all of it and nothing else.

mod bench;
mod ci;
mod docs;
mod plants;
mod strangers;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything that is not the product.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Format, lints, house rules, all tests, generated pages: what CI runs.
    Ci(ci::Options),
    /// Write the generated pages of docs/reference/.
    Docs,
    /// Plant bottlenecks, let quests find them, and score what they say.
    Plants(plants::Options),
    /// Let quests investigate real services that nobody here wrote.
    Strangers(strangers::Options),
    /// Measure.
    Bench {
        #[command(subcommand)]
        scenario: Scenario,
    },
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Many distinct objects at once over one connection, the strategies alternating in one run.
    Burst(bench::Options),
    /// Our load generator against the installed ones: CPU per request, and what no speed makes up for.
    Load(bench::load::CommandLine),
    /// A page of newest revisions, over our view and over a DISTINCT ON view, with more and more revisions.
    Latest(bench::latest::Options),
    /// A file of a million revisions through `sidequest import`, against COPY of the same rows.
    Import(bench::import::Options),
    /// The same analyses again, from the cache, against nginx with the same bytes as files.
    Warm(bench::warm::Options),
    /// Everything that looks at a busy server on, against everything off.
    Telemetry(bench::telemetry::Options),
}

fn main() -> ExitCode {
    let done = match CommandLine::parse().task {
        Task::Ci(options) => ci::run(&options),
        Task::Docs => docs::run(),
        Task::Plants(options) => plants::run(&options),
        Task::Strangers(options) => strangers::run(&options),
        Task::Bench { scenario } => match scenario {
            Scenario::Burst(options) => bench::run(&options),
            Scenario::Load(line) => bench::load::run(&line),
            Scenario::Latest(options) => bench::latest::run(&options),
            Scenario::Import(options) => bench::import::run(&options),
            Scenario::Warm(options) => bench::warm::run(&options),
            Scenario::Telemetry(options) => bench::telemetry::run(&options),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            workspace::say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
