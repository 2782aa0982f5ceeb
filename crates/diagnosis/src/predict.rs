//! The next limit: what each resource can carry, and where latency begins to grow.
//!
//! `busy = a + D X`, regressed over the steps, gives the demand D of an answer on a resource; the intercept
//! matters, for some work is there without load. `C = (usable limit - a) / D`. The smallest C is the limit now,
//! the second the next one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) mod resource;

use crate::{
    bottleneck::Bottleneck,
    interval::{Interval, bootstrap_pairs},
    law::{self, bound},
    signal::Signal,
    view::View,
};

/// What a resource can carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// The resource in words.
    pub resource: String,
    /// What it is called when it is reached.
    pub bottleneck: Bottleneck,
    /// How much of it there is.
    pub available: f64,
    /// Demand of one answer a second.
    pub demand: f64,
    /// Answers a second that it can carry.
    pub rate: Interval,
    /// Users at which that is reached: C x R0.
    pub users: f64,
    /// Whether the limit is known.
    pub basis: LimitBasis,
    /// Whether demand rose by more than a fifth along the ramp: it is not constant under contention.
    pub is_demand_rising: bool,
    /// In a sentence.
    pub words: String,
}

/// How the limit of a resource is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitBasis {
    /// Seen at its limit.
    Measured,
    /// By its setting.
    Configured,
    /// By what is usual.
    Assumed,
}

/// Where latency begins to grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Knee {
    /// Users: C x R0.
    pub users: Interval,
    /// Answers a second past it.
    pub rate: f64,
    /// The first step whose latency was half as much again in every round, while throughput gained less than
    /// half of its share.
    pub latency_step: Option<String>,
}

/// Latency at one user overstates the capacity a little, for acquiring and releasing are not in the hold:
/// -6 to +8 % were measured.
const FROM_ONE_STEP: (f64, f64) = (0.90, 1.06);
/// Steps that a regression needs.
const STEPS_MIN: usize = 3;

/// What can be said of every resource, the tightest first.
pub(crate) fn limits(view: &View<'_>) -> Vec<Limit> {
    let Some(low) = view.low() else {
        return Vec::new();
    };
    let Some(base_ms) = view.latency(low) else {
        return Vec::new();
    };
    let mut limits: Vec<Limit> = resource::all(view)
        .into_iter()
        .filter_map(|resource| limit(view, &resource, base_ms))
        .collect();
    limits.sort_by(|a, b| {
        a.rate
            .mid
            .total_cmp(&b.rate.mid)
            .then(a.bottleneck.cmp(&b.bottleneck))
            .then(a.resource.cmp(&b.resource))
    });
    limits
}

fn limit(view: &View<'_>, resource: &resource::Resource, base_ms: f64) -> Option<Limit> {
    let usable = resource.available * resource.usable_share;
    let points = &resource.points;
    let rate = if points.len() >= STEPS_MIN {
        bootstrap_pairs(points, view.evidence.head.seed, |points| capacity(points, usable))
    } else {
        let (rate, busy) = points.first()?;
        (*rate > 0.0 && *busy > 0.0)
            .then(|| Interval::around(usable * rate / busy, FROM_ONE_STEP.0, FROM_ONE_STEP.1))
    }?;
    if !rate.is_finite() || rate.mid <= 0.0 {
        return None;
    }
    let demands: Vec<f64> = points
        .iter()
        .filter(|(rate, _)| *rate > 0.0)
        .map(|(rate, busy)| busy / rate)
        .collect();
    let (first, last) = (*demands.first()?, *demands.last()?);
    let busiest = points.iter().map(|(_, busy)| *busy).fold(0.0, f64::max);
    let is_reached = busiest >= usable * 0.9;
    let users = rate.mid * base_ms / 1000.0;
    let basis = if is_reached {
        LimitBasis::Measured
    } else {
        resource.basis
    };
    // A whole number would say nothing of a target that answers twice a second.
    let digits = if rate.mid < 10.0 { 1 } else { 0 };
    Some(Limit {
        resource: resource.name.clone(),
        bottleneck: resource.bottleneck,
        available: resource.available,
        demand: last,
        rate,
        users,
        basis,
        is_demand_rising: last > first * 1.2,
        words: format!(
            "{}: about {:.digits$} answers a second ({:.digits$} to {:.digits$}), from {users:.0} users on",
            resource.name, rate.mid, rate.low, rate.high
        ),
    })
}

/// From `busy = a + D X`; through the origin where the regression makes no sense.
fn capacity(points: &[(f64, f64)], usable: f64) -> Option<f64> {
    let count = points.len() as f64;
    let (rates, busies) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), (rate, busy)| (x + rate, y + busy));
    let (mean_rate, mean_busy) = (rates / count, busies / count);
    let (mut products, mut squares) = (0.0, 0.0);
    for (rate, busy) in points {
        products += (rate - mean_rate) * (busy - mean_busy);
        squares += (rate - mean_rate).powi(2);
    }
    let demand = products / squares;
    let rest = mean_busy - demand * mean_rate;
    let through_origin = || (mean_busy > 0.0).then(|| usable * mean_rate / mean_busy);
    if !demand.is_finite() || demand <= 0.0 || rest < -0.1 * usable || rest >= usable {
        return through_origin();
    }
    Some((usable - rest) / demand)
}

/// From the bound model over the steps, where it has a flat part.
pub(crate) fn knee(view: &View<'_>) -> Option<Knee> {
    let points = law::points(view);
    let means = law::means(&points);
    if means.len() < STEPS_MIN {
        return None;
    }
    let (slope, capacity) = bound::fit(&means)?;
    let (most_users, most_rate) = *means.last()?;
    // Still proportional at the end: there is no knee to tell of.
    if most_rate > most_users * slope * 0.85 {
        return None;
    }
    let users = bootstrap_pairs(&means, view.evidence.head.seed, |drawn| {
        let mut drawn = drawn.to_vec();
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
        bound::fit(&drawn).map(|(slope, capacity)| capacity / slope)
    })?;
    Some(Knee {
        users,
        rate: capacity,
        latency_step: latency_knee(view),
    })
}

fn latency_knee(view: &View<'_>) -> Option<String> {
    let low = view.low()?;
    let (base_ms, base_rate, base_users) = (view.latency(low)?, view.rate(low)?, view.users(low)?);
    view.ramp.iter().skip(1).find_map(|step| {
        let rounds = view.rounds(step, Signal::ClientLatencyMs, "")?;
        let is_slow = rounds.values().all(|latency| *latency > 1.5 * base_ms);
        let proportional = base_rate * view.users(step)? / base_users;
        let gained = (view.rate(step)? - base_rate) / (proportional - base_rate);
        (is_slow && gained < 0.5).then(|| (*step).to_owned())
    })
}
