//! One page for a terminal: the verdict first, then the milliseconds, then what to do.

use std::fmt::Write as _;

use diagnosis::{
    compare::{Comparison, Outcome},
    counter::judge,
    verdict::Verdict,
};

use super::Report;

/// Letters of a line.
const WIDTH: usize = 100;

/// Lines of one list; the report in HTML and JSON has all.
const LIST_MAX: usize = 8;

/// Parts of latency smaller than this, and that grew by less, are one line.
const SMALL_MS: f64 = 0.05;

/// The page.
pub fn page(report: &Report) -> String {
    let verdict = &report.verdict;
    let mut out = String::new();
    let id = verdict
        .bottleneck
        .map_or("?", diagnosis::bottleneck::Bottleneck::id);
    let _ = writeln!(out, "{}", report.target);
    let _ = writeln!(out, "\n  {id}  {}   [{}]\n", verdict.name, verdict.grade.words());
    wrapped(&mut out, "  ", &verdict.sentence);
    if verdict.is_void {
        wrapped(
            &mut out,
            "  ",
            "The generator was the bottleneck: nothing here is about the target.",
        );
    }
    milliseconds(&mut out, verdict);
    steps(&mut out, verdict);
    list(&mut out, "How clients ask", &report.stories);
    if let Some(finding) = verdict.findings.first() {
        list(&mut out, "Why", &finding.reasons);
        list(&mut out, "Doubts", &finding.doubts);
    }
    proof(&mut out, report);
    let failed: Vec<String> = verdict
        .checks
        .iter()
        .filter(|check| !check.is_passed)
        .map(|check| format!("{}: {}", check.name, check.words))
        .collect();
    list(&mut out, "Instruments that disagree", &failed);
    let ruled_out: Vec<String> = verdict
        .ruled_out
        .iter()
        .map(|ruled| format!("{} {}: {}", ruled.bottleneck.id(), ruled.name, ruled.because))
        .collect();
    list(&mut out, "Ruled out", &ruled_out);
    list(&mut out, "Not seen", &unseen(verdict));
    let limits: Vec<String> = verdict
        .limits
        .iter()
        .take(3)
        .map(|limit| limit.words.clone())
        .collect();
    list(&mut out, "Limits, the nearest first", &limits);
    advice(&mut out, verdict);
    if let Some(comparison) = &report.comparison {
        out.push('\n');
        out.push_str(&compared(comparison));
    }
    let _ = writeln!(out, "\nAgain");
    for command in &report.commands {
        let _ = writeln!(out, "  {command}");
    }
    out
}

/// Before and after a fix.
pub fn compared(comparison: &Comparison) -> String {
    let mut out = "Before and after\n".to_owned();
    wrapped(&mut out, "  ", &comparison.sentence);
    for difference in &comparison.differences {
        let ratio = difference.ratio.map_or_else(
            || "nothing before".to_owned(),
            |ratio| format!("x{:.2} ({:.2} to {:.2})", ratio.mid, ratio.low, ratio.high),
        );
        let _ = writeln!(
            out,
            "  {:<12} {:>6.0} users  {:>10.2} -> {:>10.2}  {ratio}  {}",
            difference.measure,
            difference.users,
            difference.before,
            difference.after,
            outcome(difference.outcome)
        );
    }
    out
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Better => "better",
        Outcome::Same => "the same",
        Outcome::Worse => "worse",
        Outcome::Mixed => "mixed",
        Outcome::Incomparable => "not comparable",
    }
}

