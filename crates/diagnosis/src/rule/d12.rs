//! D12: a checkpoint or a vacuum takes the disk from time to time.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::Basis,
    interval::Interval,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D12,
    rank: Rank::Specific,
    proof: "Spikes of latency lie within checkpoints or vacuums, and backends write buffers themselves.",
    confused: "GC or cron jobs: there the database is quiet.",
    experiment: "CHECKPOINT on demand makes a spike; without any the spikes are gone.",
    advice: "Longer intervals, more WAL between checkpoints, and writing spread over the interval.",
    claim,
    direct,
    must: &[something_ran],
    supports: &[backends_write],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let aligned = scene.at_high(Signal::PgSpikeAligned, "")?;
    scene.is_troubled.then(|| Claim {
        share: Interval::exact(aligned.value.clamp(0.0, 1.0)),
        basis: Basis::Growth,
        words: format!("{:.0} % of the time of the spikes", aligned.value * 100.0),
        cites: vec![aligned.cite],
    })
}

fn direct(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::PgSpikeAligned, "") {
        Some(seen) => answer(
            seen.value >= 0.5,
            format!(
                "{:.0} % of the time of latency spikes lies within a checkpoint or a vacuum",
                seen.value * 100.0
            ),
            [seen],
        ),
        None => unseen(Source::Statistics, ""),
    }
}

fn something_ran(scene: &Scene<'_>) -> Answer {
    let checkpoints = scene.at_high(Signal::PgCheckpoints, "");
    let workers = scene.at_high(Signal::PgVacuumWorkers, "");
    if checkpoints.is_none() && workers.is_none() {
        return unseen(Source::Statistics, "");
    }
    let of = |seen: &Option<crate::view::Seen>| seen.as_ref().map_or(0.0, |seen| seen.value);
    answer(
        of(&checkpoints) >= 1.0 || of(&workers) > 0.1,
        format!(
            "{:.0} checkpoints and {:.1} vacuum workers",
            of(&checkpoints),
            of(&workers)
        ),
        [checkpoints, workers].into_iter().flatten(),
    )
}

fn backends_write(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::PgBuffersBackend, "") {
        Some(seen) => answer(
            seen.value >= 1.0,
            format!("backends wrote {:.0} buffers themselves", seen.value),
            [seen],
        ),
        None => unseen(Source::Statistics, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "D12-checkpoint",
        bottleneck: Bottleneck::D12,
        class: Class::DatabaseConnection,
        factor: Factor::Checkpoint,
        base: scene.high,
        measure: Measure::Latency,
        predicted: between(1.15, 1.6, 20.0),
        words: "A checkpoint on demand.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D12-connections", Bottleneck::D12),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["ALTER SYSTEM SET max_wal_size = '8GB';\nALTER SYSTEM SET checkpoint_timeout = '15min';\nALTER SYSTEM SET checkpoint_completion_target = 0.9;".to_owned()]
}
