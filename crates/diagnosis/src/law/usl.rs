//! The universal scalability law, fitted with both losses kept at or above zero.
//!
//! For given sigma and kappa, lambda is linear, so it is solved for; the two are improved by damped Gauss-Newton
//! steps, projected onto what is allowed. It says something about the range past the knee only: below it, it
//! predicted capacities between -432 and 2,873 where the truth was 749.

use crate::{
    interval::{Interval, Random, mean},
    law::Points,
};

const STEPS_MAX: usize = 100;
const DRAWS: usize = 200;
/// Fewer steps than this determine nothing.
const POINTS_MIN: usize = 4;

/// The law's parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usl {
    pub(crate) lambda: f64,
    pub(crate) sigma: f64,
    pub(crate) kappa: f64,
}

impl Usl {
    pub(crate) fn rate(self, users: f64) -> f64 {
        self.lambda * basis(users, self.sigma, self.kappa)
    }
}

fn basis(users: f64, sigma: f64, kappa: f64) -> f64 {
    users / (1.0 + sigma * (users - 1.0) + kappa * users * (users - 1.0))
}

/// The best lambda for these losses, and the residuals.
fn solve(means: &[(f64, f64)], sigma: f64, kappa: f64) -> (f64, Vec<f64>) {
    let (mut products, mut squares) = (0.0, 0.0);
    for (users, rate) in means {
        let basis = basis(*users, sigma, kappa);
        products += basis * rate;
        squares += basis * basis;
    }
    let lambda = if squares > 0.0 { products / squares } else { 0.0 };
    let residuals = means
        .iter()
        .map(|(users, rate)| rate - lambda * basis(*users, sigma, kappa))
        .collect();
    (lambda, residuals)
}

fn squared(residuals: &[f64]) -> f64 {
    residuals.iter().map(|residual| residual * residual).sum()
}

/// Nothing with too few steps, or numbers that make no sense.
pub(crate) fn fit(means: &[(f64, f64)]) -> Option<Usl> {
    if means.len() < POINTS_MIN {
        return None;
    }
    // From a saturating and from a linear start: the valley is flat and one may stop early.
    [(0.05, 0.0005), (0.5, 0.01), (0.0, 0.0)]
        .into_iter()
        .map(|start| descend(means, start))
        .filter(|(error, usl)| error.is_finite() && usl.lambda.is_finite() && usl.lambda > 0.0)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, usl)| usl)
}

fn descend(means: &[(f64, f64)], (mut sigma, mut kappa): (f64, f64)) -> (f64, Usl) {
    let (mut lambda, mut residuals) = solve(means, sigma, kappa);
    let mut error = squared(&residuals);
    let mut damping = 1e-3;
    for _ in 0..STEPS_MAX {
        let nudge = 1e-6;
        let by_sigma = slopes(&residuals, &solve(means, sigma + nudge, kappa).1, nudge);
        let by_kappa = slopes(
            &residuals,
            &solve(means, sigma, kappa + nudge * 0.1).1,
            nudge * 0.1,
        );
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (ss, kk, sk) = (
            dot(&by_sigma, &by_sigma) * (1.0 + damping),
            dot(&by_kappa, &by_kappa) * (1.0 + damping),
            dot(&by_sigma, &by_kappa),
        );
        let (s, k) = (dot(&by_sigma, &residuals), dot(&by_kappa, &residuals));
        let determinant = ss * kk - sk * sk;
        if determinant.abs() < 1e-300 || !determinant.is_finite() {
            break;
        }
        let next_sigma = (sigma - (kk * s - sk * k) / determinant).max(0.0);
        let next_kappa = (kappa - (ss * k - sk * s) / determinant).max(0.0);
        let (next_lambda, next_residuals) = solve(means, next_sigma, next_kappa);
        let next_error = squared(&next_residuals);
        if next_error < error {
            let is_done = error - next_error < error * 1e-12;
            (sigma, kappa, lambda) = (next_sigma, next_kappa, next_lambda);
            (residuals, error) = (next_residuals, next_error);
            damping = (damping * 0.3).max(1e-9);
            if is_done {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e9 {
                break;
            }
        }
    }
    (error, Usl { lambda, sigma, kappa })
}

fn slopes(before: &[f64], after: &[f64], nudge: f64) -> Vec<f64> {
    before
        .iter()
        .zip(after)
        .map(|(before, after)| (after - before) / nudge)
        .collect()
}

/// The coherency loss with its interval, by drawing the rounds of each step anew.
pub(crate) fn kappa(points: &Points, seed: u64) -> Option<Interval> {
    let mid = fit(&super::means(points))?.kappa;
    let mut random = Random::new(seed);
    let mut drawn = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let means: Vec<(f64, f64)> = points
            .iter()
            .filter_map(|(users, rates)| {
                let again: Vec<f64> = rates.iter().map(|_| rates[random.below(rates.len())]).collect();
                Some((*users, mean(&again)?))
            })
            .collect();
        drawn.extend(fit(&means).map(|usl| usl.kappa));
    }
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| {
        drawn
            .get((share * drawn.len().saturating_sub(1) as f64) as usize)
            .copied()
    };
    Some(Interval {
        low: at(0.05)?.min(mid),
        mid,
        high: at(0.95)?.max(mid),
    })
}
