//! Names as numbers: a span holds two bytes and no text.
//!
//! They are of the process, not of a tracer: whoever says the same each time looks its name up once, at start.

use std::{
    array,
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc, LazyLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Names at most. They come from the model and from statements; field selections make many of the latter.
pub const NAMES_MAX: usize = 4096;

/// A name known to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name(u16);

static NAMES: LazyLock<Names> = LazyLock::new(Names::new);

impl Name {
    /// One for what has no name of its own, and for what came after [`NAMES_MAX`].
    pub const OTHER: Name = Name(0);

    /// The text's number, made on first use. Not for what nobody bounds: there are [`NAMES_MAX`].
    pub fn of(text: &str) -> Name {
        NAMES.name(text)
    }

    /// What it stands for.
    pub fn text(self) -> Arc<str> {
        NAMES.text(self)
    }

    pub(super) fn number(self) -> u16 {
        self.0
    }

    /// Of a number that was a name's.
    pub(super) fn from_number(number: u16) -> Name {
        Name(number)
    }
}

#[derive(Debug)]
pub(crate) struct Names {
    /// Which it is, for what threads remember: tests have others.
    number: u64,
    known: RwLock<Known>,
}

#[derive(Debug)]
struct Known {
    texts: Vec<Arc<str>>,
    names: HashMap<Arc<str>, Name>,
}

/// What a thread has asked for lately: statements are long, and hashing one costs more than recording it.
struct Lately([Option<Remembered>; LATELY]);

struct Remembered {
    of: u64,
    text: Arc<str>,
    name: Name,
}

/// Places, by where a text stands in memory and how long it is.
const LATELY: usize = 64;

thread_local! {
    static REMEMBERED: RefCell<Lately> = RefCell::new(Lately(array::from_fn(|_| None)));
}

impl Names {
    pub(crate) fn new() -> Names {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let other: Arc<str> = "other".into();
        Names {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            known: RwLock::new(Known {
                texts: vec![other.clone()],
                names: HashMap::from([(other, Name::OTHER)]),
            }),
        }
    }

    /// The text's number; made on first use.
    pub(crate) fn name(&self, text: &str) -> Name {
        let remembered = REMEMBERED.try_with(|lately| {
            let place = &mut lately.borrow_mut().0[place(text)];
            // The text is compared all the same: another may stand there by now.
            let found = place
                .as_ref()
                .filter(|found| found.of == self.number && *found.text == *text);
            if let Some(found) = found {
                return found.name;
            }
            let (name, text) = self.known_name(text);
            if let Some(text) = text {
                *place = Some(Remembered {
                    of: self.number,
                    text,
                    name,
                });
            }
            name
        });
        // A thread at its end remembers nothing.
        remembered.unwrap_or_else(|_| self.known_name(text).0)
    }

    /// With the text as it is kept, unless there was no room for it.
    fn known_name(&self, text: &str) -> (Name, Option<Arc<str>>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, name)) = known.names.get_key_value(text) {
            return (*name, Some(Arc::clone(text)));
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, name)) = known.names.get_key_value(text) {
            return (*name, Some(Arc::clone(text)));
        }
        if known.texts.len() >= NAMES_MAX {
            return (Name::OTHER, None);
        }
        let name = Name(u16::try_from(known.texts.len()).unwrap_or(0));
        let text: Arc<str> = text.into();
        known.texts.push(Arc::clone(&text));
        known.names.insert(Arc::clone(&text), name);
        (name, Some(text))
    }

    pub(crate) fn text(&self, name: Name) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let text = known.texts.get(usize::from(name.0));
        text.unwrap_or(&known.texts[0]).clone()
    }
}

/// Texts that are asked for often stay where they are.
fn place(text: &str) -> usize {
    let at = text.as_ptr().addr() ^ text.len();
    (at ^ at >> 4 ^ at >> 10) % LATELY
}
