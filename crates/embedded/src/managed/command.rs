//! What all children have in common: the user, a quiet environment, nothing to read.

use std::{ffi::OsStr, process::Command, process::Stdio};

use super::Plan;

/// Variables that change what `initdb` and `postgres` do. The rest is inherited: some installations need
/// `LD_LIBRARY_PATH`.
const UNWANTED: [&str; 15] = [
    "PGDATA",
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSWORD",
    "PGOPTIONS",
    "PGDATESTYLE",
    "PGTZ",
    "PGCLIENTENCODING",
    "PG_COLOR",
    "LANG",
    "LANGUAGE",
    "LC_MESSAGES",
];

/// A command that runs as the plan's account, in a directory that it may enter.
pub(super) fn clean(program: impl AsRef<OsStr>, plan: &Plan) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(&plan.directory)
        .stdin(Stdio::null())
        .env("LC_ALL", "C");
    for name in UNWANTED {
        command.env_remove(name);
    }
    plan.account.apply(&mut command);
    command
}
