//! N2: the line is full.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    line,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::N2,
    rank: Rank::Ordinary,
    proof: "Bytes a second stay the same under growing load, and TCP is busy without being limited by the reader; packets wait before the line.",
    confused: "P3: there time follows windows. N4: there the reader limits.",
    experiment: "Half the bytes: throughput rises by the ratio.",
    advice: "Compress, or send less.",
    claim,
    direct,
    must: &[],
    supports: &[near_the_limit, queue_stands],
    refutes: &[super::n4::reader_limits, windows_limit],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, _| matches!(part, Part::Transfer | Part::Between))
}

fn direct(scene: &Scene<'_>) -> Answer {
    let Some(line) = line::of(&scene.view) else {
        return unseen(Source::Client, "");
    };
    let ((users, before), (last_users, last)) = (line.before, line.last);
    let mut words = format!(
        "{:.2} MB a second with {users:.0} users and {:.2} with {last_users:.0}, in answers of {:.0} bytes",
        before / 1e6,
        last / 1e6,
        line.body.value
    );
    if let Some(busy) = &line.busy {
        let of_time = busy.value * 100.0;
        words.push_str(&format!(
            "; the server's TCP had data to send for {of_time:.0} % of the time"
        ));
    }
    let is_full = line.is_full();
    answer(is_full, words, std::iter::once(line.body).chain(line.busy))
}

fn near_the_limit(scene: &Scene<'_>) -> Answer {
    let limit = scene
        .view
        .fact(Signal::HostNicLimit, "server")
        .or_else(|| scene.view.fact(Signal::HostNicLimit, ""));
    match (limit, line::bytes_per_second(&scene.view, scene.high)) {
        (Some(limit), Some(bytes)) => answer(
            bytes >= 0.8 * limit.value,
            format!("{:.2} of {:.2} MB a second", bytes / 1e6, limit.value / 1e6),
            [limit],
        ),
        _ => unseen(Source::Host, "server"),
    }
}

fn queue_stands(scene: &Scene<'_>) -> Answer {
    if let Some((stands, under_load, least)) = line::queue(&scene.view) {
        let words = format!(
            "a round trip takes {:.1} ms under load and {:.1} without: packets wait before the line",
            under_load.value, least.value
        );
        return answer(stands, words, [under_load, least]);
    }
    match scene.at_high(Signal::HostQueueBacklogBytes, "server") {
        Some(seen) => answer(
            seen.value > 0.0,
            format!("{:.0} bytes wait in the queue of the network card", seen.value),
            [seen],
        ),
        None => unseen(Source::Tcp, "server"),
    }
}

fn windows_limit(scene: &Scene<'_>) -> Answer {
    match (super::p3::RULE.direct)(scene) {
        Answer::Yes(said) => match (super::p3::RULE.must[0])(scene) {
            Answer::Yes(_) => Answer::Yes(said),
            other => other,
        },
        other => other,
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "N2-body",
        bottleneck: Bottleneck::N2,
        class: Class::Client,
        factor: Factor::SmallerBody { to_share: 0.5 },
        base: scene.high,
        measure: Measure::Rate,
        predicted: between(1.5, 1.9, 2.1),
        words: "Half the bytes of each answer.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "N2-connections", Bottleneck::N2),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
