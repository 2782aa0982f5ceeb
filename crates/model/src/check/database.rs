//! Databases, and what Sidequest may create in them.

use super::{duration, sql};
use crate::{
    database::{Database, Seed},
    declare,
    diagnostic::Report,
};

/// Endings of files that can be loaded.
const LOADED: [&str; 3] = [".csv", ".csv.zst", ".csv.gz"];

pub(super) fn check(declared: &declare::Database, report: &mut Report) -> Option<Database> {
    let before = report.count();
    let statement_timeout = declared
        .statement_timeout
        .as_ref()
        .and_then(|text| duration::check(text, report));
    let schema = declared
        .schema
        .as_ref()
        .and_then(|text| sql::script(text, report));
    let finish = declared
        .finish
        .as_ref()
        .and_then(|text| sql::script(text, report));
    let load = load(declared, report);
    if declared.schema.is_none() {
        let hint = "name the statements that make the tables: `schema = \"schema.sql\"`";
        if let Some(first) = declared.load.first() {
            report.fault(
                &first.key.span,
                "rows to load, and no `schema` to make their tables",
                hint,
            );
        }
        if let Some(finish) = &declared.finish {
            report.fault(
                &finish.span,
                "statements to finish, and no `schema` to begin with",
                hint,
            );
        }
    }
    (report.count() == before).then(|| Database {
        name: declared.name.value.clone(),
        connections: declared.connections,
        statement_timeout,
        seed: schema.map(|schema| Seed { schema, load, finish }),
    })
}

fn load(declared: &declare::Database, report: &mut Report) -> Vec<(String, String)> {
    let mut load = Vec::new();
    for pair in &declared.load {
        let Some(file) = &pair.value else { continue };
        if !LOADED
            .iter()
            .any(|ending| file.len() > ending.len() && file.ends_with(ending))
        {
            let hint = "a file to load ends in `.csv`, `.csv.zst` or `.csv.gz`";
            report.fault(&file.span, format!("`{}` is no file of rows", &**file), hint);
        } else if file.starts_with('/') || file.contains('\\') {
            let hint = "name it relative to the model's directory, with `/` between its parts";
            report.fault(
                &file.span,
                format!("`{}` is not relative to the model", &**file),
                hint,
            );
        } else {
            load.push((pair.key.value.clone(), file.value.clone()));
        }
    }
    load
}
