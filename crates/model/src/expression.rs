//! The small language of measures and conditions: `percentile(delay, 90)`, `delay > 15 and origin = 'JFK'`.
//!
//! Its meaning is PostgreSQL's: a comparison with null is not true, NaN equals itself and is greater
//! than every number, text compares by bytes (`collate "C"`).

pub mod function;
pub mod parse;
pub mod print;
#[cfg(test)]
mod tests;
mod time;
mod token;

use crate::{column::Type, dataset::DatasetColumn};

/// A conjunction. Empty: always true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predicate {
    /// All must hold.
    pub all: Vec<Condition>,
}

/// One comparison of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `column op literal`; the literal has been checked against the column's type.
    Compare {
        /// Index into the dataset's columns.
        column: usize,
        /// How.
        operator: Operator,
        /// With what.
        literal: Literal,
    },
    /// `column in (a, b)`: not empty.
    In {
        /// Index into the dataset's columns.
        column: usize,
        /// One of these.
        literals: Vec<Literal>,
    },
    /// `column is null` or `column is not null`.
    Null {
        /// Index into the dataset's columns.
        column: usize,
        /// `is not null`.
        negated: bool,
    },
}

/// `= <> < <= > >=` (`!=` is read as `<>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A value in a condition, in the form of the column's type.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// For integer columns.
    Integer(i64),
    /// For float columns (an integer literal is widened).
    Float(f64),
    /// For text columns.
    Text(String),
    /// For bool columns.
    Bool(bool),
    /// For `timestamptz`, `timestamp` and `date`: microseconds since 2000-01-01 (UTC or local).
    Time(i64),
}

/// What is computed over the rows of a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// `count` or `count(predicate)`.
    Count(Predicate),
    /// `share(predicate)` or `share(predicate, digits)`: rows that match / all rows; null without rows.
    Share {
        /// Which rows count.
        predicate: Predicate,
        /// Rounded to so many decimals, half away from zero.
        digits: Option<u8>,
    },
    /// `sum(column)`: of integers an integer, of floats a float; null of no value.
    Sum(usize),
    /// `mean(column)` or `mean(column, digits)`.
    Mean {
        /// A number.
        column: usize,
        /// Rounded to so many decimals, half away from zero.
        digits: Option<u8>,
    },
    /// `stddev(column)` or `stddev(column, digits)`: of the sample; null below two values.
    Stddev {
        /// A number.
        column: usize,
        /// Rounded to so many decimals, half away from zero.
        digits: Option<u8>,
    },
    /// `min(column)`: of numbers, times or text.
    Min(usize),
    /// `max(column)`
    Max(usize),
    /// `percentile(column, 90)`: the discrete one, the value at rank ceil(p·n) of the non-nulls.
    Percentile {
        /// A number or time.
        column: usize,
        /// Above 0, at most 1.
        fraction: f64,
    },
    /// `first(column)`: of the group's first row by time and key; may be null.
    First(usize),
    /// `last(column)`
    Last(usize),
    /// `distinct(column)`: how many different non-null values.
    Distinct(usize),
}

impl Measure {
    /// The type of its values over a dataset of these columns.
    pub fn kind(&self, columns: &[DatasetColumn]) -> Type {
        let of = |column: &usize| columns[*column].column.kind;
        match self {
            Measure::Count(_) | Measure::Distinct(_) => Type::Int8,
            Measure::Share { .. } | Measure::Mean { .. } | Measure::Stddev { .. } => Type::Float8,
            Measure::Sum(column) if of(column).is_integer() => Type::Int8,
            Measure::Sum(_) => Type::Float8,
            Measure::Min(column) | Measure::Max(column) => of(column),
            Measure::Percentile { column, .. } => of(column),
            Measure::First(column) | Measure::Last(column) => of(column),
        }
    }
}

/// A PostgreSQL identifier in double quotes.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `schema.table` with both parts quoted.
pub fn quote_path(path: &str) -> String {
    path.split('.').map(quote).collect::<Vec<_>>().join(".")
}
