//! Recordings replay to the verdict that was meant; the arithmetic of the score; the table of scenarios is sound.

use std::{collections::BTreeSet, time::Duration};

use diagnosis::{bottleneck::Bottleneck, grade::Grade};

use super::{
    bite::Measured,
    credits::Account,
    means::{Credits, Means, Party, Settings},
    place::{self, Place},
    recording,
    scenario::{self, Kind, Severity},
    score::{Share, is_alarm},
};

/// Of all recordings in the repository.
const BYTES_MAX: usize = 4_000_000;

#[test]
fn recordings_replay_to_the_same_verdict() {
    assert_eq!(
        recording::judge_all().unwrap(),
        std::fs::read_to_string(recording::directory().join(recording::VERDICTS)).unwrap(),
        "if the new verdicts are meant: cargo xtask plants --rejudge"
    );
}

/// The truth stands in the table of scenarios, which the analyser never sees.
#[test]
fn no_recording_proves_what_was_not_planted() {
    for (name, file) in recording::all().unwrap() {
        let verdict = diagnosis::diagnose(&recording::read(&file).unwrap());
        let (id, is_planted) = id_of(&name);
        let planted = scenario::all()
            .find(|scenario| is_planted && scenario.id == id && scenario.kind != Kind::Control);
        match planted {
            Some(scenario) => {
                let is_right = verdict
                    .bottleneck
                    .is_some_and(|found| scenario.expected.contains(&found));
                assert!(
                    verdict.grade < Grade::Proven || is_right,
                    "{name}: {}",
                    verdict.sentence
                );
            }
            None => assert!(
                verdict.grade < Grade::Proven || !is_alarm(&verdict),
                "{name}: {}",
                verdict.sentence
            ),
        }
    }
}

#[test]
fn recordings_are_small_and_belong_to_scenarios() {
    let mut bytes = 0;
    for (name, file) in recording::all().unwrap() {
        let packed = std::fs::read(&file).unwrap();
        assert!(packed.len() <= recording::PACKED_MAX, "{name}");
        bytes += packed.len();
        let (id, _) = id_of(&name);
        assert!(scenario::all().any(|scenario| scenario.id == id), "{name}");
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes of recordings");
}

#[test]
fn scenarios_have_names_of_their_own_and_a_truth() {
    let mut ids = BTreeSet::new();
    for scenario in scenario::all() {
        assert!(ids.insert(scenario.id), "{} is there twice", scenario.id);
        assert_eq!(
            scenario.expected.is_empty(),
            scenario.kind == Kind::Control,
            "{}",
            scenario.id
        );
        assert!(
            !scenario.expected.contains(&Bottleneck::X0),
            "{}: a plant is not nothing",
            scenario.id
        );
    }
}

#[test]
fn severities_have_one_dose_each_and_the_usual_one_always() {
    for scenario in scenario::all() {
        let severities: BTreeSet<Severity> = scenario.doses.iter().map(|dose| dose.severity).collect();
        assert_eq!(severities.len(), scenario.doses.len(), "{}", scenario.id);
        assert!(scenario.dose(place::SEVERITY).is_some(), "{}", scenario.id);
    }
    for id in scenario::SMOKE {
        assert!(scenario::all().any(|scenario| scenario.id == id), "{id}");
    }
}

/// Twins are shared where the severity is in the plant alone, so that none is asked about twice.
#[test]
fn places_have_names_from_which_their_scenario_is_known() {
    let mut names = BTreeSet::new();
    for scenario in scenario::all() {
        for dose in scenario.doses {
            for seed in 1..=2 {
                let place = Place {
                    scenario,
                    severity: dose.severity,
                    seed,
                    is_planted: true,
                };
                assert!(names.insert(place.name()), "{}", place.name());
                assert_eq!(id_of(&place.name()), (scenario.id, true));
                assert_eq!(id_of(&place.twin().name()), (scenario.id, false));
            }
        }
    }
    let of = |id: &str| scenario::all().find(|scenario| scenario.id == id).unwrap();
    let place = |id: &str| Place {
        scenario: of(id),
        severity: Severity::Strong,
        seed: 1,
        is_planted: true,
    };
    assert_eq!(place("pool3").twin().name(), "pool3-twin");
    assert_eq!(place("browser6").twin().name(), "browser6.strong-twin");
}

#[test]
fn credits_end_and_come_back_after_a_rest() {
    let second = Duration::from_secs(1);
    let mut account = Account::full(Credits {
        earned_percent: 10,
        balance_ms: 1_000,
    });
    account.book(second, second / 2);
    assert!(!account.is_held);
    account.book(second, second);
    assert!(account.is_held);
    // What is earned is used: nothing comes back.
    account.book(second, second / 10);
    assert!(account.is_held);
    account.book(second * 6, Duration::ZERO);
    assert!(!account.is_held);
}

#[test]
fn a_plant_stands_over_what_the_rig_has() {
    let settings = Settings::of(&[
        Means::Api("--pool", &["60"]),
        Means::Quota(Party::Api, 50),
        Means::Api("--pool", &["3"]),
    ]);
    assert_eq!(settings.api["--pool"], ["3"]);
    assert_eq!(settings.quota_percent[&Party::Api], 50);
}

#[test]
fn a_plant_bites_by_latency_throughput_or_errors() {
    let twin = Measured {
        rate: 100.0,
        latency_ms: 20.0,
        error_share: 0.0,
    };
    assert!(!twin.bites(twin));
    assert!(
        Measured {
            latency_ms: 30.0,
            ..twin
        }
        .bites(twin)
    );
    assert!(Measured { rate: 70.0, ..twin }.bites(twin));
    assert!(
        Measured {
            error_share: 0.01,
            ..twin
        }
        .bites(twin)
    );
    assert!(
        !Measured {
            rate: 80.0,
            latency_ms: 25.0,
            error_share: 0.005
        }
        .bites(twin)
    );
}

/// By the textbook: 8 of 10 are 49 to 94 %.
#[test]
fn intervals_are_wilsons() {
    let (low, high) = Share { right: 8, of: 10 }.wilson();
    assert!((low - 0.4902).abs() < 1e-3, "{low}");
    assert!((high - 0.9433).abs() < 1e-3, "{high}");
    assert_eq!(Share::default().wilson(), (0.0, 1.0));
}

/// The scenario's id in a name, and whether it was planted.
fn id_of(name: &str) -> (&str, bool) {
    let (name, is_planted) = name
        .strip_suffix("-twin")
        .map_or((name, true), |name| (name, false));
    (name.split('.').next().unwrap_or(name), is_planted)
}
