//! Rows on their way into the temporary table: by COPY, or from arrays where the engine does not know it.

use std::{borrow::Cow, pin::Pin};

use bytes::Bytes;
use futures_util::SinkExt;
use model::collection::Collection;
use postgres_types::ToSql;
use tokio_postgres::{Client, CopyInSink, Error};

use super::{Row, statement};
use crate::seed::Way;

/// Bytes of rows that are sent together. Larger ones were not faster.
const BUFFER_BYTES: usize = 64 * 1024;

/// Rows of one INSERT.
const ROWS_MAX: usize = 5_000;

/// Rows not yet sent, and how they go.
pub(super) enum Rows {
    /// As COPY's text.
    Copy {
        sink: Pin<Box<CopyInSink<Bytes>>>,
        buffer: Vec<u8>,
        written: Vec<usize>,
    },
    /// Column by column.
    Insert {
        statement: tokio_postgres::Statement,
        columns: Vec<Vec<Option<String>>>,
    },
}

impl Rows {
    pub(super) async fn begin(client: &Client, collection: &Collection, way: Way) -> Result<Rows, Error> {
        if way == Way::Copy {
            let sink = client.copy_in(&statement::copy(collection)).await?;
            return Ok(Rows::Copy {
                sink: Box::pin(sink),
                buffer: Vec::with_capacity(BUFFER_BYTES + 4096),
                written: statement::written(collection),
            });
        }
        let statement = client.prepare(&statement::insert(collection)).await?;
        let columns = vec![Vec::new(); statement.params().len()];
        Ok(Rows::Insert { statement, columns })
    }

    pub(super) fn push(&mut self, collection: &Collection, row: &Row) {
        match self {
            Rows::Copy { buffer, written, .. } => copied(row, written, buffer),
            Rows::Insert { columns, .. } => {
                let own = own(row).map(|value| value.map(Cow::into_owned));
                let declared = statement::written(collection)
                    .into_iter()
                    .map(|column| row.content.values[column].clone());
                for (column, value) in columns.iter_mut().zip(own.into_iter().chain(declared)) {
                    column.push(value);
                }
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        match self {
            Rows::Copy { buffer, .. } => buffer.len() >= BUFFER_BYTES,
            Rows::Insert { columns, .. } => columns[0].len() >= ROWS_MAX,
        }
    }

    pub(super) async fn send(&mut self, client: &Client) -> Result<(), Error> {
        match self {
            Rows::Copy { sink, buffer, .. } => {
                let full = std::mem::replace(buffer, Vec::with_capacity(BUFFER_BYTES + 4096));
                sink.send(full.into()).await
            }
            Rows::Insert { statement, columns } => {
                let parameters: Vec<&(dyn ToSql + Sync)> = columns
                    .iter()
                    .map(|column| column as &(dyn ToSql + Sync))
                    .collect();
                client.execute(&*statement, &parameters).await?;
                columns.iter_mut().for_each(Vec::clear);
                Ok(())
            }
        }
    }

    /// Sends what is left.
    pub(super) async fn finish(&mut self, client: &Client) -> Result<(), Error> {
        self.send(client).await?;
        if let Rows::Copy { sink, .. } = self {
            sink.as_mut().finish().await?;
        }
        Ok(())
    }
}

/// What stands before a row's columns, in the order of the statements.
fn own(row: &Row) -> [Option<Cow<'_, str>>; 7] {
    let envelope = &row.envelope;
    let instant = |instant: Option<jiff::Timestamp>| instant.map(|instant| instant.to_string().into());
    [
        Some(row.line.to_string().into()),
        Some(envelope.revision.to_string().into()),
        instant(envelope.recorded_at),
        instant(envelope.superseded_at),
        envelope.author.as_deref().map(Cow::Borrowed),
        envelope.comment.as_deref().map(Cow::Borrowed),
        Some(if envelope.deleted { "true" } else { "false" }.into()),
    ]
}

/// A row as a line of COPY's text form.
fn copied(row: &Row, written: &[usize], out: &mut Vec<u8>) {
    for value in own(row) {
        write_copied(value.as_deref(), out);
        out.push(b'\t');
    }
    for column in written {
        write_copied(row.content.values[*column].as_deref(), out);
        out.push(b'\t');
    }
    // In place of the last tab.
    out.pop();
    out.push(b'\n');
}

/// A value in COPY's text form.
fn write_copied(value: Option<&str>, out: &mut Vec<u8>) {
    let Some(value) = value else {
        out.extend_from_slice(b"\\N");
        return;
    };
    let is_plain = |byte: &u8| !matches!(byte, b'\\' | b'\n' | b'\r' | b'\t');
    if value.as_bytes().iter().all(is_plain) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    for byte in value.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.push(byte),
        }
    }
}
