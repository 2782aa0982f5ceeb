//! Whether the instruments agree with each other. A failure is told, and lowers the grade.

use crate::{
    attribution::part::{Part, active, is_cut, sampled_ms, side_ms},
    bottleneck::{Bottleneck, Layer},
    interval::mean,
    law::little_error,
    scene::Scene,
    signal::Signal,
    verdict::Check,
    view::View,
};

/// Of users, for the client's own numbers.
const LITTLE_MAX: f64 = 0.02;
/// Of the smaller one, for numbers of two parties.
const AGREE_MAX: f64 = 0.25;
/// What the database counts, of what the server counts.
const DB_SIDE_MAX: f64 = 1.05;
const UNATTRIBUTED_MAX: f64 = 0.10;
/// What a backend is active for beside the run of a statement.
const BESIDE_RUNNING_MS: f64 = 0.03;

/// Those for which there are numbers.
pub(crate) fn checks(scene: &Scene<'_>) -> Vec<Check> {
    let mut checks = little(scene);
    checks.extend(database_side(scene));
    checks.extend(sampler(scene));
    checks.extend(pool(scene));
    checks.extend(sum(scene));
    checks.extend(in_flight(scene));
    checks.extend(answers(scene));
    checks
}

fn check(name: &str, is_passed: bool, words: String) -> Check {
    Check {
        name: name.to_owned(),
        is_passed,
        words,
    }
}

/// N = X R at each step where nothing failed. A step with failures has other requests in flight too.
fn little(scene: &Scene<'_>) -> Vec<Check> {
    let view = &scene.view;
    let steps = view.ramp.iter().filter_map(|step| {
        // Each user of a closed loop has one request at any time, whether it is sent, connecting or in line.
        let users = view
            .users(step)
            .or_else(|| view.value(step, Signal::ClientInFlight, ""))?;
        if view.error_share(step) > 0.0 || users <= 0.0 {
            return None;
        }
        let (rate, latency) = (view.rate(step)?, view.latency(step)?);
        let edge = edge(view, step);
        let error = by_round(view, step, users).unwrap_or_else(|| little_error(users, rate, latency));
        Some(check(
            "little",
            error < LITTLE_MAX + edge,
            format!(
                "{step}: {rate:.1}/s x {latency:.2} ms = {:.2} in flight, of {users:.2}",
                rate * latency / 1000.0
            ),
        ))
    });
    steps.collect()
}

/// Those requests that the edges of a round cut are counted or not, by chance: as a share of its answers.
pub(crate) fn edge(view: &View<'_>, step: &str) -> f64 {
    let in_flight = view
        .users(step)
        .or_else(|| view.value(step, Signal::ClientInFlight, ""))
        .unwrap_or(0.0);
    in_flight / view.answers(step).unwrap_or(f64::INFINITY).max(1.0)
}

/// Whether a finding rests on what a check compares: one that was told by CPU counters does not suffer by a sampler of
/// the database that missed something.
pub(crate) fn concerns(check: &str, bottleneck: Bottleneck) -> bool {
    match check {
        "db_side" | "sampler" | "pool" => bottleneck.layer() == Layer::Database,
        _ => true,
    }
}

/// In each round by itself: a round in which the machine was busy has fewer and slower answers, and the product of
/// means over such rounds is not the mean of their products.
fn by_round(view: &View<'_>, step: &str, users: f64) -> Option<f64> {
    let rates = view.rounds(step, Signal::ClientRate, "")?;
    let latencies = view.rounds(step, Signal::ClientLatencyMs, "")?;
    let products: Vec<f64> = rates
        .iter()
        .filter_map(|(round, rate)| Some(rate * latencies.get(round)? / 1000.0))
        .collect();
    Some((mean(&products)? - users).abs() / users)
}

fn database_side(scene: &Scene<'_>) -> Option<Check> {
    let by_server = scene.at_high(Signal::AppDbMs, "")?.value;
    let by_database = side_ms(&scene.view, scene.high)?;
    // A statement that the edge of a round cuts is counted where it ends, by either side.
    let most = DB_SIDE_MAX + edge(&scene.view, scene.high);
    Some(check(
        "db_side",
        by_database <= by_server * most,
        format!("the database counts {by_database:.2} ms a request, the server {by_server:.2} ms"),
    ))
}

