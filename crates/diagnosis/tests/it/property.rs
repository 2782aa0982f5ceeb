//! What holds for any evidence: no panic, no order, sums that close, findings that cite.

use diagnosis::{
    bottleneck::Bottleneck,
    case, diagnose,
    evidence::{self, Evidence, Head, Line},
    experiment::{Experiment, Load, Purpose, Round},
    grade::Grade,
    observation::{Observation, Reading},
    propose,
    signal::Signal,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::case::cases;

const SUBJECTS: [&str; 9] = [
    "",
    "server",
    "database",
    "client",
    "CPU",
    "Lock/transactionid",
    "0",
    "503",
    "q",
];

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..1000.0_f64,
        1 => Just(0.0),
        1 => Just(-1.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(1e300),
        1 => Just(5e-324),
    ]
}

fn observation() -> impl Strategy<Value = Observation> {
    let reading = prop_oneof![
        number().prop_map(Reading::Value),
        vec([number(), number()], 0..4).prop_map(Reading::Counter),
        vec([number(), number()], 0..9).prop_map(Reading::Gauge),
        vec([number(), number(), number()], 0..9).prop_map(Reading::Sampled),
    ];
    (
        select(vec!["", "baseline", "ramp-4", "ramp-16", "burst"]),
        0..4_u32,
        select(Signal::ALL.to_vec()),
        select(SUBJECTS.to_vec()),
        reading,
    )
        .prop_map(|(experiment, round, signal, subject, reading)| Observation {
            experiment: experiment.to_owned(),
            round,
            signal,
            subject: subject.to_owned(),
            reading,
            note: String::new(),
        })
}

fn arbitrary() -> impl Strategy<Value = Evidence> {
    (vec(observation(), 0..300), vec(number(), 4), vec(number(), 3)).prop_map(
        |(observations, users, latencies)| {
            let mut evidence = Evidence::new(Head::default());
            for (id, users) in ["baseline", "ramp-4", "ramp-16", "burst"].into_iter().zip(users) {
                evidence.push(Line::Experiment(Experiment {
                    id: id.to_owned(),
                    purpose: match id {
                        "baseline" => Purpose::Baseline,
                        "burst" => Purpose::Story(id.to_owned()),
                        _ => Purpose::Ramp,
                    },
                    load: Load {
                        users: Some(users),
                        ..Load::default()
                    },
                }));
                evidence.push(Line::Round(Round {
                    experiment: id.to_owned(),
                    number: 1,
                    start_ms: 0.0,
                    duration_ms: 1000.0,
                    discarded: None,
                }));
            }
            // Enough for an attribution, most of the time.
            for (id, latency) in ["baseline", "ramp-4", "ramp-16"].into_iter().zip(latencies) {
                evidence.push(Line::Observation(Observation {
                    experiment: id.to_owned(),
                    round: 1,
                    signal: Signal::ClientLatencyMs,
                    subject: String::new(),
                    reading: Reading::Value(latency),
                    note: String::new(),
                }));
            }
            for observation in observations {
                evidence.push(Line::Observation(observation));
            }
            evidence
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_evidence_is_judged(evidence in arbitrary()) {
        let verdict = diagnose(&evidence);
        let _ = propose(&evidence);
        for finding in &verdict.findings {
            prop_assert!(!finding.cites.all().is_empty());
            prop_assert!(finding.grade < Grade::Proven, "nothing was tried, and {finding:?}");
        }
        if let Some(attribution) = &verdict.attribution {
            let rows: f64 = attribution.rows.iter().map(|row| row.growth_ms).sum();
            let growth = attribution.high_ms - attribution.low_ms;
            let scale = attribution.rows.iter().map(|row| row.low_ms.abs() + row.high_ms.abs()).fold(1.0, f64::max);
            if scale < 1e9 {
                prop_assert!((rows - growth).abs() < 1e-6 * scale, "{rows} is not {growth}");
            }
        }
    }

    #[test]
    fn the_order_of_observations_does_not_matter(which in 0..1000_usize, seed in any::<u64>()) {
        let cases = cases();
        let (_, text) = &cases[which % cases.len()];
        let evidence = case::read(text).unwrap().evidence;
        let mut shuffled = evidence.clone();
        let mut state = seed;
        for index in (1..shuffled.observations.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.observations.swap(index, (state >> 33) as usize % (index + 1));
        }
        shuffled.experiments.reverse();
        shuffled.rounds.reverse();
        shuffled.sources.reverse();
        prop_assert_eq!(diagnose(&evidence), diagnose(&shuffled));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        let _ = evidence::read(&bytes);
    }
}

#[test]
fn a_replay_from_the_file_gives_the_same_verdict() {
    for (name, text) in cases() {
        let evidence = case::read(&text).unwrap().evidence;
        let replayed = evidence::read(&evidence::write(&evidence).unwrap()).unwrap();
        assert_eq!(diagnose(&evidence), diagnose(&replayed), "{name}");
    }
}

#[test]
fn a_verdict_of_strong_is_never_given_to_a_healthy_twin() {
    for (name, text) in cases()
        .into_iter()
        .filter(|(name, _)| name.contains("healthy twin"))
    {
        let verdict = diagnose(&case::read(&text).unwrap().evidence);
        assert_eq!(
            verdict.bottleneck,
            Some(Bottleneck::X0),
            "{name}: {}",
            verdict.sentence
        );
        assert!(verdict.findings.is_empty(), "{name}");
    }
}
