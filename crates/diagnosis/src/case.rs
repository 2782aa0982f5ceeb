//! Test cases as text: what was loaded and seen, and what the verdict must be.
//!
//! ```text
//! # A pool of three whose holders are active.
//! fact app.pool_max=3
//! load 1 http/1.1 connections=32 client.rate=91 client.latency_ms=10.9 app.pool_wait_ms=0
//! load 16 client.rate=287 client.latency_ms=55.2 app.pool_wait_ms=43
//! counter D1-pool before client.rate=287 after client.rate=546
//! denied plans no hypopg
//! expect D1 strong
//! expect share 0.9..1
//! expect next C1
//! expect not D7
//! expect unseen D3
//! ```
//!
//! A value is a number or several with `|` between, one a round; a single number stands for five equal rounds of
//! ten seconds. `load` is a step of growing users, `story NAME` another experiment, `setting NAME VALUE` what the
//! investigation was told. A subject stands in brackets:
//! `pg.active_wait[Lock/transactionid]=14`. `counter` takes its prediction from what is proposed for the lines
//! above it. A word that repeats settings (`connections=`, `streams=`, `window=`, `http/2`) may be left out when it
//! is that of the line before. `note SIGNAL[SUBJECT] TEXT` puts words to an observation that stands above.

use std::fmt::Write as _;

use crate::{
    bottleneck::Bottleneck,
    diagnose,
    error::Error,
    evidence::{Evidence, Head, Line},
    experiment::{Arm, Experiment, Load, Purpose, Round},
    grade::Grade,
    observation::{Observation, Reading},
    propose,
    signal::Signal,
    source::{Source, SourceState, State},
    verdict::Verdict,
};

/// Rounds that a single number stands for.
const ROUNDS: u32 = 5;
const ROUND_MS: f64 = 10_000.0;

/// A case, read.
#[derive(Clone, Debug)]
pub struct Case {
    /// What was loaded and seen.
    pub evidence: Evidence,
    /// What the verdict must be, with the line of each.
    pub expects: Vec<(usize, Expect)>,
}

/// What a verdict must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// The bottleneck (none for "not found"), and the grade.
    Verdict(Option<Bottleneck>, Option<Grade>),
    /// The share, within bounds.
    Share(f64, f64),
    /// The tightest limit that is not reached yet.
    Next(Bottleneck),
    /// What a resource can carry, within bounds.
    Limit(Bottleneck, f64, f64),
    /// Among the findings, at any place.
    Finding(Bottleneck),
    /// Ruled out by a signal.
    Not(Bottleneck),
    /// Could not be seen.
    Unseen(Bottleneck),
    /// Somewhere in the advice of the verdict.
    Advice(String),
    /// A check that fails.
    Fails(String),
    /// A counter-experiment that is proposed.
    Proposed(String),
}

/// The case in a text.
///
/// # Errors
/// At the first line that cannot be understood.
pub fn read(text: &str) -> Result<Case, Error> {
    let mut reader = Reader {
        evidence: Evidence::new(Head {
            seed: 1,
            ..Head::default()
        }),
        load: Load::default(),
        expects: Vec::new(),
    };
    // What is not said is there: a case names what is denied or absent.
    for source in Source::ALL {
        reader.evidence.push(Line::Source(SourceState {
            source: *source,
            subject: String::new(),
            state: State::Available,
            reason: String::new(),
        }));
    }
    for (index, line) in text.lines().enumerate() {
        let line = line.split_once(" #").map_or(line, |(before, _)| before).trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        reader.line(index + 1, line).map_err(|problem| Error::Case {
            number: index + 1,
            problem,
        })?;
    }
    Ok(Case {
        evidence: reader.evidence,
        expects: reader.expects,
    })
}

