//! What is found in a series of numbers: its trend, the places where its level changes, and the points
//! far from the rest. Pure functions of slices.

/// A straight line through points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Change a bucket.
    pub slope: f64,
    /// Value of the line at the first bucket.
    pub intercept: f64,
    /// Share of the variance that the line explains, 0 to 1.
    pub r2: f64,
}

/// A place where the level changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Index of the first value of the new level.
    pub first: usize,
    /// Mean of the segment before.
    pub before: f64,
    /// Mean of the segment that begins here.
    pub after: f64,
}

/// A value far from the median.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlier {
    /// Its index.
    pub at: usize,
    /// Modified z-score: signed distance from the median in units of the scaled median absolute deviation.
    pub score: f64,
}

/// Values a segment has at least between two changes.
const SEGMENT_MIN: usize = 4;

/// Changes reported at most.
const CHANGES_MAX: usize = 10;

/// Score beyond which a value is an outlier: Iglewicz and Hoaglin's.
const SCORE_MIN: f64 = 3.5;

/// The least-squares line. None below three points, or if all stand at one place.
pub fn trend(xs: &[f64], ys: &[f64]) -> Option<Trend> {
    if xs.len() < 3 || xs.len() != ys.len() {
        return None;
    }
    let (x_mean, y_mean) = (mean(xs), mean(ys));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in xs.iter().zip(ys) {
        xx += (x - x_mean) * (x - x_mean);
        xy += (x - x_mean) * (y - y_mean);
        yy += (y - y_mean) * (y - y_mean);
    }
    if xx == 0.0 {
        return None;
    }
    let slope = xy / xx;
    let r2 = if yy == 0.0 {
        1.0
    } else {
        (xy * xy / (xx * yy)).min(1.0)
    };
    Some(Trend {
        slope,
        intercept: y_mean - slope * x_mean,
        r2,
    })
}

/// Where the mean changes: binary segmentation by squared error, each split accepted only if it gains
/// more than 3 · variance · ln(n), with the variance of the noise taken from the differences of neighbours
/// (so that a change of level does not count as noise).
pub fn changes(values: &[f64]) -> Vec<Change> {
    if values.len() < 2 * SEGMENT_MIN {
        return Vec::new();
    }
    let sums = Sums::new(values);
    let penalty = 3.0 * noise_variance(values) * (values.len() as f64).ln();
    let mut cuts = vec![0, values.len()];
    while cuts.len() < CHANGES_MAX + 2 {
        let best = cuts
            .windows(2)
            .filter_map(|segment| sums.best_split(segment[0], segment[1]))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((cut, gain)) if gain > penalty && gain > 1e-9 * sums.error(0, values.len()) => {
                let at = cuts.partition_point(|other| *other < cut);
                cuts.insert(at, cut);
            }
            _ => break,
        }
    }
    cuts.windows(3)
        .map(|cut| Change {
            first: cut[1],
            before: sums.mean(cut[0], cut[1]),
            after: sums.mean(cut[1], cut[2]),
        })
        .collect()
}

/// Values whose modified z-score is beyond 3.5. Where more than half of the values are equal the mean absolute
/// deviation stands in for the median one.
pub fn outliers(values: &[f64]) -> Vec<Outlier> {
    if values.len() < 5 {
        return Vec::new();
    }
    let middle = median(values.to_vec());
    let deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let scale = match median(deviations.clone()) {
        0.0 => mean(&deviations) * 1.253_314,
        deviation => deviation / 0.674_5,
    };
    if scale == 0.0 {
        return Vec::new();
    }
    let score = |value: &f64| (value - middle) / scale;
    values
        .iter()
        .enumerate()
        .map(|(at, value)| Outlier {
            at,
            score: score(value),
        })
        .filter(|outlier| outlier.score.abs() > SCORE_MIN)
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if even => (lower + upper) / 2.0,
        _ => upper,
    }
}

/// Of independent noise around a level: the differences of neighbours have twice its variance.
fn noise_variance(values: &[f64]) -> f64 {
    let differences: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let typical = median(differences.clone()) / 0.674_5;
    let deviation = if typical == 0.0 {
        mean(&differences) * 1.253_314
    } else {
        typical
    };
    deviation * deviation / 2.0
}

/// Prefix sums: the squared error of any segment in constant time.
struct Sums {
    sums: Vec<f64>,
    squares: Vec<f64>,
    /// Taken off before summing, so that large levels do not swallow small changes.
    shift: f64,
}

impl Sums {
    fn new(values: &[f64]) -> Sums {
        let shift = mean(values);
        let mut sums = vec![0.0];
        let mut squares = vec![0.0];
        let (mut sum, mut square) = (0.0, 0.0);
        for value in values {
            sum += value - shift;
            square += (value - shift) * (value - shift);
            sums.push(sum);
            squares.push(square);
        }
        Sums { sums, squares, shift }
    }

    fn mean(&self, from: usize, until: usize) -> f64 {
        (self.sums[until] - self.sums[from]) / (until - from) as f64 + self.shift
    }

    fn error(&self, from: usize, until: usize) -> f64 {
        let sum = self.sums[until] - self.sums[from];
        (self.squares[until] - self.squares[from]) - sum * sum / (until - from) as f64
    }

    fn best_split(&self, from: usize, until: usize) -> Option<(usize, f64)> {
        let whole = self.error(from, until);
        (from + SEGMENT_MIN..=until.checked_sub(SEGMENT_MIN)?)
            .map(|cut| (cut, whole - self.error(from, cut) - self.error(cut, until)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

#[cfg(test)]
mod tests;
