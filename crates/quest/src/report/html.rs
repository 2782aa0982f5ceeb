//! One file for a browser: offline, light and dark, charts drawn in SVG.

use std::fmt::Write as _;

use diagnosis::{
    counter::judge,
    source::{Source, State},
};

use super::{
    Done, Report,
    chart::{self, escaped},
    shape,
};

const STYLE: &str = "
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#667;--line:#d8dce2;--bar:#3467c9;--mark:#c23a2b;--well:#f4f6f9}
@media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ee;--soft:#99a2b0;--line:#333a44;--bar:#6f9cf0;--mark:#ff8273;--well:#1c2127}}
body{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
.target,.soft{color:var(--soft)}.verdict{background:var(--well);border-left:.4rem solid var(--mark);padding:1rem 1.2rem;border-radius:.3rem}
.grade{display:inline-block;border:1px solid var(--mark);color:var(--mark);border-radius:1rem;padding:0 .7rem;font-size:.9rem;vertical-align:middle}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
pre{background:var(--well);padding:.7rem 1rem;overflow-x:auto;border-radius:.3rem}
svg{width:100%;height:auto;display:block}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}
svg .bar{fill:var(--bar)}svg .mark{stroke:var(--mark);fill:none}svg .curve{stroke:var(--bar);fill:none;stroke-width:2}svg .dot{fill:var(--bar)}svg .axis{stroke:var(--line)}
.wide{overflow-x:auto}
";

/// The page.
pub fn page(report: &Report) -> String {
    let mut out = String::new();
    let verdict = &report.verdict;
    let id = verdict
        .bottleneck
        .map_or("?", diagnosis::bottleneck::Bottleneck::id);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{id} {} - sidequest</title><style>{STYLE}</style></head><body>\n\
         <p class=\"target\">{} <span>{}</span></p>\n<section class=\"verdict\"><h1>{id} {} <span class=\"grade\">{}</span></h1><p>{}</p></section>\n",
        escaped(&verdict.name),
        escaped(&report.target),
        escaped(&report.began),
        escaped(&verdict.name),
        escaped(verdict.grade.words()),
        escaped(&verdict.sentence)
    );
    charts(&mut out, report);
    finding(&mut out, report);
    counters(&mut out, report);
    limits(&mut out, report);
    ruled_out(&mut out, report);
    comparison(&mut out, report);
    experiments(&mut out, report);
    sources(&mut out, report);
    heading(&mut out, "Again");
    let _ = writeln!(out, "<pre>{}</pre>", escaped(&report.commands.join("\n")));
    out.push_str("</body></html>\n");
    out
}

fn charts(out: &mut String, report: &Report) {
    let verdict = &report.verdict;
    if let Some(attribution) = &verdict.attribution {
        heading(out, "Where a request's time goes");
        let _ = writeln!(
            out,
            "<p class=\"soft\">Mean milliseconds at low and at high load; the growths add up to {:+.2} ms.</p>",
            attribution.high_ms - attribution.low_ms
        );
        out.push_str(&chart::attribution(attribution));
    }
    if verdict.steps.len() > 1 {
        heading(out, "More users at once");
        out.push_str(&chart::throughput(verdict));
        out.push_str(&chart::latency(verdict));
    }
    let widest = verdict.steps.last().map(|step| step.experiment.as_str());
    let shown: Vec<&Done> = report
        .experiments
        .iter()
        .filter(|done| !done.histogram.is_empty())
        .filter(|done| {
            done.id == "baseline"
                || Some(done.id.as_str()) == widest
                || done.id.starts_with("open-")
                || done.id.starts_with("story-")
        })
        .collect();
    if !shown.is_empty() {
        heading(out, "How latencies are spread");
        out.push_str(&shape::histograms(&shown));
    }
    items(out, "How clients ask", &report.stories);
    heading(out, "One slow request");
    match &report.slow {
        Some(trace) => out.push_str(&shape::waterfall(trace)),
        None => {
            let reason = report
                .sources
                .iter()
                .rev()
                .find(|source| source.source == Source::Traces)
                .map_or("the evidence holds none", |source| source.reason.as_str());
            let _ = writeln!(out, "<p class=\"soft\">Not shown: {}.</p>", escaped(reason));
        }
    }
}

