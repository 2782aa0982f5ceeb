//! What does the evidence prove? A pure function of an evidence file.
//!
//! [`diagnose`] judges an [`Evidence`](evidence::Evidence), [`propose`] says which counter-experiments would prove
//! it, [`compare`](compare::compare) says whether a fix worked. No clock, no disk, no host: the same evidence gives
//! the same verdict on any machine.

pub mod evidence;
pub mod experiment;
pub mod observation;
pub mod signal;
pub mod source;

pub mod attribution;
pub mod bottleneck;
pub mod counter;
pub mod finding;
pub mod grade;
pub mod interval;
pub mod law;
pub mod predict;
pub mod verdict;

pub mod baseline;
pub mod case;
pub mod compare;
pub mod reference;
pub mod trace;

mod consistency;
mod diagnose;
mod guard;
mod line;
mod rule;
mod scene;
mod view;

pub mod error;

/// What the evidence proves. The same evidence, in any order, gives the same verdict.
pub fn diagnose(evidence: &evidence::Evidence) -> verdict::Verdict {
    verdict::assemble::verdict(&scene::Scene::new(view::View::new(evidence)))
}

/// Which counter-experiments would prove or refute the leading hypotheses: those that the evidence does not
/// hold yet, the cheapest and safest first.
///
/// Each is to be recorded with [`evidence::Line::Counter`] before its rounds, which are experiments of
/// [`experiment::Purpose::Counter`]: at least [`counter::judge::PAIRS_MIN`] pairs, before and after in turn.
pub fn propose(evidence: &evidence::Evidence) -> Vec<counter::CounterExperiment> {
    let scene = scene::Scene::new(view::View::new(evidence));
    let judgement = diagnose::judge(&scene);
    let mut wanted = diagnose::wanted(&scene, &judgement);
    wanted.retain(|counter| evidence.counters.iter().all(|known| known.id != counter.id));
    wanted
}
