//! HTTP/1.1: as much of it as tells where a request ends and what it asks for.

#[cfg(test)]
mod tests;

use memchr::{memchr, memmem};

use crate::{
    answer::{Answers, Choice},
    connection::Violation,
    output::Output,
};

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    requests_left: u64,
    /// Of a request's body, still to come and to be thrown away.
    body_left: u64,
    done: bool,
}

impl Http1 {
    pub(crate) fn new(requests_max: u64) -> Http1 {
        Http1 {
            requests_left: requests_max,
            body_left: 0,
            done: false,
        }
    }

    /// Whether the last answer is in the output.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Answers all whole requests; how much of the input they were.
    pub(crate) fn read<'a>(
        &mut self,
        input: &[u8],
        answers: &'a Answers,
        output: &mut Output<'a>,
    ) -> Result<usize, Violation> {
        let mut used = 0;
        loop {
            if self.done {
                return Ok(input.len());
            }
            let rest = &input[used..];
            let skipped = usize::try_from(self.body_left)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            self.body_left -= skipped as u64;
            used += skipped;
            let rest = &rest[skipped..];
            let Some(end) = memmem::find(rest, b"\r\n\r\n") else {
                return Ok(used);
            };
            let head = &rest[..end + 2];
            used += end + 4;
            self.answer(head, answers, output)?;
        }
    }

    fn answer<'a>(
        &mut self,
        head: &[u8],
        answers: &'a Answers,
        output: &mut Output<'a>,
    ) -> Result<(), Violation> {
        let line_end = memchr(b'\n', head).ok_or(Violation)?;
        let mut words = head[..line_end].split(|byte| *byte == b' ');
        let (method, path) = (words.next().ok_or(Violation)?, words.next().ok_or(Violation)?);
        let fields = &head[line_end + 1..];
        // What clients of benchmarks send most has no body, and no other field that matters here.
        let is_get = method == b"GET";
        if !is_get {
            self.body_left = match field(fields, b"content-length") {
                None => 0,
                Some(text) => number(text).ok_or(Violation)?,
            };
            if field(fields, b"transfer-encoding").is_some() {
                return Err(Violation);
            }
        }
        self.requests_left -= 1;
        self.done = self.requests_left == 0
            || field(fields, b"connection").is_some_and(|text| text.eq_ignore_ascii_case(b"close"));
        let answer = answers.of(Choice::of(path));
        let head = if self.done {
            &answer.closing_head
        } else {
            &answer.head
        };
        let body: &'a [u8] = if method == b"HEAD" { &[] } else { &answer.body };
        // Copying a short body is cheaper than one more slice.
        if answer.is_short() {
            output.own(|own| {
                own.extend_from_slice(head);
                own.extend_from_slice(body);
            });
        } else {
            output.prebuilt(head);
            output.prebuilt(body);
        }
        Ok(())
    }
}

/// A field's value, whatever the case of its name.
fn field<'h>(fields: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    let mut rest = fields;
    while let Some(end) = memchr(b'\n', rest) {
        let line = &rest[..end];
        if line.len() > name.len()
            && line[name.len()] == b':'
            && line[..name.len()].eq_ignore_ascii_case(name)
        {
            return Some(line[name.len() + 1..].trim_ascii());
        }
        rest = &rest[end + 1..];
    }
    None
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
