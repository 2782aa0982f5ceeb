//! Statements that the one backend must not see.
//!
//! `COPY .. FROM STDIN` as tokio-postgres sends it kills the engine; `DISCARD ALL` and `DEALLOCATE ALL` take the
//! prepared statements of all other clients; a notification would reach whoever comes next.

#[cfg(test)]
mod tests;

/// Why the engine in this process does not take these statements, or None.
pub(super) fn refusal(sql: &[u8]) -> Option<&'static str> {
    let mut words = Words { rest: sql };
    let mut statement = Statement::default();
    while let Some(word) = words.next() {
        match word {
            Word::End => statement = Statement::default(),
            Word::Other => statement.from = false,
            Word::Name(name) => {
                if let Some(reason) = statement.add(name) {
                    return Some(reason);
                }
            }
        }
    }
    None
}

/// The statement that is being read.
#[derive(Default)]
struct Statement<'a> {
    first: Option<&'a [u8]>,
    /// Whether the word before was FROM.
    from: bool,
}

impl<'a> Statement<'a> {
    fn add(&mut self, name: &'a [u8]) -> Option<&'static str> {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        let Some(first) = self.first else {
            self.first = Some(name);
            return is("listen")
                .then_some("LISTEN needs a connection of its own, the in-process engine has one for all");
        };
        let begins = |text: &str| first.eq_ignore_ascii_case(text.as_bytes());
        if begins("copy") && self.from && is("stdin") {
            return Some("the in-process engine has no COPY FROM STDIN; use INSERT with unnest");
        }
        if begins("discard") && (is("all") || is("plans")) {
            return Some("DISCARD would take the statements of all clients of the in-process engine");
        }
        if begins("deallocate") && is("all") {
            return Some("DEALLOCATE ALL would take the statements of all clients of the in-process engine");
        }
        self.from = is("from");
        None
    }
}

enum Word<'a> {
    Name(&'a [u8]),
    /// The semicolon.
    End,
    /// An operator, a number, a literal, a quoted name.
    Other,
}

/// The words of SQL, without comments. It need not understand more: literals are passed over as a whole.
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let (&first, after) = self.rest.split_first()?;
            match (first, after.first()) {
                (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => self.rest = after,
                (b'-', Some(b'-')) => self.skip(|byte| byte != b'\n'),
                (b'/', Some(b'*')) => self.skip_comment(),
                (b';', _) => {
                    self.rest = after;
                    return Some(Word::End);
                }
                (b'\'', _) => return Some(self.quoted(b'\'', false)),
                (b'"', _) => return Some(self.quoted(b'"', false)),
                (b'e' | b'E', Some(b'\'')) => {
                    self.rest = after;
                    return Some(self.quoted(b'\'', true));
                }
                (b'$', _) => return Some(self.dollar_quoted()),
                _ if is_name_start(first) => {
                    let whole = self.rest;
                    self.skip(is_name);
                    return Some(Word::Name(&whole[..whole.len() - self.rest.len()]));
                }
                _ => {
                    self.rest = after;
                    return Some(Word::Other);
                }
            }
        }
    }

    fn skip(&mut self, while_true: impl Fn(u8) -> bool) {
        let end = self
            .rest
            .iter()
            .position(|byte| !while_true(*byte))
            .unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
    }

    /// Comments of this kind stand within each other.
    fn skip_comment(&mut self) {
        let mut depth = 0_u32;
        while let Some((&first, after)) = self.rest.split_first() {
            let pair = (first, after.first().copied());
            let step = match pair {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    2
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    2
                }
                _ => 1,
            };
            self.rest = &self.rest[step..];
            if depth == 0 {
                return;
            }
        }
    }

    /// Two quotes are one within; a backslash counts in `E''` only.
    fn quoted(&mut self, quote: u8, escapes: bool) -> Word<'a> {
        self.rest = &self.rest[1..];
        while let Some((&first, after)) = self.rest.split_first() {
            self.rest = after;
            if escapes && first == b'\\' {
                self.rest = after.get(1..).unwrap_or_default();
            } else if first == quote {
                if after.first() != Some(&quote) {
                    break;
                }
                self.rest = &after[1..];
            }
        }
        Word::Other
    }

    /// `$tag$ .. $tag$`, or a parameter such as `$1`.
    fn dollar_quoted(&mut self) -> Word<'a> {
        let tag = self.rest[1..]
            .iter()
            .position(|byte| *byte == b'$')
            .map(|end| &self.rest[..end + 2]);
        let tag = tag.filter(|tag| {
            let name = &tag[1..tag.len() - 1];
            name.iter().all(|byte| is_name(*byte)) && !name.first().is_some_and(u8::is_ascii_digit)
        });
        match tag {
            Some(tag) => {
                let body = &self.rest[tag.len()..];
                let end = body.windows(tag.len()).position(|found| found == tag);
                self.rest = end.map_or(&[], |end| &body[end + tag.len()..]);
            }
            None => self.rest = &self.rest[1..],
        }
        Word::Other
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_name(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit()
}
