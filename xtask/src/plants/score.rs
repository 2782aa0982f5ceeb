//! What quests said against what was planted: section 8.3 of the design.

use std::path::Path;

use diagnosis::{attribution::part::Part, bottleneck::Bottleneck, grade::Grade, verdict::Verdict};

use super::{
    bite::Measured,
    inquiry::{self, Inquiry},
    place::{Place, SEED},
    recording,
    scenario::{self, Kind, Rate, Scenario, Severity, Shows},
};

/// Of one run.
pub(crate) const SEEDS_MAX: u64 = 20;

/// A limit that is predicted within this factor is right.
const NEXT_WITHIN: f64 = 1.25;
/// What may stay unattributed.
const UNATTRIBUTED_MAX: f64 = 0.10;
/// Of a Wilson interval of 95 %.
const Z: f64 = 1.959_964;

/// One quest, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) scenario: &'static Scenario,
    pub(crate) inquiry: Inquiry,
    /// What the test load saw without the plant.
    pub(crate) twin: Option<Measured>,
    /// What each baseline says.
    pub(crate) baselines: Vec<Option<Bottleneck>>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Share {
    pub(crate) right: u32,
    pub(crate) of: u32,
}

/// All numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    pub(crate) top_1: Share,
    pub(crate) layer: Share,
    pub(crate) top_2: Share,
    pub(crate) double: Share,
    pub(crate) false_alarms: Share,
    pub(crate) proven: Share,
    pub(crate) next: Share,
    pub(crate) accounting: Share,
    pub(crate) brier: Option<f64>,
    pub(crate) seconds: f64,
    pub(crate) invalid: Vec<String>,
    /// Of each baseline: exact, layer, and false alarms on controls.
    pub(crate) baselines: Vec<(Share, Share, Share)>,
}

/// All that earlier turns have left, in the order of the scenarios.
pub(crate) fn cases(work: &Path) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for place in scenario::all().flat_map(places) {
        if let Some(inquiry) = inquiry::read(work, place)? {
            let evidence = recording::read(&inquiry.evidence)?;
            cases.push(Case {
                scenario: place.scenario,
                twin: load_of_twin(work, place),
                baselines: recording::BASELINES
                    .iter()
                    .map(|(_, baseline)| baseline(&evidence))
                    .collect(),
                inquiry,
            });
        }
    }
    Ok(cases)
}

fn places(scenario: &'static Scenario) -> impl Iterator<Item = Place> {
    scenario.doses.iter().flat_map(move |dose| {
        (SEED..SEED + SEEDS_MAX).flat_map(move |seed| {
            [true, false].map(|is_planted| Place {
                scenario,
                severity: dose.severity,
                seed,
                is_planted,
            })
        })
    })
}

/// What the test load saw without the plant, with this seed or the first: chance has no part in it.
pub(crate) fn load_of_twin(work: &Path, place: Place) -> Option<Measured> {
    let twin = place.twin();
    inquiry::load_of(work, twin).or_else(|| inquiry::load_of(work, Place { seed: SEED, ..twin }))
}

/// Those of one severity; healthy ones have none.
pub(crate) fn of_severity(cases: &[Case], severity: Severity) -> Vec<Case> {
    cases
        .iter()
        .filter(|case| case.inquiry.is_planted() && case.inquiry.place.severity == severity)
        .cloned()
        .collect()
}

/// Over all cases that are valid.
pub(crate) fn score(cases: &[Case]) -> Score {
    let mut score = Score {
        baselines: vec![<(Share, Share, Share)>::default(); recording::BASELINES.len()],
        ..Score::default()
    };
    let mut squares = Vec::new();
    for case in cases {
        let verdict = &case.inquiry.verdict;
        if !case.inquiry.is_planted() {
            if !case.is_valid() {
                score.invalid.push(case.inquiry.place.name());
                continue;
            }
            score.false_alarms.count(is_alarm(verdict));
            for (baseline, said) in score.baselines.iter_mut().zip(&case.baselines) {
                baseline.2.count(said.is_some_and(|said| said != Bottleneck::X0));
            }
            score
                .proven
                .count_if(verdict.grade == Grade::Proven, !is_alarm(verdict));
            continue;
        }
        if !case.is_valid() {
            score.invalid.push(case.inquiry.place.name());
            continue;
        }
        let is_right = case.is_right();
        score.seconds += case.inquiry.seconds;
        score.proven.count_if(verdict.grade == Grade::Proven, is_right);
        squares.push((probability(verdict.grade) - f64::from(u8::from(is_right))).powi(2));
        if case.scenario.kind == Kind::Double {
            score.double.count(is_right);
            continue;
        }
        score.top_1.count(is_right);
        score.layer.count(case.is_layer_right(verdict.bottleneck));
        score.top_2.count(case.is_among_two());
        if let Some(is_right) = case.is_next_right() {
            score.next.count(is_right);
        }
        if let Some(share) = unattributed(verdict) {
            score.accounting.count(share.abs() < UNATTRIBUTED_MAX);
        }
        for (baseline, said) in score.baselines.iter_mut().zip(&case.baselines) {
            baseline.0.count(case.expects(*said));
            baseline.1.count(case.is_layer_right(*said));
        }
    }
    if !squares.is_empty() {
        score.brier = Some(squares.iter().sum::<f64>() / squares.len() as f64);
        score.seconds /= squares.len() as f64;
    }
    score
}

