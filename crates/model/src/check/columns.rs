//! Columns with their types, and who may be named among them.

use std::ops::Range;

use crate::{
    column::{Column, Type},
    dataset::{DatasetColumn, Source},
    declare::Pair,
    diagnostic::{Report, Text},
    expression::parse,
    near,
};

/// PostgreSQL cuts longer names without a word.
const NAME_BYTES_MAX: usize = 63;

/// The columns of a dataset, sound and faulty.
pub(super) struct Columns {
    pub(super) list: Vec<DatasetColumn>,
    /// Names whose type is not known: each has its fault already.
    broken: Vec<String>,
    /// A join is faulty, perhaps in its name: columns of unknown joins may be of this one.
    broken_join: bool,
}

impl Columns {
    /// Of the columns of a statement.
    pub(super) fn new(declared: &[Pair], report: &mut Report) -> Columns {
        let mut columns = Columns {
            list: Vec::new(),
            broken: Vec::new(),
            broken_join: false,
        };
        for pair in declared {
            match column(pair, report) {
                Some(column) => columns.list.push(DatasetColumn {
                    column,
                    source: Source::Own,
                }),
                None => columns.broken.push(pair.key.value.clone()),
            }
        }
        columns
    }

    /// The columns of a join will be missing.
    pub(super) fn break_join(&mut self) {
        self.broken_join = true;
    }

    /// Whether every column is sound.
    pub(super) fn sound(&self) -> bool {
        self.broken.is_empty() && !self.broken_join
    }

    /// The column that the text names from this byte on, or a fault.
    pub(super) fn find(&self, text: &Text, skipped: usize, report: &mut Report) -> Option<usize> {
        let name = &text.value[skipped..];
        let index = self.list.iter().position(|column| column.column.name == name);
        if index.is_none() && !self.excuses(name) {
            let hint = near::hint(name, self.list.iter().map(|column| column.column.name.as_str()));
            let hint = hint.unwrap_or_else(|| "declare it among `columns`".to_owned());
            report.fault_inside(
                text,
                &(skipped..text.value.len()),
                format!("column `{name}` is unknown"),
                hint,
            );
        }
        index
    }

    /// The column that the text names if its type will do, or a fault.
    pub(super) fn find_fitting(&self, text: &Text, fit: &Fit, report: &mut Report) -> Option<usize> {
        let index = self.find(text, 0, report)?;
        let kind = self.list[index].column.kind;
        if (fit.fits)(kind) {
            return Some(index);
        }
        let message = format!("{} cannot be `{}`: it is {}", fit.role, &**text, kind.name());
        report.fault(&text.span, message, fit.hint);
        None
    }

    /// The type of a column.
    pub(super) fn kind(&self, index: usize) -> Type {
        self.list[index].column.kind
    }

    /// Reports why a text is no expression, unless what it names is faulty itself.
    pub(super) fn misread(&self, text: &Text, error: &parse::Error, report: &mut Report) {
        if error
            .unknown_column
            .as_ref()
            .is_none_or(|name| !self.excuses(name))
        {
            report.fault_inside(text, &error.span, error.message.clone(), error.hint.clone());
        }
    }

    /// Whether a name that is not known has been reported where it should have been declared.
    fn excuses(&self, name: &str) -> bool {
        let of_broken_join = |(join, _): (&str, &str)| {
            let known = |column: &DatasetColumn| {
                column
                    .column
                    .name
                    .split_once('.')
                    .is_some_and(|(own, _)| own == join)
            };
            self.broken_join && !self.list.iter().any(known)
        };
        self.broken.iter().any(|broken| broken == name) || name.split_once('.').is_some_and(of_broken_join)
    }
}

/// What a column must be for a role.
pub(super) struct Fit {
    pub(super) role: &'static str,
    pub(super) fits: fn(Type) -> bool,
    pub(super) hint: &'static str,
}

/// A key: an object's id, or what tells rows apart.
pub(super) const KEY_HINT: &str = "a key is int2, int4, int8, text or uuid: cast it in the SQL";

/// A declared column, or faults.
pub(super) fn column(pair: &Pair, report: &mut Report) -> Option<Column> {
    let name = pair.key.value.clone();
    let fits = name.len() <= NAME_BYTES_MAX;
    if !fits {
        let message = format!("this name has {} bytes", name.len());
        report.fault(
            &pair.key.span,
            message,
            format!("PostgreSQL's names have at most {NAME_BYTES_MAX}"),
        );
    }
    let text = pair.value.as_ref()?;
    let kind = kind(text, &text.span, report)?;
    fits.then_some(Column { name, kind })
}

/// The type that a text names, or a fault.
fn kind(text: &Text, span: &Range<usize>, report: &mut Report) -> Option<Type> {
    let kind = Type::named(text);
    if kind.is_none() {
        let hint = match text.to_lowercase().as_str() {
            "smallint" => "PostgreSQL's own name of it is `int2`".to_owned(),
            "int" | "integer" | "serial" => "PostgreSQL's own name of it is `int4`".to_owned(),
            "bigint" | "bigserial" => "PostgreSQL's own name of it is `int8`".to_owned(),
            "real" => "PostgreSQL's own name of it is `float4`".to_owned(),
            "double precision" | "double" | "float" => "PostgreSQL's own name of it is `float8`".to_owned(),
            "boolean" => "PostgreSQL's own name of it is `bool`".to_owned(),
            "varchar" | "char" | "character varying" | "name" | "string" | "citext" => {
                "write `text`".to_owned()
            }
            "jsonb" => "write `json`: both are read alike".to_owned(),
            "timestamp with time zone" => "PostgreSQL's own name of it is `timestamptz`".to_owned(),
            "numeric" | "decimal" | "money" => "cast it in the SQL, to `float8` or `int8`".to_owned(),
            "time" | "interval" | "bytea" => "cast it in the SQL, to `text` or a number".to_owned(),
            _ => near::hint(text, Type::ALL.map(Type::name)).unwrap_or_default(),
        };
        report.fault(span, format!("type `{}` is unknown", &**text), hint);
    }
    kind
}
