//! A fix, seen by comparing what was before it with what is after it; and its undoing, seen by a script.

use diagnosis::{
    bottleneck::Bottleneck,
    compare::{Outcome, compare},
    evidence::Evidence,
};
use quest::bound::Bound;

use crate::rig::{Directory, Rig, Serving, config, quest};

fn evidence(pool: Option<u32>) -> Evidence {
    let serving = Serving::start(Rig {
        pool,
        ..Rig::healthy()
    });
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 10);
    config.sources.metrics.push(format!("{}metrics", serving.url()));
    quest(&config).expect("a verdict").evidence
}

#[test]
fn a_larger_pool_is_better_and_a_smaller_one_is_worse() {
    let (before, after) = (evidence(Some(3)), evidence(None));
    let fixed = compare(&before, &after);
    assert_eq!(fixed.outcome, Outcome::Better, "{}", fixed.sentence);
    assert_eq!(
        fixed.before.bottleneck,
        Some(Bottleneck::D1),
        "{}",
        fixed.sentence
    );
    assert_ne!(fixed.after.bottleneck, Some(Bottleneck::D1), "{}", fixed.sentence);
    assert!(fixed.sentence.starts_with("It is better."), "{}", fixed.sentence);

    let bound: Bound = "worse-than=before".parse().expect("a condition");
    let fails = |evidence: &Evidence, before: &Evidence| {
        bound.fails(evidence, &diagnosis::diagnose(evidence), Some(before))
    };
    assert_eq!(fails(&after, &before), None, "the fix does not fail a script");
    let undone = fails(&before, &after).expect("its undoing does");
    assert!(undone.starts_with("It is worse."), "{undone}");
}
