//! The house rules that a compiler does not hold: arrows between crates, purity, names, openings, lengths.
//!
//! Each rule is a function over data, from facts to faults, so that a test can show it a broken house. The facts
//! come from `cargo metadata`, `Cargo.lock` and the sources. Why the rules are what they are: ARCHITECTURE.md.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Which of our crates a crate may name. A new arrow is a decision: it needs a page in docs/adr/.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("embedded", &[]),
    ("store", &["model", "embedded", "telemetry"]),
    ("analysis", &["model", "store", "telemetry"]),
    ("api", &["model", "store", "analysis", "telemetry"]),
    ("load", &[]),
    ("telemetry", &[]),
    ("diagnosis", &[]),
    ("quest", &["diagnosis", "load"]),
    (
        "sidequest",
        &[
            "model",
            "embedded",
            "store",
            "analysis",
            "api",
            "load",
            "telemetry",
            "diagnosis",
            "quest",
        ],
    ),
    ("responder", &[]),
    ("xtask", &["diagnosis"]),
];

/// The crates that do no I/O, start no task and read no clock, and all that they may depend on.
const PURE: &[(&str, &[&str])] = &[
    ("model", &["jiff", "serde", "serde_json", "thiserror", "toml"]),
    ("diagnosis", &["schemars", "serde", "serde_json", "thiserror"]),
];

/// What a pure crate's sources must not name.
const IMPURE: &[&str] = &[
    "tokio",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "print!",
    "println!",
    "eprintln!",
];

/// A module of this name holds what nobody found a place for.
const HOMELESS_MODULES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "shared"];

/// A type of this name does not say what it is.
const EMPTY_TYPES: &[&str] = &["Data", "Info", "Item", "Manager", "Handler", "Context", "Service"];

const LINES_MAX: usize = 600;

/// Files that are longer for a reason: path, reason.
const LONG: &[(&str, &str)] = &[(
    "crates/sidequest/src/args.rs",
    "`Settings` is one list: every option of `serve`, which is also every key of its file",
)];

/// One of our packages, as `cargo metadata` tells it.
#[derive(Clone, Debug)]
struct Package {
    name: String,
    directory: PathBuf,
    /// Names, without those for tests.
    dependencies: Vec<String>,
    /// Names of those for tests.
    test_dependencies: Vec<String>,
}

/// A source file, with its path relative to the workspace.
#[derive(Clone, Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

#[test]
fn arrows_point_as_declared() {
    assert_none(arrow_faults(&packages()));
}

#[test]
fn a_forbidden_arrow_is_a_fault() {
    let mut packages = packages();
    let model = packages
        .iter_mut()
        .find(|package| package.name == "model")
        .expect("model is a crate");
    model.dependencies.push("store".to_owned());
    assert_eq!(
        arrow_faults(&packages),
        ["model → store: not in ARROWS; an arrow between crates is a decision, see docs/adr/"]
    );
}

#[test]
fn a_forbidden_arrow_of_tests_is_a_fault() {
    let mut packages = packages();
    let embedded = packages
        .iter_mut()
        .find(|package| package.name == "embedded")
        .expect("embedded is a crate");
    embedded.test_dependencies.push("api".to_owned());
    assert_eq!(
        arrow_faults(&packages),
        ["embedded → api (tests): tests may use what the crate reaches, not more"]
    );
}

#[test]
fn a_crate_without_a_row_is_a_fault() {
    let mut packages = packages();
    packages.push(Package {
        name: "castle".to_owned(),
        directory: PathBuf::new(),
        dependencies: vec!["api".to_owned()],
        test_dependencies: Vec::new(),
    });
    assert_eq!(arrow_faults(&packages), ["castle: has no row in ARROWS"]);
}

#[test]
fn pure_crates_are_pure() {
    let packages = packages();
    let mut faults = dependency_faults(&packages);
    for (name, _) in PURE {
        let package = packages
            .iter()
            .find(|package| package.name == *name)
            .expect("a pure crate exists");
        let sources = sources_below(&package.directory.join("src"));
        // Tests read fixtures.
        let sources: Vec<Source> = sources
            .into_iter()
            .filter(|source| !source.path.ends_with("tests.rs"))
            .collect();
        faults.extend(purity_faults(&sources));
    }
    assert_none(faults);
}

