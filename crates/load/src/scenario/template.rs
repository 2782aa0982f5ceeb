//! Text with names in braces, filled with values: `/objects/{id}/analysis`.

use crate::{
    error::Error,
    scenario::{values::Values, wrong},
};

/// Text, cut at its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    /// Which of the lists of values.
    Value(usize),
}

impl Template {
    /// Cuts a text at its braces. A name that no value was given for is a fault, but only where values were given at
    /// all: a URL without values may hold braces of its own.
    pub fn parse(text: &str, values: &Values) -> Result<Template, Error> {
        if values.is_empty() {
            return Ok(Template::fixed(text.as_bytes()));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| wrong(format!("`{text}` opens a brace and does not close it")))?;
            let value = values.position(name).ok_or_else(|| {
                wrong(format!(
                    "`{text}` names {{{name}}}, which has no values; there are: {}",
                    values.names().collect::<Vec<_>>().join(", ")
                ))
            })?;
            if !before.is_empty() {
                parts.push(Part::Text(before.as_bytes().to_vec()));
            }
            parts.push(Part::Value(value));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.as_bytes().to_vec()));
        }
        Ok(Template { parts })
    }

    /// Text that is the same for every request.
    pub fn fixed(text: &[u8]) -> Template {
        Template {
            parts: vec![Part::Text(text.to_vec())],
        }
    }

    /// The text, where it is the same for every request.
    pub(crate) fn as_fixed(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Adds the text with its values.
    pub(crate) fn write(&self, values: &Values, nth: u64, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Value(list) => values.write(*list, nth, out),
            }
        }
    }

    pub(crate) fn begins_with(&self, byte: u8) -> bool {
        matches!(self.parts.first(), Some(Part::Text(text)) if text.first() == Some(&byte))
    }

    pub(crate) fn has_any(&self, unwanted: impl Fn(u8) -> bool) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Text(text) => text.iter().any(|byte| unwanted(*byte)),
            Part::Value(_) => false,
        })
    }
}
