//! The healthy guard: no verdict where latency did not grow and throughput did.

use crate::{attribution::Attribution, experiment::Purpose, interval::mean, signal::Signal, view::View};

/// Growth of less than this share of the latency at low load is none.
const GROWTH_MIN: f64 = 0.15;
/// Throughput of less than this share of proportional is lost.
const PROPORTIONAL_MIN: f64 = 0.85;

/// Whether growth is within noise and throughput near proportional.
pub(crate) fn is_healthy(view: &View<'_>, attribution: &Attribution) -> bool {
    let threshold = (GROWTH_MIN * attribution.low_ms).max(noise_ms(view));
    attribution.growth_ms.low <= threshold && proportional(view).is_none_or(|share| share >= PROPORTIONAL_MIN)
}

/// Throughput at high load, as a share of what proportional growth from low load would be.
pub(crate) fn proportional(view: &View<'_>) -> Option<f64> {
    let (low, high) = (view.low()?, view.high()?);
    let expected = view.rate(low)? * view.users(high)? / view.users(low)?;
    Some(view.rate(high)? / expected)
}

/// How much mean latency differs when nothing does: the rounds of the A/A experiments by parity.
pub(crate) fn noise_ms(view: &View<'_>) -> f64 {
    let noises = view
        .experiments()
        .filter(|experiment| experiment.purpose == Purpose::Noise)
        .filter_map(|experiment| {
            let rounds = view.rounds(&experiment.id, Signal::ClientLatencyMs, "")?;
            let arm = |odd: u32| {
                let values: Vec<f64> = rounds
                    .iter()
                    .filter(|(round, _)| *round % 2 == odd)
                    .map(|(_, value)| *value)
                    .collect();
                mean(&values)
            };
            Some((arm(0)? - arm(1)?).abs())
        });
    noises.fold(0.0, f64::max)
}