#[test]
fn impurity_is_found_however_it_is_written() {
    let source = |text: &str| Source {
        path: PathBuf::from("crates/model/src/x.rs"),
        text: text.to_owned(),
    };
    let found = |text: &str| purity_faults(&[source(text)]).len();
    assert_eq!(
        found("//! Knows nothing of tokio.\nuse std::{collections::BTreeMap, fmt};\n"),
        0
    );
    assert_eq!(found("use std::time::Duration;\n"), 0);
    assert_eq!(found("let text = std::fs::read_to_string(path);\n"), 1);
    assert_eq!(
        found("use std::{\n    collections::BTreeMap,\n    fs::{self, File},\n};\n"),
        2
    );
    assert_eq!(found("use std::time::{Duration, Instant};\n"), 1);
    assert_eq!(found("use std::{fmt, time::{Duration, SystemTime}};\n"), 1);
    assert_eq!(found("tokio::task::yield_now();\n"), 1);
}

#[test]
fn files_are_tidy() {
    let sources = all_sources();
    assert!(
        sources.len() > 10,
        "the sources were not found: {}",
        sources.len()
    );
    let mut faults = Vec::new();
    for source in &sources {
        faults.extend(opening_fault(source));
        faults.extend(name_fault(source));
        faults.extend(type_faults(source));
        faults.extend(length_fault(source));
    }
    assert_none(faults);
}

#[test]
fn untidy_files_are_found() {
    let source = |path: &str, text: &str| Source {
        path: PathBuf::from(path),
        text: text.to_owned(),
    };
    assert!(opening_fault(&source("a.rs", "use std::fmt;\n")).is_some());
    assert!(opening_fault(&source("a.rs", "//! What it is for.\n")).is_none());
    assert!(name_fault(&source("crates/api/src/util.rs", "")).is_some());
    assert!(name_fault(&source("crates/api/src/shared/page.rs", "")).is_some());
    assert!(name_fault(&source("crates/api/src/page.rs", "")).is_none());
    assert_eq!(
        type_faults(&source(
            "a.rs",
            "pub(crate) struct Context {\npub enum Engine {\ntrait Handler {\n    type Item = u8;"
        ))
        .len(),
        2
    );
    assert!(length_fault(&source("a.rs", &"x\n".repeat(LINES_MAX + 1))).is_some());
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let without = packages().into_iter().filter(|package| {
        let manifest = read(&package.directory.join("Cargo.toml"));
        !manifest.contains("[lints]\nworkspace = true")
    });
    assert_none(
        without
            .map(|package| format!("{}: has no `[lints] workspace = true`", package.name))
            .collect(),
    );
}

#[test]
fn there_is_one_tokio_postgres() {
    // It numbers its prepared statements by a counter of the whole process: two copies would give the one
    // backend of the in-process engine the same name twice.
    let versions = read(&root().join("Cargo.lock"))
        .matches("name = \"tokio-postgres\"\n")
        .count();
    assert_eq!(versions, 1, "versions of tokio-postgres in Cargo.lock");
}

fn arrow_faults(packages: &[Package]) -> Vec<String> {
    let ours: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut faults = Vec::new();
    for package in packages {
        let Some(allowed) = arrows_of(&package.name) else {
            faults.push(format!("{}: has no row in ARROWS", package.name));
            continue;
        };
        let is_ours = |name: &&String| ours.contains(&name.as_str());
        for to in package.dependencies.iter().filter(is_ours) {
            if !allowed.contains(&to.as_str()) {
                faults.push(format!(
                    "{} → {to}: not in ARROWS; an arrow between crates is a decision, see docs/adr/",
                    package.name
                ));
            }
        }
        for to in package.test_dependencies.iter().filter(is_ours) {
            if !reaches(&package.name, to) {
                faults.push(format!(
                    "{} → {to} (tests): tests may use what the crate reaches, not more",
                    package.name
                ));
            }
        }
    }
    for (name, _) in ARROWS {
        if !ours.contains(name) {
            faults.push(format!("{name}: has a row in ARROWS and is no crate"));
        }
    }
    faults
}

fn arrows_of(name: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}

fn reaches(from: &str, to: &str) -> bool {
    from == to || arrows_of(from).is_some_and(|next| next.iter().any(|next| reaches(next, to)))
}

fn dependency_faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, allowed) in PURE {
        let package = packages
            .iter()
            .find(|package| package.name == *name)
            .expect("a pure crate exists");
        for to in package
            .dependencies
            .iter()
            .filter(|to| !allowed.contains(&to.as_str()))
        {
            faults.push(format!(
                "{name} → {to}: a pure crate; if {to} does no I/O, add it to PURE"
            ));
        }
    }
    faults
}

