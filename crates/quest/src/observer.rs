//! What is read while load runs: one thread for each source, each reading with its time.
//!
//! Every source is available, denied or absent, with the reason. A source samples on a thread of its own: one inside
//! the load loop would inherit the loop's trouble. Counters are differenced over a window, gauges are averaged over
//! it with the time that each of them stood.

pub mod postgres;
pub mod prometheus;
pub mod proxy_log;
pub mod system;
pub mod tcp;
pub mod timing;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Readings of one source kept for the window under way; older ones are dropped.
pub const READINGS_MAX: usize = 20_000;

/// A source that takes longer for one reading is asked no more in this window.
pub const READING_MAX: Duration = Duration::from_secs(10);

/// Questions waiting for one source.
const QUESTIONS_MAX: usize = 4;

/// Whether a source can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is read.
    Available,
    /// It is there, and we may not.
    Denied(String),
    /// It is not there.
    Absent(String),
}

/// How much of a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What is cheap and changes from moment to moment.
    Light,
    /// All of it: at both ends of a window.
    Full,
}

/// What was read at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Seconds from the beginning of the quest.
    pub at: f64,
    /// How long the reading took, in seconds: a frozen source shows here.
    pub took: f64,
    /// Numbers that only grow.
    pub counters: BTreeMap<String, f64>,
    /// Numbers of this moment.
    pub gauges: BTreeMap<String, f64>,
    /// What the names of counters begin with of which only the greatest were read: one that is missing may be anything.
    pub cut: Vec<&'static str>,
}

/// A source of readings.
pub trait Observer: Send {
    /// Reads it.
    fn read(&mut self, depth: Depth) -> Result<Reading, State>;

    /// What it learned that is no number: versions, settings, texts of statements.
    fn facts(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// Gauges of which it matters when they were what.
const COURSES: &[&str] = &["maintenance"];

/// What a window of time has shown of one source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// When its first reading was, in seconds from the beginning of the quest.
    pub from: f64,
    /// Between the first and the last reading, in seconds.
    pub seconds: f64,
    /// Readings.
    pub readings: usize,
    /// By how much each counter grew. One that began during the window began at nothing, unless the list in which it
    /// was missing was cut: then it had grown for longer than the window.
    pub grown: BTreeMap<String, f64>,
    /// Means over time.
    pub means: BTreeMap<String, f64>,
    /// The largest.
    pub peaks: BTreeMap<String, f64>,
    /// The smallest, of readings that had it.
    pub troughs: BTreeMap<String, f64>,
    /// The last ones.
    pub last: BTreeMap<String, f64>,
    /// Those of [`COURSES`] over time, in seconds from the beginning of the quest.
    pub courses: BTreeMap<String, Vec<[f64; 2]>>,
    /// The slowest reading, in seconds.
    pub slowest_reading: f64,
    /// The mean reading, in seconds.
    pub mean_reading: f64,
    /// Readings that failed.
    pub failures: usize,
}

/// A source with its thread.
#[derive(Debug)]
pub struct Watcher {
    /// What it is called in the report.
    pub name: String,
    state: State,
    questions: Option<SyncSender<Question>>,
    thread: Option<JoinHandle<()>>,
}

enum Question {
    /// A window begins: forget what was read, read all.
    Begin(SyncSender<State>),
    /// It ends: read all and give what was read.
    End(SyncSender<Seen>),
    Facts(SyncSender<BTreeMap<String, String>>),
}

struct Seen {
    readings: VecDeque<Reading>,
    failures: usize,
    state: State,
}

impl State {
    /// Whether it can be read.
    pub fn is_available(&self) -> bool {
        match self {
            State::Available => true,
            State::Denied(_) | State::Absent(_) => false,
        }
    }
}

impl Watcher {
    /// A source that cannot be read, and why.
    pub fn silent(name: impl Into<String>, state: State) -> Watcher {
        Watcher {
            name: name.into(),
            state,
            questions: None,
            thread: None,
        }
    }

