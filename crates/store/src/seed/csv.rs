//! CSV as PostgreSQL's COPY reads it: an empty field is null, `""` is an empty text, a quote may open
//! anywhere, lines are counted inside of quotes too. The `csv` crate does not tell the first two apart.

#[cfg(test)]
mod tests;

/// The mark that some programs put before UTF-8.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// Takes what a [`Reader`] reads.
pub trait Sink {
    /// A field of the record; none: null.
    fn field(&mut self, value: Option<&[u8]>);
    /// The record ends on that line.
    fn end(&mut self, line: u64) -> Result<(), String>;
}

/// Reads records from parts that end anywhere.
#[derive(Default)]
pub struct Reader {
    field: Vec<u8>,
    /// The field has or had quotes: it is not null.
    was_quoted: bool,
    quoted: bool,
    /// A quote was read inside of quotes: it ends them, or is the first of two.
    quote_open: bool,
    /// A carriage return ended the record, and a line feed belongs to it.
    returned: bool,
    /// Something of the record was read.
    begun: bool,
    /// Line feeds (or lone carriage returns) so far.
    lines: u64,
}

impl Reader {
    /// Reads on. An error names the line.
    pub fn read(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<(), String> {
        for byte in bytes {
            self.step(*byte, sink)?;
        }
        Ok(())
    }

    /// After the last part.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), String> {
        if self.quoted && !self.quote_open {
            return Err(format!("line {}: a quote is not closed", self.lines + 1));
        }
        if self.begun {
            self.end_field(sink);
            self.lines += 1;
            sink.end(self.lines)?;
        }
        Ok(())
    }

    fn step(&mut self, byte: u8, sink: &mut dyn Sink) -> Result<(), String> {
        if std::mem::take(&mut self.returned) && byte == b'\n' {
            return Ok(());
        }
        if self.quoted {
            if !std::mem::take(&mut self.quote_open) {
                match byte {
                    b'"' => self.quote_open = true,
                    _ => {
                        self.lines += u64::from(byte == b'\n');
                        self.field.push(byte);
                    }
                }
                return Ok(());
            }
            if byte == b'"' {
                self.field.push(byte);
                return Ok(());
            }
            self.quoted = false;
        }
        self.begun = true;
        match byte {
            b'"' => {
                self.quoted = true;
                self.was_quoted = true;
            }
            b',' => self.end_field(sink),
            b'\n' | b'\r' => {
                self.returned = byte == b'\r';
                self.end_field(sink);
                self.begun = false;
                self.lines += 1;
                sink.end(self.lines)?;
            }
            _ => self.field.push(byte),
        }
        Ok(())
    }

    fn end_field(&mut self, sink: &mut dyn Sink) {
        let is_null = self.field.is_empty() && !self.was_quoted;
        sink.field((!is_null).then_some(&self.field));
        self.field.clear();
        self.was_quoted = false;
        self.quoted = false;
        self.quote_open = false;
    }
}

/// The fields of the first record, none if it is not there to its end. `is_all`: nothing comes after the bytes.
pub(super) fn header(bytes: &[u8], is_all: bool) -> Option<Vec<String>> {
    let mut names = Names::default();
    let mut reader = Reader::default();
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    // Reading stops by an error at the end of the first record.
    let ended = reader.read(bytes, &mut names).is_err() || (is_all && reader.finish(&mut names).is_err());
    (ended && names.0.iter().all(|name| !name.is_empty())).then_some(names.0)
}

#[derive(Default)]
struct Names(Vec<String>);

impl Sink for Names {
    fn field(&mut self, value: Option<&[u8]>) {
        self.0
            .push(String::from_utf8_lossy(value.unwrap_or_default()).into_owned());
    }

    fn end(&mut self, _: u64) -> Result<(), String> {
        Err(String::new())
    }
}
