//! Which experiments, in which order, and how long each may take.
//!
//! Preflight, baseline, ramp to the knee or the cliff, the same steps again in turn, the ways in which browsers and
//! naive clients ask, the noise floor, constant rates below the capacity found, counter-experiments. A step that
//! the time does not allow for is left out, never cut short.

use std::time::Duration;

use diagnosis::{bottleneck::Bottleneck, experiment::Purpose, verdict::Verdict};
use load::config::Protocol;

use crate::{
    error::Error,
    experiment::{Drive, Experiment},
    investigate::{Quest, Round},
};

/// Rounds of the budget, each as long as the others.
const ROUNDS: u32 = 75;

/// A round is never shorter or longer.
const ROUND_MIN: Duration = Duration::from_millis(400);
const ROUND_MAX: Duration = Duration::from_secs(10);

/// Where rounds are longer, none is spent on warming up.
const WARM_UP_MAX: Duration = Duration::from_secs(3);

/// How often each step of the ramp is run.
const PASSES: u32 = 3;

/// The ramp ends when throughput gains less than this twice.
const GAIN_MIN: f64 = 1.05;

/// Or when more than this share of requests fails.
const ERRORS_MAX: f64 = 0.01;

/// Of a round with fewer requests one failure says nothing of their share: the next step has more.
const JUDGED_MIN: u64 = 20;

/// Or when latency is so many times that of one user.
const SLOWER_MAX: f64 = 20.0;

/// Connections of a browser to one origin.
pub(crate) const BROWSER: u32 = 6;

/// Shares of the capacity found that are offered at a constant rate.
const SHARES: [u32; 3] = [50, 80, 95];

/// Rounds of the noise floor: pairs of equals.
const NOISE_ROUNDS: u32 = 4;

/// The share of the budget for which the highest load is held, and of what is left of it.
const HOLD_PART: u32 = 5;
const HOLD_OF_LEFT: f64 = 0.8;

/// How much of the budget is used when a stage may still begin.
const RAMP_UNTIL: f64 = 0.55;
const STORY_UNTIL: f64 = 0.60;
const NOISE_UNTIL: f64 = 0.65;
const OPEN_UNTIL: f64 = 0.70;

/// A round has room for so many answers of one user, or its edges are most of it.
const ANSWERS_MIN: u32 = 15;

/// And still leaves room for so many rounds.
const ROUNDS_MIN: u32 = 20;

/// How long one round is, for a target that answers one user in so much time.
pub(crate) fn round_of(budget: Duration, answer: Duration) -> Duration {
    let long = (answer * ANSWERS_MIN).min(budget / ROUNDS_MIN);
    (budget / ROUNDS).max(long).clamp(ROUND_MIN, ROUND_MAX)
}

/// Everything before the counter-experiments.
pub(crate) fn run(quest: &mut Quest<'_>) -> Result<(), Error> {
    warm_up(quest)?;
    let steps = first_pass(quest)?;
    let stories = stories(quest);
    tell_stories(quest, &stories, 1)?;
    for number in 2..=PASSES {
        for step in &steps {
            if quest.may_begin(RAMP_UNTIL) {
                quest.round(step, number)?;
            }
        }
    }
    tell_stories(quest, &stories, 2)?;
    noise(quest, &steps)?;
    open_loop(quest, &steps)
}

/// What the target keeps for the next request is kept when the baseline begins: one that fills caches would look slower
/// than it is, and all that comes after it better. A slow target has no time for it.
fn warm_up(quest: &mut Quest<'_>) -> Result<(), Error> {
    if quest.round_span > WARM_UP_MAX {
        return Ok(());
    }
    let warm_up = Experiment {
        id: "warm-up".to_owned(),
        purpose: Purpose::Preflight,
        ..quest.step(1)
    };
    quest.round(&warm_up, 1)?;
    Ok(())
}

/// One user, two, four and so on, until it does not pay any more.
fn first_pass(quest: &mut Quest<'_>) -> Result<Vec<Experiment>, Error> {
    let mut steps: Vec<Experiment> = Vec::new();
    let mut base: Option<Round> = None;
    let mut before: Option<Round> = None;
    let mut flat = 0;
    let most = quest.config.bounds.concurrency_max;
    for users in users(most, factor(quest, most)) {
        if !quest.may_begin(RAMP_UNTIL) && users > 2 {
            break;
        }
        let step = quest.step(users);
        // So many more users ask at most so much more often.
        let could = match (before, steps.last()) {
            (Some(round), Some(last)) => could(round, last, &step),
            (None, _) | (_, None) => 0.0,
        };
        if could > quest.config.bounds.rate_max {
            quest.tell(&format!(
                "the ramp ends below {users} users: more could exceed --max-rate"
            ));
            break;
        }
        // Connections that all users share carry as many requests each: the next number may be the same.
        let is_new = steps
            .last()
            .is_none_or(|last| last.in_flight_max() != step.in_flight_max());
        if !is_new {
            continue;
        }
        let round = quest.round(&step, 1)?;
        steps.push(step);
        let (Some(first), Some(last)) = (base, before) else {
            base = Some(round);
            before = Some(round);
            if round.is_stopped {
                break;
            }
            continue;
        };
        flat = if round.rate < last.rate * GAIN_MIN {
            flat + 1
        } else {
            0
        };
        before = Some(round);
        let is_cliff = round.error_share > ERRORS_MAX && round.requests >= JUDGED_MIN || round.is_stopped;
        let is_slow = round.latency_ms > first.latency_ms * SLOWER_MAX && first.latency_ms > 0.0;
        if flat >= 2 || is_cliff || is_slow {
            break;
        }
    }
    Ok(steps)
}

