//! The words of an expression and where they stand.

use std::{fmt, ops::Range};

use super::parse::Error;

/// A word, sign or literal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A bare name or keyword, perhaps with dots: `weather.wind`.
    Word(String),
    /// A name in double quotes.
    Name(String),
    /// A text in single quotes.
    Text(String),
    Integer(i64),
    Float(f64),
    Sign(&'static str),
    End,
}

impl Token {
    /// Whether it is this keyword, in any case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{word}`"),
            Token::Name(name) => write!(f, "`\"{name}\"`"),
            Token::Text(text) => write!(f, "the text '{text}'"),
            Token::Integer(number) => write!(f, "`{number}`"),
            Token::Float(number) => write!(f, "`{number}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
            Token::End => write!(f, "the end"),
        }
    }
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 12] = ["<=", ">=", "<>", "!=", "==", "=", "<", ">", "(", ")", ",", "*"];

/// All tokens, with [`Token::End`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>, Error> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, end) = token(text, at, first)?;
        tokens.push((token, at..end));
        at = end;
    }
    tokens.push((Token::End, text.len()..text.len()));
    Ok(tokens)
}

/// The token that begins with this character, and where it ends.
fn token(text: &str, at: usize, first: char) -> Result<(Token, usize), Error> {
    let rest = &text[at..];
    let number = rest
        .strip_prefix('-')
        .unwrap_or(rest)
        .starts_with(|c: char| c.is_ascii_digit());
    if number {
        return self::number(text, at);
    }
    if first == '\'' {
        let (value, end) = quoted(text, at, '\'')?;
        return Ok((Token::Text(value), end));
    }
    if first == '"' {
        let (value, end) = quoted(text, at, '"')?;
        return Ok((Token::Name(value), end));
    }
    if is_name_start(first) {
        let length = rest.find(|c: char| !is_name(c) && c != '.').unwrap_or(rest.len());
        return Ok((Token::Word(rest[..length].to_owned()), at + length));
    }
    match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        Some(sign) => Ok((Token::Sign(sign), at + sign.len())),
        None => {
            let message = format!("`{}` has no meaning here", first.escape_debug());
            let hint = match first {
                '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '`' => {
                    "text stands in straight single quotes: 'JFK'"
                }
                _ => "conditions are joined by `and`; compute anything else in the dataset's SQL",
            };
            Err(Error::new(at..at + first.len_utf8(), message, hint))
        }
    }
}

/// Whether a bare name can begin with it.
pub(super) fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// Whether it can go on with it.
pub(super) fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// `-12`, `1.5`, `2e-3`.
fn number(text: &str, at: usize) -> Result<(Token, usize), Error> {
    let bytes = text.as_bytes();
    let digits = |mut end: usize| {
        while bytes.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
        end
    };
    let mut end = digits(at + usize::from(bytes[at] == b'-'));
    let mut whole = true;
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = digits(end + 1);
        whole = false;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
            whole = false;
        }
    }
    let stuck = text[end..]
        .find(|c| !is_name(c) && c != '.')
        .unwrap_or(text.len() - end);
    if stuck > 0 {
        let hint = "numbers look like 15, -2.5 or 1e6";
        return Err(Error::new(at..end + stuck, "this is not a number", hint));
    }
    let token = match whole {
        true => text[at..end].parse().ok().map(Token::Integer),
        false => text[at..end]
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(Token::Float),
    };
    match token {
        Some(token) => Ok((token, end)),
        None => Err(Error::new(
            at..end,
            "this number is too large",
            "integers have 64 bits, floats go up to 1.8e308",
        )),
    }
}

/// What stands in quotes, which are doubled inside.
fn quoted(text: &str, at: usize, quote: char) -> Result<(String, usize), Error> {
    let mut value = String::new();
    let mut chars = text[at + 1..].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        if c == '\0' {
            let place = at + 1 + offset;
            return Err(Error::new(
                place..place + 1,
                "PostgreSQL's text has no zero character",
                "leave it out",
            ));
        }
        if c != quote {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            value.push(quote);
        } else {
            return Ok((value, at + 1 + offset + 1));
        }
    }
    let hint = format!("close it with {quote}; inside, {quote} is written {quote}{quote}");
    Err(Error::new(at..text.len(), "this quote is never closed", hint))
}
