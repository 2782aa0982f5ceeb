//! Laws: Little's, the bound, the universal scalability law; fitted to the steps of growing load and compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod bound;
pub mod usl;

use crate::{interval::Interval, view::View};

/// The laws fitted to the steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// The one with the smallest AICc.
    pub best: Law,
    /// Each that could be fitted.
    pub fits: Vec<Fit>,
    /// Coherency loss past the knee, where the interval excludes zero.
    pub kappa: Option<Interval>,
}

/// How throughput follows concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// X = N/R0: nothing limits.
    Linear,
    /// X = min(N/R0, C): one hard limit.
    Bound,
    /// X = lambda N / (1 + sigma (N-1) + kappa N (N-1)).
    Usl,
}

/// One law, fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fit {
    /// Which.
    pub law: Law,
    /// Its parameters: `[1/R0]`, `[1/R0, C]`, `[lambda, sigma, kappa]`.
    pub parameters: Vec<f64>,
    /// Root of the mean squared error, in answers a second.
    pub rmse: f64,
    /// Akaike's criterion, corrected for few points; none with too few of them.
    pub aicc: Option<f64>,
}

/// A step: users, answers a second in each round.
pub(crate) type Points = Vec<(f64, Vec<f64>)>;

/// The steps of the ramp.
pub(crate) fn points(view: &View<'_>) -> Points {
    view.ramp
        .iter()
        .filter_map(|id| Some((view.users(id)?, view.rates(id))))
        .filter(|(_, rates)| !rates.is_empty())
        .collect()
}

/// Mean rates of steps.
pub(crate) fn means(points: &Points) -> Vec<(f64, f64)> {
    points
        .iter()
        .filter_map(|(users, rates)| Some((*users, crate::interval::mean(rates)?)))
        .collect()
}

/// All laws, compared. Nothing with fewer than three steps.
pub(crate) fn curve(points: &Points, seed: u64) -> Option<Curve> {
    let means = means(points);
    if means.len() < 3 {
        return None;
    }
    let mut fits = vec![linear(&means)?];
    fits.extend(bound::fit(&means).map(|(slope, capacity)| {
        fit(Law::Bound, vec![slope, capacity], &means, |users| {
            (users * slope).min(capacity)
        })
    }));
    let usl = usl::fit(&means);
    fits.extend(usl.map(|usl| {
        fit(
            Law::Usl,
            vec![usl.lambda, usl.sigma, usl.kappa],
            &means,
            |users| usl.rate(users),
        )
    }));
    let best = fits
        .iter()
        .filter_map(|fit| Some((fit.aicc?, fit.law)))
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        .map_or_else(
            // Too few steps to weigh parameters: the simplest that is not much worse.
            || simplest(&fits),
            |(_, law)| law,
        );
    let kappa = usl::kappa(points, seed).filter(|kappa| kappa.low > 0.0);
    Some(Curve { best, fits, kappa })
}

fn simplest(fits: &[Fit]) -> Law {
    let error = |law: Law| fits.iter().find(|fit| fit.law == law).map(|fit| fit.rmse);
    match (error(Law::Linear), error(Law::Bound)) {
        (Some(linear), Some(bound)) if bound * 2.0 < linear => Law::Bound,
        _ => Law::Linear,
    }
}

fn linear(means: &[(f64, f64)]) -> Option<Fit> {
    let slope = bound::slope(means)?;
    Some(fit(Law::Linear, vec![slope], means, |users| users * slope))
}

fn fit(law: Law, parameters: Vec<f64>, means: &[(f64, f64)], rate: impl Fn(f64) -> f64) -> Fit {
    let count = means.len() as f64;
    let squares: f64 = means
        .iter()
        .map(|(users, measured)| (rate(*users) - measured).powi(2))
        .sum();
    // The variance is a parameter too.
    let free = parameters.len() as f64 + 1.0;
    let room = count - free - 1.0;
    // A fit without any error is one of exact numbers; its logarithm must stay a number.
    let aicc = (room > 0.0)
        .then(|| count * (squares / count).max(1e-12).ln() + 2.0 * free + 2.0 * free * (free + 1.0) / room);
    Fit {
        law,
        parameters,
        rmse: (squares / count).sqrt(),
        aicc,
    }
}

/// By how much Little's law is broken: |N - X R| / N, of answers that were all good.
pub(crate) fn little_error(users: f64, rate: f64, latency_ms: f64) -> f64 {
    (users - rate * latency_ms / 1000.0).abs() / users
}

#[cfg(test)]
mod tests;
