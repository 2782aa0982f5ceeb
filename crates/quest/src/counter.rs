//! Counter-experiments: what the diagnosis proposes, run in pairs, each prediction written down before its result.
//!
//! Those that need the client or a database connection only; others stay proposals, and the report lists them.

use std::time::Duration;

use diagnosis::{
    counter::{Class, CounterExperiment, Factor, judge::PAIRS_MIN},
    evidence::Line,
    experiment::{Arm, Purpose},
};
use load::{config::Protocol, scenario::Scenario};

use crate::{
    error::Error,
    experiment::{Drive, Experiment},
    investigate::Quest,
};

/// A pair of rounds is never shorter than this.
const ROUND_MIN: Duration = Duration::from_millis(500);

/// Counter-experiments of one quest at most.
const COUNTERS_MAX: usize = 6;

/// One factor changed.
struct Pair {
    before: Experiment,
    after: Experiment,
    scenario_before: Scenario,
    scenario_after: Scenario,
}

/// Runs what is proposed, as long as there is time, judging again after each.
pub(crate) fn run(quest: &mut Quest<'_>) -> Result<(), Error> {
    for _ in 0..COUNTERS_MAX {
        let proposed = diagnosis::propose(&quest.recording.evidence);
        let next = proposed
            .into_iter()
            .find_map(|counter| Some((pair(quest, &counter)?, counter)));
        let Some((pair, counter)) = next else {
            return Ok(());
        };
        let rounds = u32::try_from(PAIRS_MIN).unwrap_or(u32::MAX) * 2;
        let round = (quest.left() / rounds).min(quest.round_span);
        if round < ROUND_MIN {
            return Ok(());
        }
        quest.tell(&format!("counter-experiment {}: {}", counter.id, counter.words));
        quest.recording.push(Line::Counter(counter))?;
        for number in 1..=rounds / 2 {
            let before = quest.round_of(&pair.before.within(round), number, &pair.scenario_before)?;
            let after = quest.round_of(&pair.after.within(round), number, &pair.scenario_after)?;
            if before.is_stopped && after.is_stopped {
                break;
            }
        }
    }
    Ok(())
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
    match counter.class {
        Class::Client | Class::DatabaseConnection => {}
        Class::Probe | Class::Reconfigure => return None,
    }
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
    match &counter.factor {
        Factor::Connections { to, .. } => {
            after.clients = *to;
            match (base.protocol, users) {
                // The same users over more connections.
                (Protocol::Http2, Some(users)) => after.streams = (*users as u32).div_ceil(*to).max(1),
                (Protocol::Http2, None) => {}
                // One request at a time: only where many wait for few connections can there be more of them.
                (Protocol::Http1 | Protocol::Auto, _) if matches!(base.drive, Drive::Burst(_)) => {}
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
        Factor::Rate { from, to } => {
            if *to > quest.config.bounds.rate_max {
                return None;
            }
            before.drive = Drive::Rate(*from, quest.round_span);
            after.drive = Drive::Rate(*to, quest.round_span);
        }
        Factor::Users { to, .. } => match base.protocol {
            Protocol::Http2 => after.streams = to.div_ceil(base.clients).max(1),
            Protocol::Http1 | Protocol::Auto => after.clients = *to,
        },
        Factor::DistinctIds => scenario_before = one_id(quest)?,
        Factor::OneId => return None,
        // These need what we do not have: other processes, other hosts, other bodies, the user's hooks.
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
        | Factor::Explain { .. }
        | Factor::Delay { .. }
        | Factor::Reconfigure { .. }
        | Factor::LeaveOut { .. } => return None,
    }
    let in_flight = |experiment: &Experiment| experiment.clients.saturating_mul(experiment.streams);
    let is_within = |experiment: &Experiment| {
        in_flight(experiment) <= most && experiment.clients > 0 && experiment.streams > 0
    };
    let is_fast = |experiment: &Experiment| match experiment.drive {
        Drive::Closed(_) => quest.exceeds_rate(in_flight(experiment)),
        Drive::Rate(..) | Drive::Burst(_) => false,
    };
    (is_within(&before) && is_within(&after) && !is_fast(&before) && !is_fast(&after)).then_some(Pair {
        before,
        after,
        scenario_before,
        scenario_after,
    })
}

/// The same request with its first value only.
fn one_id(quest: &Quest<'_>) -> Option<Scenario> {
    let scenario = &quest.config.scenario;
    let (first, second) = (scenario.path_of(0), scenario.path_of(1));
    if first == second {
        return None;
    }
    let target = scenario.target();
    Scenario::get(&format!("{}://{}{first}", target.scheme.name(), target.authority)).ok()
}
