//! From evidence to verdict: cliffs, attribution, rules, grades, and what is left to say.

use crate::{
    bottleneck::Bottleneck,
    consistency,
    counter::{
        CounterExperiment, Role,
        judge::{Judged, Outcome, judge_all},
    },
    finding::{Advice, Basis, Citations, Finding},
    grade::Grade,
    rule::{self, RULES, Rank, Rule},
    scene::{Answer, Claim, Scene},
    verdict::{Candidate, Check, RuledOut, Unseen},
};

/// What an unseen must leaves of a score.
const UNSEEN: f64 = 0.5;
/// What a refutation leaves of it.
const REFUTED: f64 = 0.2;
/// What is left without anything that supports it.
const UNSUPPORTED: f64 = 0.8;
/// Shares that grades need.
const STRONG_SHARE: f64 = 0.5;
const SUSPECTED_SHARE: f64 = 0.25;

/// Everything that the rules say.
pub(crate) struct Judgement {
    pub(crate) findings: Vec<Finding>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) ruled_out: Vec<RuledOut>,
    pub(crate) unseen: Vec<Unseen>,
    pub(crate) checks: Vec<Check>,
    pub(crate) counters: Vec<Judged>,
    pub(crate) not_recorded: Vec<String>,
}

/// What one rule says.
struct Assessed {
    rule: &'static Rule,
    claim: Option<Claim>,
    direct: Answer,
    musts: Vec<Answer>,
    supports: Vec<Answer>,
    refutes: Vec<Answer>,
}

pub(crate) fn judge(scene: &Scene<'_>) -> Judgement {
    let checks = consistency::checks(scene);
    let counters = judge_all(&scene.view);
    let mut judgement = Judgement {
        findings: Vec::new(),
        candidates: Vec::new(),
        ruled_out: Vec::new(),
        unseen: Vec::new(),
        checks,
        counters,
        not_recorded: Vec::new(),
    };
    for rule in RULES.iter().filter(|rule| rule.bottleneck != Bottleneck::X0) {
        let assessed = assess(scene, rule);
        match finding(scene, &assessed, &judgement) {
            Some(finding) if finding.grade > Grade::NotFound => judgement.findings.push(finding),
            weak => {
                judgement.candidates.extend(weak.map(|finding| Candidate {
                    bottleneck: finding.bottleneck,
                    name: finding.name,
                    score: finding.score,
                }));
                exclude(scene, &assessed, &mut judgement);
            }
        }
    }
    rank(&mut judgement.findings);
    judgement
        .candidates
        .sort_by(|a, b| b.score.total_cmp(&a.score).then(a.bottleneck.cmp(&b.bottleneck)));
    judgement.not_recorded = wanted(scene, &judgement)
        .into_iter()
        .map(|counter| counter.id)
        .filter(|id| {
            judgement
                .counters
                .iter()
                .all(|judged| judged.id != *id || judged.outcome == Outcome::NotRecorded)
        })
        .collect();
    judgement
}

/// The counter-experiments of the leading hypotheses, the cheapest and safest first.
pub(crate) fn wanted(scene: &Scene<'_>, judgement: &Judgement) -> Vec<CounterExperiment> {
    const HYPOTHESES_MAX: usize = 2;
    let leading = judgement.findings.iter().map(|finding| finding.bottleneck);
    let weaker = judgement.candidates.iter().map(|candidate| candidate.bottleneck);
    let mut wanted: Vec<(usize, CounterExperiment)> = Vec::new();
    for (place, bottleneck) in leading.chain(weaker).take(HYPOTHESES_MAX).enumerate() {
        if let Some(rule) = rule::of(bottleneck) {
            wanted.extend((rule.counters)(scene).into_iter().map(|counter| (place, counter)));
        }
    }
    wanted.sort_by(|(a_place, a), (b_place, b)| {
        (a_place, a.class, a.role, &a.id).cmp(&(b_place, b.class, b.role, &b.id))
    });
    wanted.into_iter().map(|(_, counter)| counter).collect()
}