fn milliseconds(out: &mut String, verdict: &Verdict) {
    let Some(attribution) = &verdict.attribution else {
        return;
    };
    let users = |experiment: &str| {
        let step = verdict.steps.iter().find(|step| step.experiment == experiment);
        step.map_or_else(
            || experiment.to_owned(),
            |step| format!("{:.0} users", step.users),
        )
    };
    let _ = writeln!(
        out,
        "\nWhere a request's time goes, mean ms {:>17} {:>12} {:>10}",
        users(&attribution.low),
        users(&attribution.high),
        "growth"
    );
    let is_small = |row: &&diagnosis::attribution::Row| {
        row.low_ms.abs() < SMALL_MS && row.high_ms.abs() < SMALL_MS && row.growth_ms.abs() < SMALL_MS
    };
    let mut rows: Vec<_> = attribution.rows.iter().filter(|row| !is_small(row)).collect();
    rows.sort_by(|one, other| other.growth_ms.total_cmp(&one.growth_ms));
    for row in rows {
        let bar = "#".repeat((row.share.mid.clamp(0.0, 1.0) * 20.0).round() as usize);
        let _ = writeln!(
            out,
            "  {:<46} {:>9.2} {:>12.2} {:>+10.2} {:>5.0} % {bar}",
            shortened(&row.part.words(&row.subject), 46),
            row.low_ms,
            row.high_ms,
            row.growth_ms,
            row.share.mid * 100.0
        );
    }
    let (low, high) = attribution
        .rows
        .iter()
        .filter(is_small)
        .fold((0.0, 0.0), |(low, high), row| {
            (low + row.low_ms, high + row.high_ms)
        });
    if low.abs() + high.abs() >= 0.005 {
        let _ = writeln!(
            out,
            "  {:<46} {low:>9.2} {high:>12.2} {:>+10.2}",
            "all that is smaller",
            high - low
        );
    }
    let _ = writeln!(
        out,
        "  {:<46} {:>9.2} {:>12.2} {:>+10.2}",
        "together",
        attribution.low_ms,
        attribution.high_ms,
        attribution.high_ms - attribution.low_ms
    );
}

fn steps(out: &mut String, verdict: &Verdict) {
    if verdict.steps.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n  users   answers/s    mean ms     p99 ms   failed");
    for step in &verdict.steps {
        let p99 = step
            .p99_ms
            .map_or_else(|| "-".to_owned(), |p99| format!("{p99:.2}"));
        let _ = writeln!(
            out,
            "  {:>5.0} {:>11.*} {:>10.2} {:>10} {:>7.1} %",
            step.users,
            if step.rate.mid < 10.0 { 2 } else { 0 },
            step.rate.mid,
            step.latency_ms.mid,
            p99,
            step.error_share * 100.0
        );
    }
}

fn proof(out: &mut String, report: &Report) {
    let run: Vec<String> = report
        .verdict
        .counters
        .iter()
        .filter(|judged| judged.outcome != judge::Outcome::NotRecorded)
        .map(|judged| judged.words.clone())
        .collect();
    list(out, "Counter-experiments", &run);
    if !report.wanted.is_empty() {
        let wanted = format!("Would prove more, and was not run: {}.", report.wanted.join(", "));
        wrapped(out, "  ", &wanted);
    }
}

fn unseen(verdict: &Verdict) -> Vec<String> {
    // Many bottlenecks lack the same source: one line for each source.
    let mut by_source: Vec<(String, Vec<&str>)> = Vec::new();
    for unseen in &verdict.unseen {
        let reason = if unseen.reason.is_empty() {
            "not measured here"
        } else {
            &unseen.reason
        };
        let why = format!("{}: {reason}", unseen.source.words());
        match by_source.iter_mut().find(|(known, _)| *known == why) {
            Some((_, ids)) => ids.push(unseen.bottleneck.id()),
            None => by_source.push((why, vec![unseen.bottleneck.id()])),
        }
    }
    by_source
        .into_iter()
        .map(|(why, ids)| format!("{why} (so nothing about {})", ids.join(", ")))
        .collect()
}

fn advice(out: &mut String, verdict: &Verdict) {
    let Some(finding) = verdict.findings.first() else {
        return;
    };
    let _ = writeln!(out, "\nHow to fix it");
    wrapped(out, "  ", &finding.advice.words);
    for exact in &finding.advice.exact {
        let _ = writeln!(out, "    {exact}");
    }
    if !finding.advice.exact.is_empty() && !finding.advice.is_tested {
        let _ = writeln!(out, "  Not tested here.");
    }
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for line in lines.iter().take(LIST_MAX) {
        wrapped(out, "  - ", line);
    }
    if lines.len() > LIST_MAX {
        let _ = writeln!(out, "  - and {} more, in report.html", lines.len() - LIST_MAX);
    }
}

fn wrapped(out: &mut String, indent: &str, text: &str) {
    let mut line = indent.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = " ".repeat(indent.len());
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    if !is_empty {
        let _ = writeln!(out, "{line}");
    }
}

fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters - 2).collect();
    format!("{kept}..")
}
