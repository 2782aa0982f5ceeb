//! D1: requests wait for a connection to the database, and those who hold one do honest work.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, doubled, longer, more_connections, unchanged},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D1,
    rank: Rank::Ordinary,
    proof: "The wait for a connection is most of the growth, all connections are in use, and their holders are active.",
    confused: "D7 and D5: the holders are idle in transaction, or wait for a lock. D9: the database has no CPU left.",
    experiment: "Twice the pool: throughput doubles (x1.90 was measured from 3 to 6). If the database is saturated it stays, and D9 is the cause.",
    advice: "Enlarge the pool: its size is answers a second times the time that a connection is held. Judge the holders first: a shorter hold is as good.",
    claim: |scene: &Scene<'_>| -> Option<Claim> { scene.growth(|part, _| part == Part::PoolSize) },
    direct,
    must: &[holders_are_active],
    supports: &[all_in_use, hold_is_unchanged],
    refutes: &[database_is_saturated],
    counters,
    exact,
};

/// A hold that load lengthens by less is the same.
const HOLD_GROWS_MAX: f64 = 1.2;
/// Share of a hold that is spent in statements, at least, where only the server tells.
const WORKING_MIN: f64 = 0.7;

fn direct(scene: &Scene<'_>) -> Answer {
    let Some(seen) = scene.at_high(Signal::AppPoolWaitMs, "") else {
        return unseen(Source::Metrics, "");
    };
    let server = scene.server_ms();
    answer(
        seen.value >= 0.2 * server,
        format!(
            "requests wait {:.1} ms of {server:.1} ms for a database connection",
            seen.value
        ),
        [seen],
    )
}

fn holders_are_active(scene: &Scene<'_>) -> Answer {
    let idle = scene
        .attribution
        .as_ref()
        .and_then(|attribution| attribution.idle_in_transaction());
    let Some(idle) = idle else {
        return holders_by_the_server(scene);
    };
    let seen = [
        scene.at_high(Signal::PgActive, ""),
        scene.at_high(Signal::PgIdleInTransaction, ""),
        scene.at_high(Signal::AppPoolWaitMs, ""),
    ];
    answer(
        idle < 0.5,
        format!(
            "of the time that connections are held, {:.0} % is idle in transaction",
            idle * 100.0
        ),
        seen.into_iter().flatten(),
    )
}

/// Where the database shows nobody: what the server's own clock says of a hold that load has not lengthened. A hold
/// that grew may be a lock or a starved database, and those only the database can tell apart.
fn holders_by_the_server(scene: &Scene<'_>) -> Answer {
    let (Some(held), Some(database)) = (
        scene.at_high(Signal::AppPoolHoldMs, ""),
        scene.at_high(Signal::AppDbMs, ""),
    ) else {
        return unseen(Source::Activity, "");
    };
    let is_same = scene
        .attribution
        .as_ref()
        .and_then(|attribution| attribution.hold_ms)
        .is_some_and(|(low, high)| high <= low * HOLD_GROWS_MAX);
    if !is_same {
        return unseen(Source::Activity, "");
    }
    answer(
        database.value >= WORKING_MIN * held.value,
        format!(
            "of {:.1} ms that a connection is held, {:.1} ms are statements, by the server's own clock",
            held.value, database.value
        ),
        [held, database],
    )
}

fn all_in_use(scene: &Scene<'_>) -> Answer {
    match (
        scene.at_high(Signal::AppPoolInUse, ""),
        scene.view.fact(Signal::AppPoolMax, ""),
    ) {
        (Some(in_use), Some(most)) => answer(
            in_use.value >= 0.85 * most.value,
            format!("{:.1} of {:.0} connections are in use", in_use.value, most.value),
            [in_use, most],
        ),
        _ => unseen(Source::Metrics, ""),
    }
}

fn hold_is_unchanged(scene: &Scene<'_>) -> Answer {
    match scene
        .attribution
        .as_ref()
        .and_then(|attribution| attribution.hold_ms)
    {
        Some((low, high)) => answer(
            high <= low * HOLD_GROWS_MAX,
            format!("a connection is held {low:.1} ms at low load and {high:.1} ms at high load"),
            scene
                .at_high(Signal::AppPoolHoldMs, "")
                .or_else(|| scene.at_high(Signal::AppDbMs, "")),
        ),
        None => unseen(Source::Metrics, ""),
    }
}

fn database_is_saturated(scene: &Scene<'_>) -> Answer {
    super::d9::direct(scene)
}

fn hold(scene: &Scene<'_>) -> Option<f64> {
    Some(scene.attribution.as_ref()?.hold_ms?.1)
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let pool = Direct {
        id: "D1-pool",
        bottleneck: Bottleneck::D1,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "pool".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::D1),
        words: "Twice the pool.".to_owned(),
    };
    let negative = unchanged(
        Measure::Signal {
            signal: Signal::AppDbMs,
            subject: String::new(),
        },
        "Statements take as long as before.",
    );
    let mut counters = vec![
        pool.counter(negative),
        more_connections(scene, "D1-connections", Bottleneck::D1),
    ];
    if let Some(hold) = hold(scene) {
        let added = (hold * 0.4).max(1.0);
        let statements = scene
            .at_high(Signal::AppStatements, "")
            .map_or(1.0, |seen| seen.value.max(1.0));
        let delay = Direct {
            id: "D1-delay",
            bottleneck: Bottleneck::D1,
            class: Class::Probe,
            factor: Factor::Delay {
                path: "database".to_owned(),
                ms: added / statements,
            },
            base: scene.high,
            measure: Measure::Rate,
            predicted: longer(hold, added),
            words: format!(
                "{added:.1} ms more in the path to the database lengthen each hold of {hold:.1} ms."
            ),
        };
        counters.push(delay.counter(None));
    }
    counters
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    let (Some(most), Some(hold)) = (scene.view.fact(Signal::AppPoolMax, ""), hold(scene)) else {
        return Vec::new();
    };
    let (Some(users), Some(base_ms)) = (scene.view.users(scene.high), scene.view.latency(scene.low)) else {
        return Vec::new();
    };
    // What the users of the highest load would ask for at the latency of one, times the hold.
    let wanted = (users / base_ms * hold).ceil().max(most.value + 1.0);
    vec![format!("pool size {:.0} -> {wanted:.0}", most.value)]
}
