//! A verdict as report.json holds it.

use diagnosis::{case, compare::compare, diagnose};

use crate::case::cases;

fn text(name: &str) -> String {
    let (_, text) = cases().into_iter().find(|(known, _)| known == name).unwrap();
    text
}

#[test]
fn a_verdict_in_json() {
    let evidence = case::read(&text("d1: pool of 3, proven by one of 6"))
        .unwrap()
        .evidence;
    let mut json = serde_json::to_value(diagnose(&evidence)).unwrap();
    // The lists of what was ruled out and could not be seen are long and have cases of their own.
    for key in ["ruled_out", "unseen", "checks"] {
        json[key] = serde_json::Value::from(json[key].as_array().unwrap().len());
    }
    insta::assert_snapshot!(format!("{json:#}"));
}

#[test]
fn sentences() {
    let mut sentences = String::new();
    for name in [
        "c1: six connections",
        "p1: nginx with defaults, 5,000 requests on one connection",
        "s3: API quota 10 %, 1 to 8",
        "d7: a sleep inside a transaction, 92 % of holders",
        "x0: 1 to 16: X x15.1, +0.7 ms",
        "x0: growth that nothing explains",
    ] {
        let evidence = case::read(&text(name)).unwrap().evidence;
        sentences.push_str(&diagnose(&evidence).sentence);
        sentences.push('\n');
    }
    insta::assert_snapshot!(sentences);
}

#[test]
fn a_fix_that_worked_and_one_that_did_not() {
    let three = case::read(&text("d1: pool of 3")).unwrap().evidence;
    let sixty = case::read(&text("d1: healthy twin")).unwrap().evidence;
    insta::assert_snapshot!(format!(
        "{}\n{}\n{}\n",
        compare(&three, &sixty).sentence,
        compare(&sixty, &three).sentence,
        compare(&three, &three).sentence
    ));
}
