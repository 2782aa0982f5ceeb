//! Lines of CSV, whose first names the columns.

use std::borrow::Cow;

use store::{
    content::Content,
    import::BadRow,
    seed::csv::{MARK, Reader, Sink},
};

use super::{
    Read, Reading,
    ndjson::{is_envelope, row, too_long},
};
use crate::query::{cut, hint};

/// Rows from parts that end anywhere.
pub(super) struct Csv<'a> {
    reader: Reader,
    rows: Rows<'a>,
    /// Bytes since a row has ended.
    open_bytes: usize,
    /// Nothing was read yet.
    is_first: bool,
    /// What comes cannot be told apart any more.
    is_lost: bool,
}

struct Rows<'a> {
    reading: &'a Reading<'a>,
    /// What each field is; none before the first line.
    header: Option<Vec<Field>>,
    fields: Vec<Option<String>>,
    /// A field was not UTF-8.
    is_garbled: bool,
    read: Vec<Read>,
    has_ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Column(usize),
    Envelope(String),
}

impl<'a> Csv<'a> {
    pub(super) fn new(reading: &'a Reading<'a>) -> Csv<'a> {
        Csv {
            reader: Reader::default(),
            rows: Rows {
                reading,
                header: None,
                fields: Vec::new(),
                is_garbled: false,
                read: Vec::new(),
                has_ended: false,
            },
            open_bytes: 0,
            is_first: true,
            is_lost: false,
        }
    }

    pub(super) fn read(&mut self, part: &[u8]) -> Vec<Read> {
        if self.is_lost {
            return Vec::new();
        }
        let marked = std::mem::take(&mut self.is_first);
        let part = part.strip_prefix(MARK).filter(|_| marked).unwrap_or(part);
        let ended = self.reader.read(part, &mut self.rows);
        self.open_bytes = if std::mem::take(&mut self.rows.has_ended) {
            0
        } else {
            self.open_bytes + part.len()
        };
        let mut read = std::mem::take(&mut self.rows.read);
        let too_long = self.open_bytes > self.rows.reading.line_bytes_max;
        if ended.is_err() || too_long {
            self.is_lost = true;
        }
        if too_long {
            let problem = format!("a row {}", self::too_long(self.rows.reading.line_bytes_max));
            read.push(Err(BadRow { line: 0, problem }));
        }
        read
    }

    pub(super) fn finish(&mut self) -> Vec<Read> {
        if self.is_lost {
            return Vec::new();
        }
        let ended = self.reader.finish(&mut self.rows);
        let mut read = std::mem::take(&mut self.rows.read);
        if let Err(problem) = ended.map_err(|problem| BadRow { line: 0, problem })
            && read.last().is_none_or(Result::is_ok)
        {
            read.push(Err(problem));
        }
        read
    }
}

impl Sink for Rows<'_> {
    fn field(&mut self, value: Option<&[u8]>) {
        let text = value.map(|value| String::from_utf8_lossy(value).into_owned());
        self.is_garbled |= value.is_some_and(|value| std::str::from_utf8(value).is_err());
        self.fields.push(text);
    }

    fn end(&mut self, line: u64) -> Result<(), String> {
        self.has_ended = true;
        let fields = std::mem::take(&mut self.fields);
        let bad = |problem: String| Err(BadRow { line, problem });
        if std::mem::take(&mut self.is_garbled) {
            self.read.push(bad("is not UTF-8".to_owned()));
            return Ok(());
        }
        // An empty line.
        if fields == [None] {
            return Ok(());
        }
        match &self.header {
            None => match self.head(&fields) {
                Ok(header) => self.header = Some(header),
                Err(problem) => {
                    self.read.push(bad(problem.clone()));
                    return Err(problem);
                }
            },
            Some(header) => {
                let read = self.row(header, &fields, line);
                self.read.push(read.map_err(|problem| BadRow { line, problem }));
            }
        }
        Ok(())
    }
}

impl Rows<'_> {
    fn head(&self, fields: &[Option<String>]) -> Result<Vec<Field>, String> {
        let collection = self.reading.collection;
        let mut header = Vec::new();
        for name in fields {
            let name = name.as_deref().unwrap_or_default().trim();
            let field = match collection.column(name) {
                Some(column) => Field::Column(column),
                None if is_envelope(collection, name) => Field::Envelope(name.to_owned()),
                None => {
                    let known = collection.columns.iter().map(|column| column.name.as_str());
                    let hint = hint(name, known).map_or_else(String::new, |hint| format!("; {hint}"));
                    return Err(format!("names `{}`, which is no column{hint}", cut(name)));
                }
            };
            if header.contains(&field) {
                return Err(format!("names `{}` twice", cut(name)));
            }
            header.push(field);
        }
        Ok(header)
    }

    fn row(
        &self,
        header: &[Field],
        fields: &[Option<String>],
        line: u64,
    ) -> Result<Box<store::import::Row>, String> {
        if fields.len() != header.len() {
            return Err(format!(
                "has {} fields, and the first line {}",
                fields.len(),
                header.len()
            ));
        }
        let (mut columns, mut texts) = (Vec::new(), Vec::new());
        for (field, text) in header.iter().zip(fields) {
            if let Field::Column(column) = field {
                columns.push(*column);
                texts.push(text.as_deref());
            }
        }
        let content = Content::of_texts(self.reading.collection, &columns, &texts);
        let get = |name: &str| {
            let at = header
                .iter()
                .position(|field| matches!(field, Field::Envelope(known) if known == name))?;
            fields[at].as_deref().map(Cow::Borrowed)
        };
        row(self.reading, line, content, get)
    }
}
