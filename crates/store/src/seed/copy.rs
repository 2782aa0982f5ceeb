//! Rows by COPY.

use bytes::{Buf, Bytes};
use futures_util::SinkExt;
use model::expression::quote_path;
use tokio_postgres::error::DbError;

use super::{Load, Target, csv, file::Chunks, names};
use crate::error::Error;

impl Load<'_> {
    /// Sends the file as it is; PostgreSQL reads the CSV and counts its lines.
    pub(super) async fn copy(&self, mut chunks: Chunks, columns: &[Target]) -> Result<u64, Error> {
        let table = quote_path(self.table);
        let sql = format!(
            "copy {table} ({}) from stdin with (format csv, header true)",
            names(columns)
        );
        let failed = |source| self.refused(source);
        let sink = self.client.copy_in::<_, Bytes>(&sql).await.map_err(failed)?;
        let mut sink = Box::pin(sink);
        let mut is_first = true;
        // Dropped on an error, the sink tells PostgreSQL to give up.
        while let Some(mut chunk) = chunks
            .next()
            .await
            .map_err(|source| self.problem(source.to_string()))?
        {
            if std::mem::take(&mut is_first) && chunk.bytes.starts_with(csv::MARK) {
                chunk.bytes.advance(csv::MARK.len());
            }
            sink.send(chunk.bytes).await.map_err(failed)?;
            self.tell(chunk.read, chunk.rows);
        }
        let rows = sink.as_mut().finish().await.map_err(failed)?;
        self.tell(self.bytes_total, rows);
        Ok(rows)
    }

    fn refused(&self, source: tokio_postgres::Error) -> Error {
        match source.as_db_error() {
            Some(error) => self.problem(reason(error)),
            None => self.job.failed(&format!("COPY into `{}`", self.table), source),
        }
    }
}

/// `line 3: invalid input syntax for type smallint: "x" (column year)`, from the context
/// `COPY aircraft, line 3, column year: "x"`.
fn reason(error: &DbError) -> String {
    let context = error.where_().unwrap_or_default();
    let after = |mark: &str| context.split_once(mark).map(|(_, after)| after);
    let line =
        after(", line ").map(|after| after.chars().take_while(char::is_ascii_digit).collect::<String>());
    let column = after(", column ").and_then(|after| after.split(':').next());
    match (line, column) {
        (Some(line), Some(column)) => format!("line {line}: {} (column {column})", error.message()),
        (Some(line), None) => format!("line {line}: {}", error.message()),
        (None, _) if context.is_empty() => error.message().to_owned(),
        (None, _) => format!("{} ({context})", error.message()),
    }
}
