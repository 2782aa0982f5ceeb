//! Never computing twice: a look at the versions, then what was kept under them, or what has changed since.
//!
//! The order is what makes it exact. Versions are read before the rows, and what is made is kept under them only
//! if they are the same after. Each look begins after the request did, so it sees every write that was
//! acknowledged before, and what another look saw before it. The proof is in docs/adr/0008-exact-caching.md.

use std::sync::Arc;

use jiff::Timestamp;
use model::plan::Plan;
use tokio::time::Instant;

use crate::{
    batch::Answer,
    cache::{Form, Kept, Key},
    document::{Document, Filling, Timing},
    engine::{Engine, Existence},
    error::Error,
    mark::{Mark, Tag},
    prepared::{Prepared, SourcePlan},
    traced,
};

/// How often sources that changed while they were read are read again, before an answer is given without a tag.
const ATTEMPTS: usize = 2;

/// What is asked about an object.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The sections.
    pub plan: &'a Plan,
    /// As they were known at this instant; none: as they are.
    pub as_of: Option<Timestamp>,
    /// Whether the object is known to exist.
    pub existence: Existence,
    /// Whether what was kept will do.
    pub reuse: Reuse,
}

/// Whether what was kept will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// If its versions are those of now.
    Exact,
    /// The same, but what is made is not kept: a stream of all objects would push out what others ask for again,
    /// and fill the cache to its bound.
    Passing,
    /// Everything is made anew, and kept.
    Never,
}

/// The versions of what an answer would be made of.
pub struct Look {
    id: Arc<str>,
    prepared: Arc<Prepared>,
    existence: Existence,
    reuse: Reuse,
    /// None: they are not known, and nothing is kept.
    before: Option<Marks>,
    /// The object was seen to exist.
    seen: bool,
    kept: Option<Arc<Kept>>,
    timing: Timing,
    deadline: Instant,
}

/// An analysis, and what it is known by.
pub struct Answered {
    /// The whole document.
    pub document: Document,
    /// None: it may differ from the next one in ways that nobody can tell.
    pub tag: Option<Tag>,
    kept: Option<Arc<Kept>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Marks {
    sources: Vec<Option<Mark>>,
    record: Option<Mark>,
}

impl Look {
    /// The tag of the answer, before there is one.
    pub fn tag(&self, engine: &Engine) -> Option<Tag> {
        let before = self.before.as_ref()?;
        // Where the record's version is unknown, it was looked for.
        (before.record.is_some() || self.seen)
            .then(|| tag(engine, before))
            .flatten()
    }

    /// Where the time of the look went.
    pub fn timing(&self) -> Timing {
        self.timing
    }
}

impl Engine {
    /// Looks up the versions of what the answer depends on.
    pub async fn look(
        &self,
        id: &Arc<str>,
        question: &Question<'_>,
        deadline: Instant,
    ) -> Result<Look, Error> {
        let prepared = self.prepare(question.plan, question.as_of)?;
        let mut look = Look {
            id: id.clone(),
            existence: question.existence,
            reuse: question.reuse,
            before: None,
            seen: false,
            kept: None,
            timing: Timing::default(),
            deadline,
            prepared,
        };
        let Some(cache) = self.cache() else {
            return Ok(look);
        };
        if look.prepared.watch.look_ups.is_empty() || !self.is_settled(&look.prepared, deadline).await {
            return Ok(look);
        }
        // Nobody knows the version of its record: so it is looked for now.
        let asked = question.existence == Existence::Asked && !look.prepared.watch.knows_record();
        let before = self.marks(&mut look, asked).await?;
        look.seen = asked;
        look.before = Some(before);
        match question.reuse {
            Reuse::Exact | Reuse::Passing => look.kept = cache.get(&look.key()),
            Reuse::Never => {}
        }
        Ok(look)
    }

