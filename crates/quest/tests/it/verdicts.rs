//! Rigged servers, and what is said of them.

use diagnosis::{bottleneck::Bottleneck, grade::Grade};
use quest::{recording, report::Report};

use crate::rig::{Directory, Rig, Serving, config, quest};

#[test]
fn a_pool_of_three_is_named_and_replayed() {
    let serving = Serving::start(Rig {
        pool: Some(3),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 12);
    config.sources.metrics.push(format!("{}metrics", serving.url()));
    let found = quest(&config).expect("a verdict");
    assert_eq!(
        found.verdict.bottleneck,
        Some(Bottleneck::D1),
        "{}",
        found.verdict.sentence
    );
    // Nobody has seen what the holders do, and nobody has changed the pool.
    assert_ne!(found.verdict.grade, Grade::Proven);

    let again = recording::read(&found.file).expect("the evidence is a file");
    assert_eq!(
        diagnosis::diagnose(&again),
        found.verdict,
        "a replay says the same"
    );

    let report = Report::new(&again, found.verdict, &found.file);
    report.write(&out.0).expect("the report can be written");
    let page = std::fs::read_to_string(out.0.join("report.html")).expect("the report is there");
    assert!(page.contains("connection pool exhausted") && page.contains("<svg"));
    assert!(
        !page.contains("<script") && !page.contains("http-equiv"),
        "it needs nothing from elsewhere"
    );
    let json = std::fs::read_to_string(out.0.join("report.json")).expect("the report is there");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["verdict"]["bottleneck"], "D1");
}

#[test]
fn the_healthy_twin_is_not_accused() {
    let serving = Serving::start(Rig::healthy());
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 12);
    config.sources.metrics.push(format!("{}metrics", serving.url()));
    let found = quest(&config).expect("a verdict");
    let is_none = found.verdict.bottleneck == Some(Bottleneck::X0);
    assert!(
        is_none || found.verdict.grade < Grade::Strong,
        "{:?} {}",
        found.verdict.bottleneck,
        found.verdict.sentence
    );
}