/// The most answers a second that a step can bring, by the one before it.
fn could(before: Round, last: &Experiment, step: &Experiment) -> f64 {
    before.rate * f64::from(step.in_flight_max()) / f64::from(last.in_flight_max().max(1))
}

/// How browsers and naive clients ask: everything at once, over one connection, six, or one of HTTP/2.
fn stories(quest: &Quest<'_>) -> Vec<Experiment> {
    let requests = quest.burst();
    let mut stories = Vec::new();
    let story = |name: &str, clients: u32, streams: u32, protocol: Protocol, requests: u64| Experiment {
        id: format!("story-{name}"),
        purpose: Purpose::Story(name.to_owned()),
        drive: Drive::Burst(requests),
        users: None,
        clients,
        streams,
        protocol,
        window: None,
        is_bound_by_connections: true,
    };
    if quest.speaks(Protocol::Http1) {
        // One after the other takes long, and a part of them shows as much.
        stories.push(story("http1-x1", 1, 1, Protocol::Http1, (requests / 10).max(1)));
        stories.push(story(
            "http1-x6",
            BROWSER.min(quest.config.bounds.concurrency_max),
            1,
            Protocol::Http1,
            requests,
        ));
    }
    if quest.speaks(Protocol::Http2) {
        let streams = u32::try_from(requests)
            .unwrap_or(u32::MAX)
            .min(quest.config.bounds.concurrency_max);
        stories.push(story("http2-at-once", 1, streams, Protocol::Http2, requests));
    }
    stories
}

fn tell_stories(quest: &mut Quest<'_>, stories: &[Experiment], number: u32) -> Result<(), Error> {
    for story in stories {
        if quest.may_begin(STORY_UNTIL) {
            quest.round(story, number)?;
        }
    }
    Ok(())
}

/// The same load again and again: how much differs when nothing does.
fn noise(quest: &mut Quest<'_>, steps: &[Experiment]) -> Result<(), Error> {
    let Some(step) = steps.get(steps.len() / 2) else {
        return Ok(());
    };
    let same = Experiment {
        id: "noise".to_owned(),
        purpose: Purpose::Noise,
        ..step.clone()
    };
    for number in 1..=NOISE_ROUNDS {
        if quest.may_begin(NOISE_UNTIL) {
            quest.round(&same, number)?;
        }
    }
    Ok(())
}

/// Constant rates below the capacity found, whatever the answers do.
fn open_loop(quest: &mut Quest<'_>, steps: &[Experiment]) -> Result<(), Error> {
    let capacity = quest.best_rate();
    let Some(widest) = steps.last() else { return Ok(()) };
    for share in SHARES {
        let rate = (capacity * f64::from(share) / 100.0).min(quest.config.bounds.rate_max);
        if rate < 1.0 || !quest.may_begin(OPEN_UNTIL) {
            continue;
        }
        let open = Experiment {
            id: format!("open-{share}"),
            purpose: Purpose::OpenLoop,
            drive: Drive::Rate(rate, quest.round_span),
            ..widest.clone()
        };
        quest.round(&open, 1)?;
    }
    Ok(())
}

/// The load held for long where nothing was found: what is used up by it shows as a change in time.
pub(crate) fn hold(quest: &mut Quest<'_>) -> Result<(), Error> {
    let is_step = |experiment: &Experiment| matches!(experiment.purpose, Purpose::Baseline | Purpose::Ramp);
    let mut steps = quest.done.iter().map(|(experiment, _)| experiment);
    let Some(step) = steps.rfind(|experiment| is_step(experiment)).cloned() else {
        return Ok(());
    };
    let long = (quest.config.bounds.budget / HOLD_PART).min(quest.left().mul_f64(HOLD_OF_LEFT));
    let is_none = |verdict: &Verdict| verdict.bottleneck.is_none_or(|found| found == Bottleneck::X0);
    if long < quest.round_span * 2 || !is_none(&diagnosis::diagnose(&quest.recording.evidence)) {
        return Ok(());
    }
    let hold = Experiment {
        id: "hold".to_owned(),
        purpose: Purpose::Hold,
        drive: match step.drive {
            Drive::Rate(rate, _) => Drive::Rate(rate, long),
            Drive::Closed(_) | Drive::Burst(_) => Drive::Closed(long),
        },
        ..step
    };
    quest.round(&hold, 1)?;
    Ok(())
}

/// How many times the users of a step are those of the one before: a slow target has no time for many steps.
fn factor(quest: &Quest<'_>, most: u32) -> u32 {
    let steps = u32::try_from(users(most, 2).count()).unwrap_or(u32::MAX);
    let ramp = quest.config.bounds.budget.mul_f64(RAMP_UNTIL);
    // Whoever is in the middle of an answer when a round ends is waited for.
    let pass = quest.round_span.saturating_mul(steps).mul_f64(1.5);
    if pass > ramp / 2 { 4 } else { 2 }
}

fn users(most: u32, factor: u32) -> impl Iterator<Item = u32> {
    let powers = (0..31)
        .map_while(move |power| factor.checked_pow(power))
        .take_while(move |users| *users < most);
    powers.chain([most])
}

#[cfg(test)]
mod tests;