    /// The answer: what was kept, as far as its versions are those of the look; the rest is made.
    pub async fn answer(&self, mut look: Look) -> Result<Answered, Error> {
        self.metric().documents.add(1);
        let prepared = look.prepared.clone();
        let Some(mut before) = look.before.take() else {
            let all: Vec<usize> = (0..prepared.sources.len()).collect();
            let ask = look.existence == Existence::Asked;
            let made = self.make(&look, &all, ask).await?;
            traced::woke(&made);
            let fillings: Vec<Filling<'_>> = made.into_iter().map(Filling::Made).collect();
            let document = traced::document(|| prepared.template.fill(&look.id, &fillings));
            return Ok(Answered::new(with(document, look.timing), None, None));
        };
        let mut sources: Vec<Source> = (0..prepared.sources.len())
            .map(|at| match &look.kept {
                Some(kept) if kept.sources[at].is_some() && kept.sources[at] == before.sources[at] => {
                    Source::Kept
                }
                Some(_) | None => Source::Missing,
            })
            .collect();
        let kept = look.kept.clone();
        let known = |before: &Marks| {
            look.seen
                || look.existence == Existence::Known
                || kept
                    .as_ref()
                    .is_some_and(|kept| kept.record.is_some() && kept.record == before.record)
        };
        let mut is_known = known(&before);
        if let Some(kept) = look
            .kept
            .take_if(|_| is_known && sources.iter().all(Source::is_kept))
        {
            self.metric().cache_hits.add(1);
            let document = with(kept.document.clone(), look.timing);
            return Ok(Answered::new(document, tag(self, &before), Some(kept)));
        }
        let is_partial = sources.iter().any(Source::is_kept);
        let metric = self.metric();
        if is_partial {
            &metric.cache_partial
        } else {
            &metric.cache_misses
        }
        .add(1);
        let mut record = None;
        for _ in 0..ATTEMPTS {
            let missing: Vec<usize> = (0..sources.len()).filter(|at| !sources[*at].is_there()).collect();
            if missing.is_empty() && is_known {
                break;
            }
            let asked = !is_known;
            let made = self.make(&look, &missing, asked).await?;
            traced::woke(&made);
            for (at, answer) in missing.iter().zip(made) {
                sources[*at] = Source::Made(answer);
            }
            let after = self.marks(&mut look, false).await?;
            let mut is_overtaken = false;
            for at in missing {
                if before.sources[at] != after.sources[at] {
                    // A row may be of before, another of after.
                    is_overtaken = true;
                    sources[at].outdate();
                }
            }
            if asked {
                is_known = before.record == after.record;
                record = if is_known { after.record } else { None };
                is_overtaken |= !is_known;
            }
            if !is_overtaken {
                break;
            }
            metric.cache_overtaken.add(1);
            // What is not concerned stays right under the versions that it was made under.
            for (mark, (source, after)) in before.sources.iter_mut().zip(sources.iter().zip(after.sources)) {
                if !source.is_there() {
                    *mark = after;
                }
            }
            if asked {
                before.record = after.record;
            }
        }
        let record = record.or(before
            .record
            .filter(|_| is_known && look.existence == Existence::Asked));
        let outcome = Outcome {
            sources,
            before,
            record,
            is_known,
        };
        self.keep(&look, kept.as_deref(), outcome)
    }

    /// Puts the document together and keeps it.
    fn keep(&self, look: &Look, kept: Option<&Kept>, outcome: Outcome) -> Result<Answered, Error> {
        let Outcome {
            sources,
            before,
            record,
            is_known,
        } = outcome;
        let mut fillings = Vec::with_capacity(sources.len());
        let mut marks = Vec::with_capacity(sources.len());
        for (source, mark) in sources.into_iter().zip(&before.sources) {
            let mark = *mark;
            let (filling, mark) = match (source, kept) {
                (Source::Kept, Some(kept)) => (Filling::Kept(&kept.document), mark),
                (Source::Made(answer), _) => (Filling::Made(answer), mark),
                (Source::Outdated(answer), _) => (Filling::Made(answer), None),
                (Source::Kept, None) | (Source::Missing, _) => {
                    return Err(Error::Lost {
                        source_name: "a kept document".into(),
                    });
                }
            };
            fillings.push(filling);
            marks.push(mark);
        }
        let document = traced::document(|| look.prepared.template.fill(&look.id, &fillings));
        let marks = Marks {
            sources: marks,
            record: before.record,
        };
        let tag = tag(self, &marks).filter(|_| is_known);
        let is_of_use = marks.sources.iter().any(Option::is_some);
        let mut without_times = document.clone();
        without_times.timing = Timing::default();
        let kept = Arc::new(Kept::new(look.key(), marks.sources, record, without_times));
        if let Some(cache) = self.cache().filter(|_| is_of_use && look.reuse != Reuse::Passing) {
            cache.put(&kept);
        }
        Ok(Answered::new(with(document, look.timing), tag, Some(kept)))
    }

