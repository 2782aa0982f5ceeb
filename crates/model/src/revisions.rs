//! A collection kept in revisions: its tables, and its rows as they were known at an instant.
//!
//! Sidequest owns two tables of such a collection, `<table>_current` with the newest revision of each record
//! and `<table>_history` with every superseded one, and the view `<table>` over the first.

use crate::{
    collection::Collection,
    expression::{quote, quote_path},
};

/// Columns that Sidequest adds to each table, and that no declared column may be named.
pub const ENVELOPE: [&str; 6] = [
    "revision",
    "recorded_at",
    "author",
    "comment",
    "deleted",
    "superseded_at",
];

/// Bytes of a table's name: PostgreSQL cuts names at 63, and those of its indexes are longer.
pub const TABLE_BYTES_MAX: usize = 40;

/// How a collection is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Revisions {
    /// Index into `Collection::columns`: the object that a record belongs to. The key itself where a record
    /// is what is tracked.
    pub object: usize,
    /// Index into `Collection::columns`: what orders an object's records; never null. None: the key does.
    pub time: Option<usize>,
    /// What more is said of each column, in the order of `Collection::columns`.
    pub fields: Vec<Field>,
    /// What others write to its tables raises versions, and is told to whoever listens.
    pub notify: bool,
}

/// What a column of a revision may hold.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// Never null.
    pub required: bool,
    /// The SQL that PostgreSQL computes it by. Nobody writes such a column.
    pub computed: Option<String>,
    /// The least and the most of its values.
    pub bounds: Option<Bounds>,
}

/// The least and the most that a value may be, both included; none: open.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounds {
    /// Of a whole number.
    Integer(Option<i64>, Option<i64>),
    /// Of a number with a fraction.
    Float(Option<f64>, Option<f64>),
    /// Of the length of a text, in characters.
    Length(Option<usize>, Option<usize>),
}

impl Revisions {
    /// Whether a writer gives this column a value.
    pub fn is_written(&self, column: usize) -> bool {
        self.fields[column].computed.is_none()
    }
}

impl Collection {
    /// The table of newest revisions, quoted.
    pub fn current(&self) -> String {
        quote_path(&format!("{}_current", self.table))
    }

    /// The table of superseded revisions, quoted.
    pub fn history(&self) -> String {
        quote_path(&format!("{}_history", self.table))
    }

    /// Columns that order the records of one object: the time if there is one, then the key.
    pub fn record_order(&self) -> Vec<usize> {
        let time = self.revisions.as_ref().and_then(|revisions| revisions.time);
        time.into_iter()
            .filter(|time| *time != self.key)
            .chain([self.key])
            .collect()
    }

    /// A SELECT of the view's columns as they were known at an instant, a parameter of the statement: `$2`.
    /// None where the collection is not kept in revisions.
    ///
    /// A branch a table, so that each can walk its own index; whoever wants a limit puts it into both.
    pub fn as_of(&self, instant: &str) -> Option<String> {
        self.revisions.as_ref()?;
        let columns = self.view_columns();
        Some(format!(
            "select {columns} from {} where recorded_at <= {instant} and superseded_at > {instant} and not deleted \
             union all select {columns} from {} where recorded_at <= {instant} and not deleted",
            self.history(),
            self.current(),
        ))
    }

    /// The columns of the view of a collection kept in revisions, quoted, with commas.
    pub fn view_columns(&self) -> String {
        let declared = self.columns.iter().map(|column| quote(&column.name));
        let envelope = ["revision", "recorded_at", "author", "comment"].map(str::to_owned);
        declared.chain(envelope).collect::<Vec<_>>().join(", ")
    }
}