fn sampler(scene: &Scene<'_>) -> Option<Check> {
    if is_cut(&scene.view, scene.high) {
        return None;
    }
    let by_statements = (!scene.statements(scene.high).is_empty())
        .then(|| side_ms(&scene.view, scene.high))
        .flatten()?;
    // A backend that waits for the next message of its client is active for the sampler, and runs no statement.
    let view = &scene.view;
    let of_client: f64 = view
        .subjects(scene.high, Signal::PgActiveWait)
        .iter()
        .filter(|(wait, _)| wait.starts_with("Client/"))
        .map(|(_, seen)| seen.value)
        .sum();
    let waited = of_client / view.rate(scene.high)? * 1000.0;
    let by_samples = (sampled_ms(view, scene.high)? - waited).max(0.0);
    let calls: f64 = scene
        .statements(scene.high)
        .iter()
        .map(|statement| statement.calls_each)
        .sum();
    // Both are small: two tenths of a millisecond are the sampler's own error, and each statement is read, planned
    // and sent besides being run.
    let slack = 0.2 + calls * BESIDE_RUNNING_MS;
    let is_close = (by_samples - by_statements).abs()
        <= (AGREE_MAX + edge(view, scene.high)) * by_statements.max(by_samples) + slack;
    let active = active(&scene.view, scene.high).unwrap_or(0.0);
    Some(check(
        "sampler",
        is_close,
        format!(
            "{active:.2} active backends are {by_samples:.2} ms a request, statements say {by_statements:.2} ms"
        ),
    ))
}

fn pool(scene: &Scene<'_>) -> Option<Check> {
    let in_use = scene.at_high(Signal::AppPoolInUse, "")?.value;
    let hold = scene.at_high(Signal::AppPoolHoldMs, "")?.value;
    let expected = scene.view.rate(scene.high)? * hold / 1000.0;
    Some(check(
        "pool",
        (in_use - expected).abs() <= (AGREE_MAX + edge(&scene.view, scene.high)) * in_use.max(expected),
        format!("{in_use:.2} connections in use, {expected:.2} by rate times hold"),
    ))
}

fn sum(scene: &Scene<'_>) -> Option<Check> {
    let attribution = scene.attribution.as_ref()?;
    let (low, high) = attribution.ms(Part::Unattributed);
    let growth = (high - low).abs();
    let all = attribution.growth_ms.mid.abs().max(attribution.high_ms * 0.15);
    // The server counts requests that the edges of a round cut, and the client does not, or the other way round.
    let most = UNATTRIBUTED_MAX + edge(&scene.view, scene.high);
    Some(check(
        "sum",
        growth <= most * all,
        format!("{growth:.2} ms of the growth are unattributed"),
    ))
}

fn in_flight(scene: &Scene<'_>) -> Option<Check> {
    let by_server = scene.at_high(Signal::AppInFlight, "")?.value;
    let by_client = scene
        .at_high(Signal::ClientInFlight, "")
        .map(|seen| seen.value)
        .or_else(|| scene.view.users(scene.high))?;
    Some(check(
        "in_flight",
        by_server <= by_client * 1.1 + 1.0,
        format!("{by_server:.1} in the server, {by_client:.1} by the client"),
    ))
}

fn answers(scene: &Scene<'_>) -> Option<Check> {
    let by_server = scene.at_high(Signal::AppRequests, "")?.value;
    let by_client = scene.view.answers(scene.high)?;
    // The edges of a round cut requests that one side counts and the other does not.
    let edge = scene.view.users(scene.high).unwrap_or(1.0) * 2.0;
    Some(check(
        "answers",
        (by_server - by_client).abs() <= 0.02 * by_client + edge,
        format!("{by_client:.0} good answers by the client, {by_server:.0} by the server"),
    ))
}
