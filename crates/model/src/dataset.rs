//! Rows of many objects, fetched by one statement for a whole list of ids.

use crate::{column::Column, database::Sql};

/// Pairs of columns that a join compares at most: a key is a fixed array, so a look-up allocates nothing.
pub const JOIN_PAIRS_MAX: usize = 4;

/// One SQL statement and what its rows mean.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dataset {
    /// `[a-z][a-z0-9_]*`.
    pub name: String,
    /// Index into `Model::databases`.
    pub database: usize,
    /// Of many objects: `$1` is the list of ids. A reference dataset has no parameter.
    pub sql: Sql,
    /// Columns that the statement returns (any order, matched by name), then the joined ones.
    pub columns: Vec<DatasetColumn>,
    /// What orders its rows. A dataset without is a reference: read whole, joined by others.
    pub order: Option<ObjectOrder>,
    /// A statement whose single value changes whenever the rows do.
    pub version: Option<Sql>,
    /// Reference datasets joined to it, a row each or none.
    pub joins: Vec<Join>,
}

/// The columns that say whose a row is, when it happened, and which it is.
/// Invariant: the rows come ordered by `object`, then `time`, then `key`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ObjectOrder {
    /// Index into `columns`: the object's id, of a key type.
    pub object: usize,
    /// Index into `columns`; never null in the rows.
    pub time: usize,
    /// Index into `columns`: what tells rows of one time apart; a key type, never null in the rows.
    pub key: usize,
}

/// A column, and whose it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatasetColumn {
    /// Name and type. A joined column is named `join.column`, and its JSON member `column` alone
    /// unless the section renames it.
    pub column: Column,
    /// Where its value comes from.
    pub source: Source,
}

/// Where a dataset's column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The statement itself.
    Own,
    /// A join: index into `Dataset::joins`, index into the joined dataset's `columns`.
    Join {
        /// Index into `Dataset::joins`.
        join: usize,
        /// Index into the joined dataset's `columns`.
        column: usize,
    },
}

/// A reference dataset joined by equality of columns: the first row that matches, or nulls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Join {
    /// The joined dataset's index in `Model::datasets`; it is a reference and has no joins.
    pub dataset: usize,
    /// Pairs (index into our `columns`, index into its `columns`) of the same type: integer, text, uuid or a time.
    pub on: Vec<(usize, usize)>,
}
