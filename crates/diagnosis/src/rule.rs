//! The catalogue: one file a bottleneck, each with what it may explain, what must be seen, what speaks for and
//! against it, how to prove it, and what helps.

mod c1;
mod c2;
mod clue;
mod d1;
mod d10;
mod d11;
mod d12;
mod d13;
mod d2;
mod d3;
mod d4;
mod d5;
mod d6;
mod d7;
mod d8;
mod d9;
mod d9b;
mod n1;
mod n2;
mod n3;
mod n4;
mod p1;
mod p10;
mod p2;
mod p3;
mod p4;
mod p5;
mod p6;
mod p7;
mod p8;
mod p9;
mod s1;
mod s2;
mod s3;
mod s4;
mod s5;
mod s6;
mod s7;
mod x0;

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure, Negative, Role},
    interval::Interval,
    scene::{Answer, Claim, Scene},
};

/// One bottleneck of the catalogue.
pub(crate) struct Rule {
    pub(crate) bottleneck: Bottleneck,
    /// What is judged first, what last.
    pub(crate) rank: Rank,
    /// For the reference: what proves it.
    pub(crate) proof: &'static str,
    /// For the reference: what it is confused with, and what separates them.
    pub(crate) confused: &'static str,
    /// For the reference: what the counter-experiment must show.
    pub(crate) experiment: &'static str,
    /// What to do.
    pub(crate) advice: &'static str,
    /// How much of the trouble it explains, if anything.
    pub(crate) claim: fn(&Scene<'_>) -> Option<Claim>,
    /// The counter that shows it directly. It must be there.
    pub(crate) direct: fn(&Scene<'_>) -> Answer,
    /// What else must be so.
    pub(crate) must: &'static [fn(&Scene<'_>) -> Answer],
    /// What speaks for it.
    pub(crate) supports: &'static [fn(&Scene<'_>) -> Answer],
    /// What speaks against it.
    pub(crate) refutes: &'static [fn(&Scene<'_>) -> Answer],
    /// What would prove it.
    pub(crate) counters: fn(&Scene<'_>) -> Vec<CounterExperiment>,
    /// The setting, index or SQL, to be copied.
    pub(crate) exact: fn(&Scene<'_>) -> Vec<String>,
}

/// When a rule is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The measurement is void: before anything else.
    Void,
    /// Failures: before attribution.
    Cliff,
    /// A plan names the fault within what a statement is blamed for.
    Exact,
    /// It names the fault within what another rule names more coarsely.
    Specific,
    /// By attribution.
    Ordinary,
    /// Failures that have a cause of their own: after what is found by attribution.
    Symptom,
}

/// All rules, in the order of the catalogue.
pub(crate) const RULES: &[Rule] = &[
    c1::RULE,
    c2::RULE,
    p1::RULE,
    p2::RULE,
    p3::RULE,
    p4::RULE,
    p5::RULE,
    p6::RULE,
    p7::RULE,
    p8::RULE,
    p9::RULE,
    p10::RULE,
    s1::RULE,
    s2::RULE,
    s3::RULE,
    s4::RULE,
    s5::RULE,
    s6::RULE,
    s7::RULE,
    d1::RULE,
    d2::RULE,
    d3::RULE,
    d4::RULE,
    d5::RULE,
    d6::RULE,
    d7::RULE,
    d8::RULE,
    d9::RULE,
    d9b::RULE,
    d10::RULE,
    d11::RULE,
    d12::RULE,
    d13::RULE,
    n1::RULE,
    n2::RULE,
    n3::RULE,
    n4::RULE,
    x0::RULE,
];

/// The rule of a bottleneck.
pub(crate) fn of(bottleneck: Bottleneck) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.bottleneck == bottleneck)
}

/// The direct counter-experiment of a rule.
pub(crate) struct Direct<'a> {
    pub(crate) id: &'static str,
    pub(crate) bottleneck: Bottleneck,
    pub(crate) class: Class,
    pub(crate) factor: Factor,
    pub(crate) base: &'a str,
    pub(crate) measure: Measure,
    pub(crate) predicted: Interval,
    pub(crate) words: String,
}

impl Direct<'_> {
    pub(crate) fn counter(self, negative: Option<Negative>) -> CounterExperiment {
        CounterExperiment {
            id: self.id.to_owned(),
            bottleneck: self.bottleneck,
            role: Role::Direct,
            class: self.class,
            factor: self.factor,
            base: self.base.to_owned(),
            measure: self.measure,
            predicted: self.predicted,
            negative,
            words: self.words,
        }
    }
}

/// What a factor may move when it is irrelevant: drift between runs was up to 10 %.
const NOTHING: Interval = Interval {
    low: 0.93,
    mid: 1.0,
    high: 1.07,
};

/// A ratio, predicted with its bounds.
pub(crate) fn between(low: f64, mid: f64, high: f64) -> Interval {
    Interval { low, mid, high }
}

