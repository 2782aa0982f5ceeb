//! The statements of the engine, built from the model alone: identifiers are quoted, literals are the
//! model's own and escaped, ids are the parameter `$1`.

use std::{sync::Arc, time::SystemTime};

use jiff::Timestamp;
use model::{
    column::{Column, Type},
    dataset::{Dataset, ObjectOrder, Source},
    expression::{Condition, Literal, Measure, Operator, Predicate, quote},
    section::{Every, Groups, Own, Rows, Series},
};
use postgres_types::ToSql;
use store::{id::Ids, pool::Pool, value::EPOCH_US};
use tokio::time::Instant;

/// Objects asked of a database.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) ids: &'a [Arc<str>],
    /// As of when, where the statement knows the past.
    pub(crate) instant: Option<SystemTime>,
    pub(crate) deadline: Instant,
}

/// `$1` and, of a statement over the past, `$2`.
pub(crate) fn parameters<'a>(
    ids: &'a Ids<'a>,
    instant: Option<&'a SystemTime>,
) -> Vec<&'a (dyn ToSql + Sync)> {
    let instant = instant.map(|instant| instant as &(dyn ToSql + Sync));
    std::iter::once(ids as &(dyn ToSql + Sync))
        .chain(instant)
        .collect()
}

/// Own columns of a dataset, after the object's, ordered by object, time and key.
/// Where the dataset's own SQL has this order already, PostgreSQL sorts once.
pub(crate) fn dataset(dataset: &Dataset, columns: &[usize]) -> String {
    let Some(order) = dataset.order else {
        return format!("select {} from {}", list(dataset, columns), from(dataset));
    };
    let mut selected = vec![order.object];
    selected.extend_from_slice(columns);
    format!(
        "select {} from {} order by {}",
        list(dataset, &selected),
        from(dataset),
        whole_order(dataset, order)
    )
}

/// Rows of a reference with these keys: `$1`, `$2`, ... are the columns' values as text arrays.
pub(crate) fn reference_by_keys(dataset: &Dataset, columns: &[usize], on: &[usize]) -> String {
    let names: Vec<String> = on.iter().map(|column| bare(dataset, *column)).collect();
    let arrays: Vec<String> = on
        .iter()
        .enumerate()
        .map(|(at, column)| {
            format!(
                "${}::text[]::{}[]",
                at + 1,
                dataset.columns[*column].column.kind.name()
            )
        })
        .collect();
    format!(
        "select {} from {} where ({}) in (select * from unnest({}))",
        list(dataset, columns),
        from(dataset),
        names.join(", "),
        arrays.join(", ")
    )
}

/// A section's own SQL: the object, then the columns.
pub(crate) fn own(own: &Own) -> String {
    let cast = |column: &Column| format!("d.{}::{}", quote(&column.name), column.kind.name());
    let mut columns = vec![cast(&own.object)];
    columns.extend(own.columns.iter().map(cast));
    format!("select {} from (\n{}\n) d", columns.join(", "), own.sql.text)
}

/// A section of rows as one statement; none if it needs a join over databases.
pub(crate) fn rows(dataset: &Dataset, rows: &Rows) -> Option<String> {
    let order = dataset.order?;
    let shown: Vec<usize> = rows.columns.iter().map(|shown| shown.column).collect();
    let used = shown
        .iter()
        .copied()
        .chain(rows.order.iter().map(|term| term.column));
    owns(dataset, used.chain(columns_of(&rows.filter)))?;
    let mut terms: Vec<String> = rows
        .order
        .iter()
        .map(|term| {
            let direction = if term.descending { "desc" } else { "asc" };
            format!("{} {direction} nulls last", sortable(dataset, term.column))
        })
        .collect();
    terms.push(bare(dataset, order.time));
    terms.push(bare(dataset, order.key));
    let terms = terms.join(", ");
    let mut selected = vec![order.object];
    selected.extend(shown);
    let list = list(dataset, &selected);
    let object = bare(dataset, order.object);
    let filter = filter(dataset, &rows.filter);
    Some(match rows.limit {
        None => format!(
            "select {list} from {}{filter} order by {object}, {terms}",
            from(dataset)
        ),
        Some(limit) => format!(
            "select {list} from (select *, row_number() over (partition by {object} order by {terms}) as \"sidequest n\" \
             from {}{filter}) d where \"sidequest n\" <= {limit} order by {object}, \"sidequest n\"",
            from(dataset)
        ),
    })
}

/// A section of groups as one statement: object, dimensions, measures.
pub(crate) fn groups(dataset: &Dataset, groups: &Groups) -> Option<String> {
    let by: Vec<usize> = groups.by.iter().map(|shown| shown.column).collect();
    owns(dataset, by.iter().copied().chain(columns_of(&groups.filter)))?;
    let keys: Vec<String> = by.iter().map(|column| sortable(dataset, *column)).collect();
    grouped(
        dataset,
        &keys,
        &groups.filter,
        groups.measures.iter().map(|named| &named.measure),
    )
}

