//! What PostgreSQL itself counted about statements: pg_stat_statements, where it is installed.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{error::Error, pool::Pool, query::Run};

/// Statements read at most, those with the most time first.
pub const ROWS_MAX: usize = 200;

/// A statement as PostgreSQL saw it. Its text has `$1` where values stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The normalised text.
    pub sql: String,
    /// Times it ran.
    pub calls: i64,
    /// Time in the server, without planning and without sending rows.
    pub total_ms: f64,
    /// Rows it returned.
    pub rows: i64,
    /// Blocks found in shared memory.
    pub blocks_hit: i64,
    /// Blocks read.
    pub blocks_read: i64,
}

/// What became of asking.
#[derive(Clone, Debug, PartialEq)]
pub enum Statistics {
    /// The extension answered.
    Seen(Vec<Seen>),
    /// It is not installed in this database, or not for us to read.
    Absent,
}

/// What PostgreSQL counted in this pool's database.
pub async fn read(pool: &Pool, deadline: Instant) -> Result<Statistics, Error> {
    let installed = "select exists (select from pg_extension where extname = 'pg_stat_statements') \
                     and has_table_privilege('pg_stat_statements', 'select') as there";
    // Privileges of a relation that is not there are an error, so both are asked only once it is.
    let there = "select to_regclass('pg_stat_statements') is not null";
    for question in [there, installed] {
        let rows = pool.rows(run(&question.into(), deadline)).await?;
        if !rows.first().is_some_and(|row| row.get::<_, bool>(0)) {
            return Ok(Statistics::Absent);
        }
    }
    // Before PostgreSQL 16 the text of other commands keeps its values: passwords, of `alter role`.
    let sql: Arc<str> = format!(
        "select query, calls, total_exec_time, rows, shared_blks_hit, shared_blks_read \
         from pg_stat_statements \
         where dbid = (select oid from pg_database where datname = current_database()) \
         and query ~* '^[[:space:]]*(/\\*traceparent=''[0-9a-f-]*''\\*/)?[[:space:]]*\
         (select|with|insert|update|delete|merge)[[:space:]]' \
         order by total_exec_time desc limit {ROWS_MAX}"
    )
    .into();
    let rows = pool.rows(run(&sql, deadline)).await?;
    let seen = rows.iter().map(|row| Seen {
        sql: uncommented(row.get(0)).to_owned(),
        calls: row.get(1),
        total_ms: row.get(2),
        rows: row.get(3),
        blocks_hit: row.get(4),
        blocks_read: row.get(5),
    });
    Ok(Statistics::Seen(seen.collect()))
}

/// Without our comment: PostgreSQL keeps the text that it saw first, with the trace of that time.
fn uncommented(sql: &str) -> &str {
    let sql = sql.trim_start();
    let comment = sql
        .strip_prefix("/*traceparent=")
        .and_then(|rest| rest.split_once("*/"));
    comment.map_or(sql, |(_, sql)| sql.trim_start())
}

fn run(sql: &Arc<str>, deadline: Instant) -> Run<'_> {
    Run {
        what: "statistics",
        sql,
        parameters: &[],
        deadline,
        abandoned: None,
    }
}

/// A statement's text without what differs between writers: white space, values, numbers of parameters.
pub fn shape(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut letters = sql.chars().peekable();
    let mut word = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                // Doubled quotes begin the next literal at once, which is one more `?` of the same.
                for inner in letters.by_ref() {
                    if inner == '\'' {
                        break;
                    }
                }
                if !out.ends_with('?') {
                    out.push('?');
                }
                word = false;
            }
            '$' | '0'..='9' if !word => {
                while letters
                    .peek()
                    .is_some_and(|next| next.is_ascii_alphanumeric() || *next == '.')
                {
                    letters.next();
                }
                out.push('?');
            }
            letter if letter.is_whitespace() => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
                word = false;
            }
            letter => {
                word = letter.is_alphanumeric() || letter == '_';
                out.push(letter);
            }
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