/// What the verdict of a case is not as expected, a line each.
pub fn faults(case: &Case) -> Vec<String> {
    let verdict = diagnose(&case.evidence);
    let mut faults: Vec<String> = case
        .expects
        .iter()
        .filter_map(|(number, expect)| {
            let fault = fault(&verdict, expect, &case.evidence)?;
            Some(format!("line {number}: {fault}"))
        })
        .collect();
    if !faults.is_empty() {
        faults.push(format!("  {}", verdict.sentence));
        for finding in &verdict.findings {
            let mut line = format!(
                "  {} {} score {:.2} share {:.2}",
                finding.bottleneck.id(),
                finding.grade.words(),
                finding.score,
                finding.share.mid
            );
            let _ = write!(line, " {:?} doubts {:?}", finding.reasons, finding.doubts);
            faults.push(line);
        }
        for candidate in &verdict.candidates {
            faults.push(format!(
                "  weak: {} {:.2}",
                candidate.bottleneck.id(),
                candidate.score
            ));
        }
    }
    faults
}

fn fault(verdict: &Verdict, expect: &Expect, evidence: &Evidence) -> Option<String> {
    let id = |bottleneck: Option<Bottleneck>| bottleneck.map_or("none", Bottleneck::id);
    match expect {
        Expect::Verdict(bottleneck, grade) => {
            let is_other =
                verdict.bottleneck != *bottleneck || grade.is_some_and(|grade| grade != verdict.grade);
            is_other.then(|| {
                format!(
                    "expected {} {}, got {} {}",
                    id(*bottleneck),
                    grade.map_or("", Grade::words),
                    id(verdict.bottleneck),
                    verdict.grade.words()
                )
            })
        }
        Expect::Share(low, high) => {
            let share = verdict.share.map_or(0.0, |share| share.mid);
            (share < *low || share > *high)
                .then(|| format!("expected a share of {low}..{high}, got {share:.3}"))
        }
        Expect::Next(bottleneck) => {
            let next = verdict.next.as_ref().map(|limit| limit.bottleneck);
            (next != Some(*bottleneck))
                .then(|| format!("expected next {}, got {}", bottleneck.id(), id(next)))
        }
        Expect::Limit(bottleneck, low, high) => {
            let limits = &verdict.limits;
            let limit = limits.iter().find(|limit| limit.bottleneck == *bottleneck);
            let rate = limit.map_or(0.0, |limit| limit.rate.mid);
            (rate < *low || rate > *high).then(|| {
                format!(
                    "expected a limit {} of {low}..{high}, got {rate:.1}",
                    bottleneck.id()
                )
            })
        }
        Expect::Finding(bottleneck) => {
            let is_there = verdict
                .findings
                .iter()
                .any(|finding| finding.bottleneck == *bottleneck);
            (!is_there).then(|| format!("expected {} among the findings", bottleneck.id()))
        }
        Expect::Not(bottleneck) => {
            let is_there = verdict
                .ruled_out
                .iter()
                .any(|ruled| ruled.bottleneck == *bottleneck);
            (!is_there).then(|| format!("expected {} to be ruled out", bottleneck.id()))
        }
        Expect::Unseen(bottleneck) => {
            let is_there = verdict
                .unseen
                .iter()
                .any(|unseen| unseen.bottleneck == *bottleneck);
            (!is_there).then(|| format!("expected {} to be unseen", bottleneck.id()))
        }
        Expect::Advice(words) => {
            let advice = verdict.findings.first().map(|finding| &finding.advice);
            let is_there = advice.is_some_and(|advice| {
                advice.words.contains(words) || advice.exact.iter().any(|exact| exact.contains(words))
            });
            (!is_there).then(|| format!("expected advice with {words:?}, got {advice:?}"))
        }
        Expect::Fails(name) => {
            let is_there = verdict
                .checks
                .iter()
                .any(|check| check.name == *name && !check.is_passed);
            (!is_there).then(|| format!("expected the check {name} to fail"))
        }
        Expect::Proposed(id) => {
            let proposed = propose(evidence);
            (!proposed.iter().any(|counter| counter.id == *id)).then(|| {
                let ids: Vec<String> = proposed.into_iter().map(|counter| counter.id).collect();
                format!("expected {id} to be proposed, got {ids:?}")
            })
        }
    }
}

