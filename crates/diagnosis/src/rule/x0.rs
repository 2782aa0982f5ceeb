//! X0: nothing limits, up to the load that was tried. It is decided by [`crate::guard`], not by a claim.

use crate::{
    bottleneck::Bottleneck,
    rule::{Rank, Rule, nothing_exact},
    scene::{Answer, Scene, answer},
    signal::Signal,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::X0,
    rank: Rank::Ordinary,
    proof: "Growth of latency is within 15 % or the noise of the machine, and throughput is at least 85 % of proportional.",
    confused: "A load that is too small: the verdict says up to how many users it holds.",
    experiment: "None.",
    advice: "Nothing to do. The next limit is what the resources predict.",
    claim: |_| None,
    direct,
    must: &[],
    supports: &[],
    refutes: &[],
    counters: |_| Vec::new(),
    exact: nothing_exact,
};

fn direct(scene: &Scene<'_>) -> Answer {
    answer(
        !scene.is_troubled,
        "latency and throughput at the highest load".to_owned(),
        scene.at_high(Signal::ClientLatencyMs, ""),
    )
}
