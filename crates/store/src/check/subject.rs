//! The statements of a model, in the form in which they are run.

use model::{
    column::{Column, Type},
    dataset::{Dataset, Source},
    expression::{quote, quote_path},
    model::Model,
    section::{Kind, Own},
};

use crate::record;

/// A statement to look at.
pub(super) struct Subject<'a> {
    /// Its name for people.
    pub(super) what: String,
    /// The file that it stands in, none if it is made here.
    pub(super) file: Option<&'a str>,
    /// As the user wrote it.
    pub(super) plain: String,
    /// As it is run.
    pub(super) statement: String,
    /// Columns that are declared.
    pub(super) columns: Vec<&'a Column>,
    /// It has one column, of any name.
    pub(super) is_value: bool,
    /// Type of the ids in `$1`, none if it is read whole.
    pub(super) ids: Option<Type>,
    /// The columns that an index should have behind the ids.
    pub(super) order: Vec<&'a str>,
}

/// All of one database.
pub(super) fn subjects(model: &Model, database: usize) -> Vec<Subject<'_>> {
    let mut subjects = Vec::new();
    for collection in model
        .collections
        .iter()
        .filter(|collection| collection.database == database)
    {
        let all: Vec<usize> = (0..collection.columns.len()).collect();
        subjects.push(Subject {
            what: format!("collection `{}`", collection.name),
            file: None,
            plain: format!("select * from {}", quote_path(&collection.table)),
            statement: record::by_keys(collection, &all),
            columns: collection.columns.iter().collect(),
            is_value: false,
            ids: Some(collection.key_type()),
            order: vec![collection.key_name()],
        });
    }
    for dataset in model
        .datasets
        .iter()
        .filter(|dataset| dataset.database == database)
    {
        subjects.push(of_dataset(dataset));
        if let Some(version) = &dataset.version {
            subjects.push(Subject {
                what: format!("version of dataset `{}`", dataset.name),
                file: Some(&version.file),
                plain: version.text.clone(),
                statement: format!("select * from (\n{}\n) d", version.text),
                columns: Vec::new(),
                is_value: true,
                ids: None,
                order: Vec::new(),
            });
        }
    }
    for section in &model.sections {
        match &section.kind {
            Kind::Own(own) if own.database == database => subjects.push(of_own(&section.name(), own)),
            Kind::Own(_) | Kind::Rows(_) | Kind::Groups(_) | Kind::Series(_) => {}
        }
    }
    subjects
}

fn of_dataset(dataset: &Dataset) -> Subject<'_> {
    let own = |column: &&model::dataset::DatasetColumn| column.source == Source::Own;
    let columns: Vec<&Column> = dataset
        .columns
        .iter()
        .filter(own)
        .map(|column| &column.column)
        .collect();
    let mut statement = wrapped(&columns, &dataset.sql.text);
    let order = dataset
        .order
        .map(|order| [order.object, order.time, order.key].map(|at| &dataset.columns[at].column));
    if let Some(order) = order {
        let names = order.map(|column| quote(&column.name));
        statement.push_str(&format!(" order by {}", names.join(", ")));
    }
    Subject {
        what: format!("dataset `{}`", dataset.name),
        file: Some(&dataset.sql.file),
        plain: dataset.sql.text.clone(),
        statement,
        columns,
        is_value: false,
        ids: order.map(|[object, ..]| object.kind),
        order: order
            .map(|columns| columns.map(|column| column.name.as_str()).to_vec())
            .unwrap_or_default(),
    }
}

fn of_own<'a>(name: &str, own: &'a Own) -> Subject<'a> {
    let mut columns = vec![&own.object];
    columns.extend(own.columns.iter().filter(|column| **column != own.object));
    Subject {
        what: format!("section `{name}`"),
        file: Some(&own.sql.file),
        plain: own.sql.text.clone(),
        statement: wrapped(&columns, &own.sql.text),
        columns,
        is_value: false,
        ids: Some(own.object.kind),
        order: vec![&own.object.name],
    }
}

fn wrapped(columns: &[&Column], sql: &str) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| format!("{}::{}", quote(&column.name), column.kind.name()))
        .collect();
    format!("select {} from (\n{sql}\n) d", columns.join(", "))
}
