//! The model file as written: strings with their places, nothing looked up yet.
//!
//! What a key may hold stands in one table a kind of table ([`table`]); this module turns a file that
//! fits them into the types below, and reports whatever does not fit. Whether the names mean anything
//! is for `check`.

mod decode;
pub mod key;
pub mod table;

use std::ops::Range;

use crate::{
    declare::decode::Record,
    diagnostic::{Report, Text},
    file::ROOT,
};

/// The whole file.
pub(crate) struct Declaration {
    pub(crate) name: Option<Text>,
    pub(crate) title: Option<Text>,
    pub(crate) object: Option<Text>,
    pub(crate) databases: Vec<Database>,
    pub(crate) collections: Vec<Collection>,
    pub(crate) datasets: Vec<Dataset>,
    pub(crate) sections: Vec<Section>,
}

/// `[database.NAME]`
pub(crate) struct Database {
    pub(crate) name: Text,
    pub(crate) connections: Option<u32>,
    pub(crate) statement_timeout: Option<Text>,
    pub(crate) schema: Option<Text>,
    pub(crate) load: Vec<Pair>,
    pub(crate) finish: Option<Text>,
}

/// `[collection.NAME]`
pub(crate) struct Collection {
    pub(crate) name: Text,
    pub(crate) database: Option<Text>,
    pub(crate) table: Option<Text>,
    pub(crate) title: Option<Text>,
    pub(crate) key: Option<Text>,
    pub(crate) columns: Vec<Pair>,
    pub(crate) revisions: bool,
    pub(crate) object: Option<Text>,
    pub(crate) time: Option<Text>,
    pub(crate) required: Vec<Text>,
    pub(crate) bounds: Vec<Pair>,
    pub(crate) computed: Vec<Pair>,
    pub(crate) notify: bool,
    pub(crate) sound: bool,
}

/// `[dataset.NAME]`
pub(crate) struct Dataset {
    pub(crate) name: Text,
    pub(crate) database: Option<Text>,
    pub(crate) sql: Option<Text>,
    pub(crate) object: Option<Text>,
    pub(crate) time: Option<Text>,
    pub(crate) key: Option<Text>,
    pub(crate) columns: Vec<Pair>,
    pub(crate) version: Option<Text>,
    pub(crate) joins: Vec<Join>,
    pub(crate) measures: Vec<Pair>,
    pub(crate) sound: bool,
}

/// `[dataset.NAME.join.NAME]`
pub(crate) struct Join {
    pub(crate) name: Text,
    pub(crate) on: Vec<Pair>,
    pub(crate) sound: bool,
}

/// `[[section]]`
pub(crate) struct Section {
    pub(crate) span: Range<usize>,
    pub(crate) name: Option<Text>,
    pub(crate) title: Option<Text>,
    pub(crate) dataset: Option<Text>,
    pub(crate) filter: Option<Text>,
    pub(crate) rows: Option<Vec<Entry>>,
    pub(crate) order: Vec<Text>,
    pub(crate) limit: Option<u32>,
    pub(crate) by: Vec<Entry>,
    pub(crate) measures: Vec<Entry>,
    pub(crate) top: Option<Top>,
    pub(crate) series: Option<Text>,
    pub(crate) timezone: Option<Text>,
    pub(crate) trend: Option<Text>,
    pub(crate) changes: Option<Text>,
    pub(crate) outliers: Option<Text>,
    pub(crate) gaps: bool,
    pub(crate) database: Option<Text>,
    pub(crate) sql: Option<Text>,
    pub(crate) object: Vec<Pair>,
    pub(crate) columns: Vec<Pair>,
    pub(crate) single: bool,
    /// The form that its keys give it; none where they contradict each other or give none.
    pub(crate) form: Option<key::Form>,
    pub(crate) sound: bool,
}

/// `top = { by = "-flights", limit = 10 }`
pub(crate) struct Top {
    pub(crate) by: Option<Text>,
    pub(crate) limit: Option<u32>,
}

/// `key = "value"` in a table whose keys are the user's own.
pub(crate) struct Pair {
    pub(crate) key: Text,
    /// None if it is faulty: the key is known all the same, so nobody need miss it.
    pub(crate) value: Option<Text>,
}

