//! The functions of a measure: the one table that the parser, its hints and the reference page use.

use crate::column::Type;

/// A function, and what it takes.
#[derive(Debug)]
#[non_exhaustive]
pub struct Function {
    /// As it is written.
    pub name: &'static str,
    /// How it is called.
    pub form: &'static str,
    /// What it computes, in a sentence.
    pub meaning: &'static str,
    /// One call of it.
    pub example: &'static str,
    /// What it wants between its parentheses.
    pub(super) takes: Takes,
}

/// What stands between a function's parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing, or a condition.
    OptionalCondition,
    /// A condition, and perhaps a number of decimals.
    Condition,
    /// A column, and perhaps a number of decimals.
    ColumnAndDigits(Wants),
    /// A column and a percentage.
    ColumnAndPercent(Wants),
    /// A column.
    Column(Wants),
}

/// Which columns fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Number,
    NumberOrTime,
    Ordered,
    NotJson,
}

impl Wants {
    pub(super) fn fits(self, kind: Type) -> bool {
        match self {
            Wants::Number => kind.is_number(),
            Wants::NumberOrTime => kind.is_number() || kind.is_time(),
            Wants::Ordered => kind.is_number() || kind.is_time() || kind == Type::Text,
            Wants::NotJson => kind != Type::Json,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Wants::Number => "a column of numbers",
            Wants::NumberOrTime => "a column of numbers or times",
            Wants::Ordered => "a column of numbers, times or text",
            Wants::NotJson => "a column that is not json",
        }
    }
}

/// What other languages call by this name.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "avg" | "average" => Some("mean(column)"),
        "median" => Some("percentile(column, 50)"),
        "std" | "stdev" | "stddev_samp" => Some("stddev(column)"),
        "quantile" | "percentile_disc" | "percentile_cont" => Some("percentile(column, 90)"),
        "count_distinct" | "unique" | "nunique" => Some("distinct(column)"),
        "rate" | "ratio" | "fraction" => Some("share(condition)"),
        _ => None,
    }
}

/// All of them, in the order of the reference.
pub const FUNCTIONS: [Function; 11] = [
    Function {
        name: "count",
        form: "count` or `count(condition)",
        meaning: "How many rows, or how many for which the condition holds.",
        example: "count(dep_delay is null)",
        takes: Takes::OptionalCondition,
    },
    Function {
        name: "share",
        form: "share(condition[, digits])",
        meaning: "The part of all rows for which the condition holds, from 0 to 1; null without rows.",
        example: "share(arr_delay <= 15, 3)",
        takes: Takes::Condition,
    },
    Function {
        name: "sum",
        form: "sum(column)",
        meaning: "The sum: of integers an integer, of floats a float; null without a value.",
        example: "sum(distance)",
        takes: Takes::Column(Wants::Number),
    },
    Function {
        name: "mean",
        form: "mean(column[, digits])",
        meaning: "The arithmetic mean of the values that are not null.",
        example: "mean(dep_delay, 1)",
        takes: Takes::ColumnAndDigits(Wants::Number),
    },
    Function {
        name: "stddev",
        form: "stddev(column[, digits])",
        meaning: "The standard deviation of the sample; null below two values.",
        example: "stddev(dep_delay, 1)",
        takes: Takes::ColumnAndDigits(Wants::Number),
    },
    Function {
        name: "min",
        form: "min(column)",
        meaning: "The least value: of numbers, times or text (by bytes).",
        example: "min(scheduled)",
        takes: Takes::Column(Wants::Ordered),
    },
    Function {
        name: "max",
        form: "max(column)",
        meaning: "The greatest value: of numbers, times or text (by bytes).",
        example: "max(dep_delay)",
        takes: Takes::Column(Wants::Ordered),
    },
    Function {
        name: "percentile",
        form: "percentile(column, percent)",
        meaning: "The value at rank ceil(percent / 100 x values): always one that occurs. Above 0, at most 100.",
        example: "percentile(arr_delay, 90)",
        takes: Takes::ColumnAndPercent(Wants::NumberOrTime),
    },
    Function {
        name: "first",
        form: "first(column)",
        meaning: "The value in the first row by time and key; may be null.",
        example: "first(origin)",
        takes: Takes::Column(Wants::NotJson),
    },
    Function {
        name: "last",
        form: "last(column)",
        meaning: "The value in the last row by time and key; may be null.",
        example: "last(dest)",
        takes: Takes::Column(Wants::NotJson),
    },
    Function {
        name: "distinct",
        form: "distinct(column)",
        meaning: "How many different values that are not null.",
        example: "distinct(dest)",
        takes: Takes::Column(Wants::NotJson),
    },
];
