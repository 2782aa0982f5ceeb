//! SQL that the model names or holds. It is not parsed, only read as PostgreSQL's scanner would read
//! it: far enough to know statements, parameters and where each begins.

mod scan;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::scan::{Scanned, scan};
use crate::{
    database::Sql,
    diagnostic::{Report, Text},
    file::ROOT,
    near,
};

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
pub(super) fn select(text: &Text, parameters: Parameters, report: &mut Report) -> Option<Sql> {
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
    // A comment after the last word could swallow what Sidequest puts behind the statement.
    let text = source.sql[..scanned.end].to_owned();
    (report.count() == before).then(|| Sql {
        file: source.file.to_owned(),
        text,
    })
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
