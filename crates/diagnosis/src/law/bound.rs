//! The bound model: throughput grows with concurrency up to a capacity, and then stays.

/// Least squares through the origin.
pub(crate) fn slope(means: &[(f64, f64)]) -> Option<f64> {
    let (products, squares) = means
        .iter()
        .fold((0.0, 0.0), |(products, squares), (users, rate)| {
            (products + users * rate, squares + users * users)
        });
    let slope = products / squares;
    (slope.is_finite() && slope > 0.0).then_some(slope)
}

/// 1/R0 and the capacity: every split of the steps into rising and flat is tried.
pub(crate) fn fit(means: &[(f64, f64)]) -> Option<(f64, f64)> {
    let tried = (1..means.len()).filter_map(|split| {
        let slope = slope(&means[..split])?;
        let flat = &means[split..];
        let capacity = flat.iter().map(|(_, rate)| rate).sum::<f64>() / flat.len() as f64;
        let error: f64 = means
            .iter()
            .map(|(users, rate)| ((users * slope).min(capacity) - rate).powi(2))
            .sum();
        (error.is_finite() && capacity > 0.0).then_some((error, slope, capacity))
    });
    tried
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, slope, capacity)| (slope, capacity))
}
