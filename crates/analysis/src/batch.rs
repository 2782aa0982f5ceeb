//! Joins what is in flight: wants of many requests for one source become few statements.
//!
//! There is no timer. Whoever finds a source idle has it run at once with what is there; what arrives
//! meanwhile forms the next batch. A batch is bounded, split over the connections, and keeps the order
//! of arrival.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use store::query::Abandoned;
use telemetry::trace::{self, Trace};
use tokio::{sync::oneshot, time::Instant};

use crate::{document::Timing, error::Error, prepared::SourcePlan};

/// How often a running batch asks whether anyone still waits for it.
const ABANDONED_POLL: Duration = Duration::from_millis(100);

/// Rounds in which the taker of a batch lets requests that are ready already join it.
const GATHER_ROUNDS: usize = 8;

/// Fragments of one object from one source. Their bytes are shared, not copied.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    bytes: Arc<Vec<u8>>,
    /// Where each fragment ends; it begins where the one before ends.
    ends: Arc<[u32]>,
    /// The first fragment that this answer is about.
    first: usize,
    pub(crate) timing: Timing,
    /// When it was given to whoever waits.
    pub(crate) delivered: Instant,
}

impl Answer {
    pub(crate) fn new(bytes: Vec<u8>, ends: Vec<u32>, timing: Timing) -> Answer {
        Answer {
            bytes: Arc::new(bytes),
            ends: ends.into(),
            first: 0,
            timing,
            delivered: Instant::now(),
        }
    }

    /// Bytes of all fragments.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The JSON of the n-th part.
    pub(crate) fn fragment(&self, part: usize) -> &[u8] {
        let at = self.first + part;
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[from..self.ends[at] as usize]
    }
}

/// What one request wants of one source.
pub(crate) struct Want {
    pub(crate) id: Arc<str>,
    pub(crate) plan: Arc<SourcePlan>,
    pub(crate) deadline: Instant,
    pub(crate) since: Instant,
    /// Of the request that waits.
    pub(crate) trace: Trace,
    /// Held by whoever waits.
    alive: Weak<()>,
    reply: oneshot::Sender<Result<Answer, Error>>,
}

/// The other end of a want. Dropped, the want is given up.
pub(crate) struct Promise {
    pub(crate) answer: oneshot::Receiver<Result<Answer, Error>>,
    _alive: Arc<()>,
}

impl Want {
    pub(crate) fn new(id: Arc<str>, plan: Arc<SourcePlan>, deadline: Instant) -> (Want, Promise) {
        let (reply, answer) = oneshot::channel();
        let held = Arc::new(());
        let want = Want {
            id,
            plan,
            deadline,
            since: Instant::now(),
            trace: trace::current(),
            alive: Arc::downgrade(&held),
            reply,
        };
        (want, Promise { answer, _alive: held })
    }
}

/// The wants of one source that wait, and how many statements run for it.
pub(crate) struct Queue {
    state: Mutex<State>,
    limits: Limits,
}