fn finding(out: &mut String, report: &Report) {
    let Some(finding) = report.verdict.findings.first() else {
        return;
    };
    items(out, "Why", &finding.reasons);
    items(out, "Doubts", &finding.doubts);
    heading(out, "How to fix it");
    let _ = writeln!(out, "<p>{}</p>", escaped(&finding.advice.words));
    if !finding.advice.exact.is_empty() {
        let _ = writeln!(out, "<pre>{}</pre>", escaped(&finding.advice.exact.join("\n")));
        if !finding.advice.is_tested {
            out.push_str("<p class=\"soft\">Not tested here.</p>\n");
        }
    }
    heading(out, "What it rests on");
    out.push_str("<div class=\"wide\"><table><tr><th>signal</th><th>of</th><th>experiment</th><th class=\"n\">value</th><th class=\"n\">rounds</th><th>note</th></tr>\n");
    for cite in finding.cites.all() {
        let _ = writeln!(
            out,
            "<tr><td title=\"{}\">{}</td><td>{}</td><td>{}</td><td class=\"n\">{:.3}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escaped(cite.signal.words()),
            escaped(cite.signal.name()),
            escaped(&cite.subject),
            escaped(&cite.experiment),
            cite.value,
            cite.rounds,
            escaped(&cite.note)
        );
    }
    out.push_str("</table></div>\n");
}

fn counters(out: &mut String, report: &Report) {
    let run: Vec<String> = report
        .verdict
        .counters
        .iter()
        .filter(|judged| judged.outcome != judge::Outcome::NotRecorded)
        .map(|judged| judged.words.clone())
        .collect();
    items(out, "Counter-experiments", &run);
    items(out, "Would prove more, and was not run", &report.wanted);
}

fn limits(out: &mut String, report: &Report) {
    let words: Vec<String> = report
        .verdict
        .limits
        .iter()
        .map(|limit| limit.words.clone())
        .collect();
    items(out, "Limits, the nearest first", &words);
}

fn ruled_out(out: &mut String, report: &Report) {
    let verdict = &report.verdict;
    let ruled: Vec<String> = verdict
        .ruled_out
        .iter()
        .map(|ruled| format!("{} {}: {}", ruled.bottleneck.id(), ruled.name, ruled.because))
        .collect();
    items(out, "Ruled out", &ruled);
    let unseen: Vec<String> = verdict
        .unseen
        .iter()
        .map(|unseen| {
            format!(
                "{} {}: {}: {}",
                unseen.bottleneck.id(),
                unseen.name,
                unseen.source.words(),
                unseen.reason
            )
        })
        .collect();
    items(out, "Could not be seen", &unseen);
    let checks: Vec<String> = verdict
        .checks
        .iter()
        .map(|check| {
            format!(
                "{} {}: {}",
                if check.is_passed { "holds:" } else { "FAILS:" },
                check.name,
                check.words
            )
        })
        .collect();
    items(out, "Do the instruments agree?", &checks);
}

fn comparison(out: &mut String, report: &Report) {
    if let Some(comparison) = &report.comparison {
        heading(out, "Before and after");
        let _ = writeln!(out, "<pre>{}</pre>", escaped(&super::text::compared(comparison)));
    }
}

fn experiments(out: &mut String, report: &Report) {
    heading(out, "What was done");
    out.push_str("<div class=\"wide\"><table><tr><th>experiment</th><th>what for</th><th class=\"n\">load</th><th>protocol</th><th class=\"n\">rounds</th><th class=\"n\">answers/s</th><th class=\"n\">mean ms</th><th class=\"n\">p99 ms</th><th class=\"n\">failed</th></tr>\n");
    for done in &report.experiments {
        let load = match (done.users, done.offered, done.requests) {
            (Some(users), _, _) => format!("{users:.0} users"),
            (None, Some(rate), _) => format!("{rate:.0}/s"),
            (None, None, Some(requests)) => format!("{requests} at once"),
            (None, None, None) => String::new(),
        };
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        let rounds = if done.discarded > 0 {
            format!("{} (+{} disturbed)", done.rounds, done.discarded)
        } else {
            done.rounds.to_string()
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{load}</td><td>{}</td><td class=\"n\">{rounds}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.0}</td></tr>",
            escaped(&done.id),
            escaped(&done.purpose),
            escaped(done.protocol.as_deref().unwrap_or("")),
            number(done.rate),
            number(done.latency_ms),
            number(done.p99_ms),
            done.errors
        );
    }
    out.push_str("</table></div>\n");
}

fn sources(out: &mut String, report: &Report) {
    heading(out, "What could be read");
    out.push_str("<table><tr><th>source</th><th>of</th><th></th><th>how, or why not</th></tr>\n");
    for source in &report.sources {
        let state = match source.state {
            State::Available => "read",
            State::Denied => "denied",
            State::Absent => "absent",
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{state}</td><td>{}</td></tr>",
            escaped(source.source.words()),
            escaped(&source.subject),
            escaped(&source.reason)
        );
    }
    out.push_str("</table>\n");
}

fn heading(out: &mut String, title: &str) {
    let _ = writeln!(out, "<h2>{}</h2>", escaped(title));
}

fn items(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    heading(out, title);
    out.push_str("<ul>\n");
    for line in lines {
        let _ = writeln!(out, "<li>{}</li>", escaped(line));
    }
    out.push_str("</ul>\n");
}
