//! Names as numbers: a span holds four bytes and no text.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
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
pub(crate) struct Names(RwLock<Known>);

#[derive(Debug)]
struct Known {
    texts: Vec<Arc<str>>,
    names: HashMap<Arc<str>, Name>,
}

impl Names {
    pub(crate) fn new() -> Names {
        let other: Arc<str> = "other".into();
        Names(RwLock::new(Known {
            texts: vec![other.clone()],
            names: HashMap::from([(other, Name::OTHER)]),
        }))
    }

    /// The text's number; made on first use.
    pub(crate) fn name(&self, text: &str) -> Name {
        if let Some(name) = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .names
            .get(text)
        {
            return *name;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known.names.get(text) {
            return *name;
        }
        if known.texts.len() >= NAMES_MAX {
            return Name::OTHER;
        }
        let name = Name(u32::try_from(known.texts.len()).unwrap_or(0));
        let text: Arc<str> = text.into();
        known.texts.push(text.clone());
        known.names.insert(text, name);
        name
    }

    pub(crate) fn text(&self, name: Name) -> Arc<str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let text = known.texts.get(name.0 as usize);
        text.unwrap_or(&known.texts[0]).clone()
    }
}
