//! The whole answer about one object: fragments in declared order, nested as declared.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use model::column::Type;
use store::value::write_text;

use crate::{batch::Answer, layout::label};

/// An analysis as one compact JSON object. Complete, or there is none.
#[derive(Clone, Debug)]
pub struct Document {
    body: Bytes,
    tail: usize,
    /// Where each fragment stands in the body, in the order of the template's steps.
    places: Arc<[Range<u32>]>,
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

    /// What it takes to keep it.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len() + size_of_val(&*self.places)
    }

    #[cfg(test)]
    pub(crate) fn of(body: Vec<u8>) -> Document {
        Document {
            body: body.into(),
            tail: 0,
            places: Arc::new([]),
            timing: Timing::default(),
        }
    }
}

/// Where the fragments of a source come from.
pub(crate) enum Filling<'a> {
    /// They were made for this document.
    Made(Answer),
    /// They stand in a document of the same plan.
    Kept(&'a Document),
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

    /// Puts the document together from the fragments of each source.
    pub(crate) fn fill(&self, id: &str, sources: &[Filling<'_>]) -> Document {
        let (mut made, mut kept) = (0, 0);
        for filling in sources {
            match filling {
                Filling::Made(answer) => made += answer.len(),
                Filling::Kept(document) => kept = document.body.len(),
            }
        }
        let size = made + kept;
        let mut body = Vec::with_capacity(size + 64 * self.steps.len() + id.len());
        body.extend_from_slice(b"{\"id\":");
        if self.numeric {
            body.extend_from_slice(id.as_bytes());
        } else {
            write_text(id, &mut body);
        }
        let tail = body.len();
        let mut timing = Timing::default();
        let mut places: Vec<Range<u32>> = Vec::with_capacity(self.steps.len() / 2);
        for filling in sources {
            if let Filling::Made(answer) = filling {
                timing.join(answer.timing);
            }
        }
        for step in &self.steps {
            let (source, part) = match step {
                Step::Literal(text) => {
                    body.extend_from_slice(text);
                    continue;
                }
                Step::Fragment(source, part) => (*source, *part),
            };
            let begin = body.len() as u32;
            match &sources[source] {
                Filling::Made(answer) => body.extend_from_slice(answer.fragment(part)),
                Filling::Kept(document) => {
                    let place = &document.places[places.len()];
                    body.extend_from_slice(&document.body[place.start as usize..place.end as usize]);
                }
            }
            places.push(begin..body.len() as u32);
        }
        // What is kept must not hold more memory than it is counted with.
        body.shrink_to_fit();
        Document {
            body: body.into(),
            tail,
            places: places.into(),
            timing,
        }
    }
}

fn comma(text: &mut Vec<u8>, first: bool) {
    if !first {
        text.push(b',');
    }
}
