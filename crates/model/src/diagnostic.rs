//! What is wrong in a model, where, and what to do about it.
//!
//! Faults are collected, never thrown at the first: a `Report` is handed through `declare` and
//! `check`, and its [`Faults`] show every place at once.

mod render;

use std::ops::Range;

use crate::file::{Files, ROOT};

/// All faults of a model, in the order of their places. Its `Display` shows each with its line, a
/// caret and a hint, and then how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl std::error::Error for Faults {}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Relative to the model's directory.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// How many characters of the line are meant; at least 1.
    pub width: usize,
    /// The line itself; empty where the file does not exist.
    pub source: String,
    /// What is wrong: names what was found.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// A string of the model file and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The string itself, unescaped.
    pub value: String,
    /// Bytes of the model file, with the quotes.
    pub span: Range<usize>,
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

/// Collects faults while a model is read.
pub(crate) struct Report<'a> {
    files: &'a Files,
    faults: Vec<Fault>,
}

impl<'a> Report<'a> {
    /// Nothing is wrong yet.
    pub(crate) fn new(files: &'a Files) -> Report<'a> {
        Report {
            files,
            faults: Vec::new(),
        }
    }

    /// The files that the model may name.
    pub(crate) fn files(&self) -> &'a Files {
        self.files
    }

    /// A fault at bytes of the model file.
    pub(crate) fn fault(&mut self, span: &Range<usize>, message: impl Into<String>, hint: impl IntoHint) {
        self.fault_in(ROOT, span, message, hint);
    }

    /// A fault at bytes of the string's value. Where escapes make the bytes of the value differ from
    /// those of the file, the whole string is meant.
    pub(crate) fn fault_inside(
        &mut self,
        text: &Text,
        inner: &Range<usize>,
        message: impl Into<String>,
        hint: impl IntoHint,
    ) {
        let span = match self.opening(text) {
            Some(start) => start + inner.start..start + inner.end,
            None => text.span.clone(),
        };
        self.fault(&span, message, hint);
    }

    /// A fault at bytes of any file.
    pub(crate) fn fault_in(
        &mut self,
        file: &str,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl IntoHint,
    ) {
        let text = self.files.get(file).unwrap_or_default();
        let place = render::place(text, span);
        let fault = Fault {
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            width: place.width,
            source: place.source,
            message: message.into(),
            hint: hint.into_hint(),
        };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// How many faults there are so far.
    pub(crate) fn count(&self) -> usize {
        self.faults.len()
    }

    /// The faults in the order of their places, the model file first; `None` where there are none.
    pub(crate) fn faults(mut self) -> Option<Faults> {
        self.faults.sort_by(|a, b| {
            let key = |fault: &Fault| (fault.file != ROOT, fault.file.clone(), fault.line, fault.column);
            key(a).cmp(&key(b))
        });
        if self.faults.is_empty() {
            None
        } else {
            Some(Faults(self.faults))
        }
    }

    /// Where in the model file the string's value begins, if it stands there byte for byte.
    fn opening(&self, text: &Text) -> Option<usize> {
        let raw = self.files.get(ROOT)?.get(text.span.clone())?;
        let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") {
            3
        } else {
            1
        };
        let inner = raw.get(quotes..raw.len().checked_sub(quotes)?)?;
        let skipped = match quotes {
            3 if inner.starts_with("\r\n") => 2,
            3 if inner.starts_with('\n') => 1,
            _ => 0,
        };
        (inner.get(skipped..)? == text.value).then_some(text.span.start + quotes + skipped)
    }
}

/// What can stand as a hint: a sentence, or one that may be missing.
pub(crate) trait IntoHint {
    /// The hint.
    fn into_hint(self) -> Option<String>;
}

impl IntoHint for &str {
    fn into_hint(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl IntoHint for String {
    fn into_hint(self) -> Option<String> {
        Some(self)
    }
}

impl IntoHint for Option<String> {
    fn into_hint(self) -> Option<String> {
        self
    }
}

impl Fault {
    /// A model that is refused without a reason: a bug of ours, said as one and not as a panic.
    pub(crate) fn of_ours(file: &str) -> Fault {
        Fault {
            file: file.to_owned(),
            line: 1,
            column: 1,
            width: 1,
            source: String::new(),
            message: "the model is refused, and Sidequest cannot say why".to_owned(),
            hint: Some("this is a bug of Sidequest: please report it with the model".to_owned()),
        }
    }
}
