//! The table for people, and the page and the numbers below benchsuite/runs.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context as _;
use diagnosis::bottleneck::Bottleneck;
use serde_json::{Value, json};

use super::{
    Options,
    missing::missing,
    place::SEVERITY,
    recording,
    scenario::{self, Kind, Scenario, Severity, Shows},
    score::{self, Case, Score, Share, is_alarm, unattributed},
};
use crate::{
    bench::machine,
    workspace::{root, say},
};

/// What must be found, in short.
pub(crate) fn expected(scenario: &Scenario) -> String {
    let ids: Vec<&str> = scenario.expected.iter().map(|expected| expected.id()).collect();
    match scenario.kind {
        Kind::Plant => ids.first().copied().unwrap_or("X0").to_owned(),
        Kind::Double => ids.join(" or "),
        Kind::Control => "X0".to_owned(),
    }
}

/// All cases and all numbers, in Markdown.
pub(crate) fn table(cases: &[Case], binary: Option<&Path>) -> String {
    let mut text = String::from(
        "| scenario | what is planted | asked with | expected | verdict | grade | right | limit predicted / true | unattributed | bite: latency, rate, errors |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for case in cases.iter().filter(|case| case.inquiry.is_planted()) {
        plant_row(&mut text, case);
    }
    text.push_str(
        "\n| healthy | what looks suspicious | asked with | verdict | grade | false alarm |\n|---|---|---|---|---|---|\n",
    );
    for case in cases.iter().filter(|case| !case.inquiry.is_planted()) {
        healthy_row(&mut text, case);
    }
    not_here(&mut text, cases, binary);
    numbers(&mut text, &score::score(cases));
    severities(&mut text, cases);
    baselines(&mut text, cases, &score::score(cases));
    text
}

fn healthy_row(text: &mut String, case: &Case) {
    let verdict = &case.inquiry.verdict;
    let what = match case.scenario.kind {
        Kind::Plant | Kind::Double => "the plant is off".to_owned(),
        Kind::Control => what(case),
    };
    let alarm = match (case.is_valid(), is_alarm(verdict)) {
        (false, _) => "not scored: it does not show it",
        (true, true) => "**yes**",
        (true, false) => "no",
    };
    let _ = writeln!(
        text,
        "| {} | {what} | {} | {} | {} | {alarm} |",
        case.name(),
        asked_with(case),
        id(verdict.bottleneck),
        verdict.grade.words(),
    );
}

fn what(case: &Case) -> String {
    let dose = case.scenario.dose(case.inquiry.place.severity);
    let what = dose.map_or("", |dose| dose.what);
    match case.scenario.shows {
        None => what.to_owned(),
        Some(Shows::Throttled { .. }) => format!(
            "{what}: {:.2} % of the time",
            case.inquiry.throttled_share * 100.0
        ),
        Some(Shows::Checkpoints(_)) => format!("{what}: {} of them", case.inquiry.checkpoints),
    }
}

fn asked_with(case: &Case) -> String {
    format!("`{}`", case.inquiry.flags)
}

/// What was not planted because it cannot be.
fn not_here(text: &mut String, cases: &[Case], binary: Option<&Path>) {
    let reasons: Vec<(&str, String)> = scenario::all()
        .filter(|scenario| cases.iter().all(|case| case.scenario.id != scenario.id))
        .filter_map(|scenario| {
            let dose = scenario.dose(SEVERITY).or(scenario.doses.first())?;
            Some((scenario.id, missing(scenario, dose, binary)?))
        })
        .collect();
    if reasons.is_empty() {
        return;
    }
    text.push_str("\n| cannot be planted here, not scored | why |\n|---|---|\n");
    for (id, reason) in reasons {
        let _ = writeln!(text, "| {id} | {reason} |");
    }
}

