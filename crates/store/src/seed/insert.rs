//! Rows by INSERT from arrays, many at a time: for an engine that does not know COPY.

use std::{error::Error as StdError, ops::Range};

use bytes::{BufMut, BytesMut};
use model::expression::{quote, quote_path};
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::Statement;

use super::{
    Load, Target,
    csv::{MARK, Reader, Sink},
    file::Chunks,
    names,
};
use crate::error::Error;

/// Rows a statement. Half as many and twice as many took as long.
const ROWS_MAX: usize = 20_000;

/// Bytes a statement, for rows that are wide.
const BYTES_MAX: usize = 8 * 1024 * 1024;

impl Load<'_> {
    /// Reads the CSV and sends it column by column.
    pub(super) async fn insert(&self, mut chunks: Chunks, columns: &[Target]) -> Result<u64, Error> {
        let failed = |source| self.job.failed(&format!("INSERT into `{}`", self.table), source);
        let sql = statement(self.table, columns);
        let statement = self.client.prepare(&sql).await.map_err(failed)?;
        let mut reader = Reader::default();
        let mut batch = Batch::new(columns.len());
        let mut rows = 0;
        let mut is_first = true;
        while let Some(chunk) = chunks
            .next()
            .await
            .map_err(|source| self.problem(source.to_string()))?
        {
            let mut bytes = &chunk.bytes[..];
            if std::mem::take(&mut is_first) {
                bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
            }
            reader
                .read(bytes, &mut batch)
                .map_err(|problem| self.problem(problem))?;
            while batch.is_full() {
                rows += self.send(&statement, &mut batch).await?;
                self.tell(chunk.read, rows);
            }
        }
        reader
            .finish(&mut batch)
            .map_err(|problem| self.problem(problem))?;
        while !batch.lines.is_empty() {
            rows += self.send(&statement, &mut batch).await?;
        }
        self.tell(self.bytes_total, rows);
        Ok(rows)
    }

    /// Inserts the first rows of the batch, as many as go at a time.
    async fn send(&self, statement: &Statement, batch: &mut Batch) -> Result<u64, Error> {
        let rows = batch.lines.len().min(ROWS_MAX);
        self.savepoint("savepoint rows").await?;
        if let Err(source) = self.try_send(statement, batch, rows).await {
            return Err(self.refused_row(statement, batch, rows, source).await);
        }
        self.savepoint("release savepoint rows").await?;
        batch.remove(rows);
        Ok(rows as u64)
    }

    async fn try_send(
        &self,
        statement: &Statement,
        batch: &Batch,
        rows: usize,
    ) -> Result<u64, tokio_postgres::Error> {
        let texts: Vec<Texts<'_>> = batch
            .columns
            .iter()
            .map(|column| Texts { column, rows })
            .collect();
        let parameters: Vec<&(dyn ToSql + Sync)> =
            texts.iter().map(|texts| texts as &(dyn ToSql + Sync)).collect();
        self.client.execute(statement, &parameters).await
    }

    /// Finds the row that is refused: the last of the shortest beginning that is refused. PostgreSQL tells
    /// the reason and not the row.
    async fn refused_row(
        &self,
        statement: &Statement,
        batch: &Batch,
        rows: usize,
        source: tokio_postgres::Error,
    ) -> Error {
        let (mut fine, mut refused, mut source) = (0, rows, source);
        while refused - fine > 1 && source.as_db_error().is_some() {
            let middle = fine + (refused - fine) / 2;
            if let Err(error) = self.savepoint("rollback to savepoint rows").await {
                return error;
            }
            match self.try_send(statement, batch, middle).await {
                Ok(_) => fine = middle,
                Err(error) => (refused, source) = (middle, error),
            }
        }
        match source.as_db_error() {
            Some(error) => self.problem(format!("line {}: {}", batch.lines[refused - 1], error.message())),
            None => self.job.failed(&format!("INSERT into `{}`", self.table), source),
        }
    }

    async fn savepoint(&self, sql: &str) -> Result<(), Error> {
        self.job.execute(self.client, "a savepoint", sql).await
    }
}

/// The cast is of each value, and the assignment to the column then checks lengths as COPY does. An
/// identity column that is in the file keeps the file's values, as with COPY.
fn statement(table: &str, columns: &[Target]) -> String {
    let list = |each: &dyn Fn(usize, &Target) -> String| {
        columns
            .iter()
            .enumerate()
            .map(|(at, column)| each(at, column))
            .collect::<Vec<_>>()
            .join(", ")
    };
    format!(
        "insert into {} ({}) overriding system value select {} from unnest({}) as u ({})",
        quote_path(table),
        names(columns),
        list(&|at, column| format!("{}::{}", quote(&format!("c{at}")), column.kind)),
        list(&|at, _| format!("${}::text[]", at + 1)),
        list(&|at, _| quote(&format!("c{at}"))),
    )
}

/// Rows to be sent, by column and as they go over the wire.
struct Batch {
    columns: Vec<Column>,
    /// The line on which each row ends.
    lines: Vec<u64>,
    /// Fields of the row being read.
    fields: usize,
    /// The first record is the header.
    is_header: bool,
}

/// Length and bytes of each value, one after the other.
#[derive(Default)]
struct Column {
    bytes: Vec<u8>,
    /// Where each value ends.
    ends: Vec<usize>,
}

impl Batch {
    fn new(columns: usize) -> Batch {
        let columns = (0..columns).map(|_| Column::default()).collect();
        Batch {
            columns,
            lines: Vec::new(),
            fields: 0,
            is_header: true,
        }
    }

    fn is_full(&self) -> bool {
        let bytes = || {
            self.columns
                .iter()
                .map(|column| column.bytes.len())
                .sum::<usize>()
        };
        self.lines.len() >= ROWS_MAX || (!self.lines.is_empty() && bytes() >= BYTES_MAX)
    }

    fn remove(&mut self, rows: usize) {
        for column in &mut self.columns {
            let range: Range<usize> = 0..column.end(rows);
            column.ends.drain(..rows);
            for end in &mut column.ends {
                *end -= range.end;
            }
            column.bytes.drain(range);
        }
        self.lines.drain(..rows);
    }
}

impl Column {
    fn push(&mut self, value: Option<&[u8]>) {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap_or(i32::MAX));
        self.bytes.put_i32(length);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.ends.push(self.bytes.len());
    }

    fn end(&self, rows: usize) -> usize {
        if rows == 0 { 0 } else { self.ends[rows - 1] }
    }
}

impl Sink for Batch {
    fn field(&mut self, value: Option<&[u8]>) {
        if !self.is_header
            && let Some(column) = self.columns.get_mut(self.fields)
        {
            column.push(value);
        }
        self.fields += 1;
    }

    fn end(&mut self, line: u64) -> Result<(), String> {
        let fields = std::mem::take(&mut self.fields);
        if std::mem::take(&mut self.is_header) {
            return Ok(());
        }
        if fields != self.columns.len() {
            return Err(format!(
                "line {line}: {fields} fields, the header has {}",
                self.columns.len()
            ));
        }
        self.lines.push(line);
        Ok(())
    }
}

/// The first rows of a column as `text[]`.
struct Texts<'a> {
    column: &'a Column,
    rows: usize,
}

impl std::fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values", self.rows)
    }
}

impl ToSql for Texts<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.put_i32(1);
        out.put_i32(1);
        out.put_u32(Type::TEXT.oid());
        out.put_i32(i32::try_from(self.rows)?);
        out.put_i32(1);
        out.extend_from_slice(&self.column.bytes[..self.column.end(self.rows)]);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TEXT_ARRAY
    }

    to_sql_checked!();
}