    /// A compressed form of an answer's body, made once for all who get the same.
    pub fn form(
        &self,
        answered: &Answered,
        form: Form,
        make: impl FnOnce(&bytes::Bytes) -> Option<bytes::Bytes>,
    ) -> Option<bytes::Bytes> {
        match (&answered.kept, self.cache()) {
            (Some(kept), Some(cache)) => cache.form(kept, form, make),
            (Some(_), None) | (None, _) => make(answered.document.body()),
        }
    }

    /// The marks of now, and, if asked, that the object exists.
    async fn marks(&self, look: &mut Look, asked: bool) -> Result<Marks, Error> {
        let prepared = look.prepared.clone();
        let mut wanted: Vec<&Arc<SourcePlan>> = Vec::with_capacity(1 + prepared.watch.look_ups.len());
        wanted.extend(asked.then_some(&prepared.record));
        wanted.extend(&prepared.watch.look_ups);
        let mut answers = self.joined(&look.id, &wanted, look.deadline).await?;
        if asked {
            look.timing.join(answers.remove(0).timing);
        }
        answers.iter().for_each(|answer| look.timing.join(answer.timing));
        Ok(Marks {
            sources: prepared.watch.sources(&answers),
            record: prepared.watch.record(&answers),
        })
    }

    /// The answers of some sources, after the record was looked for if that is asked.
    async fn make(&self, look: &Look, sources: &[usize], asked: bool) -> Result<Vec<Answer>, Error> {
        let prepared = &look.prepared;
        let mut wanted: Vec<&Arc<SourcePlan>> = Vec::with_capacity(1 + sources.len());
        wanted.extend(asked.then_some(&prepared.record));
        wanted.extend(sources.iter().map(|at| &prepared.sources[*at]));
        let mut answers = self.gather(&look.id, &wanted, look.deadline).await?;
        if asked {
            answers.remove(0);
        }
        Ok(answers)
    }
}

impl Look {
    fn key(&self) -> Key {
        Key {
            plan: self.prepared.number,
            id: self.id.clone(),
        }
    }
}

impl Answered {
    fn new(document: Document, tag: Option<Tag>, kept: Option<Arc<Kept>>) -> Answered {
        Answered { document, tag, kept }
    }
}

struct Outcome {
    sources: Vec<Source>,
    before: Marks,
    /// In which state the object was seen to exist.
    record: Option<Mark>,
    /// The object exists in the state of `before`.
    is_known: bool,
}

/// Where a source's fragments are.
enum Source {
    /// In the document that was kept.
    Kept,
    /// Just made, under the marks of before.
    Made(Answer),
    /// Made while its versions changed: good for this answer, and for no other.
    Outdated(Answer),
    Missing,
}

impl Source {
    fn is_kept(&self) -> bool {
        matches!(self, Source::Kept)
    }

    fn is_there(&self) -> bool {
        matches!(self, Source::Kept | Source::Made(_))
    }

    fn outdate(&mut self) {
        *self = match std::mem::replace(self, Source::Missing) {
            Source::Made(answer) => Source::Outdated(answer),
            other => other,
        };
    }
}

/// None where the state of one source is not known. A deletion of the record makes another tag.
fn tag(engine: &Engine, marks: &Marks) -> Option<Tag> {
    let add = |tag: Mark, mark: &Option<Mark>| mark.map(|mark| tag.and(mark));
    let tag = marks.sources.iter().try_fold(engine.mark(), add)?;
    Some(marks.record.map_or(tag, |record| tag.and(record)).tag())
}

fn with(mut document: Document, look: Timing) -> Document {
    document.timing.join(look);
    document
}
