//! `--fail-if`: what must not be so, as a script writes it.

use std::{fmt, str::FromStr};

use diagnosis::{
    bottleneck::Bottleneck, compare, evidence::Evidence, experiment::Purpose, observation::Observation,
    signal::Signal, verdict::Verdict,
};

/// What must not be so.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// Of a number.
    Number {
        /// Which.
        measure: Measure,
        /// How it is compared.
        relation: Relation,
        /// With what, in milliseconds, answers a second, or a count.
        limit: f64,
        /// As it was written.
        text: String,
    },
    /// The bottleneck is this one, or is another.
    Bottleneck {
        /// Which.
        id: Bottleneck,
        /// Whether it is this one that fails.
        is_equal: bool,
    },
    /// A comparison with this file says worse.
    WorseThan(String),
}

/// A number that a bound can be about, at the highest load whose requests were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Median latency.
    P50,
    /// 99th percentile.
    P99,
    /// Mean latency.
    Mean,
    /// Most answers a second.
    Rate,
    /// Failures, all together: of the rounds that are believed, but not of warming up and of counter-experiments.
    Errors,
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Fails if more.
    More,
    /// Fails if less.
    Less,
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Bound, String> {
        let text = text.trim();
        if let Some(file) = text.strip_prefix("worse-than=") {
            return Ok(Bound::WorseThan(file.to_owned()));
        }
        for (operator, is_equal) in [("!=", false), ("=", true)] {
            if let Some(id) = text
                .strip_prefix("bottleneck")
                .and_then(|rest| rest.strip_prefix(operator))
            {
                let id = Bottleneck::of(id)
                    .ok_or_else(|| format!("`{id}` is no id of the catalogue, such as X0"))?;
                return Ok(Bound::Bottleneck { id, is_equal });
            }
        }
        let wrong = || {
            format!(
                "`{text}` is none of: p50>TIME, p99>TIME, mean>TIME, errors>N, rate<N, bottleneck!=ID, bottleneck=ID, worse-than=FILE"
            )
        };
        let at = text.find(['>', '<']).ok_or_else(wrong)?;
        let measure = match &text[..at] {
            "p50" => Measure::P50,
            "p99" => Measure::P99,
            "mean" => Measure::Mean,
            "rate" => Measure::Rate,
            "errors" => Measure::Errors,
            _ => return Err(wrong()),
        };
        let relation = if text[at..].starts_with('>') {
            Relation::More
        } else {
            Relation::Less
        };
        let number = text[at + 1..].trim();
        let limit = match measure {
            Measure::P50 | Measure::P99 | Measure::Mean => milliseconds(number),
            Measure::Rate | Measure::Errors => number.parse().ok().filter(|number: &f64| *number >= 0.0),
        };
        Ok(Bound::Number {
            measure,
            relation,
            limit: limit.ok_or_else(wrong)?,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Number { text, .. } => formatter.write_str(text),
            Bound::Bottleneck { id, is_equal: true } => write!(formatter, "bottleneck={}", id.id()),
            Bound::Bottleneck { id, is_equal: false } => write!(formatter, "bottleneck!={}", id.id()),
            Bound::WorseThan(file) => write!(formatter, "worse-than={file}"),
        }
    }
}

impl Bound {
    /// Why it fails, if it does. `before` is the evidence that `worse-than` names.
    pub fn fails(&self, evidence: &Evidence, verdict: &Verdict, before: Option<&Evidence>) -> Option<String> {
        match self {
            Bound::Number {
                measure,
                relation,
                limit,
                ..
            } => {
                let Some(found) = number(*measure, evidence, verdict) else {
                    return Some("it was not measured".to_owned());
                };
                let fails = match relation {
                    Relation::More => found > *limit,
                    Relation::Less => found < *limit,
                };
                fails.then(|| format!("it is {found:.1}"))
            }
            Bound::Bottleneck { id, is_equal } => {
                let is_it = verdict.bottleneck == Some(*id);
                let name = verdict.bottleneck.map_or("not found", Bottleneck::id);
                (is_it == *is_equal).then(|| format!("the bottleneck is {name}"))
            }
            Bound::WorseThan(_) => {
                let comparison = compare::compare(before?, evidence);
                match comparison.outcome {
                    compare::Outcome::Worse | compare::Outcome::Mixed => Some(comparison.sentence),
                    compare::Outcome::Incomparable => Some(comparison.sentence),
                    compare::Outcome::Better | compare::Outcome::Same => None,
                }
            }
        }
    }
}

fn number(measure: Measure, evidence: &Evidence, verdict: &Verdict) -> Option<f64> {
    let is_believed = |observation: &Observation| {
        let mut rounds = evidence
            .rounds
            .iter()
            .filter(|round| round.experiment == observation.experiment && round.number == observation.round);
        rounds.all(|round| round.discarded.is_none())
    };
    let of = |signal: Signal| -> Vec<(&str, f64)> {
        evidence
            .observations
            .iter()
            .filter(|observation| observation.signal == signal && is_believed(observation))
            .filter_map(|observation| Some((observation.experiment.as_str(), observation.value()?)))
            .collect()
    };
    let last = verdict.steps.last();
    match measure {
        Measure::P99 => last?.p99_ms,
        Measure::Mean => Some(last?.latency_ms.mid),
        Measure::P50 => {
            let step = &last?.experiment;
            let values: Vec<f64> = of(Signal::ClientP50Ms)
                .into_iter()
                .filter(|(experiment, _)| experiment == step)
                .map(|(_, value)| value)
                .collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        }
        Measure::Rate => verdict
            .steps
            .iter()
            .map(|step| step.rate.mid)
            .max_by(f64::total_cmp),
        Measure::Errors => {
            // What was changed for a proof, and what came first of all, fails for reasons of its own.
            let counts = |id: &str| {
                let mut experiments = evidence.experiments.iter();
                let purpose = experiments
                    .find(|known| known.id == id)
                    .map(|known| &known.purpose);
                !matches!(purpose, Some(Purpose::Counter { .. } | Purpose::Preflight))
            };
            let errors = of(Signal::ClientErrors);
            let counted = errors.iter().filter(|(experiment, _)| counts(experiment));
            Some(counted.map(|(_, errors)| errors).sum())
        }
    }
}

fn milliseconds(text: &str) -> Option<f64> {
    let digits = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))?;
    let number: f64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "us" => Some(number / 1e3),
        "ms" => Some(number),
        "s" => Some(number * 1e3),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
