//! Expressions as the model file writes them. What is printed is read back as the same.

use std::fmt;

use super::{Condition, Literal, Measure, Operator, Predicate, time, token};
use crate::{column::Type, dataset::DatasetColumn};

/// An expression with the columns that its indices mean.
#[derive(Clone, Copy, Debug)]
pub struct Printed<'a, T> {
    expression: &'a T,
    columns: &'a [DatasetColumn],
}

impl Predicate {
    /// The condition in the language of the model file; empty if it always holds.
    pub fn printed<'a>(&'a self, columns: &'a [DatasetColumn]) -> Printed<'a, Predicate> {
        Printed {
            expression: self,
            columns,
        }
    }
}

impl Measure {
    /// The measure in the language of the model file.
    pub fn printed<'a>(&'a self, columns: &'a [DatasetColumn]) -> Printed<'a, Measure> {
        Printed {
            expression: self,
            columns,
        }
    }
}

impl fmt::Display for Printed<'_, Predicate> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, condition) in self.expression.all.iter().enumerate() {
            if position > 0 {
                f.write_str(" and ")?;
            }
            Printed {
                expression: condition,
                columns: self.columns,
            }
            .fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Printed<'_, Condition> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |column: &usize| name(&self.columns[*column].column.name);
        let value = |column: &usize, value: &Literal| literal(value, self.columns[*column].column.kind);
        match self.expression {
            Condition::Compare {
                column,
                operator,
                literal,
            } => {
                write!(
                    f,
                    "{} {} {}",
                    name(column),
                    operator.sign(),
                    value(column, literal)
                )
            }
            Condition::In { column, literals } => {
                let values: Vec<String> = literals.iter().map(|literal| value(column, literal)).collect();
                write!(f, "{} in ({})", name(column), values.join(", "))
            }
            Condition::Null {
                column,
                negated: false,
            } => write!(f, "{} is null", name(column)),
            Condition::Null {
                column,
                negated: true,
            } => write!(f, "{} is not null", name(column)),
        }
    }
}

impl fmt::Display for Printed<'_, Measure> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |column: &usize| name(&self.columns[*column].column.name);
        let predicate = |predicate| Printed {
            expression: predicate,
            columns: self.columns,
        };
        let digits = |digits: &Option<u8>| digits.map(|digits| format!(", {digits}")).unwrap_or_default();
        match self.expression {
            Measure::Count(all) if all.all.is_empty() => f.write_str("count"),
            Measure::Count(some) => write!(f, "count({})", predicate(some)),
            Measure::Share {
                predicate: some,
                digits: d,
            } => write!(f, "share({}{})", predicate(some), digits(d)),
            Measure::Sum(column) => write!(f, "sum({})", name(column)),
            Measure::Mean { column, digits: d } => write!(f, "mean({}{})", name(column), digits(d)),
            Measure::Stddev { column, digits: d } => write!(f, "stddev({}{})", name(column), digits(d)),
            Measure::Min(column) => write!(f, "min({})", name(column)),
            Measure::Max(column) => write!(f, "max({})", name(column)),
            Measure::Percentile { column, fraction } => {
                write!(f, "percentile({}, {})", name(column), percent(*fraction))
            }
            Measure::First(column) => write!(f, "first({})", name(column)),
            Measure::Last(column) => write!(f, "last({})", name(column)),
            Measure::Distinct(column) => write!(f, "distinct({})", name(column)),
        }
    }
}

impl Operator {
    /// As SQL and the model file write it.
    pub fn sign(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "<>",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
        }
    }
}

/// A column's name, in double quotes where it could not be read bare.
fn name(name: &str) -> String {
    let bare = name
        .split('.')
        .all(|part| part.starts_with(token::is_name_start) && part.chars().all(token::is_name));
    if bare { name.to_owned() } else { super::quote(name) }
}

fn literal(literal: &Literal, kind: Type) -> String {
    match literal {
        Literal::Integer(number) => number.to_string(),
        Literal::Float(number) if number.is_nan() => "'NaN'".to_owned(),
        Literal::Float(number) if number.is_infinite() => if *number > 0.0 {
            "'Infinity'"
        } else {
            "'-Infinity'"
        }
        .to_owned(),
        Literal::Float(number) => format!("{number:?}"),
        Literal::Text(text) => text_literal(text),
        Literal::Bool(value) => value.to_string(),
        Literal::Time(microseconds) => text_literal(&time::print(*microseconds, kind)),
    }
}

fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The percentage that is read as exactly this fraction: multiplying alone may miss it by one step.
fn percent(fraction: f64) -> f64 {
    let near = fraction * 100.0;
    [near, near.next_down(), near.next_up()]
        .into_iter()
        .find(|percent| percent / 100.0 == fraction && *percent <= 100.0)
        .unwrap_or(near)
}
