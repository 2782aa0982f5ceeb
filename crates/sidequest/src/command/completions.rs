//! `sidequest completions SHELL`.

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
    clap_complete::generate(shell, &mut command_line(), "sidequest", &mut script);
    console::result_bytes(&script);
    Ok(Exit::Fine)
}