fn assess(scene: &Scene<'_>, rule: &'static Rule) -> Assessed {
    let all = |clues: &[fn(&Scene<'_>) -> Answer]| clues.iter().map(|clue| clue(scene)).collect();
    Assessed {
        rule,
        claim: (rule.claim)(scene),
        direct: (rule.direct)(scene),
        musts: all(rule.must),
        supports: all(rule.supports),
        refutes: all(rule.refutes),
    }
}

impl Assessed {
    /// The direct counter, then the other musts.
    fn required(&self) -> impl Iterator<Item = &Answer> {
        std::iter::once(&self.direct).chain(&self.musts)
    }

    fn factors(&self) -> f64 {
        let mut factor = 1.0;
        for must in self.required() {
            factor *= match must {
                Answer::Yes(_) => 1.0,
                Answer::No(_) => 0.0,
                Answer::Unseen(_) => UNSEEN,
            };
        }
        if !self.supports.is_empty() {
            let yes = self
                .supports
                .iter()
                .filter(|answer| matches!(answer, Answer::Yes(_)))
                .count();
            factor *= UNSUPPORTED + (1.0 - UNSUPPORTED) * yes as f64 / self.supports.len() as f64;
        }
        for refute in &self.refutes {
            if matches!(refute, Answer::Yes(_)) {
                factor *= REFUTED;
            }
        }
        factor
    }
}

fn finding(scene: &Scene<'_>, assessed: &Assessed, judgement: &Judgement) -> Option<Finding> {
    let claim = assessed.claim.as_ref()?;
    let rule = assessed.rule;
    // Without its counter a rule would claim whatever nothing explains.
    if matches!(assessed.direct, Answer::Unseen(_)) {
        return None;
    }
    let about: Vec<&Judged> = judgement
        .counters
        .iter()
        .filter(|judged| judged.bottleneck == rule.bottleneck)
        .collect();
    let is_disproved = about
        .iter()
        .any(|judged| judged.role == Role::Direct && judged.outcome == Outcome::Refuted);
    let mut score = claim.share.mid * assessed.factors();
    if is_disproved {
        score *= REFUTED;
    }
    if score <= 0.0 {
        return None;
    }
    let mut reasons = vec![format!("It explains {}.", claim.words)];
    let mut doubts = Vec::new();
    let mut cites = claim.cites.clone();
    let tell = |answer: &Answer, into: &mut Vec<String>, cites: &mut Vec<_>| {
        if let Answer::Yes(said) = answer {
            into.push(sentence(&said.words));
            cites.extend(said.cites.iter().cloned());
        }
    };
    for answer in assessed.required().chain(&assessed.supports) {
        tell(answer, &mut reasons, &mut cites);
    }
    for answer in &assessed.refutes {
        tell(answer, &mut doubts, &mut cites);
    }
    for answer in assessed.required() {
        if let Answer::Unseen(missing) = answer {
            doubts.push(format!("Not seen: {}.", missing.source.words()));
        }
    }
    for judged in &about {
        match judged.outcome {
            Outcome::Confirmed => reasons.push(judged.words.clone()),
            Outcome::Refuted | Outcome::Inconclusive => doubts.push(judged.words.clone()),
            Outcome::NotRecorded => {}
        }
    }
    let grade = grade(assessed, claim, &about, &judgement.checks, &mut doubts);
    Some(Finding {
        bottleneck: rule.bottleneck,
        name: rule.bottleneck.name().to_owned(),
        grade,
        share: claim.share,
        basis: claim.basis,
        score,
        reasons,
        doubts,
        cites: Citations::of(cites)?,
        advice: Advice {
            words: rule.advice.to_owned(),
            exact: (rule.exact)(scene),
            is_tested: is_confirmed(&about, Role::Direct),
        },
    })
}

fn is_confirmed(about: &[&Judged], role: Role) -> bool {
    about
        .iter()
        .any(|judged| judged.role == role && judged.outcome == Outcome::Confirmed)
}

fn grade(
    assessed: &Assessed,
    claim: &Claim,
    about: &[&Judged],
    checks: &[Check],
    doubts: &mut Vec<String>,
) -> Grade {
    let is_unseen = assessed.required().any(|must| matches!(must, Answer::Unseen(_)));
    let is_refuted = assessed
        .refutes
        .iter()
        .any(|refute| matches!(refute, Answer::Yes(_)))
        || about
            .iter()
            .any(|judged| judged.role == Role::Direct && judged.outcome == Outcome::Refuted);
    let is_circumstance = matches!(&assessed.direct, Answer::Yes(said) if said.is_circumstance)
        && !is_confirmed(about, Role::Direct);
    let is_control_moved = about
        .iter()
        .any(|judged| judged.role == Role::Control && judged.outcome == Outcome::Refuted);
    let share = claim.share.mid;
    let is_strong = share >= STRONG_SHARE && !is_unseen && !is_refuted && !is_circumstance;
    let is_proven = is_strong
        && is_confirmed(about, Role::Direct)
        && is_confirmed(about, Role::Control)
        && !is_control_moved;
    let grade = if is_proven {
        Grade::Proven
    } else if is_strong {
        Grade::Strong
    } else if share >= SUSPECTED_SHARE && !(is_refuted && is_unseen) {
        Grade::Suspected
    } else {
        Grade::NotFound
    };
    // A generator in trouble is what breaks the instruments: its own finding does not suffer by it. A cliff is
    // counted, not attributed.
    let is_by_instruments = assessed.rule.rank > Rank::Cliff && claim.basis != Basis::Errors;
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| !check.is_passed && consistency::concerns(&check.name, assessed.rule.bottleneck))
        .map(|check| check.name.as_str())
        .collect();
    if is_by_instruments && !failed.is_empty() && grade > Grade::Suspected {
        let mut names = failed;
        names.dedup();
        doubts.push(format!("The instruments disagree: {}.", names.join(", ")));
        return grade.lowered();
    }
    grade
}

/// Why it is not this one, or why that cannot be said.
fn exclude(scene: &Scene<'_>, assessed: &Assessed, judgement: &mut Judgement) {
    let bottleneck = assessed.rule.bottleneck;
    let name = bottleneck.name().to_owned();
    let no = assessed.required().find_map(|must| match must {
        Answer::No(said) => said
            .cites
            .first()
            .map(|cite| (sentence(&said.words), cite.clone())),
        Answer::Yes(_) | Answer::Unseen(_) => None,
    });
    let missing = assessed.required().find_map(|must| match must {
        Answer::Unseen(missing) => Some(*missing),
        Answer::Yes(_) | Answer::No(_) => None,
    });
    let against = assessed.refutes.iter().find_map(|refute| match refute {
        Answer::Yes(said) => said
            .cites
            .first()
            .map(|cite| (sentence(&said.words), cite.clone())),
        Answer::No(_) | Answer::Unseen(_) => None,
    });
    if let Some((because, by)) = no.or(against) {
        judgement.ruled_out.push(RuledOut {
            bottleneck,
            name,
            because,
            by,
        });
    } else if let Some(missing) = missing {
        let (state, reason) = scene.view.state(missing.source, missing.subject);
        judgement.unseen.push(Unseen {
            bottleneck,
            name,
            source: missing.source,
            state,
            reason,
        });
    } else if let Answer::Yes(said) = &assessed.direct
        && let Some(by) = said.cites.first()
    {
        let share = assessed.claim.as_ref().map_or(0.0, |claim| claim.share.mid);
        judgement.ruled_out.push(RuledOut {
            bottleneck,
            name,
            because: format!(
                "{} It explains {:.0} % only.",
                sentence(&said.words),
                share * 100.0
            ),
            by: by.clone(),
        });
    }
}

fn rank(findings: &mut [Finding]) {
    let order = |finding: &Finding| {
        let rank = rule::of(finding.bottleneck).map_or(Rank::Ordinary, |rule| rule.rank);
        match rank {
            Rank::Void if finding.grade >= Grade::Strong => 0,
            Rank::Cliff if finding.basis == Basis::Errors => 1,
            Rank::Symptom => 3,
            Rank::Void | Rank::Cliff | Rank::Exact | Rank::Specific | Rank::Ordinary => 2,
        }
    };
    // Among equals the rule that names the fault more exactly comes first.
    let score = |finding: &Finding| {
        let exactness = match rule::of(finding.bottleneck).map(|rule| rule.rank) {
            // What holders of the pool do is named before the pool.
            Some(Rank::Exact) => 2.0,
            Some(Rank::Specific) => 1.15,
            Some(Rank::Void | Rank::Cliff | Rank::Ordinary | Rank::Symptom) | None => 1.0,
        };
        finding.score * exactness
    };
    findings.sort_by(|a, b| {
        order(a)
            .cmp(&order(b))
            .then(score(b).total_cmp(&score(a)))
            .then(a.bottleneck.cmp(&b.bottleneck))
    });
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let capital = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string())
        .unwrap_or_default();
    let end = if words.ends_with('.') { "" } else { "." };
    format!("{capital}{}{end}", letters.as_str())
}