    /// Starts the thread of a source and reads it once.
    pub fn start(
        name: impl Into<String>,
        mut observer: Box<dyn Observer>,
        interval: Duration,
        epoch: Instant,
    ) -> Watcher {
        let name = name.into();
        if let Err(state) = observer.read(Depth::Full) {
            return Watcher::silent(name, state);
        }
        let (sender, receiver) = sync_channel(QUESTIONS_MAX);
        let thread = thread::Builder::new()
            .name(format!("observe {name}"))
            .spawn(move || watch(observer.as_mut(), &receiver, interval, epoch));
        match thread {
            Ok(thread) => Watcher {
                name,
                state: State::Available,
                questions: Some(sender),
                thread: Some(thread),
            },
            Err(error) => Watcher::silent(name, State::Denied(format!("no thread for it: {error}"))),
        }
    }

    /// Whether it can be read now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// A window begins.
    pub fn begin(&mut self) {
        if let Some(state) = self.ask(Question::Begin) {
            self.state = state;
        }
    }

    /// A window ends.
    pub fn end(&mut self) -> Window {
        match self.ask(Question::End) {
            Some(seen) => {
                self.state = seen.state;
                Window::over(&seen.readings, seen.failures)
            }
            None => Window::default(),
        }
    }

    /// What it learned that is no number.
    pub fn facts(&mut self) -> BTreeMap<String, String> {
        self.ask(Question::Facts).unwrap_or_default()
    }

    fn ask<T>(&mut self, question: impl FnOnce(SyncSender<T>) -> Question) -> Option<T> {
        let questions = self.questions.as_ref()?;
        let (sender, answers) = sync_channel(1);
        // A source that hangs must not hang the quest.
        if questions.try_send(question(sender)).is_err() {
            return None;
        }
        answers.recv_timeout(READING_MAX).ok()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            // Every reading has a time limit of its own, so this ends.
            let _ = thread.join();
        }
    }
}

impl Window {
    /// What readings in order show.
    pub fn over(readings: &VecDeque<Reading>, failures: usize) -> Window {
        let (Some(first), Some(last)) = (readings.front(), readings.back()) else {
            return Window {
                failures,
                ..Window::default()
            };
        };
        let mut window = Window {
            from: first.at,
            seconds: last.at - first.at,
            readings: readings.len(),
            last: last.gauges.clone(),
            failures,
            ..Window::default()
        };
        for (key, value) in &last.counters {
            let before = first.counters.get(key).copied();
            if before.is_none() && first.cut.iter().any(|list| key.starts_with(list)) {
                continue;
            }
            let before = before.unwrap_or(0.0);
            // A counter that shrank belongs to a process that began anew.
            window.grown.insert(key.clone(), (value - before).max(0.0));
        }
        for reading in readings {
            for key in COURSES {
                if let Some(value) = reading.gauges.get(*key) {
                    let course = window.courses.entry((*key).to_owned()).or_default();
                    course.push([reading.at, *value]);
                }
            }
            window.slowest_reading = window.slowest_reading.max(reading.took);
            for (key, value) in &reading.gauges {
                let peak = window.peaks.entry(key.clone()).or_insert(*value);
                *peak = peak.max(*value);
                let trough = window.troughs.entry(key.clone()).or_insert(*value);
                *trough = trough.min(*value);
            }
        }
        window.mean_reading =
            readings.iter().map(|reading| reading.took).sum::<f64>() / readings.len() as f64;
        window.average(readings);
        window
    }

    /// Each gauge counts for the time until the next reading; one that is missing is zero.
    fn average(&mut self, readings: &VecDeque<Reading>) {
        let mut weight_all = 0.0;
        for (one, next) in readings.iter().zip(readings.iter().skip(1)) {
            let weight = next.at - one.at;
            weight_all += weight;
            for (key, value) in &one.gauges {
                *self.means.entry(key.clone()).or_default() += value * weight;
            }
        }
        if weight_all > 0.0 {
            for mean in self.means.values_mut() {
                *mean /= weight_all;
            }
        } else {
            self.means = self.last.clone();
        }
    }

