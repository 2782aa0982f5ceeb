//! `sidequest`: arguments, configuration, wiring, exit codes, stdout.
//!
//! The roof of the house. It knows every crate below and what a person types; what is done with it is theirs.

mod args;
mod command;
mod config;
mod console;
mod declaration;
mod exit;
mod shutdown;

use std::{panic, process::ExitCode};

use clap::FromArgMatches as _;

use crate::{
    args::{Command, CommandLine},
    exit::{Exit, Failure},
};

/// Many small allocations of many threads: glibc's allocator took a fifth more CPU in the burst of 500.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A panic has said on stderr where it happened; what is left is to end with the code that is documented.
    let exit = panic::catch_unwind(|| match run() {
        Ok(exit) => exit,
        Err(failure) => {
            console::failure(&failure);
            failure.exit
        }
    });
    exit.unwrap_or(Exit::Bug).into()
}

fn run() -> Result<Exit, Failure> {
    let matches = match command::reference::command_line().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return Ok(answered_by_clap(&error)),
    };
    let line = match CommandLine::from_arg_matches(&matches) {
        Ok(line) => line,
        Err(error) => return Ok(answered_by_clap(&error)),
    };
    match line.command {
        None => {
            console::result(command::reference::command_line().render_help().ansi());
            Ok(Exit::Fine)
        }
        Some(Command::Serve(serve)) => command::serve::run(*serve),
        Some(Command::Check(check)) => command::check::run(check),
        Some(Command::Schema) => command::reference::schema(),
        Some(Command::Db { action }) => command::db::run(action),
        Some(Command::Completions { shell }) => command::completions::run(shell),
        Some(Command::Postgres { arguments }) => command::postgres::run(&arguments),
        Some(Command::Reference { page }) => command::reference::run(page),
    }
}

/// `--help` and `--version` are answers; anything else that clap says is about the arguments.
fn answered_by_clap(error: &clap::Error) -> Exit {
    // A reader that went away is no failure.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Fine }
}
