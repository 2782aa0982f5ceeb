//! `sidequest completions SHELL`.

use clap::Command;
use clap_complete::Shell;

use super::reference::command_line;
use crate::{
    console,
    exit::{Exit, Failure},
};

/// Prints the completions.
#[expect(clippy::unnecessary_wraps, reason = "every command has the same signature")]
pub(crate) fn run(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut offered(), "sidequest", &mut script);
    console::result_bytes(&script);
    Ok(Exit::Fine)
}

/// Without the hidden commands, which clap_complete would offer.
fn offered() -> Command {
    let all = command_line();
    let visible = all
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .cloned();
    Command::new("sidequest")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommands(visible.collect::<Vec<_>>())
}