/// What must not change.
pub(crate) fn unchanged(measure: Measure, words: &str) -> Option<Negative> {
    Some(Negative {
        measure,
        stays: between(0.8, 1.0, 1.25),
        words: words.to_owned(),
    })
}

/// Twice as much of what limits: throughput doubles, or rises to the next limit.
pub(crate) fn doubled(scene: &Scene<'_>, bottleneck: Bottleneck) -> Interval {
    let now = scene.view.rate(scene.high).unwrap_or(0.0);
    let next = scene
        .limits()
        .iter()
        .find(|limit| limit.bottleneck != bottleneck && limit.rate.mid > now * 1.05);
    let most = match next {
        Some(next) if now > 0.0 => (next.rate.mid / now).min(2.0),
        _ => 2.0,
    };
    let users = scene.view.users(scene.high).unwrap_or(f64::INFINITY);
    let base_ms = scene.view.latency(scene.low).unwrap_or(0.0);
    // A closed loop cannot ask for more than its users at the latency of one.
    let offered = if base_ms > 0.0 && now > 0.0 {
        users / base_ms * 1000.0 / now
    } else {
        2.0
    };
    let mid = most.min(offered).max(1.05);
    between((mid * 0.8).max(1.02), mid, mid * 1.1)
}

/// Time added to a hold: throughput falls by hold / (hold + added).
pub(crate) fn longer(hold_ms: f64, added_ms: f64) -> Interval {
    let ratio = hold_ms / (hold_ms + added_ms);
    between((ratio - 0.08).max(0.0), ratio, (ratio + 0.06).min(0.98))
}

/// A control that only needs the client: more connections do not move what is limited behind them. Where each user
/// has a connection of its own there are no more connections without more users, so those are changed.
pub(crate) fn more_connections(
    scene: &Scene<'_>,
    id: &'static str,
    bottleneck: Bottleneck,
) -> CounterExperiment {
    let load = scene.load();
    let is_own = load.is_some_and(|load| {
        load.connections.is_none()
            && load
                .protocol
                .as_deref()
                .is_some_and(|protocol| protocol != "HTTP/2")
    });
    if is_own {
        return more_users(scene, &id.replace("-connections", "-users"), bottleneck);
    }
    let from = load.and_then(|load| load.connections).unwrap_or(1).max(1);
    CounterExperiment {
        id: id.to_owned(),
        bottleneck,
        role: Role::Control,
        class: Class::Client,
        factor: Factor::Connections {
            from,
            to: from.saturating_mul(2),
        },
        base: scene.high.to_owned(),
        measure: Measure::Rate,
        predicted: NOTHING,
        negative: None,
        words: "Twice the connections for the same users: what limits is behind them, so nothing moves."
            .to_owned(),
    }
}

/// A control that only needs the client: more users wait longer for the same limit. Where no more are allowed, fewer
/// wait less for it.
pub(crate) fn more_users(scene: &Scene<'_>, id: &str, bottleneck: Bottleneck) -> CounterExperiment {
    let users = scene.view.users(scene.high).unwrap_or(1.0);
    let from = users.round().clamp(1.0, f64::from(u32::MAX / 2)) as u32;
    let most = scene
        .view
        .evidence
        .head
        .settings
        .get("concurrency_max")
        .and_then(|most| most.parse::<u32>().ok())
        .unwrap_or(u32::MAX);
    let more = from + from.div_ceil(2);
    let (to, words) = if more <= most || from < 3 {
        (
            more,
            "Half as many users again: the limit is reached already, so throughput stays.",
        )
    } else {
        (
            from - from.div_ceil(3),
            "A third of the users less: they reach the limit as well, so throughput stays.",
        )
    };
    CounterExperiment {
        id: id.to_owned(),
        bottleneck,
        role: Role::Control,
        class: Class::Client,
        factor: Factor::Users { from, to },
        base: scene.high.to_owned(),
        measure: Measure::Rate,
        predicted: NOTHING,
        negative: None,
        words: words.to_owned(),
    }
}

/// A control: a factor that must move nothing.
pub(crate) fn control(
    id: &'static str,
    bottleneck: Bottleneck,
    base: &str,
    factor: Factor,
    measure: Measure,
    words: &str,
) -> CounterExperiment {
    let class = match &factor {
        Factor::Delay { .. } => Class::Probe,
        Factor::Reconfigure { .. } => Class::Reconfigure,
        _ => Class::Client,
    };
    CounterExperiment {
        id: id.to_owned(),
        bottleneck,
        role: Role::Control,
        class,
        factor,
        base: base.to_owned(),
        measure,
        predicted: NOTHING,
        negative: None,
        words: words.to_owned(),
    }
}

/// A rule without something to copy.
pub(crate) fn nothing_exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