/// An entry of a list of names, or of a table of names under other names.
pub(crate) struct Entry {
    pub(crate) name: Option<Text>,
    pub(crate) value: Text,
}

/// Reads the model file. `None` if it is missing or is no TOML: then nothing more can be checked.
pub(crate) fn declare(report: &mut Report) -> Option<Declaration> {
    let Some(text) = report.files().get(ROOT) else {
        report.fault(
            &(0..0),
            format!("there is no `{ROOT}`"),
            "name the directory that holds one",
        );
        return None;
    };
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        report.fault(
            &span,
            format!("not TOML: {}", error.message()),
            toml_hint(error.message()),
        );
    }
    if !errors.is_empty() {
        return None;
    }
    let place = decode::Place {
        name: None,
        span: 0..0,
    };
    let root = decode::record(&table::ROOT, document.get_ref(), place, report);
    Some(declaration(root))
}

/// What to do about text that is not TOML.
fn toml_hint(message: &str) -> &'static str {
    match message {
        _ if message.starts_with("duplicate key") => {
            "a key stands once in its table; of sections there are many: `[[section]]`"
        }
        _ if message.contains("string") => {
            "close the quotes on the same line; `\"\"\"` hold text of many lines"
        }
        _ => "a table is `[name]`, a key is `key = value`, text stands in double quotes",
    }
}

fn declaration(mut root: Record) -> Declaration {
    Declaration {
        name: root.text("name"),
        title: root.text("title"),
        object: root.text("object"),
        databases: root.tables("database").into_iter().map(database).collect(),
        collections: root.tables("collection").into_iter().map(collection).collect(),
        datasets: root.tables("dataset").into_iter().map(dataset).collect(),
        sections: root.list("section").into_iter().map(section).collect(),
    }
}

fn database((name, mut record): (Text, Record)) -> Database {
    Database {
        name,
        connections: record.integer("connections"),
        statement_timeout: record.text("statement_timeout"),
        schema: record.text("schema"),
        load: record.pairs("load"),
        finish: record.text("finish"),
    }
}

fn collection((name, mut record): (Text, Record)) -> Collection {
    Collection {
        name,
        database: record.text("database"),
        table: record.text("table"),
        title: record.text("title"),
        key: record.text("key"),
        columns: record.pairs("columns"),
        revisions: record.flag("revisions"),
        object: record.text("object"),
        time: record.text("time"),
        required: record.names("required"),
        bounds: record.pairs("bounds"),
        computed: record.pairs("computed"),
        notify: record.flag("notify"),
        sound: record.sound,
    }
}

fn dataset((name, mut record): (Text, Record)) -> Dataset {
    Dataset {
        name,
        database: record.text("database"),
        sql: record.text("sql"),
        object: record.text("object"),
        time: record.text("time"),
        key: record.text("key"),
        columns: record.pairs("columns"),
        version: record.text("version"),
        joins: record.tables("join").into_iter().map(join).collect(),
        measures: record.pairs("measures"),
        sound: record.sound,
    }
}

fn join((name, mut record): (Text, Record)) -> Join {
    Join {
        name,
        on: record.pairs("on"),
        sound: record.sound,
    }
}

fn section(mut record: Record) -> Section {
    Section {
        span: record.span.clone(),
        name: record.text("name"),
        title: record.text("title"),
        dataset: record.text("dataset"),
        filter: record.text("where"),
        rows: record.entries("rows"),
        order: record.names("order"),
        limit: record.integer("limit"),
        by: record.entries("by").unwrap_or_default(),
        measures: record.entries("measures").unwrap_or_default(),
        top: record.table("top").map(top),
        series: record.text("series"),
        timezone: record.text("timezone"),
        trend: record.text("trend"),
        changes: record.text("changes"),
        outliers: record.text("outliers"),
        gaps: record.flag("gaps"),
        database: record.text("database"),
        sql: record.text("sql"),
        object: record.pairs("object"),
        columns: record.pairs("columns"),
        single: record.flag("single"),
        form: record.form,
        sound: record.sound,
    }
}

fn top(mut record: Record) -> Top {
    Top {
        by: record.text("by"),
        limit: record.integer("limit"),
    }
}
