//! The dashboards and rules that are shipped ask for metrics that exist.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Of the reference, which a test of the binary holds to what is registered.
fn known() -> BTreeSet<String> {
    let page = text("docs/reference/metrics.md");
    let mut names = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (Some(name), Some(kind)) = (cells.next(), cells.next()) else {
            continue;
        };
        let name = name.trim_matches('`');
        if kind == "histogram" {
            for part in ["bucket", "sum", "count"] {
                names.insert(format!("{name}_{part}"));
            }
        } else {
            names.insert(name.to_owned());
        }
    }
    assert!(names.len() > 50, "the reference was not understood: {names:?}");
    names
}

/// Every word of the queries that looks like a metric of ours.
fn asked(queries: &str) -> BTreeSet<String> {
    queries
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':')
        .filter(|word| word.starts_with("sidequest_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn check(queries: &str) {
    let (asked, known) = (asked(queries), known());
    assert!(asked.len() > 5, "{asked:?}");
    let unknown: Vec<&String> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "no such metric: {unknown:?}");
}

#[test]
fn rules_ask_for_what_there_is() {
    check(&text("deploy/prometheus/sidequest.rules.yml"));
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/sidequest.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut queries = String::new();
    let mut ids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let title = panel["title"].as_str().unwrap();
        assert!(titles.insert(title.to_owned()), "twice: {title}");
        if panel["type"] == "row" {
            continue;
        }
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            queries.push_str(target["expr"].as_str().unwrap());
            queries.push('\n');
        }
    }
    check(&queries);
    for wanted in [
        "CPU",
        "Database latency",
        "Database queries",
        "HTTP latency",
        "HTTP requests",
        "Errors",
        "Pools",
        "Time to obtain a connection",
        "Limits that bind",
        "Throttling and pressure",
    ] {
        assert!(titles.contains(wanted), "{wanted}");
    }
}

#[test]
fn panels_do_not_lie_on_each_other() {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/sidequest.json")).unwrap();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(x < 24 && taken.insert((x, y)), "{}", panel["title"]);
            }
        }
    }
}
