//! Sections: each in its form, over its dataset or with SQL of its own.

mod groups;
mod series;

use super::{
    Named, Scope,
    columns::{self, KEY_HINT},
    dataset::{Draft, same_ids},
    find, measure, sql, title, unique,
};
use crate::{
    column::Type,
    declare::{self, Entry, key::Form},
    diagnostic::{Report, Text},
    near,
    section::{Kind, Order, Own, Rows, Section, Shown},
};

pub(super) fn check(
    declared: &declare::Section,
    drafts: &[Draft],
    scope: &Scope,
    report: &mut Report,
) -> Option<Section> {
    let before = report.count();
    let kind = match declared.form {
        Some(Form::Own) => own(declared, scope, report).map(Kind::Own),
        Some(form) => {
            let index = dataset(declared, drafts, report);
            index.and_then(|index| {
                let over = Over {
                    index,
                    dataset: &drafts[index],
                    declared,
                };
                match form {
                    Form::Rows => over.rows(report).map(Kind::Rows),
                    Form::Groups => over.groups(report).map(Kind::Groups),
                    Form::Series => over.series(report).map(Kind::Series),
                    Form::Own => None,
                }
            })
        }
        None => None,
    };
    let name = declared.name.as_ref()?;
    let section = Section {
        path: name.split('.').map(str::to_owned).collect(),
        title: title(declared.title.as_ref(), name),
        kind: kind?,
    };
    (declared.sound && report.count() == before).then_some(section)
}

/// The dataset of a section: one of objects.
fn dataset(declared: &declare::Section, drafts: &[Draft], report: &mut Report) -> Option<usize> {
    let text = declared.dataset.as_ref()?;
    let names: Vec<&str> = drafts.iter().map(|draft| draft.name).collect();
    let index = find(
        text,
        &Named {
            what: "dataset",
            header: "[dataset.NAME]",
            names: &names,
        },
        report,
    )?;
    if drafts[index].of_objects == Some(false) {
        let hint = "join it to a dataset that has an `object`, and name that one";
        report.fault(
            &text.span,
            format!("`{}` is a reference: its rows are of no object", &**text),
            hint,
        );
        return None;
    }
    Some(index)
}

/// A section and the dataset it is over.
struct Over<'a> {
    index: usize,
    dataset: &'a Draft<'a>,
    declared: &'a declare::Section,
}

impl Over<'_> {
    fn rows(&self, report: &mut Report) -> Option<Rows> {
        let entries = self.declared.rows.as_deref().unwrap_or_default();
        if entries.is_empty() && self.declared.sound {
            let hint = "name the columns to show: `rows = [\"..\"]`";
            report.fault(&self.declared.span, "`rows` shows no column", hint);
        }
        let columns = self.shown(entries, report);
        unique(members(entries), RENAME, report);
        let filter = measure::predicate(self.declared.filter.as_ref(), &self.dataset.columns, report);
        let order: Vec<Option<Order>> = self
            .declared
            .order
            .iter()
            .map(|term| self.order(term, report))
            .collect();
        Some(Rows {
            dataset: self.index,
            filter: filter?,
            columns: columns?,
            order: order.into_iter().collect::<Option<_>>()?,
            limit: self.declared.limit,
        })
    }

    fn order(&self, term: &Text, report: &mut Report) -> Option<Order> {
        let descending = term.starts_with('-');
        let column = self.dataset.columns.find(term, usize::from(descending), report)?;
        if self.dataset.columns.kind(column) == Type::Json {
            report.fault(
                &term.span,
                "json has no order",
                "order by a column of another type",
            );
            return None;
        }
        Some(Order { column, descending })
    }

    /// Columns under the names they are shown by. `None` if any is faulty.
    fn shown(&self, entries: &[Entry], report: &mut Report) -> Option<Vec<Shown>> {
        let shown: Vec<Option<Shown>> = entries
            .iter()
            .map(|entry| {
                let column = self.dataset.columns.find(&entry.value, 0, report)?;
                Some(Shown {
                    name: member(entry).to_owned(),
                    column,
                })
            })
            .collect();
        shown.into_iter().collect()
    }
}

/// A hint for members of one name.
const RENAME: &str = "write a table to rename one: `{ other = \"column\" }`";

/// The JSON member of an entry: a joined column is shown without its join.
fn member(entry: &Entry) -> &str {
    match &entry.name {
        Some(name) => name,
        None => entry.value.rsplit('.').next().unwrap_or(&entry.value),
    }
}

fn members(entries: &[Entry]) -> impl Iterator<Item = (&str, &Text)> {
    entries
        .iter()
        .map(|entry| (member(entry), entry.name.as_ref().unwrap_or(&entry.value)))
}

/// The term of an order without its sign, or a hint about the names that it can have.
fn unknown_measure(text: &Text, skipped: usize, names: &[&str], report: &mut Report) {
    let name = &text.value[skipped..];
    let message = format!("measure `{name}` is none of this section");
    let hint = near::hint(name, names.iter().copied()).unwrap_or_else(|| "add it to `measures`".to_owned());
    report.fault_inside(text, &(skipped..text.value.len()), message, hint);
}

fn own(declared: &declare::Section, scope: &Scope, report: &mut Report) -> Option<Own> {
    let database = declared.database.as_ref().and_then(|database| {
        let named = Named {
            what: "database",
            header: "[database.NAME]",
            names: &scope.databases,
        };
        find(database, &named, report)
    });
    let sql = declared.sql.as_ref().and_then(|text| {
        let marks = sql::Marks::Of(scope, database);
        sql::select(text, sql::Parameters::Ids, marks, report)
    });
    if declared.object.len() != 1 && declared.sound {
        let message = "`object` names one column: the one that says whose a row is";
        report.fault(&declared.span, message, "write `object = { object = \"text\" }`");
    }
    let object = declared.object.first().and_then(|pair| {
        let column = columns::column(pair, report)?;
        let place = pair.value.as_ref()?;
        if !column.kind.is_key() {
            report.fault(
                &place.span,
                format!("the object cannot be {}", column.kind.name()),
                KEY_HINT,
            );
            return None;
        }
        if let Some(key) = scope.key {
            same_ids(&pair.key, column.kind, key, report);
        }
        Some(column)
    });
    let columns: Vec<_> = declared
        .columns
        .iter()
        .map(|pair| columns::column(pair, report))
        .collect();
    if columns.is_empty() && declared.sound {
        let hint = "name the columns to show, and their types: `columns = { year = \"int2\" }`";
        report.fault(&declared.span, "`columns` shows no column", hint);
    }
    Some(Own {
        database: database?,
        sql: sql?,
        object: object?,
        columns: columns.into_iter().collect::<Option<_>>()?,
        single: declared.single,
    })
}