    /// Two sources of one kind, seen over the same time, as one: numbers add up.
    pub fn add(&mut self, other: &Window) {
        if self.readings == 0 {
            *self = other.clone();
            return;
        }
        self.readings += other.readings;
        self.failures += other.failures;
        self.slowest_reading = self.slowest_reading.max(other.slowest_reading);
        self.mean_reading = self.mean_reading.max(other.mean_reading);
        for (key, value) in &other.troughs {
            let mine = self.troughs.entry(key.clone()).or_insert(*value);
            *mine = mine.min(*value);
        }
        for (mine, theirs) in [
            (&mut self.grown, &other.grown),
            (&mut self.means, &other.means),
            (&mut self.peaks, &other.peaks),
            (&mut self.last, &other.last),
        ] {
            for (key, value) in theirs {
                *mine.entry(key.clone()).or_default() += value;
            }
        }
    }

    /// How much a counter grew.
    pub fn growth(&self, key: &str) -> Option<f64> {
        self.grown.get(key).copied()
    }

    /// The mean of a gauge.
    pub fn mean(&self, key: &str) -> Option<f64> {
        self.means.get(key).copied()
    }
}

/// What a source's thread holds.
struct Watch<'a> {
    observer: &'a mut dyn Observer,
    readings: VecDeque<Reading>,
    failures: usize,
    epoch: Instant,
}

impl Watch<'_> {
    fn read(&mut self, depth: Depth) -> State {
        let began = Instant::now();
        match self.observer.read(depth) {
            Ok(mut reading) => {
                reading.at = self.epoch.elapsed().as_secs_f64();
                reading.took = began.elapsed().as_secs_f64();
                if self.readings.len() >= READINGS_MAX {
                    self.readings.pop_front();
                }
                self.readings.push_back(reading);
                State::Available
            }
            Err(state) => {
                self.failures += 1;
                state
            }
        }
    }
}

/// Times between readings: the interval in the mean, and never the same twice. Work that comes back in the same rhythm
/// as the readings would always, or never, be seen.
struct Spacing {
    interval: Duration,
    at: f64,
}

impl Spacing {
    fn next(&mut self) -> Duration {
        // Steps of the golden ratio fill the range evenly, however few there are.
        self.at = (self.at + 0.618_033_988_75).fract();
        self.interval.mul_f64(0.5 + self.at)
    }
}

fn watch(observer: &mut dyn Observer, questions: &Receiver<Question>, interval: Duration, epoch: Instant) {
    let mut watch = Watch {
        observer,
        readings: VecDeque::new(),
        failures: 0,
        epoch,
    };
    // When the next reading is due; none between windows.
    let mut next = None;
    let mut spacing = Spacing { interval, at: 0.0 };
    loop {
        let question = match next {
            Some(due) => questions.recv_timeout(Instant::saturating_duration_since(&due, Instant::now())),
            None => questions.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match question {
            Err(RecvTimeoutError::Timeout) => {
                watch.read(Depth::Light);
                next = next.map(|due| (due + spacing.next()).max(Instant::now()));
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(Question::Begin(answer)) => {
                watch.readings.clear();
                watch.failures = 0;
                let state = watch.read(Depth::Full);
                next = Some(Instant::now() + spacing.next());
                let _ = answer.send(state);
            }
            Ok(Question::End(answer)) => {
                let state = watch.read(Depth::Full);
                next = None;
                let _ = answer.send(Seen {
                    readings: std::mem::take(&mut watch.readings),
                    failures: watch.failures,
                    state,
                });
            }
            Ok(Question::Facts(answer)) => {
                let _ = answer.send(watch.observer.facts());
            }
        }
    }
}
