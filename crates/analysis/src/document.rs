//! The whole answer about one object: fragments in declared order, nested as declared.

use std::time::Duration;

use bytes::Bytes;
use model::column::Type;
use store::value::write_text;

use crate::{batch::Answer, layout::label};

/// An analysis as one compact JSON object. Complete, or there is none.
#[derive(Clone, Debug)]
pub struct Document {
    body: Bytes,
    tail: usize,
    /// Where its time went.
    pub timing: Timing,
}

/// Where the time of a document went. Sources run side by side: each figure is the longest of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// Waiting to be taken into a batch.
    pub queue: Duration,
    /// Waiting for a connection.
    pub pool: Duration,
    /// From the statement's start to the last row of the object.
    pub database: Duration,
    /// Measuring and writing fragments.
    pub measure: Duration,
    /// Statements that took part.
    pub statements: u32,
}

impl Document {
    /// `{"id":"N14228","flights":[...],...}`
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What follows the id: `,"flights":[...]}`, or `}`. For putting the sections into a larger object.
    pub fn tail(&self) -> Bytes {
        self.body.slice(self.tail..)
    }
}

impl Timing {
    /// The longest of each, and the sum of statements.
    pub(crate) fn join(&mut self, other: Timing) {
        self.queue = self.queue.max(other.queue);
        self.pool = self.pool.max(other.pool);
        self.database = self.database.max(other.database);
        self.measure = self.measure.max(other.measure);
        self.statements += other.statements;
    }
}

/// How fragments become a document.
#[derive(Debug)]
pub(crate) struct Template {
    steps: Vec<Step>,
    /// The tracked key is a number, and is written as one.
    numeric: bool,
}

#[derive(Debug)]
enum Step {
    Literal(Vec<u8>),
    /// Source, then part of it.
    Fragment(usize, usize),
}

impl Template {
    /// Paths in declared order, siblings together, each with the place of its fragment.
    pub(crate) fn new<'a>(
        key: Type,
        paths: impl Iterator<Item = (&'a [String], (usize, usize))>,
    ) -> Template {
        let mut steps = Vec::new();
        let mut open: &[String] = &[];
        // Inside the root an id stands before the first member, so every member begins with a comma there.
        let mut text: Vec<u8> = Vec::new();
        let mut first = false;
        for (path, place) in paths {
            let (name, parents) = path.split_last().expect("a path has a segment, as `check` holds");
            let common = open.iter().zip(parents).take_while(|(a, b)| a == b).count();
            text.extend(std::iter::repeat_n(b'}', open.len() - common));
            first &= common == open.len();
            for parent in &parents[common..] {
                comma(&mut text, first);
                label(parent).write(&mut text);
                text.push(b'{');
                first = true;
            }
            comma(&mut text, first);
            first = false;
            label(name).write(&mut text);
            steps.push(Step::Literal(std::mem::take(&mut text)));
            steps.push(Step::Fragment(place.0, place.1));
            open = parents;
        }
        text.extend(std::iter::repeat_n(b'}', open.len() + 1));
        steps.push(Step::Literal(text));
        Template {
            steps,
            numeric: key.is_integer(),
        }
    }

    /// Puts the document together.
    pub(crate) fn fill(&self, id: &str, answers: &[Answer]) -> Document {
        let size = answers.iter().map(Answer::len).sum::<usize>();
        let mut body = Vec::with_capacity(size + 64 * self.steps.len() + id.len());
        body.extend_from_slice(b"{\"id\":");
        if self.numeric {
            body.extend_from_slice(id.as_bytes());
        } else {
            write_text(id, &mut body);
        }
        let tail = body.len();
        let mut timing = Timing::default();
        answers.iter().for_each(|answer| timing.join(answer.timing));
        for step in &self.steps {
            match step {
                Step::Literal(text) => body.extend_from_slice(text),
                Step::Fragment(source, part) => body.extend_from_slice(answers[*source].fragment(*part)),
            }
        }
        Document {
            body: body.into(),
            tail,
            timing,
        }
    }
}

fn comma(text: &mut Vec<u8>, first: bool) {
    if !first {
        text.push(b',');
    }
}
