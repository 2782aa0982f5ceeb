//! Exit codes: a public table, and the failures that lead to them.
//!
//! Scripts and supervisors depend on the numbers, so a code is never given a second meaning.

use std::process::ExitCode;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Fine,
    Bug,
    Usage,
    Model,
    Database,
    Listen,
    Cut,
    Install,
    Unanswered,
    Bound,
    Target,
    Refused,
}

impl Exit {
    /// All of them, in the order of the reference.
    pub(crate) const ALL: [Exit; 12] = [
        Exit::Fine,
        Exit::Bug,
        Exit::Usage,
        Exit::Model,
        Exit::Database,
        Exit::Listen,
        Exit::Cut,
        Exit::Install,
        Exit::Unanswered,
        Exit::Bound,
        Exit::Target,
        Exit::Refused,
    ];

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Bug => 1,
            Exit::Usage => 2,
            Exit::Model => 3,
            Exit::Database => 4,
            Exit::Listen => 5,
            Exit::Cut => 6,
            Exit::Install => 7,
            Exit::Unanswered => 8,
            Exit::Bound => 9,
            Exit::Target => 10,
            Exit::Refused => 11,
        }
    }

    /// One sentence for the reference.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Exit::Fine => "All went well; a server was asked to stop and lost no request.",
            Exit::Bug => "A bug of ours, or a failure that has no code of its own. Please report it.",
            Exit::Usage => "The arguments, the environment or the configuration file cannot be understood.",
            Exit::Model => "The model has faults, or its files cannot be read.",
            Exit::Database => "A database cannot be started, reached or filled, or does not fit the model.",
            Exit::Listen => "An address cannot be listened on, or the TLS certificate cannot be used.",
            Exit::Cut => {
                "Stopped while requests were in flight: `--drain-max` was over, or a second signal came."
            }
            Exit::Unanswered => {
                "`sidequest load` had no request answered well, a check failed, or `--fail-fast` ended it."
            }
            Exit::Bound => "A condition of `sidequest quest --fail-if` was met.",
            Exit::Target => {
                "The target of `sidequest quest` cannot be reached, stopped answering, or answers with errors only."
            }
            Exit::Install => "`sidequest db install` could not download or unpack PostgreSQL.",
            Exit::Refused => {
                "The server of `import` or `export` cannot be reached, refused what was asked, or broke off."
            }
        }
    }

    /// A failure that ends the process with this code.
    pub(crate) fn because(self, error: impl Into<anyhow::Error>) -> Failure {
        Failure {
            exit: self,
            error: error.into(),
            hint: None,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The code to end with.
    pub(crate) exit: Exit,
    /// The message reads after "failed to", or is complete where it is the last of a chain.
    pub(crate) error: anyhow::Error,
    /// What the user can do about it.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Adds the next step, where there is one.
    pub(crate) fn hint(self, hint: impl IntoHint) -> Self {
        Failure {
            hint: hint.into_hint(),
            ..self
        }
    }
}

/// What can stand as a hint: a sentence, or one that may be missing.
pub(crate) trait IntoHint {
    fn into_hint(self) -> Option<String>;
}

impl IntoHint for &str {
    fn into_hint(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl IntoHint for String {
    fn into_hint(self) -> Option<String> {
        Some(self)
    }
}

impl IntoHint for Option<String> {
    fn into_hint(self) -> Option<String> {
        self
    }
}
