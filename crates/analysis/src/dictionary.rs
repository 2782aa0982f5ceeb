//! Texts of a column as small codes: compared once, escaped once.

use std::hash::BuildHasherDefault;

use rustc_hash::FxHasher;
use std::collections::HashMap;

use store::value::write_text;

use crate::{cell::NULL_TEXT, piece::Piece};

type Codes = HashMap<Box<str>, u32, BuildHasherDefault<FxHasher>>;

/// Texts in order of first appearance; a text's code is its index.
#[derive(Debug)]
pub(crate) struct Dictionary {
    codes: Codes,
    texts: Vec<Box<str>>,
    /// The texts as JSON strings.
    json: Vec<Piece>,
    /// Rows often repeat the text of the row before.
    last: u32,
}

impl Dictionary {
    pub(crate) fn new() -> Dictionary {
        let codes = HashMap::with_hasher(BuildHasherDefault::default());
        Dictionary {
            codes,
            texts: Vec::new(),
            json: Vec::new(),
            last: NULL_TEXT,
        }
    }

    /// The text's code, a new one for a new text.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        if self
            .texts
            .get(self.last as usize)
            .is_some_and(|last| **last == *text)
        {
            return self.last;
        }
        self.last = match self.codes.get(text) {
            Some(code) => *code,
            None => {
                let code = u32::try_from(self.texts.len()).expect("a batch has fewer rows than codes");
                let mut json = Vec::with_capacity(text.len() + 2);
                write_text(text, &mut json);
                self.texts.push(text.into());
                self.json.push(Piece::new(&json));
                self.codes.insert(text.into(), code);
                code
            }
        };
        self.last
    }

    /// The code of a text that may not be there.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.codes.get(text).copied()
    }

    pub(crate) fn text(&self, code: u32) -> &str {
        &self.texts[code as usize]
    }

    #[inline]
    pub(crate) fn json(&self, code: u32) -> &Piece {
        &self.json[code as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }
}
