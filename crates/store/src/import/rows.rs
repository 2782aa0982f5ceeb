//! Rows on their way into the temporary table: by COPY, or from arrays where the engine does not know it.

use std::pin::Pin;

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
            });
        }
        let statement = client.prepare(&statement::insert(collection)).await?;
        let columns = vec![Vec::new(); statement.params().len()];
        Ok(Rows::Insert { statement, columns })
    }

    pub(super) fn push(&mut self, collection: &Collection, row: &Row) {
        let envelope = &row.envelope;
        let instant = |instant: Option<jiff::Timestamp>| instant.map(|instant| instant.to_string());
        let own = [
            Some(row.line.to_string()),
            Some(envelope.revision.to_string()),
            instant(envelope.recorded_at),
            instant(envelope.superseded_at),
            envelope.author.clone(),
            envelope.comment.clone(),
            Some(envelope.deleted.to_string()),
        ];
        let own = own.iter().map(Option::as_deref);
        let declared = statement::written(collection)
            .into_iter()
            .map(|column| row.content.values[column].as_deref());
        match self {
            Rows::Copy { buffer, .. } => {
                for (at, value) in own.chain(declared).enumerate() {
                    if at > 0 {
                        buffer.push(b'\t');
                    }
                    write_copied(value, buffer);
                }
                buffer.push(b'\n');
            }
            Rows::Insert { columns, .. } => {
                for (column, value) in columns.iter_mut().zip(own.chain(declared)) {
                    column.push(value.map(str::to_owned));
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
            Rows::Copy { sink, buffer } => {
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

/// A value in COPY's text form.
fn write_copied(value: Option<&str>, out: &mut Vec<u8>) {
    let Some(value) = value else {
        out.extend_from_slice(b"\\N");
        return;
    };
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
