//! The goals: for each, which cells, against whom, and the largest ratio of CPU a request.

use std::fmt::Write as _;

use super::{page::Comparison, tool::Kind};

/// The geometric mean over its cells of the median ratios is to be at most this.
struct Goal {
    what: &'static str,
    cells: &'static [&'static str],
    peer: Kind,
    ratio_max: f64,
}

const SMALL_HTTP1: &[&str] = &[
    "nginx h1 x6 13 B",
    "nginx h1 x64 13 B",
    "responder h1 x6 13 B",
    "responder h1 x64 13 B",
];
const LARGE_HTTP1: &[&str] = &[
    "nginx h1 x6 155 kB",
    "nginx h1 x64 155 kB",
    "responder h1 x6 155 kB",
    "responder h1 x64 155 kB",
];
const LARGE_HTTP1_DISCARD: &[&str] = &[
    "nginx h1 x6 155 kB discard",
    "nginx h1 x64 155 kB discard",
    "responder h1 x6 155 kB discard",
    "responder h1 x64 155 kB discard",
];
const SMALL_HTTP2: &[&str] = &["responder h2 1x100 13 B", "responder h2 8x100 13 B"];
const SMALL_HTTP2_NGINX: &[&str] = &["nginx h2 1x100 13 B", "nginx h2 8x100 13 B"];
const LARGE_HTTP2: &[&str] = &[
    "nginx h2 1x100 155 kB",
    "nginx h2 8x100 155 kB",
    "responder h2 1x100 155 kB",
    "responder h2 8x100 155 kB",
];
const ONE_HTTP1: &[&str] = &[
    "nginx h1 x1 13 B",
    "responder h1 x1 13 B",
    "nginx h1 x1 155 kB",
    "responder h1 x1 155 kB",
];

const GOALS: &[Goal] = &[
    goal("h1 x6 and x64, 13 B", SMALL_HTTP1, Kind::H2load, 0.75),
    goal("h1 x6 and x64, 13 B", SMALL_HTTP1, Kind::Wrk, 0.90),
    goal("h1 x6 and x64, 13 B", SMALL_HTTP1, Kind::Oha, 0.55),
    goal("h1 x6 and x64, 13 B", SMALL_HTTP1, Kind::Hey, 0.35),
    goal(
        "h1 x6 and x64, 155 kB, bodies read",
        LARGE_HTTP1,
        Kind::H2load,
        0.60,
    ),
    goal("h1 x6 and x64, 155 kB, bodies read", LARGE_HTTP1, Kind::Wrk, 0.55),
    goal(
        "h1 x6 and x64, 155 kB, discard",
        LARGE_HTTP1_DISCARD,
        Kind::H2load,
        0.50,
    ),
    goal(
        "h1 x6 and x64, 155 kB, discard",
        LARGE_HTTP1_DISCARD,
        Kind::Wrk,
        0.45,
    ),
    goal(
        "h2 1x100 and 8x100, 13 B, responder",
        SMALL_HTTP2,
        Kind::H2load,
        0.40,
    ),
    goal(
        "h2 1x100 and 8x100, 13 B, responder",
        SMALL_HTTP2,
        Kind::Oha,
        0.10,
    ),
    goal(
        "h2 1x100 and 8x100, 13 B, nginx",
        SMALL_HTTP2_NGINX,
        Kind::H2load,
        0.85,
    ),
    goal("h2 1x100 and 8x100, 155 kB", LARGE_HTTP2, Kind::H2load, 0.65),
    goal("h2 1x100 and 8x100, 155 kB", LARGE_HTTP2, Kind::Oha, 0.50),
    goal("h1 x1", ONE_HTTP1, Kind::H2load, 1.05),
];

const fn goal(what: &'static str, cells: &'static [&'static str], peer: Kind, ratio_max: f64) -> Goal {
    Goal {
        what,
        cells,
        peer,
        ratio_max,
    }
}

/// A row for each goal. One whose cells were not all measured is not met, and says which are missing.
pub(crate) fn table(comparisons: &[Comparison]) -> String {
    let mut table = String::from("| goal | against | at most | measured | |\n|---|---|---|---|---|\n");
    for goal in GOALS {
        let ratios: Vec<f64> = goal
            .cells
            .iter()
            .filter_map(|cell| {
                let found = comparisons
                    .iter()
                    .find(|found| found.cell == *cell && found.peer == goal.peer.name())?;
                Some(found.ratio.as_ref()?.median)
            })
            .collect();
        let missing = goal.cells.len() - ratios.len();
        let mean = geometric_mean(&ratios);
        let verdict = match (missing, mean) {
            (0, Some(mean)) if mean <= goal.ratio_max => "met".to_owned(),
            (0, _) => "**not met**".to_owned(),
            (missing, _) => format!("not judged: {missing} of {} cells not measured", goal.cells.len()),
        };
        let mean = mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.2}"));
        let _ = writeln!(
            table,
            "| {} | {} | {:.2} | {mean} | {verdict} |",
            goal.what,
            goal.peer.name(),
            goal.ratio_max
        );
    }
    table
}

#[expect(clippy::cast_precision_loss, reason = "a handful of cells")]
fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    (!ratios.is_empty())
        .then(|| (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp())
}
