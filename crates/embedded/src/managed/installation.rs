//! Finding `postgres` and `initdb` side by side.

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::account::Account;

/// Where distributions put one directory for each major version: parent, beginning of its name, rest of the path.
const KNOWN: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// Where those who build it themselves put it.
const KNOWN_LAST: &str = "/usr/local/pgsql/bin";

/// One PostgreSQL on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The directory of `postgres` and `initdb`.
    pub(crate) directory: PathBuf,
    pub(crate) major: u32,
    /// Whether the library of `pg_stat_statements` is there.
    pub(crate) statements: bool,
}

impl Installation {
    pub(super) fn postgres(&self) -> PathBuf {
        self.directory.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.directory.join("initdb")
    }
}

/// All that can be used by the account, in order of preference. Runs `postgres --version` of each.
pub(crate) fn find(search: &[PathBuf], search_known: bool, account: &Account) -> Vec<Installation> {
    let known = if search_known { known() } else { Vec::new() };
    let mut seen = HashSet::new();
    let directories = search.iter().chain(&known);
    directories
        .filter(|directory| {
            directory
                .canonicalize()
                .is_ok_and(|directory| seen.insert(directory))
        })
        .filter_map(|directory| look(directory, account))
        .collect()
}

/// Where [`find`] looks, for messages.
pub(crate) fn searched(search: &[PathBuf], search_known: bool) -> Vec<PathBuf> {
    let mut places = search.to_vec();
    if search_known {
        places.extend(
            KNOWN
                .iter()
                .map(|(parent, start, rest)| Path::new(parent).join(format!("{start}*")).join(rest)),
        );
        places.push(PathBuf::from(KNOWN_LAST));
    }
    places
}

fn known() -> Vec<PathBuf> {
    let mut found: Vec<(Reverse<u32>, PathBuf)> = Vec::new();
    for (parent, start, rest) in KNOWN {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        found.extend(entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let major = name.strip_prefix(start)?.parse().ok()?;
            Some((Reverse(major), entry.path().join(rest)))
        }));
    }
    // As numbers: 10 is newer than 9.
    found.sort();
    found
        .into_iter()
        .map(|(_, path)| path)
        .chain([PathBuf::from(KNOWN_LAST)])
        .collect()
}

fn look(directory: &Path, account: &Account) -> Option<Installation> {
    let postgres = directory.join("postgres");
    let present = [&postgres, &directory.join("initdb")];
    if !present
        .iter()
        .all(|program| program.is_file() && account.reaches(program))
    {
        return None;
    }
    let output = Command::new(&postgres).arg("--version").output().ok()?;
    let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
    let library = library(&postgres, "pg_stat_statements");
    Some(Installation {
        directory: directory.to_owned(),
        major,
        statements: library,
    })
}

/// The number in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, also of `19beta1`.
fn parse_major(text: &str) -> Option<u32> {
    let word = text
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let end = word
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(word.len());
    word[..end].parse().ok()
}

/// Loading a library that is not there would keep the server from starting.
fn library(postgres: &Path, name: &str) -> bool {
    let Some(prefix) = postgres
        .canonicalize()
        .ok()
        .and_then(|path| Some(path.parent()?.parent()?.to_owned()))
    else {
        return false;
    };
    let directories = ["lib", "lib/postgresql", "lib64/postgresql", "lib/pgsql"];
    directories.iter().any(|directory| {
        ["so", "dylib"]
            .iter()
            .any(|end| prefix.join(directory).join(name).with_extension(end).is_file())
    })
}
