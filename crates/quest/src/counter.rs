//! Counter-experiments: what the diagnosis proposes, run in pairs, each prediction written down before its result.
//!
//! Those that need the client only, one of the user's hooks, or a probe that the target goes through; others stay
//! proposals, and the report lists them.

mod change;

use std::time::Duration;

use diagnosis::{
    bottleneck::Bottleneck,
    counter::{CounterExperiment, Factor, Measure, Role, judge::PAIRS_MIN},
    evidence::{Evidence, Line},
    experiment::{Arm, Purpose},
};
use load::{
    config::Protocol,
    scenario::{Request, Scenario, template::Template, values::Values},
};

use self::change::Change;
use crate::{
    error::Error,
    experiment::{Drive, Experiment},
    hook::{Hook, Refused},
    investigate::Quest,
};

/// A pair of rounds is never shorter than this.
const ROUND_MIN: Duration = Duration::from_millis(400);

/// And has no need to be longer than this, unless the target is slow.
const ROUND_USUAL: Duration = Duration::from_millis(1_500);

/// Counter-experiments of one quest at most.
const COUNTERS_MAX: usize = 6;

/// One factor changed.
struct Pair {
    before: Experiment,
    after: Experiment,
    scenario_before: Scenario,
    scenario_after: Scenario,
    change: Change,
}

/// Runs what is proposed, as long as there is time, judging again after each.
pub(crate) fn run(quest: &mut Quest<'_>) -> Result<(), Error> {
    for _ in 0..COUNTERS_MAX {
        let Some(Next {
            pair,
            counter,
            remaining,
        }) = next(quest)
        else {
            return Ok(());
        };
        let rounds = u32::try_from(PAIRS_MIN).unwrap_or(u32::MAX) * 2;
        // What proves needs its control too: both get their share of what is left.
        let left = quest.left().saturating_sub(pair.change.settle() * rounds);
        let round = (left / (rounds * remaining))
            .saturating_sub(quest.overhead())
            .min(quest.round_span.max(ROUND_USUAL));
        if round < ROUND_MIN {
            return Ok(());
        }
        quest.tell(&format!("counter-experiment {}: {}", counter.id, counter.words));
        quest.recording.push(Line::Counter(counter))?;
        for number in 1..=rounds / 2 {
            // Nothing is left of the budget either when the user wants it to end.
            if quest.left().is_zero() {
                return Ok(());
            }
            let before = quest.round_of(&pair.before.within(round), number, &pair.scenario_before)?;
            if quest.left().is_zero() {
                return Ok(());
            }
            let applied = match pair.change.apply(quest) {
                Ok(applied) => applied,
                Err(Refused { reason, still }) => {
                    quest.tell(&format!("{} is given up: the hook {reason}", pair.before.id));
                    match still {
                        None => break,
                        Some(reason) => {
                            not_changed_back(quest, &reason);
                            return Ok(());
                        }
                    }
                }
            };
            let after = match quest.round_of(&pair.after.within(round), number, &pair.scenario_after) {
                Ok(after) => after,
                Err(error) => {
                    if let Err(reason) = applied.undo(quest) {
                        not_changed_back(quest, &reason);
                    }
                    return Err(error);
                }
            };
            if let Err(reason) = applied.end(quest) {
                not_changed_back(quest, &reason);
                return Ok(());
            }
            if before.is_stopped && after.is_stopped {
                break;
            }
        }
    }
    Ok(())
}

/// Then whatever is measured is of a target that nobody knows.
fn not_changed_back(quest: &mut Quest<'_>, reason: &str) {
    quest.tell(&format!(
        "NOT CHANGED BACK: the hook {reason}; nothing more is measured"
    ));
}

/// What is run next.
struct Next {
    pair: Pair,
    counter: CounterExperiment,
    /// How many there are of its hypothesis, with it.
    remaining: u32,
}

