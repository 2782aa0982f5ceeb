//! SQL that the model names or holds. It is not parsed, only read as PostgreSQL's scanner would read
//! it: far enough to know statements, parameters and where each begins.

mod scan;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::scan::{Scanned, scan};
use super::Scope;
use crate::{
    collection::Collection,
    database::Sql,
    diagnostic::{Report, Text},
    expression::{quote, quote_path},
    file::ROOT,
    near,
};

/// Which collections a statement may name in braces.
#[derive(Clone, Copy)]
pub(super) enum Marks<'a> {
    /// Those of its database that are kept in revisions; none: the database is not known.
    Of(&'a Scope<'a>, Option<usize>),
    /// None.
    Nothing {
        /// What to do about one.
        hint: &'static str,
    },
}

/// The parameters that a statement may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameters {
    /// `$1`, the list of ids: it must be there.
    Ids,
    /// None.
    Nothing {
        /// What to do about one.
        hint: &'static str,
    },
    /// What the statement is for is not known.
    Unknown,
}

/// One SELECT, without what closes it.
pub(super) fn select(
    text: &Text,
    parameters: Parameters,
    marks: Marks<'_>,
    report: &mut Report,
) -> Option<Sql> {
    let source = source(text, report)?;
    let before = report.count();
    let scanned = source.scan(report)?;
    if let Some((_, first)) = &scanned.first
        && !scanned.begins_with(&["select", "with", "values", "table", "("])
    {
        let hint = "rows come from one SELECT, which may begin with WITH";
        source.fault(first, "this is no SELECT", hint, report);
    }
    if let Some(next) = &scanned.second_statement {
        let hint = "one statement, please: join them by WITH, or make two datasets";
        source.fault(next, "a second statement begins here", hint, report);
    }
    source.check_parameters(&scanned, parameters, report);
    let marked = source.marked(&scanned, marks, report);
    (report.count() == before).then(|| {
        // A comment after the last word could swallow what Sidequest puts behind the statement.
        let text = filled(&source.sql[..scanned.end], &marked, |collection| {
            quote_path(&collection.table)
        });
        let mut reads: Vec<usize> = marked.iter().map(|mark| mark.index).collect();
        reads.sort_unstable();
        reads.dedup();
        Sql {
            file: source.file.to_owned(),
            as_of: as_of(&source.sql[..scanned.end], &marked),
            text,
            reads,
        }
    })
}

/// A collection in braces.
struct Mark<'a> {
    span: Range<usize>,
    index: usize,
    collection: &'a Collection,
}

