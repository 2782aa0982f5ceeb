//! How `postgres` comes to die with us: by a command of our own that asks the kernel for a signal and becomes it.
//!
//! Asking between fork and exec needs `unsafe`, so the child is our own executable first. A change of user clears the
//! request, so it is made after that.

#[cfg(target_os = "linux")]
#[path = "supervise/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "supervise/other.rs"]
mod system;

use std::{
    ffi::OsString, io::Write, os::unix::process::CommandExt, process, process::Command, process::ExitCode,
};

use super::{Plan, command};
use crate::Supervisor;

/// The code of a shell that cannot run a program.
const CANNOT_RUN: u8 = 126;

/// The body of the hidden command: `<pid of the owner> <postgres> <its arguments>..`.
///
/// Call it before any thread is started. It does not return when all goes well: the process has become `postgres`.
pub fn supervise(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let owner = arguments
        .next()
        .and_then(|owner| owner.to_str()?.parse::<u32>().ok());
    let (Some(owner), Some(program)) = (owner, arguments.next()) else {
        return fail("usage: OWNER-PID PROGRAM ARGUMENTS..");
    };
    if let Err(error) = system::die_with(owner) {
        return fail(&error.to_string());
    }
    let error = Command::new(&program).args(arguments).exec();
    fail(&format!("{}: {error}", program.display()))
}

/// The hidden command is ours alone, so its complaints go to the log that stands behind its stderr.
fn fail(reason: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "sidequest: {reason}");
    ExitCode::from(CANNOT_RUN)
}

/// Whether the kernel ends the server with us, so that no shell has to.
pub(super) fn follows_us(supervisor: &Supervisor) -> bool {
    matches!(supervisor, Supervisor::SelfExe { .. }) && system::SELF.is_some()
}

/// `postgres`, without its arguments.
pub(super) fn command(plan: &Plan) -> Command {
    let postgres = plan.installation.postgres();
    match (&plan.supervisor, system::SELF) {
        (Supervisor::SelfExe { arguments }, Some(own)) => {
            let mut command = command::clean(own, plan);
            command
                .args(arguments)
                .arg(process::id().to_string())
                .arg(postgres);
            command
        }
        (Supervisor::SelfExe { .. } | Supervisor::Direct, _) => command::clean(postgres, plan),
    }
}
