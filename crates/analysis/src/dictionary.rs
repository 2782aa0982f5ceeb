//! Texts of a column as small codes: compared once, escaped once.

use std::hash::BuildHasherDefault;

use rustc_hash::FxHasher;
use std::collections::HashMap;

use store::value::write_text;

use crate::{cell::NULL_TEXT, piece::Piece};

type Codes<K> = HashMap<K, u32, BuildHasherDefault<FxHasher>>;

/// Texts in order of first appearance; a text's code is its index.
#[derive(Debug)]
pub(crate) struct Dictionary {
    codes: Codes<Box<str>>,
    /// Codes of texts of up to seven bytes by [`packed`]: most dimensions are such, and a word is hashed and
    /// compared several times faster than a string.
    short: Codes<u64>,
    texts: Vec<Box<str>>,
    /// The texts as JSON strings.
    json: Vec<Piece>,
    /// Rows often repeat the text of the row before.
    last: u32,
    last_short: u64,
}

/// A text of up to seven bytes as one word: its bytes and its length.
#[inline]
fn packed(text: &[u8]) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..7)?.get_mut(..text.len())?.copy_from_slice(text);
    word[7] = text.len() as u8 + 1;
    Some(u64::from_le_bytes(word))
}

impl Dictionary {
    pub(crate) fn new() -> Dictionary {
        Dictionary {
            codes: HashMap::with_hasher(BuildHasherDefault::default()),
            short: HashMap::with_hasher(BuildHasherDefault::default()),
            texts: Vec::new(),
            json: Vec::new(),
            last: NULL_TEXT,
            last_short: 0,
        }
    }

    /// The code of a text as it came over the wire, a new one for a new text; none if it is not UTF-8.
    #[inline]
    pub(crate) fn code(&mut self, raw: &[u8]) -> Option<u32> {
        match packed(raw) {
            Some(word) if word == self.last_short => Some(self.last),
            Some(word) => {
                self.last = match self.short.get(&word) {
                    Some(code) => *code,
                    None => {
                        let code = self.add(std::str::from_utf8(raw).ok()?);
                        self.short.insert(word, code);
                        code
                    }
                };
                self.last_short = word;
                Some(self.last)
            }
            None => self.long(raw),
        }
    }

    fn long(&mut self, raw: &[u8]) -> Option<u32> {
        if self
            .texts
            .get(self.last as usize)
            .is_some_and(|last| last.as_bytes() == raw)
        {
            return Some(self.last);
        }
        let text = std::str::from_utf8(raw).ok()?;
        self.last_short = 0;
        self.last = match self.codes.get(text) {
            Some(code) => *code,
            None => {
                let code = self.add(text);
                self.codes.insert(text.into(), code);
                code
            }
        };
        Some(self.last)
    }

    fn add(&mut self, text: &str) -> u32 {
        let code = u32::try_from(self.texts.len()).expect("a batch has fewer rows than codes");
        let mut json = Vec::with_capacity(text.len() + 2);
        write_text(text, &mut json);
        self.texts.push(text.into());
        self.json.push(Piece::new(&json));
        code
    }

    /// The code of a text that may not be there.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        match packed(text.as_bytes()) {
            Some(word) => self.short.get(&word).copied(),
            None => self.codes.get(text).copied(),
        }
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