struct Reader {
    evidence: Evidence,
    load: Load,
    expects: Vec<(usize, Expect)>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "load" => {
                let (users, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let users: f64 = users
                    .parse()
                    .map_err(|_| format!("`{users}` is no number of users"))?;
                let purpose = if self.evidence.experiments.is_empty() {
                    Purpose::Baseline
                } else {
                    Purpose::Ramp
                };
                self.load.users = Some(users);
                self.experiment(&format!("ramp-{users}"), purpose, rest)
            }
            "story" => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                self.load.users = None;
                self.experiment(name, Purpose::Story(name.to_owned()), rest)
            }
            "fact" => self.values("", rest),
            "setting" => {
                let (name, value) = rest.split_once(' ').ok_or("a setting has a name and a value")?;
                let settings = &mut self.evidence.head.settings;
                settings.insert(name.to_owned(), value.to_owned());
                Ok(())
            }
            "counter" => self.counter(rest),
            "denied" | "absent" => self.state(verb, rest),
            "note" => self.note(rest),
            "expect" => {
                let expect = expect(rest)?;
                self.expects.push((number, expect));
                Ok(())
            }
            _ => Err(format!(
                "`{verb}` is none of load, story, fact, setting, counter, denied, absent, note, expect"
            )),
        }
    }

    fn experiment(&mut self, id: &str, purpose: Purpose, words: &str) -> Result<(), String> {
        let mut values = Vec::new();
        for word in words.split_whitespace() {
            if !self.setting(word)? {
                values.push(word);
            }
        }
        self.evidence.push(Line::Experiment(Experiment {
            id: id.to_owned(),
            purpose,
            load: self.load.clone(),
        }));
        self.values(id, &values.join(" "))?;
        let most = self
            .evidence
            .observations
            .iter()
            .filter(|observation| observation.experiment == id)
            .map(|observation| observation.round)
            .max()
            .unwrap_or(ROUNDS);
        for number in 1..=most {
            self.evidence.push(Line::Round(Round {
                experiment: id.to_owned(),
                number,
                start_ms: f64::from(number) * ROUND_MS,
                duration_ms: ROUND_MS,
                discarded: None,
            }));
        }
        Ok(())
    }

    /// Whether the word was one.
    fn setting(&mut self, word: &str) -> Result<bool, String> {
        match word {
            "http/1.1" => self.load.protocol = Some("HTTP/1.1".to_owned()),
            "http/2" => self.load.protocol = Some("HTTP/2".to_owned()),
            _ => {
                let Some((name, value)) = word.split_once('=') else {
                    return Err(format!("`{word}` is neither a setting nor a value"));
                };
                let number = || {
                    value
                        .parse::<u32>()
                        .map_err(|_| format!("`{value}` is no number"))
                };
                match name {
                    "connections" => self.load.connections = Some(number()?),
                    "streams" => self.load.streams = Some(number()?),
                    "requests" => self.load.requests = Some(u64::from(number()?)),
                    "window" => self.load.window_bytes = Some(u64::from(number()?)),
                    _ => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    fn values(&mut self, experiment: &str, words: &str) -> Result<(), String> {
        for word in words.split_whitespace() {
            let (name, numbers) = word
                .rsplit_once('=')
                .ok_or_else(|| format!("`{word}` has no value"))?;
            let (signal, subject) = signal(name)?;
            let number = |text: &str| text.parse::<f64>().map_err(|_| format!("`{text}` is no number"));
            if let Some(levels) = numbers.strip_prefix("over:") {
                let levels = levels
                    .split('|')
                    .map(number)
                    .collect::<Result<Vec<f64>, String>>()?;
                let step = ROUND_MS / levels.len() as f64;
                let points = levels.iter().enumerate();
                let points = points
                    .map(|(index, level)| [index as f64 * step, step, *level])
                    .collect();
                self.observe(experiment, 1, signal, subject, Reading::Sampled(points));
                continue;
            }
            let numbers = numbers
                .split('|')
                .map(number)
                .collect::<Result<Vec<f64>, String>>()?;
            let rounds = if numbers.len() == 1 && !experiment.is_empty() {
                ROUNDS
            } else {
                numbers.len() as u32
            };
            for round in 1..=rounds {
                let value = numbers[(round as usize - 1) % numbers.len()];
                self.observe(experiment, round, signal, subject, Reading::Value(value));
            }
        }
        Ok(())
    }

    fn observe(&mut self, experiment: &str, round: u32, signal: Signal, subject: &str, reading: Reading) {
        self.evidence.push(Line::Observation(Observation {
            experiment: experiment.to_owned(),
            round,
            signal,
            subject: subject.to_owned(),
            reading,
            note: String::new(),
        }));
    }

    fn counter(&mut self, words: &str) -> Result<(), String> {
        let (id, rest) = words.split_once(" before ").ok_or("`before` is missing")?;
        let (before, after) = rest.split_once(" after ").ok_or("`after` is missing")?;
        let proposed = propose(&self.evidence);
        let counter = proposed
            .iter()
            .find(|counter| counter.id == id)
            .ok_or_else(|| format!("`{id}` is not proposed for what stands above"))?;
        self.evidence.push(Line::Counter(counter.clone()));
        for (arm, name, values) in [(Arm::Before, "before", before), (Arm::After, "after", after)] {
            let purpose = Purpose::Counter {
                counter: id.to_owned(),
                arm,
            };
            self.experiment(&format!("{id}/{name}"), purpose, values)?;
        }
        Ok(())
    }

    fn state(&mut self, verb: &str, words: &str) -> Result<(), String> {
        let (name, reason) = words.split_once(' ').unwrap_or((words, "for the test"));
        let source = Source::of(name).ok_or_else(|| format!("`{name}` is no source"))?;
        let state = if verb == "denied" {
            State::Denied
        } else {
            State::Absent
        };
        for known in self
            .evidence
            .sources
            .iter_mut()
            .filter(|known| known.source == source)
        {
            known.state = state;
            known.reason = reason.to_owned();
        }
        Ok(())
    }

    fn note(&mut self, words: &str) -> Result<(), String> {
        let (name, text) = words.split_once(' ').ok_or("a note has a signal and a text")?;
        let (signal, subject) = signal(name)?;
        for observation in &mut self.evidence.observations {
            if observation.signal == signal && observation.subject == subject {
                observation.note = text.to_owned();
            }
        }
        Ok(())
    }
}

fn signal(name: &str) -> Result<(Signal, &str), String> {
    let (name, subject) = match name.split_once('[') {
        Some((name, subject)) => (name, subject.strip_suffix(']').ok_or("a bracket is open")?),
        None => (name, ""),
    };
    let signal = Signal::of(name).ok_or_else(|| format!("`{name}` is no signal"))?;
    Ok((signal, subject))
}

fn range(text: &str) -> Result<(f64, f64), String> {
    let (low, high) = text
        .split_once("..")
        .ok_or_else(|| format!("`{text}` is not LOW..HIGH"))?;
    let number = |text: &str| text.parse::<f64>().map_err(|_| format!("`{text}` is no number"));
    Ok((number(low)?, number(high)?))
}

fn expect(words: &str) -> Result<Expect, String> {
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    let one = || Bottleneck::of(rest).ok_or_else(|| format!("`{rest}` is no bottleneck"));
    Ok(match first {
        "share" => {
            let (low, high) = range(rest)?;
            Expect::Share(low, high)
        }
        "limit" => {
            let (id, rest) = rest
                .split_once(' ')
                .ok_or("a limit has a bottleneck and LOW..HIGH")?;
            let bottleneck = Bottleneck::of(id).ok_or_else(|| format!("`{id}` is no bottleneck"))?;
            let (low, high) = range(rest)?;
            Expect::Limit(bottleneck, low, high)
        }
        "next" => Expect::Next(one()?),
        "finding" => Expect::Finding(one()?),
        "not" => Expect::Not(one()?),
        "unseen" => Expect::Unseen(one()?),
        "advice" => Expect::Advice(rest.to_owned()),
        "fails" => Expect::Fails(rest.to_owned()),
        "proposed" => Expect::Proposed(rest.to_owned()),
        "none" => Expect::Verdict(None, None),
        id => {
            let bottleneck = Bottleneck::of(id).ok_or_else(|| format!("`{id}` is nothing to expect"))?;
            let grade = match rest {
                "" => None,
                "suspected" => Some(Grade::Suspected),
                "strong" => Some(Grade::Strong),
                "proven" => Some(Grade::Proven),
                other => return Err(format!("`{other}` is no grade")),
            };
            Expect::Verdict(Some(bottleneck), grade)
        }
    })
}