fn purity_faults(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let code: String = source
            .text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        let imported = imports(&code);
        for impure in IMPURE {
            let by_use = imported
                .iter()
                .filter(|path| is_at_or_below(path, impure))
                .count();
            let outside_uses = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("use "))
                .filter(|line| names(line, impure));
            for _ in 0..by_use + outside_uses.count() {
                faults.push(format!(
                    "{}: names `{impure}` in a pure crate",
                    source.path.display()
                ));
            }
        }
    }
    faults
}

fn is_at_or_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether the line has the word, not as the end or the beginning of a longer one.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let before = line[..at].chars().next_back().is_some_and(is_word);
        let after = line[at + word.len()..].chars().next().is_some_and(is_word);
        !before && (!after || word.ends_with('!'))
    })
}

/// Every path that a `use` brings in, written out.
fn imports(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for statement in code.split("use ").skip(1) {
        if let Some((tree, _)) = statement.split_once(';') {
            expand(
                "",
                &tree.split_whitespace().collect::<Vec<_>>().join(" "),
                &mut paths,
            );
        }
    }
    paths
}

fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = format!("{prefix}{}", tree.split(" as ").next().unwrap_or(tree).trim());
        paths.push(path.strip_suffix("::self").unwrap_or(&path).to_owned());
        return;
    };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let prefix = format!("{prefix}{head}");
    let (mut depth, mut start) = (0_usize, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expand(&prefix, &inner[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !inner[start..].trim().is_empty() {
        expand(&prefix, &inner[start..], paths);
    }
}

fn opening_fault(source: &Source) -> Option<String> {
    (!source.text.starts_with("//! ")).then(|| {
        format!(
            "{}: does not open with `//!`, what it is responsible for",
            source.path.display()
        )
    })
}

fn name_fault(source: &Source) -> Option<String> {
    let homeless = source.path.with_extension("");
    let part = homeless
        .iter()
        .find(|part| HOMELESS_MODULES.iter().any(|name| *part == *name))?;
    Some(format!(
        "{}: `{}` is no noun for what is in it",
        source.path.display(),
        part.display()
    ))
}

fn type_faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for line in source.text.lines() {
        let words: Vec<&str> = line
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let keyword = words
            .iter()
            .position(|word| matches!(*word, "struct" | "enum" | "trait" | "type"));
        // Indented, it is the type that a foreign trait asks for: `type Item = ..`.
        let opens = line.starts_with("pub") || (keyword == Some(0) && !line.starts_with(' '));
        if let Some(name) = keyword.filter(|_| opens).and_then(|at| words.get(at + 1))
            && EMPTY_TYPES.contains(name)
        {
            faults.push(format!(
                "{}: a type called `{name}` does not say what it is",
                source.path.display()
            ));
        }
    }
    faults
}

fn length_fault(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let excused = LONG.iter().any(|(path, _)| source.path == Path::new(path));
    (lines > LINES_MAX && !excused).then(|| {
        format!(
            "{}: {lines} lines, more than {LINES_MAX}; one file, one idea",
            source.path.display()
        )
    })
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
            "--manifest-path",
        ])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs: it runs this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("metadata has packages");
    packages.iter().map(package).collect()
}

fn package(package: &serde_json::Value) -> Package {
    let text = |value: &serde_json::Value| value.as_str().expect("metadata has this text").to_owned();
    let mut by_kind = BTreeMap::<bool, Vec<String>>::new();
    for dependency in package["dependencies"]
        .as_array()
        .expect("a package has dependencies")
    {
        by_kind
            .entry(dependency["kind"] == "dev")
            .or_default()
            .push(text(&dependency["name"]));
    }
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    Package {
        name: text(&package["name"]),
        directory: manifest
            .parent()
            .expect("a manifest is in a directory")
            .to_owned(),
        dependencies: by_kind.remove(&false).unwrap_or_default(),
        test_dependencies: by_kind.remove(&true).unwrap_or_default(),
    }
}

fn all_sources() -> Vec<Source> {
    ["benchsuite", "crates", "xtask"]
        .iter()
        .flat_map(|directory| sources_below(&root().join(directory)))
        .collect()
}

fn sources_below(directory: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(directory).expect("the directory of a crate can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            if !path.ends_with("target") {
                sources.extend(sources_below(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            sources.push(Source {
                path: path.strip_prefix(root()).unwrap_or(&path).to_owned(),
                text,
            });
        }
    }
    sources
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is in the workspace")
        .to_owned()
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "every caller makes them for this")]
fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
