//! No secret in a log: a last look at each line, whoever wrote it.
//!
//! Lines are looked at as they are written, not fields as they are named: an error of a library can hold a URL
//! with a password in it, under any name.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use tracing_subscriber::fmt::MakeWriter;

/// What stands for a secret.
const HIDDEN: &str = "[redacted]";

/// Names whose value is a secret, in lower case. A name that ends in one of them counts.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "cookie",
    "pwd",
    "passphrase",
    "access_key",
    "private_key",
];

/// A header whose value is a scheme and a credential, or several words that nobody else knows.
const AUTHORIZATION: &str = "authorization";

/// Schemes after which a credential stands.
const SCHEMES: &[&str] = &["bearer ", "basic "];

/// Writers whose lines are looked at.
#[derive(Debug)]
pub(super) struct Redacting<M>(pub(super) M);

/// A writer of one line.
#[derive(Debug)]
pub struct Redacted<W>(W);

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for Redacting<M> {
    type Writer = Redacted<M::Writer>;

    fn make_writer(&'w self) -> Redacted<M::Writer> {
        Redacted(self.0.make_writer())
    }
}

impl<W: Write> Write for Redacted<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        match redact(&text) {
            Cow::Borrowed(_) => self.0.write_all(line)?,
            Cow::Owned(redacted) => self.0.write_all(redacted.as_bytes())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The text without its secrets: passwords in URLs, values of names that promise a secret, credentials.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    let lower = text.to_ascii_lowercase();
    passwords_of_urls(text, &mut hidden);
    for name in NAMES {
        for (at, _) in lower.match_indices(name) {
            hidden.extend(value_after(text, at + name.len()));
        }
    }
    for (at, _) in lower.match_indices(AUTHORIZATION) {
        hidden.extend(line_after(text, at + AUTHORIZATION.len()));
    }
    for scheme in SCHEMES {
        for (at, _) in lower.match_indices(scheme) {
            let from = at + scheme.len();
            let length = run(&text[from..], |letter| {
                letter.is_ascii_alphanumeric() || "-._~+/=".contains(letter)
            });
            // A short word after it is prose.
            if length >= 8 {
                hidden.push((from, from + length));
            }
        }
    }
    if hidden.is_empty() {
        return Cow::Borrowed(text);
    }
    hidden.sort_unstable();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (from, to) in hidden {
        if from >= done {
            out.push_str(&text[done..from]);
            out.push_str(HIDDEN);
        }
        done = done.max(to);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// `://user:PASSWORD@host`.
fn passwords_of_urls(text: &str, hidden: &mut Vec<(usize, usize)>) {
    for (at, mark) in text.match_indices("://") {
        let from = at + mark.len();
        // A database's password may hold a slash that nobody has escaped; in other URLs a path begins there.
        let ends = if text[..at].ends_with("postgres") || text[..at].ends_with("postgresql") {
            "\"'`<>"
        } else {
            "/?#\"'`<>"
        };
        let length = run(&text[from..], |letter| {
            !letter.is_whitespace() && !ends.contains(letter)
        });
        let authority = &text[from..from + length];
        if let Some((credentials, _)) = authority.rsplit_once('@')
            && let Some((user, password)) = credentials.split_once(':')
            && !password.is_empty()
        {
            hidden.push((from + user.len() + 1, from + credentials.len()));
        }
    }
}

/// The value after a name: `name=value`, `name: value`, `"name":"value"`, `name => 'value'`.
fn value_after(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = &text[from..];
    // Escape codes of a coloured log stand between a name and its value.
    let between = run(rest, |letter| " \t\"'\\=:>".contains(letter));
    let said = &rest[..between];
    if !said.contains(['=', ':']) {
        return None;
    }
    let quote = said.chars().last().filter(|letter| matches!(letter, '"' | '\''));
    let value = &rest[between..];
    let length = match quote {
        Some(quote) => quoted(value, quote),
        None => run(value, |letter| {
            !letter.is_whitespace() && !",;&\"'}])".contains(letter)
        }),
    };
    (length > 0).then_some((from + between, from + between + length))
}

/// The rest of the line after a name, or of the text in quotes.
fn line_after(text: &str, from: usize) -> Option<(usize, usize)> {
    let (start, end) = value_after(text, from)?;
    let is_quoted = text[..start].ends_with(['"', '\'']);
    let end = match is_quoted {
        true => end,
        false => start + run(&text[start..], |letter| letter != '\n' && letter != '"'),
    };
    Some((start, end))
}

/// Bytes until the quote that ends a text: one that is not escaped.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.find(|letter: char| {
        let ends = letter == '\n' || letter == quote && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// Bytes of the letters at the beginning that fit.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !fits(letter)).unwrap_or(text.len())
}