/// Bounds of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Wants that may wait.
    pub(crate) waiting_max: usize,
    /// Ids of one statement.
    pub(crate) ids_max: usize,
    /// Not split below this.
    pub(crate) ids_min: usize,
    /// Statements at a time: the connections of the database.
    pub(crate) statements: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Want>,
    running: usize,
    /// Somebody is about to take what waits.
    taken: bool,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Queue {
        Queue {
            state: Mutex::new(State::default()),
            limits,
        }
    }

    /// Adds a want. True: the caller has to start [`Queue::take`], as nobody else is about to.
    pub(crate) fn push(&self, want: Want) -> Result<bool, Error> {
        let mut state = self.state();
        if state.waiting.len() >= self.limits.waiting_max {
            return Err(Error::Full {
                source_name: want.plan.name.clone(),
                waiting: state.waiting.len(),
            });
        }
        state.waiting.push_back(want);
        Ok(self.claim(&mut state))
    }

    /// The next batches: all that waits, split over the connections; none if there is nothing to do.
    pub(crate) async fn take(&self) -> Vec<Vec<Want>> {
        // Requests that came in one read are still being routed: let them join. This waits for nothing,
        // it lets tasks run that are ready.
        let mut seen = 0;
        for _ in 0..GATHER_ROUNDS {
            tokio::task::yield_now().await;
            let waiting = self.state().waiting.len();
            if waiting == seen {
                break;
            }
            seen = waiting;
        }
        let mut state = self.state();
        state.taken = false;
        state.waiting.retain(|want| want.alive.strong_count() > 0);
        let waiting = state.waiting.len();
        if waiting == 0 {
            return Vec::new();
        }
        let limits = self.limits;
        let parts = waiting
            .div_ceil(limits.ids_min.max(1))
            .clamp(1, limits.statements);
        let size = waiting.div_ceil(parts).min(limits.ids_max);
        let mut batches = Vec::with_capacity(parts);
        for _ in 0..parts {
            let size = size.min(state.waiting.len());
            if size > 0 {
                batches.push(state.waiting.drain(..size).collect());
            }
        }
        state.running += batches.len();
        batches
    }

    /// A batch has ended. True: the caller has to start [`Queue::take`] for what has come meanwhile.
    pub(crate) fn done(&self) -> bool {
        let mut state = self.state();
        state.running -= 1;
        !state.waiting.is_empty() && self.claim(&mut state)
    }

    /// Wants that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn claim(&self, state: &mut State) -> bool {
        let claimed = !state.taken && state.running < self.limits.statements;
        state.taken |= claimed;
        claimed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wants of one batch by object, until each has its answer.
pub(crate) struct Delivery {
    waiting: HashMap<Arc<str>, Vec<Waiter>>,
    taken: Instant,
}

struct Waiter {
    reply: oneshot::Sender<Result<Answer, Error>>,
    since: Instant,
    /// The first of its fragments among those of the batch.
    first: usize,
}

impl Delivery {
    /// Wants, each with the place of its first fragment among those of the batch.
    pub(crate) fn new(wants: impl Iterator<Item = (Want, usize)>) -> Delivery {
        let mut waiting: HashMap<Arc<str>, Vec<Waiter>> = HashMap::new();
        for (want, first) in wants {
            let waiter = Waiter {
                reply: want.reply,
                since: want.since,
                first,
            };
            waiting.entry(want.id).or_default().push(waiter);
        }
        Delivery {
            waiting,
            taken: Instant::now(),
        }
    }

    /// How many wait.
    pub(crate) fn wants(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }

    /// Does somebody wait for this object?
    pub(crate) fn is_wanted(&self, id: &str) -> bool {
        self.waiting.contains_key(id)
    }

    /// The objects without an answer yet.
    pub(crate) fn wanted(&self) -> Vec<Arc<str>> {
        self.waiting.keys().cloned().collect()
    }

    /// Answers all who wait for the object. Those who have gone are no error.
    pub(crate) fn deliver(&mut self, id: &str, answer: &Result<Arc<Answer>, Error>) {
        for waiter in self.waiting.remove(id).unwrap_or_default() {
            let answer = answer.as_ref().map_err(Error::clone).map(|answer| {
                let mut answer = Answer::clone(answer);
                answer.first += waiter.first;
                answer.delivered = Instant::now();
                answer.timing.queue = self.taken.saturating_duration_since(waiter.since);
                answer
            });
            let _ = waiter.reply.send(answer);
        }
    }

    /// The batch failed: so say all who still wait.
    pub(crate) fn fail(&mut self, error: &Error) {
        for id in self.wanted() {
            self.deliver(&id, &Err(error.clone()));
        }
    }
}

/// Resolves when none of the wants has anyone waiting. Asked now and then: a batch runs for milliseconds.
pub(crate) fn abandoned(wants: &[Want]) -> Abandoned {
    let alive: Vec<Weak<()>> = wants.iter().map(|want| want.alive.clone()).collect();
    Box::pin(async move {
        while alive.iter().any(|want| want.strong_count() > 0) {
            tokio::time::sleep(ABANDONED_POLL).await;
        }
    })
}