/// Where more than one was planted.
fn severities(text: &mut String, cases: &[Case]) {
    let all = [Severity::Weak, Severity::Medium, Severity::Strong];
    let planted = all.map(|severity| (severity, score::of_severity(cases, severity)));
    if planted.iter().filter(|(_, cases)| !cases.is_empty()).count() < 2 {
        return;
    }
    text.push_str(
        "\n| severity | top-1 | Wilson, 95 % | layer | top-2 | limit within 25 % | does not bite |\n|---|---|---|---|---|---|---|\n",
    );
    for (severity, cases) in planted {
        let score = score::score(&cases);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            severity.name(),
            share_cells(score.top_1),
            of(score.layer),
            of(score.top_2),
            of(score.next),
            score.invalid.len()
        );
    }
}

fn plant_row(text: &mut String, case: &Case) {
    let verdict = &case.inquiry.verdict;
    let right = match (case.is_valid(), case.is_right(), case.is_among_two()) {
        (false, _, _) => "not scored: it does not bite",
        (true, true, _) => "yes",
        (true, false, true) => "second",
        (true, false, false) => "**no**",
    };
    let limit = case.next().map_or_else(String::new, |(said, truth)| {
        let said = said.map_or_else(|| "none".to_owned(), |said| format!("{said:.0}"));
        format!("{said} / {truth:.0}")
    });
    let rest = unattributed(verdict).map_or_else(String::new, |share| format!("{:.0} %", share * 100.0));
    let load = case.inquiry.load;
    let bite = case.twin.map_or_else(String::new, |twin| {
        format!(
            "{:.1} → {:.1} ms, {:.0} → {:.0} /s, {:.1} → {:.1} %",
            twin.latency_ms,
            load.latency_ms,
            twin.rate,
            load.rate,
            twin.error_share * 100.0,
            load.error_share * 100.0
        )
    });
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} | {right} | {limit} | {rest} | {bite} |",
        case.name(),
        what(case),
        asked_with(case),
        expected(case.scenario),
        id(verdict.bottleneck),
        verdict.grade.words(),
    );
}

fn numbers(text: &mut String, score: &Score) {
    text.push_str("\n| score | value | Wilson, 95 % |\n|---|---|---|\n");
    let rows = [
        ("top-1, exact id", score.top_1),
        ("top-1, layer", score.layer),
        ("top-2", score.top_2),
        ("double plants: one of the two", score.double),
        ("false alarms on healthy targets", score.false_alarms),
        ("precision of Proven", score.proven),
        ("limit within 25 %", score.next),
        ("less than 10 % unattributed", score.accounting),
    ];
    for (name, share) in rows {
        let _ = writeln!(text, "| {name} | {} |", share_cells(share));
    }
    let brier = score
        .brier
        .map_or_else(|| "none".to_owned(), |brier| format!("{brier:.3}"));
    let _ = writeln!(text, "| Brier, grades taken as 0.95, 0.8, 0.5, 0.1 | {brier} | |");
    let _ = writeln!(text, "| time to verdict | {:.0} s | |", score.seconds);
    let _ = writeln!(text, "| composite | {:.2} | |", score.composite());
    if !score.invalid.is_empty() {
        let _ = writeln!(
            text,
            "| not scored, does not bite or does not show what it claims | {} | |",
            score.invalid.join(", ")
        );
    }
}

fn baselines(text: &mut String, cases: &[Case], score: &Score) {
    text.push_str("\n| over the same evidence | top-1 | Wilson, 95 % | layer | healthy targets accused |\n|---|---|---|---|---|\n");
    let row = |text: &mut String, name: &str, (top_1, layer, alarms): (Share, Share, Share)| {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} |",
            share_cells(top_1),
            of(layer),
            of(alarms)
        );
    };
    row(text, "quest", (score.top_1, score.layer, score.false_alarms));
    for ((name, _), shares) in recording::BASELINES.iter().zip(&score.baselines) {
        row(text, name, *shares);
    }
    text.push_str("\n| scenario | expected | quest");
    for (name, _) in recording::BASELINES {
        let _ = write!(text, " | {name}");
    }
    text.push_str(" |\n|---|---|---|---|---|---|---|\n");
    for case in cases.iter().filter(|case| case.inquiry.is_planted()) {
        let _ = write!(
            text,
            "| {} | {} | {}",
            case.name(),
            expected(case.scenario),
            id(case.inquiry.verdict.bottleneck)
        );
        for said in &case.baselines {
            let _ = write!(text, " | {}", id(*said));
        }
        text.push_str(" |\n");
    }
}