/// Of the first hypothesis that can be proved here. A control alone proves nothing.
fn next(quest: &Quest<'_>) -> Option<Next> {
    let evidence = &quest.recording.evidence;
    let proposed = diagnosis::propose(evidence);
    let mut hypotheses: Vec<Bottleneck> = Vec::new();
    for counter in &proposed {
        if !hypotheses.contains(&counter.bottleneck) {
            hypotheses.push(counter.bottleneck);
        }
    }
    hypotheses.into_iter().find_map(|hypothesis| {
        let mut able: Vec<(Pair, CounterExperiment)> = proposed
            .iter()
            .filter(|counter| counter.bottleneck == hypothesis)
            .filter_map(|counter| Some((pair(quest, counter)?, counter.clone())))
            .collect();
        let is_direct =
            |counter: &CounterExperiment| counter.bottleneck == hypothesis && counter.role == Role::Direct;
        let can_prove =
            able.iter().any(|(_, counter)| is_direct(counter)) || evidence.counters.iter().any(is_direct);
        if !can_prove || able.is_empty() {
            return None;
        }
        let remaining = u32::try_from(able.len()).unwrap_or(u32::MAX);
        let (pair, counter) = able.swap_remove(0);
        Some(Next {
            pair,
            counter,
            remaining,
        })
    })
}

impl Experiment {
    /// The same in so much time.
    fn within(&self, span: Duration) -> Experiment {
        let drive = match self.drive {
            Drive::Closed(_) => Drive::Closed(span),
            Drive::Rate(rate, _) => Drive::Rate(rate, span),
            Drive::Burst(requests) => Drive::Burst(requests),
        };
        Experiment {
            drive,
            ..self.clone()
        }
    }
}

/// Both arms, if we can make them within our bounds.
fn pair(quest: &Quest<'_>, counter: &CounterExperiment) -> Option<Pair> {
    let (base, users) = quest.done.iter().find(|(known, _)| known.id == counter.base)?;
    let arm = |arm: Arm| Experiment {
        id: format!(
            "{}/{}",
            counter.id,
            match arm {
                Arm::Before => "before",
                Arm::After => "after",
            }
        ),
        purpose: Purpose::Counter {
            counter: counter.id.clone(),
            arm,
        },
        ..base.clone()
    };
    let (mut before, mut after) = (arm(Arm::Before), arm(Arm::After));
    let scenario = &quest.config.scenario;
    let (mut scenario_before, scenario_after) = (scenario.clone(), scenario.clone());
    let most = quest.config.bounds.concurrency_max;
    let mut change = Change::Client;
    match &counter.factor {
        Factor::Connections { to, .. } => {
            after.clients = *to;
            match (base.protocol, users) {
                // The same users over more connections.
                (Protocol::Http2, Some(users)) => after.streams = (*users as u32).div_ceil(*to).max(1),
                (Protocol::Http2, None) => {}
                // One request at a time: only where many wait for few connections can there be more of them.
                (Protocol::Http1 | Protocol::Auto, _) if matches!(base.drive, Drive::Burst(_)) => {}
                (Protocol::Http1 | Protocol::Auto, Some(users)) if base.waiting().is_some() => {
                    after.clients = (*to).min(*users as u32);
                }
                (Protocol::Http1 | Protocol::Auto, _) => return None,
            }
        }
        Factor::Streams { from, to } => {
            before.streams = *from;
            after.streams = *to;
        }
        Factor::Protocol { to, .. } => {
            let protocol = if to.contains('2') {
                Protocol::Http2
            } else {
                Protocol::Http1
            };
            if !quest.speaks(protocol) {
                return None;
            }
            after.protocol = protocol;
            if protocol == Protocol::Http2 {
                after.streams = (base.clients * base.streams)
                    .max(quest.config.bounds.burst)
                    .min(most);
                after.clients = 1;
            } else {
                after.streams = 1;
            }
        }
        Factor::Window { from, to } => {
            before.window = u32::try_from(*from).ok();
            after.window = u32::try_from(*to).ok();
        }
        Factor::RequestsPerConnection { to } => after.drive = Drive::Burst(u64::from(*to)),
        Factor::AtOnce { to, .. } => {
            if !matches!(base.drive, Drive::Burst(_)) {
                return None;
            }
            after.drive = Drive::Burst(u64::from(*to));
        }
        Factor::Rate { from, to } => {
            before.drive = Drive::Rate(*from, quest.round_span);
            after.drive = Drive::Rate(*to, quest.round_span);
        }
        Factor::Users { to, .. } => match base.protocol {
            Protocol::Http2 => after.streams = to.div_ceil(base.clients).max(1),
            Protocol::Http1 | Protocol::Auto if base.users.is_some() => {
                after.users = Some(*to);
                after.clients = after.clients.min(*to);
            }
            Protocol::Http1 | Protocol::Auto => after.clients = *to,
        },
        Factor::DistinctIds => scenario_before = one_id(scenario)?,
        Factor::OneId => return None,
        Factor::Reconfigure { .. } | Factor::LeaveOut { .. } => {
            change = Change::Hook(hook(quest, &counter.factor)?);
        }
        Factor::Delay { path, ms } => {
            // Whoever does not go through it would not be changed by it.
            quest.probe(path).filter(|probe| probe.is_used())?;
            change = Change::Delay {
                path: path.clone(),
                added: Duration::from_secs_f64(ms.max(0.0) / 1e3),
            };
        }
        // These need what we do not have: other processes, other hosts, other bodies.
        Factor::KeepAlive
        | Factor::SmallerBody { .. }
        | Factor::Generators { .. }
        | Factor::FastReader
        | Factor::SameHost
        | Factor::Repeat
        | Factor::Idle { .. }
        | Factor::SynchronousCommitOff
        | Factor::Checkpoint
        | Factor::BlockerEnds
        | Factor::Explain { .. } => return None,
    }
    let bounds = &quest.config.bounds;
    let times = match &counter.measure {
        Measure::Rate => counter.predicted.high,
        Measure::Latency | Measure::ErrorShare | Measure::Signal { .. } => 1.0,
    };
    let is_slow = match base.drive {
        // A burst is as large as a second may be.
        Drive::Burst(_) => is_in_time(quest, &counter.base),
        Drive::Closed(_) | Drive::Rate(..) => quest.best_rate() * times <= bounds.rate_max * 1.05,
    };
    (before.is_within(bounds) && after.is_within(bounds) && is_slow).then_some(Pair {
        before,
        after,
        scenario_before,
        scenario_after,
        change,
    })
}