/// A series as one statement: object, beginning of the bucket, measures.
pub(crate) fn series(dataset: &Dataset, series: &Series) -> Option<String> {
    let order = dataset.order?;
    owns(
        dataset,
        [order.time].into_iter().chain(columns_of(&series.filter)),
    )?;
    let time = bare(dataset, order.time);
    let zone = format!("'{}'", series.zone.replace('\'', "''"));
    let unit = match series.every {
        Every::Hour => "hour",
        Every::Day => "day",
        Every::Week => "week",
        Every::Month => "month",
        Every::Quarter => "quarter",
        Every::Year => "year",
    };
    let zoned = dataset.columns[order.time].column.kind == Type::Timestamptz;
    let bucket = match (series.every, zoned) {
        (Every::Hour, true) => format!("date_trunc('hour', {time}, {zone})"),
        (Every::Hour, false) => format!("date_trunc('hour', {time}::timestamp)"),
        (_, true) => format!("date_trunc('{unit}', {time} at time zone {zone})::date"),
        (_, false) => format!("date_trunc('{unit}', {time}::timestamp)::date"),
    };
    grouped(
        dataset,
        &[bucket],
        &series.filter,
        series.measures.iter().map(|named| &named.measure),
    )
}

fn grouped<'a>(
    dataset: &Dataset,
    keys: &[String],
    condition: &Predicate,
    measures: impl Iterator<Item = &'a Measure>,
) -> Option<String> {
    let order = dataset.order?;
    let object = bare(dataset, order.object);
    let mut selected = vec![cast(dataset, order.object)];
    selected.extend_from_slice(keys);
    for measure in measures {
        selected.push(self::measure(dataset, order, measure)?);
    }
    let mut group = vec![object];
    group.extend_from_slice(keys);
    // By position, so that an expression is written once.
    let positions: Vec<String> = (2..=keys.len() + 1)
        .map(|at| format!("{at} nulls last"))
        .collect();
    let mut sorted = vec![group[0].clone()];
    sorted.extend(positions);
    Some(format!(
        "select {} from {}{} group by {} order by {}",
        selected.join(", "),
        from(dataset),
        filter(dataset, condition),
        group.join(", "),
        sorted.join(", ")
    ))
}

fn measure(dataset: &Dataset, order: ObjectOrder, measure: &Measure) -> Option<String> {
    let kind = |column: usize| dataset.columns[column].column.kind;
    // Narrow floats are computed with as wide ones, here as in the process.
    let number = |column: usize| {
        let name = bare(dataset, column);
        if kind(column).is_integer() {
            cast(dataset, column)
        } else {
            format!("{name}::float8")
        }
    };
    let rounded = |column: usize, call: &str, digits: Option<u8>| match (digits, kind(column).is_integer()) {
        (None, _) => format!("{call}({})::float8", number(column)),
        (Some(digits), true) => format!("round({call}({}), {digits})::float8", number(column)),
        (Some(digits), false) => format!("round({call}({})::numeric, {digits})::float8", number(column)),
    };
    let edge = |column: usize, direction: &str| {
        format!(
            "(array_agg({} order by {} {direction}, {} {direction}))[1]",
            cast(dataset, column),
            bare(dataset, order.time),
            bare(dataset, order.key)
        )
    };
    let own = |column: usize| owns(dataset, [column]);
    Some(match measure {
        Measure::Count(predicate) => {
            owns(dataset, columns_of(predicate))?;
            format!("count(*){}", filtered(dataset, predicate))
        }
        Measure::Share { predicate, digits } => {
            owns(dataset, columns_of(predicate))?;
            let matching = format!("count(*){}", filtered(dataset, predicate));
            match digits {
                Some(digits) => format!("round({matching}::numeric / nullif(count(*), 0), {digits})::float8"),
                None => format!("{matching}::float8 / nullif(count(*), 0)"),
            }
        }
        Measure::Sum(column) => {
            own(*column)?;
            let result = if kind(*column).is_integer() {
                "int8"
            } else {
                "float8"
            };
            format!("sum({})::{result}", number(*column))
        }
        Measure::Mean { column, digits } => {
            own(*column)?;
            rounded(*column, "avg", *digits)
        }
        Measure::Stddev { column, digits } => {
            own(*column)?;
            rounded(*column, "stddev_samp", *digits)
        }
        Measure::Min(column) => {
            own(*column)?;
            format!("min({})", sortable(dataset, *column))
        }
        Measure::Max(column) => {
            own(*column)?;
            format!("max({})", sortable(dataset, *column))
        }
        Measure::Percentile { column, fraction } => {
            own(*column)?;
            format!(
                "percentile_disc({fraction:?}::float8) within group (order by {})",
                cast(dataset, *column)
            )
        }
        Measure::First(column) => {
            own(*column)?;
            edge(*column, "asc")
        }
        Measure::Last(column) => {
            own(*column)?;
            edge(*column, "desc")
        }
        Measure::Distinct(column) => {
            own(*column)?;
            format!("count(distinct {})", cast(dataset, *column))
        }
    })
}

