//! A named PostgreSQL and what Sidequest may create in it.

use std::time::Duration;

/// A database that the model names. Where it is comes from the command line or is found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Database {
    /// `[a-z][a-z0-9_]*`.
    pub name: String,
    /// Connections of its pool; `--pool` wins over it.
    pub connections: Option<u32>,
    /// The database itself ends a statement after this time.
    pub statement_timeout: Option<Duration>,
    /// How to fill it when it is empty and ours.
    pub seed: Option<Seed>,
}

/// What is run once in an empty database that Sidequest made: DDL, rows, then more DDL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seed {
    /// Statements that make the tables.
    pub schema: Sql,
    /// Table, and its CSV file (with a header; `.csv`, `.csv.zst`, `.csv.gz`), relative to the model.
    pub load: Vec<(String, String)>,
    /// Statements to run after the rows are there: indexes, statistics.
    pub finish: Option<Sql>,
}

/// SQL as the user wrote it, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sql {
    /// The file it stands in: a `.sql` file, or the model file itself.
    pub file: String,
    /// The statement, without a closing semicolon. Collections that it names in braces, `{flights}`, are
    /// their views here.
    pub text: String,
    /// The same statement over the collections in braces as they were known at the instant `$2`. None: it
    /// names none, so it knows only the present.
    pub as_of: Option<String>,
    /// The collections in braces, as indices into `Model::collections`.
    pub reads: Vec<usize>,
}
