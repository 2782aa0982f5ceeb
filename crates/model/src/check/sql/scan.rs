//! Reads SQL word by word: strings, quoted names, dollar quotes and comments hide what is in them.

use std::ops::Range;

/// What a text of SQL has.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Its first word or sign, in lower case.
    pub(super) first: Option<(String, Range<usize>)>,
    /// The first word after a semicolon.
    pub(super) second_statement: Option<Range<usize>>,
    /// End of the last word before a semicolon.
    pub(super) end: usize,
    /// Number and place of every `$n`.
    pub(super) parameters: Vec<(u32, Range<usize>)>,
    /// Place of every name in braces, braces included.
    pub(super) marks: Vec<Range<usize>>,
}

impl Scanned {
    /// Whether its first word is one of these.
    pub(super) fn begins_with(&self, words: &[&str]) -> bool {
        self.first
            .as_ref()
            .is_some_and(|(first, _)| words.contains(&first.as_str()))
    }
}

/// Something that begins and does not end.
#[derive(Debug)]
pub(super) struct Unclosed {
    pub(super) span: Range<usize>,
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

/// Reads a text of SQL.
pub(super) fn scan(sql: &str) -> Result<Scanned, Unclosed> {
    let mut scanned = Scanned::default();
    let mut at = 0;
    let mut closed = false;
    while at < sql.len() {
        let word = word(sql, at)?;
        let span = at..word.end;
        at = word.end;
        match word.kind {
            Kind::Blank => continue,
            Kind::Semicolon => {
                closed |= scanned.first.is_some();
                continue;
            }
            Kind::Parameter(number) => scanned.parameters.push((number, span.clone())),
            Kind::Mark => scanned.marks.push(span.clone()),
            Kind::Other => {}
        }
        if scanned.first.is_none() {
            scanned.first = Some((sql[span.clone()].to_ascii_lowercase(), span.clone()));
        }
        match closed {
            true => scanned.second_statement = scanned.second_statement.or(Some(span)),
            false => scanned.end = span.end,
        }
    }
    Ok(scanned)
}

struct Word {
    kind: Kind,
    end: usize,
}

enum Kind {
    /// White space or a comment.
    Blank,
    Semicolon,
    Parameter(u32),
    /// `{name}`: no SQL has braces outside of quotes.
    Mark,
    Other,
}

/// What begins at this byte. It always ends behind it.
fn word(sql: &str, at: usize) -> Result<Word, Unclosed> {
    let rest = &sql[at..];
    let other = |length: usize| {
        Ok(Word {
            kind: Kind::Other,
            end: at + length,
        })
    };
    let blank = |length: usize| {
        Ok(Word {
            kind: Kind::Blank,
            end: at + length,
        })
    };
    let mut chars = rest.chars();
    match (chars.next().unwrap_or_default(), chars.next().unwrap_or_default()) {
        ('-', '-') => blank(rest.find('\n').unwrap_or(rest.len())),
        ('/', '*') => blank(comment(sql, at)?),
        (c, _) if c.is_whitespace() => blank(c.len_utf8()),
        (';', _) => Ok(Word {
            kind: Kind::Semicolon,
            end: at + 1,
        }),
        ('\'', _) => other(quoted(sql, at, '\'', false)?),
        ('"', _) => other(quoted(sql, at, '"', false)?),
        ('e' | 'E', '\'') => Ok(Word {
            kind: Kind::Other,
            end: at + 1 + quoted(sql, at + 1, '\'', true)?,
        }),
        ('$', digit) if digit.is_ascii_digit() => {
            let length = 1 + rest[1..]
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len() - 1);
            let number = rest[1..length].parse().unwrap_or(u32::MAX);
            Ok(Word {
                kind: Kind::Parameter(number),
                end: at + length,
            })
        }
        ('$', _) => other(dollar(sql, at)?),
        ('{', _) => match rest[1..].find(|c: char| !is_word(c)) {
            Some(name) if name > 0 && rest[1 + name..].starts_with('}') => Ok(Word {
                kind: Kind::Mark,
                end: at + name + 2,
            }),
            _ => other(1),
        },
        (c, _) if is_word(c) => other(rest.find(|c: char| !is_word(c) && c != '$').unwrap_or(rest.len())),
        (c, _) => other(c.len_utf8()),
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Length of a comment, which may hold others.
fn comment(sql: &str, at: usize) -> Result<usize, Unclosed> {
    let rest = &sql.as_bytes()[at..];
    let mut depth = 0;
    let mut length = 0;
    while length + 1 < rest.len() {
        match &rest[length..length + 2] {
            b"/*" => {
                depth += 1;
                length += 2;
            }
            b"*/" => {
                depth -= 1;
                length += 2;
            }
            _ => length += 1,
        }
        if depth == 0 {
            return Ok(length);
        }
    }
    Err(Unclosed {
        span: at..at + 2,
        message: "this comment is never closed",
        hint: "close it with `*/`",
    })
}

/// Length of what stands in quotes, which are doubled inside, or escaped by a backslash.
fn quoted(sql: &str, at: usize, quote: char, escapes: bool) -> Result<usize, Unclosed> {
    let mut chars = sql[at + 1..].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(offset + 2);
        }
    }
    Err(Unclosed {
        span: at..at + 1,
        message: "this quote is never closed",
        hint: "close it; a quote inside is written twice",
    })
}

/// Length of a dollar-quoted string, or of a lone dollar.
fn dollar(sql: &str, at: usize) -> Result<usize, Unclosed> {
    let rest = &sql[at..];
    let tag = 1 + rest[1..].find(|c: char| !is_word(c)).unwrap_or(rest.len() - 1);
    if !rest[tag..].starts_with('$') {
        return Ok(1);
    }
    let quote = &rest[..=tag];
    match rest[quote.len()..].find(quote) {
        Some(length) => Ok(quote.len() * 2 + length),
        None => Err(Unclosed {
            span: at..at + quote.len(),
            message: "this dollar quote is never closed",
            hint: "close it with the same tag",
        }),
    }
}