/// Whether all rounds of a burst fit into what is left: it is never cut short, and with one factor changed it takes
/// about as long as before.
fn is_in_time(quest: &Quest<'_>, base: &str) -> bool {
    let rounds = quest.recording.evidence.rounds.iter();
    let longest = rounds
        .filter(|round| round.experiment == base)
        .map(|round| round.duration_ms)
        .fold(0.0, f64::max);
    let pairs = u32::try_from(PAIRS_MIN).unwrap_or(u32::MAX);
    Duration::from_secs_f64(longest / 1e3) * pairs * 2 <= quest.left()
}

/// The user's commands that change just this.
fn hook(quest: &Quest<'_>, factor: &Factor) -> Option<Hook> {
    let mut hooks = quest.config.hooks.iter();
    hooks.find(|hook| hook.fits(factor)).cloned()
}

/// Hooks that were not used, and why: another name or ratio is easily written.
pub(crate) fn unused(hooks: &[Hook], evidence: &Evidence) -> Vec<String> {
    let run = &evidence.counters;
    let is_unused = |hook: &&Hook| !run.iter().any(|counter| hook.fits(&counter.factor));
    let unused: Vec<&Hook> = hooks.iter().filter(is_unused).collect();
    if unused.is_empty() {
        return Vec::new();
    }
    let proposed = diagnosis::propose(evidence);
    let asked: Vec<String> = run
        .iter()
        .chain(&proposed)
        .filter_map(|counter| match &counter.factor {
            Factor::Reconfigure { setting, times } => Some(format!("{setting} x{times}")),
            Factor::LeaveOut { what } => Some(format!("without {what}")),
            _ => None,
        })
        .collect();
    let why = |hook: &Hook| match proposed.iter().find(|counter| hook.fits(&counter.factor)) {
        Some(counter) => format!("{} could not be run in the time that was left", counter.id),
        None if asked.is_empty() => "nothing that was found asks for a hook".to_owned(),
        None => format!("what was found asks for {}", asked.join(", ")),
    };
    let told = |hook: &Hook| format!("the hook of {} was not used: {}", hook.words(), why(hook));
    unused.into_iter().map(told).collect()
}

/// The same request with its first values only. Of several kinds of requests it would leave all but one out.
fn one_id(scenario: &Scenario) -> Option<Scenario> {
    let [request] = scenario.requests() else {
        return None;
    };
    let (first, second) = (scenario.path_of(0), scenario.path_of(1));
    if first == second {
        return None;
    }
    let headers = scenario.headers_of(0).into_iter();
    let request = Request {
        path: Template::fixed(first.as_bytes()),
        headers: headers
            .map(|(name, value)| (name, Template::fixed(value.as_bytes())))
            .collect(),
        ..request.clone()
    };
    Scenario::new(scenario.target().clone(), vec![request], Values::none()).ok()
}

#[cfg(test)]
mod tests;
