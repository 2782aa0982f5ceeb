//! `sidequest`: arguments, configuration, wiring, exit codes, stdout.
//!
//! The roof of the house. It knows every crate below and what a person types; what is done with it is theirs.

mod args;
mod command;
mod config;
mod console;
mod declaration;
mod exit;
mod files;
mod remote;
mod shutdown;
mod watching;

use std::{panic, process::ExitCode};

use clap::FromArgMatches as _;

use crate::{
    args::{Command, CommandLine},
    exit::{Exit, Failure},
};

/// Answers are many small allocations, made on one thread and freed on another: what mimalloc is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A panic has said on stderr where it happened; what is left is to end with the code that is documented.
    let exit = panic::catch_unwind(|| match parse() {
        Err(error) => answered_by_clap(&error).into(),
        Ok(CommandLine {
            command: Some(Command::Postgres { arguments }),
        }) => command::postgres::run(arguments),
        Ok(line) => run(line)
            .unwrap_or_else(|failure| {
                console::failure(&failure);
                failure.exit
            })
            .into(),
    });
    telemetry::log::flush();
    exit.unwrap_or(Exit::Bug.into())
}

fn parse() -> Result<CommandLine, clap::Error> {
    CommandLine::from_arg_matches(&command::reference::command_line().try_get_matches()?)
}

fn run(line: CommandLine) -> Result<Exit, Failure> {
    if let Some(Command::Serve(_) | Command::Load(_) | Command::Quest(_)) = &line.command {
        files::raise_limit();
    }
    match line.command {
        None => {
            // A reader that went away is no failure.
            let _ = command::reference::command_line().print_help();
            Ok(Exit::Fine)
        }
        Some(Command::Serve(serve)) => command::serve::run(*serve),
        Some(Command::Load(load)) => command::load::run(*load),
        Some(Command::Quest(quest)) => command::quest::run(*quest),
        Some(Command::Check(check)) => command::check::run(check),
        Some(Command::Traces(traces)) => command::traces::run(traces),
        Some(Command::Migrate(migrate)) => command::migrate::run(migrate),
        Some(Command::Import(import)) => command::import::run(&import),
        Some(Command::Export(export)) => command::export::run(&export),
        Some(Command::Schema) => command::reference::schema(),
        Some(Command::Db { action }) => command::db::run(action),
        Some(Command::Completions { shell }) => command::completions::run(shell),
        Some(Command::Postgres { .. }) => unreachable!("main has taken it out"),
        Some(Command::Reference { page }) => command::reference::run(page),
    }
}

/// `--help` and `--version` are answers; anything else that clap says is about the arguments.
fn answered_by_clap(error: &clap::Error) -> Exit {
    // A reader that went away is no failure.
    let _ = error.print();
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Fine
    }
}
