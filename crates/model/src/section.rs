//! One named part of an analysis.

use crate::{
    column::Column,
    database::Sql,
    expression::{Measure, Predicate},
};

/// Dimensions of a section at most: a group's codes are taken apart without allocating.
pub const DIMENSIONS_MAX: usize = 8;

/// A section as declared.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Section {
    /// Its place in the document: `delays.by_month` is `["delays", "by_month"]`.
    pub path: Vec<String>,
    /// One line for people and for OpenAPI.
    pub title: String,
    /// What it holds.
    pub kind: Kind,
}

impl Section {
    /// The path with dots, as `fields=` and errors name it.
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

/// The forms a section can take.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Rows as they are: an array of objects.
    Rows(Rows),
    /// Measures by dimensions: an array of objects, or one object where there are no dimensions.
    Groups(Groups),
    /// Measures by buckets of time, and what is found in them.
    Series(Series),
    /// SQL of its own, batched over `$1` like a dataset.
    Own(Own),
}

/// A column shown under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shown {
    /// JSON member.
    pub name: String,
    /// Index into the dataset's columns.
    pub column: usize,
}

/// Rows of the dataset: in its order, or in another and cut to a limit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rows {
    /// Index into `Model::datasets`.
    pub dataset: usize,
    /// Which rows.
    pub filter: Predicate,
    /// What is shown of each.
    pub columns: Vec<Shown>,
    /// Before the dataset's own order; nulls last in both directions.
    pub order: Vec<Order>,
    /// At most so many.
    pub limit: Option<u32>,
}

/// One term of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Order {
    /// `Rows`: index into the dataset's columns. `Top`: index into the measures.
    pub column: usize,
    /// `-name`
    pub descending: bool,
}

/// Group by dimensions, compute measures. Groups come in order of their dimensions: numbers and
/// times ascending, text by bytes, false before true, nulls last. A group without rows is absent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Groups {
    /// Index into `Model::datasets`.
    pub dataset: usize,
    /// Which rows.
    pub filter: Predicate,
    /// Dimensions: any type but floats and json. None: one object over all rows, even of none.
    pub by: Vec<Shown>,
    /// At least one.
    pub measures: Vec<Named>,
    /// Only the first groups by a measure, nulls last, ties in group order.
    pub top: Option<Top>,
}

/// A measure under a name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Named {
    /// JSON member.
    pub name: String,
    /// What is computed.
    pub measure: Measure,
}

/// The first groups by a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Top {
    /// By this measure.
    pub by: Order,
    /// So many.
    pub limit: u32,
}

/// Measures by buckets of the dataset's time: an object with `points` and what was asked for beside them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Series {
    /// Index into `Model::datasets`.
    pub dataset: usize,
    /// Which rows.
    pub filter: Predicate,
    /// Width of a bucket.
    pub every: Every,
    /// IANA name of the zone in which a bucket begins; `UTC` unless declared.
    pub zone: String,
    /// At least one.
    pub measures: Vec<Named>,
    /// Index into `measures`: its linear trend. Numbers only, as the next two.
    pub trend: Option<usize>,
    /// Index into `measures`: where its level changes.
    pub changes: Option<usize>,
    /// Index into `measures`: points far from the median.
    pub outliers: Option<usize>,
    /// Spans of empty buckets between the first and the last.
    pub gaps: bool,
}

/// Width of a series' bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Every {
    /// `hour`
    Hour,
    /// `day`
    Day,
    /// `week`: from Monday.
    Week,
    /// `month`
    Month,
    /// `quarter`
    Quarter,
    /// `year`
    Year,
}

impl Every {
    /// All of them, from the narrowest.
    pub const ALL: [Every; 6] = [
        Every::Hour,
        Every::Day,
        Every::Week,
        Every::Month,
        Every::Quarter,
        Every::Year,
    ];

    /// As the model file and PostgreSQL's `date_trunc` write it.
    pub fn name(self) -> &'static str {
        match self {
            Every::Hour => "hour",
            Every::Day => "day",
            Every::Week => "week",
            Every::Month => "month",
            Every::Quarter => "quarter",
            Every::Year => "year",
        }
    }

    /// The width of that name.
    pub fn named(name: &str) -> Option<Every> {
        Every::ALL.into_iter().find(|every| every.name() == name)
    }
}

/// SQL of its own, for a list of ids in `$1`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Own {
    /// Index into `Model::databases`.
    pub database: usize,
    /// Returns the object's id in `object` and then the columns, ordered by object.
    pub sql: Sql,
    /// The column that says whose a row is; of a key type; not shown unless among `columns`.
    pub object: Column,
    /// What is shown of each row, in this order.
    pub columns: Vec<Column>,
    /// An array of rows, or the first row alone (null without one).
    pub single: bool,
}
