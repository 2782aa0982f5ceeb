//! Expressions are read, refused and printed back.

use std::fmt::Write;

use proptest::{collection::vec, prelude::*, sample::select};

use super::{Condition, Literal, Measure, Operator, Predicate, parse};
use crate::{
    column::{Column, Type},
    dataset::{DatasetColumn, Source},
};

/// A column of each type, named by it, and two whose names need care.
fn columns() -> Vec<DatasetColumn> {
    let own = Type::ALL.map(|kind| (kind.name().to_owned(), kind));
    let odd = [
        ("weather.wind".to_owned(), Type::Float8),
        ("Dep \"Delay\"".to_owned(), Type::Int2),
    ];
    let columns = own.into_iter().chain(odd);
    columns
        .map(|(name, kind)| DatasetColumn {
            column: Column { name, kind },
            source: Source::Own,
        })
        .collect()
}

fn said(texts: &[&str], read: impl Fn(&str) -> Result<String, parse::Error>) -> String {
    let mut said = String::new();
    for text in texts {
        match read(text) {
            Ok(printed) => writeln!(said, "{text}\n  = {printed}").unwrap(),
            Err(error) => {
                let meant = text
                    .get(error.span.clone())
                    .expect("a span on the boundaries of characters");
                let hint = error.hint.as_deref().unwrap_or("NO HINT");
                writeln!(said, "{text}\n  [{meant}] {error}\n    hint: {hint}").unwrap();
            }
        }
    }
    // A zero character would make the snapshot a binary file for git.
    said.replace('\0', "␀")
}

#[test]
fn measures() {
    let columns = columns();
    let read =
        |text: &str| parse::measure(text, &columns).map(|measure| measure.printed(&columns).to_string());
    let said = said(
        &[
            "count",
            " COUNT ( int2 > 15 ) ",
            "count()",
            "share(bool = true, 3)",
            "share(bool)",
            "share()",
            "share",
            "sum(int8)",
            "sum(text)",
            "sum(int8",
            "sum(int8, 2)",
            "mean(float8)",
            "mean(weather.wind, 0)",
            "mean(float8, 16)",
            "mean(float8, -1)",
            "stddev(int2, 2)",
            "min(text)",
            "min(bool)",
            "max(timestamptz)",
            "percentile(int4, 90)",
            "percentile(date, 99.9)",
            "percentile(int4, 0)",
            "percentile(int4, 100.5)",
            "percentile(int4)",
            "percentile(text, 50)",
            "first(uuid)",
            "first(json)",
            "last(\"Dep \"\"Delay\"\"\")",
            "distinct(float4)",
            "avg(int2)",
            "meen(int2)",
            "int2",
            "mean(int3)",
            "count count",
            "",
            "\"count\"",
            "mean(int2; 1)",
            "mean(int2, 1) + 2",
        ],
        read,
    );
    insta::assert_snapshot!(said);
}

#[test]
fn conditions() {
    let columns = columns();
    let read = |text: &str| {
        parse::predicate(text, &columns).map(|predicate| predicate.printed(&columns).to_string())
    };
    let said = said(
        &[
            "int2 > 15 and text in ('JFK', 'O''Hare') AND json is not null",
            "int2 = 99999",
            "int8 = -9223372036854775808",
            "int8 = 9223372036854775808",
            "int2 = 1.5",
            "int2 != 1",
            "int2 == 1",
            "int2 > null",
            "int2",
            "int2 >",
            "int2 > 15 or int4 = 1",
            "not int2 = 1",
            "int2 in ()",
            "int2 in (1, 2",
            "int2 in (1 2)",
            "int2 in 1",
            "int2 is 5",
            "int2 between 1 and 2",
            "float8 >= 1",
            "float4 < -1.5e3",
            "float8 = 'NaN'",
            "float8 < '-infinity'",
            "float8 = 1e999",
            "float8 = 1.2.3",
            "float8 = 15é",
            "text = JFK",
            "text = \"JFK\"",
            "text = 'JFK",
            "text = 'a\0b'",
            "text = 5",
            "bool = true",
            "bool <> FALSE",
            "bool > true",
            "bool",
            "uuid = 'a'",
            "uuid is null",
            "json = '{}'",
            "date >= '2013-07-01'",
            "date >= '2013-07-01T00:00:00'",
            "date >= '2013-02-30'",
            "date >= 2013",
            "timestamp < '2013-07-01T12:30:00.5'",
            "timestamp < '2013-07-01 12:30:00'",
            "timestamp < '2013-07-01T12:30:00Z'",
            "timestamp < '2013-07-01T12:30:00+02:00'",
            "timestamptz < '2013-07-01'",
            "timestamptz < '2013-07-01T12:30:00Z'",
            "timestamptz < '2013-07-01T12:30:00-04:00'",
            "timestamptz < '2013-07-01T12:30:00'",
            "timestamptz < '2013-07-01T12:30:00.0000001Z'",
            "timestamptz < '0000-01-01'",
            "\"Dep \"\"Delay\"\"\" > 15",
            "wether.wind > 1",
            "weather.wind > 1",
            "int2 > 1 and",
            "int2 > 1 ; drop",
            "5 < int2",
            "tëxt = 'ü' § 'x'",
        ],
        read,
    );
    insta::assert_snapshot!(said);
}

