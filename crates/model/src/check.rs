//! From what is declared to a [`Model`], all faults at once.
//!
//! What a faulty part would have defined stays known as faulty, so that whoever names it is not
//! blamed as well. A model comes out only if there is no fault at all.

mod collection;
mod columns;
mod database;
mod dataset;
mod duration;
mod measure;
mod path;
mod revisions;
mod section;
mod sql;
#[cfg(test)]
mod tests;

use crate::{
    collection::Collection,
    column::Type,
    declare::{self, Declaration},
    diagnostic::{Fault, Faults, Report, Text},
    file::{Files, ROOT},
    model::Model,
    near,
};

/// Checks a model. The file `model.toml` is its root; the `.sql` files that it names are beside it.
pub fn check(files: &Files) -> Result<Model, Faults> {
    let mut report = Report::new(files);
    let model = declare::declare(&mut report).and_then(|declaration| model(&declaration, &mut report));
    match (model, report.faults()) {
        (Some(model), None) => Ok(model),
        (_, Some(faults)) => Err(faults),
        (None, None) => Err(Faults(vec![Fault::of_ours(ROOT)])),
    }
}

/// What sections and datasets may name.
struct Scope<'a> {
    databases: Vec<&'a str>,
    /// By name; none where it is faulty.
    collections: Vec<(&'a str, Option<&'a Collection>)>,
    /// The type of the tracked collection's key, if it is known.
    key: Option<Type>,
}

fn model(declaration: &Declaration, report: &mut Report) -> Option<Model> {
    let databases: Vec<_> = declaration
        .databases
        .iter()
        .map(|declared| database::check(declared, report))
        .collect();
    let database_names: Vec<&str> = declaration
        .databases
        .iter()
        .map(|database| &*database.name)
        .collect();
    let collections: Vec<_> = declaration
        .collections
        .iter()
        .map(|declared| collection::check(declared, &database_names, report))
        .collect();
    let object = declaration.object.as_ref().and_then(|object| {
        let names: Vec<&str> = declaration
            .collections
            .iter()
            .map(|collection| &*collection.name)
            .collect();
        find(
            object,
            &Named {
                what: "collection",
                header: "[collection.NAME]",
                names: &names,
            },
            report,
        )
    });
    let tracked = object.and_then(|object| collections[object].as_ref());
    let scope = Scope {
        databases: database_names,
        collections: declaration
            .collections
            .iter()
            .zip(&collections)
            .map(|(declared, collection)| (&*declared.name.value, collection.as_ref()))
            .collect(),
        key: tracked.map(|collection| collection.key_type()),
    };
    let drafts = dataset::check(&declaration.datasets, &scope, report);
    let declared_columns = object.map(|object| declaration.collections[object].columns.as_slice());
    path::check(
        &declaration.sections,
        declared_columns.unwrap_or_default(),
        report,
    );
    let sections: Vec<_> = declaration
        .sections
        .iter()
        .map(|declared| section::check(declared, &drafts, &scope, report))
        .collect();
    let name = declaration.name.as_ref()?.value.clone();
    Some(Model {
        title: declaration
            .title
            .as_ref()
            .map_or_else(|| name.clone(), |title| title.value.clone()),
        name,
        databases: databases.into_iter().collect::<Option<_>>()?,
        collections: collections.into_iter().collect::<Option<_>>()?,
        object: object?,
        datasets: drafts
            .into_iter()
            .map(dataset::Draft::finish)
            .collect::<Option<_>>()?,
        sections: sections.into_iter().collect::<Option<_>>()?,
    })
}

/// Things that a name can mean.
struct Named<'a> {
    what: &'a str,
    header: &'a str,
    names: &'a [&'a str],
}

/// The index of what the text names, or a fault.
fn find(text: &Text, named: &Named, report: &mut Report) -> Option<usize> {
    let index = named.names.iter().position(|name| *name == &**text);
    if index.is_none() {
        let hint = near::hint(text, named.names.iter().copied());
        let hint = hint.unwrap_or_else(|| format!("declare it as `{}`", named.header));
        report.fault(
            &text.span,
            format!("{} `{}` is unknown", named.what, &**text),
            hint,
        );
    }
    index
}

/// A title for what has none: its name as a line for people.
fn title(title: Option<&Text>, name: &str) -> String {
    if let Some(title) = title {
        return title.value.clone();
    }
    let words = name.replace(['.', '_'], " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// A fault for every name that stands twice among the members of one thing.
fn unique<'a>(
    members: impl IntoIterator<Item = (&'a str, &'a Text)>,
    hint: &str,
    report: &mut Report,
) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut unique = true;
    for (name, place) in members {
        if seen.contains(&name) {
            report.fault(&place.span, format!("there are two members `{name}`"), hint);
            unique = false;
        }
        seen.push(name);
    }
    unique
}
