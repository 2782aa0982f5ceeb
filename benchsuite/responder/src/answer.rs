//! The answers, with every byte made beforehand, for both protocols.

use std::fmt::Write as _;

use crate::http2::frame;

pub(crate) const SMALL: &[u8] = b"Hello, world!";
/// As much as the analysis of a busy aircraft.
pub(crate) const LARGE_BYTES: usize = 155_010;

/// Which answer a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Small,
    Large,
    Absent,
}

/// One answer in both protocols.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// HTTP/1: the head, and the same with `connection: close`.
    pub(crate) head: Vec<u8>,
    pub(crate) closing_head: Vec<u8>,
    /// HTTP/2: the HEADERS frame of stream 0.
    pub(crate) headers: Vec<u8>,
    /// HTTP/2: the HEADERS frame and all of a short body, of stream 0, and where in it the stream ids stand.
    pub(crate) whole: Vec<u8>,
    pub(crate) whole_ids: [usize; 2],
}

/// All answers.
#[derive(Debug)]
pub(crate) struct Answers {
    small: Answer,
    large: Answer,
    absent: Answer,
}

impl Choice {
    pub(crate) fn of(path: &[u8]) -> Choice {
        let path = path.split(|byte| *byte == b'?').next().unwrap_or(path);
        match path {
            b"/small" | b"/" => Choice::Small,
            b"/large" => Choice::Large,
            _ => Choice::Absent,
        }
    }
}

impl Answers {
    pub(crate) fn new() -> Answers {
        Answers {
            small: Answer::new(200, "text/plain", SMALL.to_vec()),
            large: Answer::new(200, "application/json", large()),
            absent: Answer::new(404, "text/plain", b"There are /small and /large.\n".to_vec()),
        }
    }

    pub(crate) fn of(&self, choice: Choice) -> &Answer {
        match choice {
            Choice::Small => &self.small,
            Choice::Large => &self.large,
            Choice::Absent => &self.absent,
        }
    }
}

impl Answer {
    fn new(status: u16, content_type: &str, body: Vec<u8>) -> Answer {
        let line = if status == 200 { "200 OK" } else { "404 Not Found" };
        let head = |closing: &str| {
            format!(
                "HTTP/1.1 {line}\r\nserver: responder\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n{closing}\r\n",
                body.len()
            )
            .into_bytes()
        };
        // Indexed `:status`, then literals without indexing whose names are in the static table: nothing of it
        // depends on what the connection sent before.
        let mut block = vec![if status == 200 { 0x88 } else { 0x8d }];
        literal(&mut block, 31, content_type);
        literal(&mut block, 28, &body.len().to_string());
        let mut headers = Vec::new();
        frame::head(&mut headers, block.len(), frame::HEADERS, frame::END_HEADERS, 0);
        headers.extend_from_slice(&block);
        let mut whole = headers.clone();
        let second = whole.len();
        if body.len() <= frame::DATA_MAX {
            frame::head(&mut whole, body.len(), frame::DATA, frame::END_STREAM, 0);
            whole.extend_from_slice(&body);
        }
        Answer {
            head: head(""),
            closing_head: head("connection: close\r\n"),
            headers,
            whole_ids: [frame::ID_AT, second + frame::ID_AT],
            whole,
            body,
        }
    }

    /// Whether `whole` is it.
    pub(crate) fn is_short(&self) -> bool {
        self.body.len() <= frame::DATA_MAX
    }
}

/// HPACK: a literal that is not indexed, whose name is. Both are short here.
fn literal(block: &mut Vec<u8>, name: u8, value: &str) {
    block.extend_from_slice(&[0x0f, name - 0x0f]);
    block.push(u8::try_from(value.len()).expect("the values are the ones above, each of a few bytes"));
    block.extend_from_slice(value.as_bytes());
}

/// JSON of exactly [`LARGE_BYTES`], which looks like measurements.
fn large() -> Vec<u8> {
    let mut text = String::with_capacity(LARGE_BYTES);
    text.push_str("{\"rows\":[");
    let mut row = 0_u32;
    // A row takes less than 80 bytes, the end less than 20.
    while text.len() < LARGE_BYTES - 100 {
        let _ = write!(
            text,
            "{{\"id\":\"N{:05}\",\"flights\":{},\"delay_p90\":{}.{}}},",
            row * 7919 % 100_000,
            row * 31 % 977,
            row * 17 % 211,
            row % 10
        );
        row += 1;
    }
    text.pop();
    text.push_str("],\"rest\":\"");
    while text.len() < LARGE_BYTES - 2 {
        text.push('.');
    }
    text.push_str("\"}");
    text.into_bytes()
}
