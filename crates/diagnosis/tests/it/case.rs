//! Every `.case` file: several cases, each after a line `case NAME`.

use std::{fs, path::Path};

use diagnosis::{baseline, bottleneck::Bottleneck, case};

/// Name and text of each case, by file.
pub(crate) fn cases() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for part in text.split("\ncase ").skip(1) {
            let (name, body) = part.split_once('\n').unwrap();
            cases.push((format!("{stem}: {name}"), body.to_owned()));
        }
    }
    cases
}

#[test]
fn every_case_gives_its_verdict() {
    let mut faults = Vec::new();
    for (name, text) in cases() {
        match case::read(&text) {
            Ok(case) => {
                let wrong = case::faults(&case);
                if !wrong.is_empty() {
                    faults.push(format!("{name}\n  {}", wrong.join("\n  ")));
                }
            }
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    assert!(
        faults.is_empty(),
        "\n{}\n{} cases",
        faults.join("\n"),
        faults.len()
    );
}

#[test]
fn every_bottleneck_has_a_case_a_healthy_twin_and_one_that_is_confused_with_it() {
    let cases = cases();
    for bottleneck in Bottleneck::ALL
        .iter()
        .filter(|bottleneck| **bottleneck != Bottleneck::X0)
    {
        let prefix = format!("{}: ", bottleneck.id().to_lowercase());
        let own: Vec<_> = cases
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .collect();
        let expects = |id: &str| {
            own.iter()
                .filter(|(_, text)| {
                    text.lines().any(|line| {
                        line == format!("expect {id}") || line.starts_with(&format!("expect {id} "))
                    })
                })
                .count()
        };
        assert!(
            expects(bottleneck.id()) >= 1,
            "{}: none is named",
            bottleneck.id()
        );
        assert!(expects("X0") >= 1, "{}: no healthy twin", bottleneck.id());
        assert!(
            own.len() >= 3,
            "{}: none that is confused with it",
            bottleneck.id()
        );
    }
}

#[test]
fn the_naive_baseline_blames_the_database_for_a_quota() {
    let (_, text) = cases()
        .into_iter()
        .find(|(name, _)| name == "s3: API quota 10 %, 1 to 8")
        .unwrap();
    let evidence = case::read(&text).unwrap().evidence;
    assert_eq!(baseline::biggest_span(&evidence), Some(Bottleneck::D2));
}

#[test]
fn the_other_baselines_answer() {
    let (_, text) = cases()
        .into_iter()
        .find(|(name, _)| name == "d1: pool of 3")
        .unwrap();
    let evidence = case::read(&text).unwrap().evidence;
    assert_eq!(baseline::highest_utilisation(&evidence), Some(Bottleneck::D1));
    assert_eq!(baseline::throughput_limit(&evidence), Some(Bottleneck::S1));
    assert_eq!(baseline::robust_score(&evidence), Some(Bottleneck::D1));
}

#[test]
fn a_line_that_means_nothing_is_told_with_its_number() {
    let error = |text: &str| case::read(text).unwrap_err().to_string();
    assert_eq!(
        error("# fine\nload many"),
        "read case: line 2: `many` is no number of users"
    );
    assert_eq!(
        error("load 1 client.speed=3"),
        "read case: line 1: `client.speed` is no signal"
    );
    assert_eq!(error("expect Z9"), "read case: line 1: `Z9` is nothing to expect");
}
