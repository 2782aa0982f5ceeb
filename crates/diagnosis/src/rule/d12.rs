//! D12: a checkpoint or a vacuum takes the disk from time to time.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::Basis,
    interval::{Interval, mean},
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, circumstance, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
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

/// Latency while a checkpoint or a vacuum is at work, and while none is, at the users of the highest load.
struct Course {
    quiet_ms: f64,
    busy_ms: f64,
    mean_ms: f64,
    /// Of what answers took beyond a quiet moment, what lies within.
    aligned: f64,
    /// How often one began, with quiet moments before it.
    spells: usize,
    seen: Seen,
}

/// Moments on either side, below which chance decides.
const MOMENTS_MIN: usize = 3;
/// A level holds until the next reading, but no longer than this.
const READING_MAX_MS: f64 = 500.0;
/// Spikes are at least so many times as slow as a quiet moment.
const SPIKE: f64 = 1.5;
/// One spell may be anything that happened to be then.
const SPELLS_MIN: usize = 2;

fn course(scene: &Scene<'_>) -> Option<Course> {
    let users = scene.view.users(scene.high);
    let mut moments: Vec<(f64, f64, bool)> = scene
        .view
        .natural()
        .filter(|id| scene.view.users(id) == users)
        .flat_map(|id| {
            let work = scene.view.points(id, Signal::PgMaintenance, "");
            let latencies = scene.view.points(id, Signal::ClientCourseMs, "");
            latencies.iter().filter_map(|(at, latency)| {
                let next = work.partition_point(|(time, _)| time <= at);
                let (time, level) = work.get(next.checked_sub(1)?)?;
                (at - time <= READING_MAX_MS).then_some((*at, *latency, *level > 0.0))
            })
        })
        .collect();
    moments.sort_by(|a, b| a.0.total_cmp(&b.0));
    let of = |is_busy: bool| -> Vec<f64> {
        let those = moments.iter().filter(|moment| moment.2 == is_busy);
        those.map(|(_, latency, _)| *latency).collect()
    };
    let (quiet, busy) = (of(false), of(true));
    if quiet.len() < MOMENTS_MIN || busy.len() < MOMENTS_MIN {
        return None;
    }
    let (quiet_ms, busy_ms) = (mean(&quiet)?, mean(&busy)?);
    let beyond = |latencies: &[f64]| -> f64 {
        let spikes = latencies.iter().filter(|latency| **latency >= SPIKE * quiet_ms);
        spikes.map(|latency| latency - quiet_ms).sum()
    };
    let (within, without) = (beyond(&busy), beyond(&quiet));
    let begins = moments.windows(2).filter(|pair| !pair[0].2 && pair[1].2);
    Some(Course {
        quiet_ms,
        busy_ms,
        mean_ms: scene.view.latency(scene.high)?,
        aligned: if within > 0.0 {
            within / (within + without)
        } else {
            0.0
        },
        spells: begins.count(),
        seen: scene.at_high(Signal::PgMaintenance, "")?,
    })
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let attribution = scene.attribution.as_ref().filter(|_| scene.is_troubled)?;
    if let Some(course) = course(scene) {
        let growth = attribution.growth_ms.mid;
        let share = ((course.mean_ms - course.quiet_ms) / growth).clamp(0.0, 1.0);
        return (share > 0.0 && growth > 0.0).then(|| Claim {
            share: attribution.interval_of(share),
            basis: Basis::Growth,
            words: format!(
                "{:.0} % of the growth of latency: {:.1} ms on the whole, {:.1} ms while none is at work",
                share * 100.0,
                course.mean_ms,
                course.quiet_ms
            ),
            cites: vec![course.seen.cite],
        });
    }
    let aligned = scene.at_high(Signal::PgSpikeAligned, "")?;
    Some(Claim {
        share: Interval::exact(aligned.value.clamp(0.0, 1.0)),
        basis: Basis::Growth,
        words: format!("{:.0} % of the time of the spikes", aligned.value * 100.0),
        cites: vec![aligned.cite],
    })
}

fn direct(scene: &Scene<'_>) -> Answer {
    if let Some(course) = course(scene) {
        let is_so = course.busy_ms >= SPIKE * course.quiet_ms && course.aligned >= 0.5;
        let words = format!(
            "answers take {:.1} ms while a checkpoint or a vacuum is at work, {:.1} ms while none is, and {:.0} % of what spikes cost lies within",
            course.busy_ms,
            course.quiet_ms,
            course.aligned * 100.0
        );
        return if course.spells >= SPELLS_MIN {
            answer(is_so, words, [course.seen])
        } else {
            circumstance(is_so, words, [course.seen])
        };
    }
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
    // A checkpoint is counted when it ends; a round may be shorter than one.
    if let Some(seen) = scene
        .at_high(Signal::PgMaintenance, "")
        .filter(|seen| seen.value > 0.0)
    {
        let words = format!(
            "a checkpoint or a vacuum is at work for {:.0} % of the time",
            seen.value * 100.0
        );
        return answer(true, words, [seen]);
    }
    let checkpoints = scene.at_high(Signal::PgCheckpoints, "");
    let workers = scene.at_high(Signal::PgVacuumWorkers, "");
    if checkpoints.is_none() && workers.is_none() {
        return unseen(Source::Statistics, "");
    }
    let of = |seen: &Option<Seen>| seen.as_ref().map_or(0.0, |seen| seen.value);
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

#[cfg(test)]
mod tests;