#[test]
fn times_are_microseconds_since_2000() {
    let columns = columns();
    for (text, microseconds) in [
        ("date = '2000-01-01'", 0),
        ("date = '1999-12-31'", -86_400_000_000),
        ("timestamp = '2000-01-01T00:00:01'", 1_000_000),
        ("timestamptz = '2000-01-01T02:00:00+02:00'", 0),
        ("timestamptz = '2000-01-02'", 86_400_000_000),
    ] {
        let predicate = parse::predicate(text, &columns).unwrap();
        let Condition::Compare { literal, .. } = &predicate.all[0] else {
            panic!("{text}")
        };
        assert_eq!(literal, &Literal::Time(microseconds), "{text}");
    }
}

#[test]
fn long_expressions_are_refused() {
    let long = format!("int2 in (1{})", ", 1".repeat(parse::EXPRESSION_BYTES_MAX));
    assert!(parse::predicate(&long, &columns()).is_err());
}

fn index(fits: fn(Type) -> bool) -> impl Strategy<Value = usize> {
    let fitting = columns()
        .into_iter()
        .enumerate()
        .filter(|(_, column)| fits(column.column.kind))
        .map(|(index, _)| index);
    select(fitting.collect::<Vec<_>>())
}

fn literal(kind: Type) -> BoxedStrategy<Literal> {
    // The years 1 to 9999, as microseconds and as days.
    let days = -730_119i64..2_921_939;
    match kind {
        Type::Int2 | Type::Int4 | Type::Int8 => any::<i64>().prop_map(Literal::Integer).boxed(),
        Type::Float4 | Type::Float8 => any::<f64>()
            .prop_filter("NaN differs from itself", |float| !float.is_nan())
            .prop_map(Literal::Float)
            .boxed(),
        Type::Bool => any::<bool>().prop_map(Literal::Bool).boxed(),
        Type::Date => days.prop_map(|day| Literal::Time(day * 86_400_000_000)).boxed(),
        Type::Timestamp | Type::Timestamptz => (days, 0i64..86_400_000_000)
            .prop_map(|(day, us)| Literal::Time(day * 86_400_000_000 + us))
            .boxed(),
        Type::Text | Type::Uuid | Type::Json => "[^\0]{0,12}".prop_map(Literal::Text).boxed(),
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let signs = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
    ];
    let comparable = |kind| !matches!(kind, Type::Uuid | Type::Json);
    let kind = |column: usize| columns()[column].column.kind;
    let compare = (index(comparable), select(signs.to_vec())).prop_flat_map(move |(column, operator)| {
        let operator = if kind(column) == Type::Bool {
            Operator::NotEqual
        } else {
            operator
        };
        literal(kind(column)).prop_map(move |literal| Condition::Compare {
            column,
            operator,
            literal,
        })
    });
    let within = index(comparable).prop_flat_map(move |column| {
        vec(literal(kind(column)), 1..4).prop_map(move |literals| Condition::In { column, literals })
    });
    let null =
        (index(|_| true), any::<bool>()).prop_map(|(column, negated)| Condition::Null { column, negated });
    prop_oneof![compare, within, null]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    vec(condition(), 1..4).prop_map(|all| Predicate { all })
}

fn measure() -> impl Strategy<Value = Measure> {
    let digits = || proptest::option::of(0..=parse::DIGITS_MAX);
    let ordered = |kind: Type| kind.is_number() || kind.is_time() || kind == Type::Text;
    prop_oneof![
        Just(Measure::Count(Predicate::default())),
        predicate().prop_map(Measure::Count),
        (predicate(), digits()).prop_map(|(predicate, digits)| Measure::Share { predicate, digits }),
        index(Type::is_number).prop_map(Measure::Sum),
        (index(Type::is_number), digits()).prop_map(|(column, digits)| Measure::Mean { column, digits }),
        (index(Type::is_number), digits()).prop_map(|(column, digits)| Measure::Stddev { column, digits }),
        index(ordered).prop_map(Measure::Min),
        index(ordered).prop_map(Measure::Max),
        (index(|kind| kind.is_number() || kind.is_time()), 1u32..=100_000).prop_map(
            |(column, thousandths)| Measure::Percentile {
                column,
                fraction: f64::from(thousandths) / 1000.0 / 100.0
            }
        ),
        index(|kind| kind != Type::Json).prop_map(Measure::First),
        index(|kind| kind != Type::Json).prop_map(Measure::Last),
        index(|kind| kind != Type::Json).prop_map(Measure::Distinct),
    ]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[a-z0-9'\"()<>=,. -]{0,60}") {
        let columns = columns();
        for error in [parse::predicate(&text, &columns).err(), parse::measure(&text, &columns).err()].into_iter().flatten() {
            prop_assert!(text.get(error.span).is_some());
        }
    }

    #[test]
    fn measures_are_printed_as_they_are_read(measure in measure()) {
        let columns = columns();
        let printed = measure.printed(&columns).to_string();
        prop_assert_eq!(parse::measure(&printed, &columns), Ok(measure), "{}", printed);
    }

    #[test]
    fn conditions_are_printed_as_they_are_read(predicate in predicate()) {
        let columns = columns();
        let printed = predicate.printed(&columns).to_string();
        prop_assert_eq!(parse::predicate(&printed, &columns), Ok(predicate), "{}", printed);
    }
}
