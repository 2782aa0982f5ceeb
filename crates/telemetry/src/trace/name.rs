//! Names as numbers: a span holds four bytes and no text.

use std::{
    array,
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Names at most. They come from the model and from statements; field selections make many of the latter.
pub const NAMES_MAX: usize = 4096;

/// A name known to one tracer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name(u32);

impl Name {
    /// One for what has no name of its own, and for what came after [`NAMES_MAX`].
    pub const OTHER: Name = Name(0);
}

#[derive(Debug)]
pub(crate) struct Names {
    /// Which it is of the process's, for what threads remember.
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
        let name = Name(u32::try_from(known.texts.len()).unwrap_or(0));
        let text: Arc<str> = text.into();
        known.texts.push(Arc::clone(&text));
        known.names.insert(Arc::clone(&text), name);
        (name, Some(text))
    }

    pub(crate) fn text(&self, name: Name) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let text = known.texts.get(name.0 as usize);
        text.unwrap_or(&known.texts[0]).clone()
    }
}

/// Texts that are asked for often stay where they are.
fn place(text: &str) -> usize {
    let at = text.as_ptr().addr() ^ text.len();
    (at ^ at >> 4 ^ at >> 10) % LATELY
}
