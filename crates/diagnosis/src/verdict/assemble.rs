//! The decision out of the judgement: which finding leads, and the sentence that says it.

use crate::{
    attribution::{part::Part, tail},
    bottleneck::Bottleneck,
    diagnose::{self, Judgement},
    finding::{Basis, Citation, Finding},
    grade::Grade,
    guard,
    interval::{Interval, mean},
    law,
    predict::{self, Limit},
    scene::Scene,
    signal::Signal,
    verdict::{Step, Verdict},
    view::View,
};

/// All of it.
pub(crate) fn verdict(scene: &Scene<'_>) -> Verdict {
    let judgement = diagnose::judge(scene);
    let limits = limits(scene, &judgement);
    let steps = steps(&scene.view);
    let leading = judgement.findings.first().cloned();
    let is_none =
        leading.is_none() && !scene.is_troubled && scene.attribution.is_some() && scene.cliff().is_none();
    let (bottleneck, grade) = match &leading {
        Some(finding) => (Some(finding.bottleneck), finding.grade),
        None if is_none => (Some(Bottleneck::X0), Grade::Strong),
        None => (None, Grade::NotFound),
    };
    let sentence = match &leading {
        Some(finding) => found(finding, &limits),
        None if is_none => healthy(scene, &limits),
        None => not_found(scene, &judgement),
    };
    let evidence = match &leading {
        Some(finding) => finding.cites.all().to_vec(),
        None => ends(scene),
    };
    let points = law::points(&scene.view);
    Verdict {
        bottleneck,
        name: bottleneck.map_or("not found", Bottleneck::name).to_owned(),
        layer: bottleneck.map(Bottleneck::layer),
        grade,
        share: leading.as_ref().map(|finding| finding.share),
        basis: leading.as_ref().map(|finding| finding.basis),
        sentence,
        is_void: leading
            .as_ref()
            .is_some_and(|finding| finding.bottleneck == Bottleneck::C2 && finding.grade >= Grade::Strong),
        evidence,
        findings: judgement.findings,
        candidates: judgement.candidates,
        tail: tail::attribute(&scene.view),
        attribution: scene.attribution.clone(),
        ruled_out: judgement.ruled_out,
        unseen: judgement.unseen,
        checks: judgement.checks,
        counters: judgement.counters,
        not_recorded: judgement.not_recorded,
        steps,
        curve: law::curve(&points, scene.view.evidence.head.seed),
        knee: predict::knee(&scene.view),
        limits,
    }
}

fn found(finding: &Finding, limits: &[Limit]) -> String {
    let share = finding.share.mid * 100.0;
    let of = match finding.basis {
        Basis::Errors => "of the failures",
        Basis::Growth => "of the growth in latency",
        Basis::Standing => "of the latency, at any load",
        Basis::LostThroughput => "of the lost throughput",
    };
    let next = limits
        .iter()
        .find(|limit| limit.bottleneck != finding.bottleneck)
        .map(|limit| format!(" Next: {}.", limit.words))
        .unwrap_or_default();
    format!(
        "{}: {} ({}): it explains {share:.0} % {of}.{next}",
        finding.bottleneck.id(),
        finding.name,
        finding.grade.words()
    )
}

fn healthy(scene: &Scene<'_>, limits: &[Limit]) -> String {
    let users = scene.view.users(scene.high).unwrap_or(0.0);
    let next = limits
        .first()
        .map(|limit| format!(" Next: {}.", limit.words))
        .unwrap_or_default();
    let attribution = scene.attribution.as_ref();
    let (low_ms, high_ms) = attribution.map_or((0.0, 0.0), |found| (found.low_ms, found.high_ms));
    let proportional = guard::proportional(&scene.view).map_or(0.0, |share| share * 100.0);
    format!(
        "X0: no limit up to {users:.0} users: latency went from {low_ms:.1} to {high_ms:.1} ms and throughput \
         reached {proportional:.0} % of proportional.{next}"
    )
}

fn not_found(scene: &Scene<'_>, judgement: &Judgement) -> String {
    let Some(attribution) = &scene.attribution else {
        return "Not found: there are not two loads to compare, and no failures that tell of a limit."
            .to_owned();
    };
    let unexplained = attribution.share(|part, _| {
        matches!(
            part,
            Part::Unattributed
                | Part::Server
                | Part::Rest
                | Part::Between
                | Part::DatabaseGap
                | Part::DatabaseByServer
        )
    });
    let signals = judgement.unseen.iter().map(|unseen| unseen.source.words()).fold(
        Vec::new(),
        |mut known: Vec<&str>, words| {
            if !known.contains(&words) {
                known.push(words);
            }
            known
        },
    );
    let would_need = if signals.is_empty() {
        String::new()
    } else {
        format!(" It would need: {}.", signals.join("; "))
    };
    if !scene.is_troubled {
        return format!("Not found: requests fail and nothing seen says why.{would_need}");
    }
    format!(
        "Not found: latency went from {:.1} to {:.1} ms and {:.0} % of it is unexplained.{would_need}",
        attribution.low_ms,
        attribution.high_ms,
        unexplained * 100.0
    )
}

/// What a verdict without a finding rests on: latency at both ends.
fn ends(scene: &Scene<'_>) -> Vec<Citation> {
    [scene.low, scene.high]
        .into_iter()
        .filter_map(|step| scene.view.at(step, Signal::ClientLatencyMs, ""))
        .map(|seen| seen.cite)
        .collect()
}

/// The resource of the verdict first, for that is the limit now, whatever its regression says.
fn limits(scene: &Scene<'_>, judgement: &Judgement) -> Vec<Limit> {
    let mut limits = scene.limits().to_vec();
    let leading = judgement.findings.first().map(|finding| finding.bottleneck);
    limits.sort_by_key(|limit| Some(limit.bottleneck) != leading);
    limits
}

fn steps(view: &View<'_>) -> Vec<Step> {
    let spread = |values: Vec<f64>| {
        let mid = mean(&values)?;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Interval { low, mid, high })
    };
    view.ramp
        .iter()
        .filter_map(|id| {
            let latencies = view.rounds(id, Signal::ClientLatencyMs, "")?;
            Some(Step {
                experiment: (*id).to_owned(),
                users: view.users(id)?,
                rate: spread(view.rates(id))?,
                latency_ms: spread(latencies.values().copied().collect())?,
                p99_ms: view.value(id, Signal::ClientP99Ms, ""),
                error_share: view.error_share(id),
            })
        })
        .collect()
}
