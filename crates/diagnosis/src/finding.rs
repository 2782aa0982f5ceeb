//! A claim with its strength, and what it rests on.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{bottleneck::Bottleneck, grade::Grade, interval::Interval, signal::Signal};

/// Names observations: all rounds of one experiment about one signal and subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// The experiment; empty for a fact about the whole investigation.
    pub experiment: String,
    /// What was observed.
    pub signal: Signal,
    /// Of whom.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Mean over the rounds.
    pub value: f64,
    /// How many rounds.
    pub rounds: u32,
    /// A log line, SQL, an index.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// One citation or more: a claim that rests on nothing cannot be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Citation>", into = "Vec<Citation>")]
pub struct Citations(Vec<Citation>);

impl Citations {
    /// At least the first.
    pub fn new(first: Citation, rest: Vec<Citation>) -> Citations {
        let mut all = vec![first];
        for citation in rest {
            let is_new = all.iter().all(|known| {
                (&known.experiment, known.signal, &known.subject)
                    != (&citation.experiment, citation.signal, &citation.subject)
            });
            if is_new {
                all.push(citation);
            }
        }
        Citations(all)
    }

    /// Nothing of nothing.
    pub fn of(citations: Vec<Citation>) -> Option<Citations> {
        let mut citations = citations.into_iter();
        let first = citations.next()?;
        Some(Citations::new(first, citations.collect()))
    }

    /// All of them.
    pub fn all(&self) -> &[Citation] {
        &self.0
    }
}

impl JsonSchema for Citations {
    fn schema_name() -> Cow<'static, str> {
        "Citations".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = <Vec<Citation>>::json_schema(generator);
        schema.insert("minItems".to_owned(), 1.into());
        schema
    }
}

impl TryFrom<Vec<Citation>> for Citations {
    type Error = &'static str;

    fn try_from(citations: Vec<Citation>) -> Result<Citations, &'static str> {
        Citations::of(citations).ok_or("a finding cites nothing")
    }
}

impl From<Citations> for Vec<Citation> {
    fn from(citations: Citations) -> Vec<Citation> {
        citations.0
    }
}

/// What a finding's share is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Of all failures: a cliff.
    Errors,
    /// Of the growth of mean latency from low load to high.
    Growth,
    /// Of the latency itself, at any load: a cost, not a limit.
    Standing,
    /// Of the throughput that is missing.
    LostThroughput,
}

/// A claim with its strength.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What is claimed.
    pub bottleneck: Bottleneck,
    /// Its name.
    pub name: String,
    /// How sure.
    pub grade: Grade,
    /// How much of the trouble it explains.
    pub share: Interval,
    /// Of what.
    pub basis: Basis,
    /// What it is ranked by: the share times the factors of its evidence.
    pub score: f64,
    /// Why, a sentence each, with the numbers.
    pub reasons: Vec<String>,
    /// What speaks against it, or is missing for a better grade.
    pub doubts: Vec<String>,
    /// What it rests on.
    pub cites: Citations,
    /// What to do.
    pub advice: Advice,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Advice {
    /// In a sentence or two.
    pub words: String,
    /// The exact setting, index or SQL, to be copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exact: Vec<String>,
    /// Whether it was tested here (hypothetically, on a copy, by a counter-experiment).
    pub is_tested: bool,
}
