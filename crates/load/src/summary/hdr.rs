//! A distribution in HdrHistogram's own text form, which its plotters and hdr-plot read.

use std::fmt::Write as _;

use crate::recorder::Times;

/// Steps to each halving of what is left, as HdrHistogram itself prints.
const STEPS: u32 = 5;

/// Values are milliseconds.
pub fn text(times: &Times) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let histogram = times.histogram();
    let mut cumulative = 0;
    for step in histogram.iter_quantiles(STEPS) {
        cumulative += step.count_since_last_iteration();
        let quantile = step.quantile_iterated_to();
        let value = step.value_iterated_to() as f64 / 1e6;
        let _ = write!(out, "{value:12.3} {quantile:2.12} {cumulative:10}");
        if quantile < 1.0 {
            let _ = writeln!(out, " {:14.2}", 1.0 / (1.0 - quantile));
        } else {
            out.push('\n');
        }
    }
    let _ = writeln!(
        out,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        times.mean_ns() / 1e6,
        times.deviation_ns() / 1e6
    );
    let _ = writeln!(
        out,
        "#[Max     = {:12.3}, Total count    = {:12}]",
        times.max_ns() as f64 / 1e6,
        times.count()
    );
    let _ = writeln!(
        out,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        histogram.buckets(),
        2048
    );
    out
}
