//! Two evidences of one target: what is told from one round, and from one failure.

use diagnosis::{
    case,
    compare::{Comparison, Outcome, compare},
    evidence::Evidence,
};

fn evidence(high: &str) -> Evidence {
    let text = format!(
        "load 1 client.rate=100 client.latency_ms=10 client.ok=1000 client.errors=0\nload 16 client.rate=160 {high}"
    );
    case::read(&text).expect("a case is understood").evidence
}

fn of(comparison: &Comparison, measure: &str) -> Outcome {
    let last = comparison.differences.iter().rev();
    let mut last = last.filter(|difference| difference.measure == measure);
    last.next().expect("the measure is compared").outcome
}

/// With nothing of all rounds but the first.
fn first_round(mut evidence: Evidence) -> Evidence {
    evidence.rounds.retain(|round| round.number == 1);
    evidence.observations.retain(|observation| observation.round == 1);
    evidence
}

#[test]
fn one_round_does_not_tell_a_difference() {
    let (before, after) = (
        evidence("client.latency_ms=100 client.ok=50000 client.errors=0"),
        evidence("client.latency_ms=106 client.ok=50000 client.errors=0"),
    );
    assert_eq!(of(&compare(&before, &after), "latency_ms"), Outcome::Worse);
    for (before, after) in [
        (first_round(before.clone()), after.clone()),
        (before.clone(), first_round(after.clone())),
    ] {
        let compared = compare(&before, &after);
        assert_eq!(compared.outcome, Outcome::Same, "{}", compared.sentence);
        assert!(
            compared
                .sentence
                .starts_with("Nothing changed that these rounds can tell."),
            "{}",
            compared.sentence
        );
        assert!(
            compared.sentence.contains("more than one round"),
            "{}",
            compared.sentence
        );
    }
}

#[test]
fn what_is_far_away_is_told_by_one_round() {
    let before = first_round(evidence("client.latency_ms=6500 client.ok=20 client.errors=0"));
    for (latency_ms, expected) in [
        ("6", Outcome::Better),
        ("4500", Outcome::Same),
        ("9800", Outcome::Worse),
    ] {
        let after = first_round(evidence(&format!(
            "client.latency_ms={latency_ms} client.ok=20 client.errors=0"
        )));
        let compared = compare(&before, &after);
        assert_eq!(of(&compared, "latency_ms"), expected, "{}", compared.sentence);
        assert!(
            compared.sentence.contains("more than one round"),
            "{}",
            compared.sentence
        );
    }
}

#[test]
fn loads_with_more_than_one_round_are_compared_where_there_are_any() {
    let cut = |mut evidence: Evidence| {
        evidence
            .observations
            .retain(|observation| observation.experiment != "ramp-16" || observation.round == 1);
        evidence
    };
    let before = cut(evidence("client.latency_ms=100 client.ok=50000 client.errors=0"));
    let after = cut(evidence("client.latency_ms=200 client.ok=50000 client.errors=0"));
    let compared = compare(&before, &after);
    assert!(
        compared
            .differences
            .iter()
            .all(|difference| difference.users == 1.0)
    );
    assert!(
        !compared.sentence.contains("more than one round"),
        "{}",
        compared.sentence
    );
}

#[test]
fn failures_are_judged_by_how_many_of_how_many() {
    let of_errors = |before: &str, after: &str| {
        let with = |errors: &str| {
            evidence(&format!(
                "client.latency_ms=100 client.ok=50000 client.errors={errors}"
            ))
        };
        of(&compare(&with(before), &with(after)), "errors")
    };
    assert_eq!(of_errors("0", "0|0|1|0|0"), Outcome::Same, "one of 250,000");
    assert_eq!(of_errors("2", "1|3|2|4|2"), Outcome::Same, "some more or less");
    assert_eq!(
        of_errors("0", "0|0|400|0|0"),
        Outcome::Same,
        "one bad round of five"
    );
    assert_eq!(
        of_errors("0", "20|30|25|22|31"),
        Outcome::Worse,
        "a few in each round"
    );
    assert_eq!(
        of_errors("20|30|25|22|31", "0"),
        Outcome::Better,
        "and their cure"
    );
    assert_eq!(of_errors("0", "0|0|9000|0|0"), Outcome::Worse, "more than noise");
}
