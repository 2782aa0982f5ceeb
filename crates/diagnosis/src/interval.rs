//! An estimate with its 90 % interval, and the bootstrap that makes it.
//!
//! The random numbers are ours (SplitMix64, 1,000 draws, the evidence's seed), so the same rounds give the same
//! interval on any machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often the rounds are drawn anew.
const DRAWS: usize = 1_000;
/// The tails that an interval of 90 % leaves out.
const TAIL: f64 = 0.05;

/// An estimate between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// 5th percentile.
    pub low: f64,
    /// The estimate.
    pub mid: f64,
    /// 95th percentile.
    pub high: f64,
}

impl Interval {
    /// A number that is known exactly, or of which nothing better is known.
    pub fn exact(value: f64) -> Interval {
        Interval {
            low: value,
            mid: value,
            high: value,
        }
    }

    /// An estimate with a relative error on both sides.
    pub fn around(mid: f64, below: f64, above: f64) -> Interval {
        Interval {
            low: mid * below,
            mid,
            high: mid * above,
        }
    }

    /// Whether the value lies within.
    pub fn includes(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether they have a value in common.
    pub fn overlaps(self, other: Interval) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// Both bounds and the estimate, each by the same factor, which is not negative.
    #[must_use]
    pub fn times(self, factor: f64) -> Interval {
        Interval {
            low: self.low * factor,
            mid: self.mid * factor,
            high: self.high * factor,
        }
    }

    /// Whether all of it are numbers.
    pub fn is_finite(self) -> bool {
        self.low.is_finite() && self.mid.is_finite() && self.high.is_finite()
    }
}

/// The mean; nothing of nothing. The numbers are summed in order of size, so that theirs does not matter.
pub fn mean(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let mean = sorted.iter().sum::<f64>() / count as f64;
    mean.is_finite().then_some(mean)
}

/// A statistic over rounds with its interval: the rounds of each group are drawn anew, with replacement.
///
/// With one round in every group there is nothing to draw, and the interval is the estimate.
pub fn bootstrap(
    groups: &[&[f64]],
    seed: u64,
    statistic: impl Fn(&[Vec<f64>]) -> Option<f64>,
) -> Option<Interval> {
    let own: Vec<Vec<f64>> = groups.iter().map(|group| group.to_vec()).collect();
    let mid = statistic(&own).filter(|value| value.is_finite())?;
    if own.iter().all(|group| group.len() < 2) {
        return Some(Interval::exact(mid));
    }
    let mut random = Random::new(seed);
    let mut draws: Vec<f64> = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let drawn: Vec<Vec<f64>> = own
            .iter()
            .map(|group| group.iter().map(|_| group[random.below(group.len())]).collect())
            .collect();
        draws.extend(statistic(&drawn).filter(|value| value.is_finite()));
    }
    Some(between(draws, mid))
}

/// A statistic over pairs with its interval: pairs are drawn together.
pub fn bootstrap_pairs(
    pairs: &[(f64, f64)],
    seed: u64,
    statistic: impl Fn(&[(f64, f64)]) -> Option<f64>,
) -> Option<Interval> {
    let mid = statistic(pairs).filter(|value| value.is_finite())?;
    if pairs.len() < 2 {
        return Some(Interval::exact(mid));
    }
    let mut random = Random::new(seed);
    let mut draws = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let drawn: Vec<(f64, f64)> = pairs.iter().map(|_| pairs[random.below(pairs.len())]).collect();
        draws.extend(statistic(&drawn).filter(|value| value.is_finite()));
    }
    Some(between(draws, mid))
}

fn between(mut draws: Vec<f64>, mid: f64) -> Interval {
    draws.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * draws.len().saturating_sub(1) as f64).round() as usize;
        draws.get(index).copied().unwrap_or(mid)
    };
    Interval {
        low: at(TAIL).min(mid),
        mid,
        high: at(1.0 - TAIL).max(mid),
    }
}

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than the bound, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}