impl Score {
    /// 0.4 top-1 + 0.2 next limit + 0.2 (1 - false alarms) + 0.1 precision of Proven + 0.1 accounting. What was
    /// not counted at all is worth nothing, but that a quest which proves nothing proves nothing false.
    pub(crate) fn composite(&self) -> f64 {
        let proven = if self.proven.of == 0 {
            1.0
        } else {
            self.proven.value()
        };
        let calm = if self.false_alarms.of == 0 {
            0.0
        } else {
            1.0 - self.false_alarms.value()
        };
        0.4 * self.top_1.value()
            + 0.2 * self.next.value()
            + 0.2 * calm
            + 0.1 * proven
            + 0.1 * self.accounting.value()
    }
}

impl Case {
    /// For tables.
    pub(crate) fn name(&self) -> String {
        let name = self.inquiry.place.name();
        match (self.scenario.kind, name.strip_suffix("-twin")) {
            // A control has no twin: nothing is planted into it.
            (Kind::Control, Some(name)) => name.to_owned(),
            _ => name,
        }
    }

    /// A plant that does not bite is not scored. One that holds down the generator may bite the quest and not the
    /// test load, which needs less CPU: what the quest saw at its highest load counts, too.
    pub(crate) fn is_valid(&self) -> bool {
        if !self.inquiry.is_planted() {
            return self.is_shown();
        }
        let seen = self.inquiry.verdict.steps.last().map(|step| Measured {
            rate: step.rate.mid,
            latency_ms: step.latency_ms.mid,
            error_share: step.error_share,
        });
        let is_whole = self.inquiry.verdict.steps.last().is_some_and(|step| {
            inquiry::load(self.inquiry.place).is_ok_and(|load| step.users >= f64::from(load.users_max))
        });
        self.twin.is_some_and(|twin| {
            self.inquiry.load.bites(twin) || (is_whole && seen.is_some_and(|seen| seen.bites(twin)))
        })
    }

    /// A control that does not have what it claims to have shows nothing.
    fn is_shown(&self) -> bool {
        match self.scenario.shows {
            None => true,
            Some(Shows::Throttled { share_max }) => {
                self.inquiry.throttled_share > 0.0 && self.inquiry.throttled_share <= share_max
            }
            Some(Shows::Checkpoints(min)) => self.inquiry.checkpoints >= min,
        }
    }

    /// The verdict is what was planted; of a double plant, one of the two.
    pub(crate) fn is_right(&self) -> bool {
        self.expects(self.inquiry.verdict.bottleneck)
    }

    fn expects(&self, said: Option<Bottleneck>) -> bool {
        let expected = match self.scenario.kind {
            Kind::Plant => self.scenario.expected.get(..1).unwrap_or_default(),
            Kind::Double | Kind::Control => self.scenario.expected,
        };
        said.is_some_and(|said| expected.contains(&said))
    }

    fn is_layer_right(&self, said: Option<Bottleneck>) -> bool {
        let expected = self.scenario.expected.first().map(|expected| expected.layer());
        said.is_some() && said.map(Bottleneck::layer) == expected
    }

    /// The verdict, or who stands behind it.
    pub(crate) fn is_among_two(&self) -> bool {
        let verdict = &self.inquiry.verdict;
        let findings = verdict.findings.iter().map(|finding| finding.bottleneck);
        let candidates = verdict.candidates.iter().map(|candidate| candidate.bottleneck);
        self.is_right()
            || findings
                .chain(candidates)
                .take(2)
                .any(|said| self.expects(Some(said)))
    }

    /// What was predicted of the limit that is known, and what it is.
    pub(crate) fn next(&self) -> Option<(Option<f64>, f64)> {
        let next = self.scenario.dose(self.inquiry.place.severity)?.next?;
        let verdict = &self.inquiry.verdict;
        let said = verdict
            .limits
            .iter()
            .chain(&verdict.next)
            .find(|limit| limit.bottleneck == next.resource)
            .map(|limit| limit.rate.mid);
        let truth = match next.rate {
            Rate::Known(rate) => rate,
            Rate::Plateau => self.inquiry.load.rate,
        };
        Some((said, truth))
    }

    pub(crate) fn is_next_right(&self) -> Option<bool> {
        let (said, truth) = self.next()?;
        Some(said.is_some_and(|said| (said / truth).ln().abs() < NEXT_WITHIN.ln()))
    }
}

impl Share {
    fn count(&mut self, is_right: bool) {
        self.of += 1;
        self.right += u32::from(is_right);
    }

    fn count_if(&mut self, is_counted: bool, is_right: bool) {
        if is_counted {
            self.count(is_right);
        }
    }

    pub(crate) fn value(self) -> f64 {
        if self.of == 0 {
            return 0.0;
        }
        f64::from(self.right) / f64::from(self.of)
    }

    /// Wilson's interval of 95 %.
    pub(crate) fn wilson(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (f64::from(self.of), self.value());
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (
            ((middle - half) / scale).max(0.0),
            ((middle + half) / scale).min(1.0),
        )
    }
}

/// Whether a healthy target was accused.
pub(crate) fn is_alarm(verdict: &Verdict) -> bool {
    verdict.grade >= Grade::Strong
        && verdict
            .bottleneck
            .is_some_and(|bottleneck| bottleneck != Bottleneck::X0)
}

/// Of the growth of latency, what no row explains; nothing where latency did not grow.
pub(crate) fn unattributed(verdict: &Verdict) -> Option<f64> {
    let attribution = verdict.attribution.as_ref()?;
    (attribution.growth_ms.mid > 0.0).then(|| {
        attribution
            .rows
            .iter()
            .filter(|row| row.part == Part::Unattributed)
            .map(|row| row.growth_ms / attribution.growth_ms.mid)
            .sum()
    })
}

/// What a grade promises; for the Brier score only, since a quest prints no probability before it is calibrated.
fn probability(grade: Grade) -> f64 {
    match grade {
        Grade::Proven => 0.95,
        Grade::Strong => 0.80,
        Grade::Suspected => 0.50,
        Grade::NotFound => 0.10,
    }
}