/// None if a column is joined: another database's, which no statement here can reach.
fn owns(dataset: &Dataset, columns: impl IntoIterator<Item = usize>) -> Option<()> {
    columns
        .into_iter()
        .all(|column| dataset.columns[column].source == Source::Own)
        .then_some(())
}

fn columns_of(predicate: &Predicate) -> impl Iterator<Item = usize> + '_ {
    predicate.all.iter().map(crate::predicate::column)
}

fn from(dataset: &Dataset) -> String {
    format!("(\n{}\n) d", dataset.sql.text)
}

fn list(dataset: &Dataset, columns: &[usize]) -> String {
    if columns.is_empty() {
        return "1".to_owned();
    }
    columns
        .iter()
        .map(|column| cast(dataset, *column))
        .collect::<Vec<_>>()
        .join(", ")
}

fn whole_order(dataset: &Dataset, order: ObjectOrder) -> String {
    [order.object, order.time, order.key]
        .map(|column| bare(dataset, column))
        .join(", ")
}

fn bare(dataset: &Dataset, column: usize) -> String {
    format!("d.{}", quote(&dataset.columns[column].column.name))
}

fn cast(dataset: &Dataset, column: usize) -> String {
    format!(
        "{}::{}",
        bare(dataset, column),
        dataset.columns[column].column.kind.name()
    )
}

/// Cast, and text by bytes: the order in which the process sorts.
fn sortable(dataset: &Dataset, column: usize) -> String {
    match dataset.columns[column].column.kind {
        Type::Text => format!("({} collate \"C\")", cast(dataset, column)),
        _ => cast(dataset, column),
    }
}

fn filter(dataset: &Dataset, predicate: &Predicate) -> String {
    match condition(dataset, predicate) {
        Some(condition) => format!(" where {condition}"),
        None => String::new(),
    }
}

fn filtered(dataset: &Dataset, predicate: &Predicate) -> String {
    match condition(dataset, predicate) {
        Some(condition) => format!(" filter (where {condition})"),
        None => String::new(),
    }
}

fn condition(dataset: &Dataset, predicate: &Predicate) -> Option<String> {
    let conditions: Vec<String> = predicate
        .all
        .iter()
        .map(|condition| match condition {
            Condition::Compare {
                column,
                operator,
                literal,
            } => {
                let operator = match operator {
                    Operator::Equal => "=",
                    Operator::NotEqual => "<>",
                    Operator::Less => "<",
                    Operator::LessOrEqual => "<=",
                    Operator::Greater => ">",
                    Operator::GreaterOrEqual => ">=",
                };
                format!(
                    "{} {operator} {}",
                    comparable(dataset, *column),
                    self::literal(dataset, *column, literal)
                )
            }
            Condition::In { column, literals } => {
                let literals: Vec<String> = literals
                    .iter()
                    .map(|literal| self::literal(dataset, *column, literal))
                    .collect();
                format!("{} in ({})", comparable(dataset, *column), literals.join(", "))
            }
            Condition::Null { column, negated } => {
                let not = if *negated { "not " } else { "" };
                format!("{} is {not}null", bare(dataset, *column))
            }
        })
        .collect();
    (!conditions.is_empty()).then(|| conditions.join(" and "))
}

/// A column in a comparison: integers as `int8` and floats as `float8`, as the literals are.
fn comparable(dataset: &Dataset, column: usize) -> String {
    match dataset.columns[column].column.kind {
        Type::Float4 | Type::Float8 => format!("{}::float8", bare(dataset, column)),
        Type::Int2 | Type::Int4 | Type::Int8 => format!("{}::int8", bare(dataset, column)),
        Type::Uuid => format!("({}::text collate \"C\")", bare(dataset, column)),
        _ => sortable(dataset, column),
    }
}

fn literal(dataset: &Dataset, column: usize, literal: &Literal) -> String {
    match literal {
        Literal::Integer(value) => format!("'{value}'::int8"),
        Literal::Float(value) => format!("'{value:?}'::float8"),
        // An E-string means the same whatever standard_conforming_strings says.
        Literal::Text(value) => format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "''")),
        Literal::Bool(value) => value.to_string(),
        Literal::Time(us) => {
            let kind = dataset.columns[column].column.kind;
            let instant = us
                .checked_add(EPOCH_US)
                .and_then(|us| Timestamp::from_microsecond(us).ok());
            let text = instant.map_or_else(|| "infinity".to_owned(), |instant| instant.to_string());
            match kind {
                Type::Timestamptz => format!("'{text}'::timestamptz"),
                Type::Date => format!("'{}'::date", text.split('T').next().unwrap_or(&text)),
                _ => format!("'{}'::timestamp", text.trim_end_matches('Z')),
            }
        }
    }
}