/// The statement with what stands for each mark.
fn filled(sql: &str, marks: &[Mark<'_>], name: impl Fn(&Collection) -> String) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut at = 0;
    for mark in marks {
        text.push_str(&sql[at..mark.span.start]);
        text.push_str(&name(mark.collection));
        at = mark.span.end;
    }
    text.push_str(&sql[at..]);
    text
}

/// The statement under names that hide the views: of what was known at `$2`. Inlined, so that each branch
/// walks its index as the statement alone would.
fn as_of(sql: &str, marks: &[Mark<'_>]) -> Option<String> {
    let hidden = |collection: &Collection| quote(collection.table.rsplit('.').next().unwrap_or_default());
    let mut known: Vec<String> = Vec::new();
    for mark in marks {
        let rows = mark.collection.as_of("$2")?;
        let known_as = format!("{} as not materialized ({rows})", hidden(mark.collection));
        if !known.contains(&known_as) {
            known.push(known_as);
        }
    }
    (!known.is_empty()).then(|| {
        let sql = filled(sql, marks, hidden);
        format!("with {}\nselect * from (\n{sql}\n) s", known.join(", "))
    })
}

/// An expression over the columns of one row.
pub(super) fn expression(text: &Text, report: &mut Report) -> Option<String> {
    let source = source(text, report)?;
    let before = report.count();
    let scanned = source.scan(report)?;
    if let Some((_, span)) = scanned.parameters.first() {
        let hint = "it is computed from the record's own columns";
        source.fault(span, "an expression has no parameters", hint, report);
    }
    if let Some(span) = scanned.marks.first() {
        let hint = "it is computed from the record's own columns";
        source.fault(span, "an expression reads no collection", hint, report);
    }
    if let Some(next) = &scanned.second_statement {
        source.fault(
            next,
            "something comes after the expression",
            "one expression, without a semicolon",
            report,
        );
    }
    (report.count() == before).then(|| source.sql[..scanned.end].to_owned())
}

/// Statements to run as they are.
pub(super) fn script(text: &Text, report: &mut Report) -> Option<Sql> {
    let source = source(text, report)?;
    let scanned = source.scan(report)?;
    if let Some((_, span)) = scanned.parameters.first() {
        source.fault(
            span,
            "a script has no parameters",
            "write the value itself",
            report,
        );
        return None;
    }
    Some(Sql {
        file: source.file.to_owned(),
        text: source.sql.to_owned(),
        as_of: None,
        reads: Vec::new(),
    })
}

/// Where SQL stands.
struct Source<'a> {
    named: &'a Text,
    file: &'a str,
    sql: &'a str,
}

/// A value that ends in `.sql` is a file, any other the SQL itself.
fn source<'a, 'f: 'a>(text: &'a Text, report: &mut Report<'f>) -> Option<Source<'a>> {
    if !text.ends_with(".sql") {
        return Some(Source {
            named: text,
            file: ROOT,
            sql: text,
        });
    }
    let files = report.files();
    let found = files.get(text);
    if found.is_none() {
        let scripts: Vec<&str> = files.paths().filter(|path| path.ends_with(".sql")).collect();
        let same_name = |path: &&&str| path.rsplit('/').next() == text.rsplit('/').next();
        let hint = match scripts.iter().find(same_name) {
            Some(path) => Some(format!("did you mean `{path}`?")),
            None => near::hint(text, scripts.iter().copied()),
        };
        let hint =
            hint.unwrap_or_else(|| "write it beside `model.toml`, or put the SQL itself here".to_owned());
        report.fault(&text.span, format!("there is no file `{}`", &**text), hint);
    }
    Some(Source {
        named: text,
        file: text,
        sql: found?,
    })
}

impl Source<'_> {
    fn fault(&self, span: &Range<usize>, message: &str, hint: impl Into<String>, report: &mut Report) {
        match self.file {
            ROOT => report.fault_inside(self.named, span, message, hint.into()),
            file => report.fault_in(file, span, message, hint.into()),
        }
    }

    /// Reads it; what cannot be read, or says nothing, is a fault.
    fn scan(&self, report: &mut Report) -> Option<Scanned> {
        match scan(self.sql) {
            Ok(scanned) if scanned.first.is_none() => {
                let message = format!("`{}` holds no statement", self.file);
                report.fault(&self.named.span, message, "write one, or leave the key out");
                None
            }
            Ok(scanned) => Some(scanned),
            Err(unclosed) => {
                self.fault(&unclosed.span, unclosed.message, unclosed.hint, report);
                None
            }
        }
    }

    /// The collections in braces, or faults.
    fn marked<'s>(&self, scanned: &Scanned, marks: Marks<'s>, report: &mut Report) -> Vec<Mark<'s>> {
        let mut marked = Vec::new();
        for span in scanned.marks.iter().filter(|span| span.end <= scanned.end) {
            let name = &self.sql[span.start + 1..span.end - 1];
            let (scope, database) = match marks {
                Marks::Of(scope, database) => (scope, database),
                Marks::Nothing { hint } => {
                    self.fault(span, "no collection in braces here", hint, report);
                    continue;
                }
            };
            let Some(index) = scope.collections.iter().position(|(known, _)| *known == name) else {
                let hint = near::hint(name, scope.collections.iter().map(|(name, _)| *name));
                let hint = hint.unwrap_or_else(|| "declare it as `[collection.NAME]`".to_owned());
                self.fault(span, &format!("collection `{name}` is unknown"), hint, report);
                continue;
            };
            // A faulty one has its own fault, as has an unknown database.
            let (Some(collection), Some(database)) = (scope.collections[index].1, database) else {
                continue;
            };
            if collection.revisions.is_none() {
                let message = format!("collection `{name}` keeps no revisions");
                let hint = "name its table without braces, or add `revisions = true` to the collection";
                self.fault(span, &message, hint, report);
            } else if collection.database != database {
                let message = format!(
                    "collection `{name}` is in database `{}`",
                    scope.databases[collection.database]
                );
                self.fault(span, &message, "one statement reads one database", report);
            } else {
                marked.push(Mark {
                    span: span.clone(),
                    index,
                    collection,
                });
            }
        }
        marked
    }

    fn check_parameters(&self, scanned: &Scanned, parameters: Parameters, report: &mut Report) {
        match parameters {
            Parameters::Ids => {
                let other = scanned.parameters.iter().find(|(number, _)| *number != 1);
                if let Some((_, span)) = other {
                    self.fault(
                        span,
                        "there is no such parameter",
                        "`$1`, the list of ids, is the only one",
                        report,
                    );
                } else if scanned.parameters.is_empty() {
                    let message = "the statement does not mention `$1`, the list of ids";
                    let hint = "ask for the rows of these objects alone: `where object = any($1)`";
                    report.fault(&self.named.span, message, hint);
                }
            }
            Parameters::Nothing { hint } => {
                if let Some((_, span)) = scanned.parameters.first() {
                    self.fault(span, "this statement has no parameters", hint, report);
                }
            }
            Parameters::Unknown => {}
        }
    }
}
