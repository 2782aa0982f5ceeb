//! Collections: where their records are and what tells them apart.

use super::{
    Named,
    columns::{Columns, Fit, KEY_HINT},
    find, revisions, title,
};
use crate::{collection::Collection, column::Type, declare, diagnostic::Report};

/// Names whose routes belong to others.
const RESERVED: [&str; 2] = ["objects", "docs"];

pub(super) fn check(
    declared: &declare::Collection,
    databases: &[&str],
    report: &mut Report,
) -> Option<Collection> {
    let before = report.count();
    if RESERVED.contains(&&*declared.name) {
        let message = format!("`/api/v1/{}` is taken", &*declared.name);
        report.fault(&declared.name.span, message, "give the collection another name");
    }
    let database = declared.database.as_ref().and_then(|database| {
        find(
            database,
            &Named {
                what: "database",
                header: "[database.NAME]",
                names: databases,
            },
            report,
        )
    });
    let columns = Columns::new(&declared.columns, report);
    let fit = Fit {
        role: "the key",
        fits: Type::is_key,
        hint: KEY_HINT,
    };
    let key = declared
        .key
        .as_ref()
        .and_then(|key| columns.find_fitting(key, &fit, report));
    let revisions = revisions::check(declared, &columns, key, report);
    let collection = Collection {
        name: declared.name.value.clone(),
        title: title(declared.title.as_ref(), &declared.name),
        database: database?,
        table: declared.table.as_ref().unwrap_or(&declared.name).value.clone(),
        key: key?,
        columns: columns.list.into_iter().map(|column| column.column).collect(),
        revisions,
    };
    (declared.sound && report.count() == before).then_some(collection)
}