fn share_cells(share: Share) -> String {
    let (low, high) = share.wilson();
    format!("{} | {:.0} to {:.0} %", of(share), low * 100.0, high * 100.0)
}

fn of(share: Share) -> String {
    if share.of == 0 {
        return "none counted".to_owned();
    }
    format!("{} of {} ({:.0} %)", share.right, share.of, share.value() * 100.0)
}

fn id(bottleneck: Option<Bottleneck>) -> &'static str {
    bottleneck.map_or("none", Bottleneck::id)
}

/// The page and the numbers.
pub(crate) fn write(name: &str, options: &Options, cases: &[Case]) -> anyhow::Result<()> {
    let score = score::score(cases);
    let directory = root().join("benchsuite/runs").join(name);
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    let machine = machine::machine();
    let mut page = format!(
        "# Plants: what quest says of bottlenecks that were planted\n\n\
         `cargo xtask plants`, each quest with a budget of {}; what is planted, and what must be found, is in `xtask/src/plants/scenario/`.\n\
         A plant bites if it raises latency by half, costs 30 % of throughput or makes 1 % of requests fail, at the same load as its twin; what the quest itself saw at that load counts, too.\n\n\
         - Machine: {}\n- {}\n- {}\n- nginx, the API (Python, `benchsuite/plants/api.py`; of the scenarios `ours-...` `sidequest serve`) and PostgreSQL share the machine with the generator.\n\n",
        options.budget(),
        machine.description,
        machine::line("postgres", &["--version"]),
        machine::line("python3", &["--version"]),
    );
    page.push_str(&table(cases, options.binary.as_deref()));
    let notes = directory.join("notes.md");
    if let Ok(text) = fs::read_to_string(&notes) {
        page.push('\n');
        page.push_str(&text);
    }
    fs::write(directory.join("README.md"), page)?;
    let results = json!({
        "budget": options.budget(),
        "composite": score.composite(),
        "brier": score.brier,
        "cases": cases.iter().map(case_json).collect::<Vec<Value>>(),
    });
    fs::write(
        directory.join("results.json"),
        serde_json::to_string_pretty(&results)? + "\n",
    )?;
    say(format_args!("written: benchsuite/runs/{name}"));
    Ok(())
}

fn case_json(case: &Case) -> Value {
    let verdict = &case.inquiry.verdict;
    let findings: Vec<Value> = verdict
        .findings
        .iter()
        .map(|finding| {
            json!({
                "bottleneck": finding.bottleneck.id(),
                "grade": finding.grade.words(),
                "share": finding.share.mid,
            })
        })
        .collect();
    let limits: Vec<Value> = verdict
        .limits
        .iter()
        .map(|limit| json!({"bottleneck": limit.bottleneck.id(), "rate": limit.rate.mid}))
        .collect();
    json!({
        "scenario": case.scenario.id,
        "severity": case.inquiry.place.severity.name(),
        "seed": case.inquiry.place.seed,
        "is_planted": case.inquiry.is_planted(),
        "flags": case.inquiry.flags,
        "expected": expected(case.scenario),
        "verdict": id(verdict.bottleneck),
        "grade": verdict.grade.words(),
        "sentence": verdict.sentence,
        "is_valid": case.is_valid(),
        "findings": findings,
        "limits": limits,
        "unattributed": unattributed(verdict),
        "load": case.inquiry.load.to_json(),
        "load_of_twin": case.twin.map(super::bite::Measured::to_json),
        "seconds": case.inquiry.seconds,
        "baselines": case.baselines.iter().map(|said| id(*said)).collect::<Vec<_>>(),
    })
}
