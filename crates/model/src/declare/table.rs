//! Every key of the model file, once. The decoder, the JSON Schema and the reference page all read
//! these tables, so they cannot disagree.

use super::key::{Form, Key, Kind, Need, Style, Table};

mod section;

pub use section::SECTION;

/// The file itself.
pub const ROOT: Table = Table {
    header: "model.toml",
    doc: "The model: what is tracked, where its data is, and what an analysis of it says.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text(Style::ModelName),
            need: Need::Required,
            doc: "Short name of the model, for paths and logs.",
            example: "\"flights\"",
            forms: &[],
        },
        Key {
            name: "title",
            kind: Kind::Text(Style::Prose),
            need: Need::Default("the name"),
            doc: "One line for people.",
            example: "\"Flights from New York, 2013\"",
            forms: &[],
        },
        Key {
            name: "object",
            kind: Kind::Text(Style::Reference),
            need: Need::Required,
            doc: "The collection whose records are tracked: an analysis is made of each.",
            example: "\"aircraft\"",
            forms: &[],
        },
        Key {
            name: "database",
            kind: Kind::Tables(&DATABASE),
            need: Need::Required,
            doc: "The databases, by name.",
            example: "{}",
            forms: &[],
        },
        Key {
            name: "collection",
            kind: Kind::Tables(&COLLECTION),
            need: Need::Required,
            doc: "The kinds of records, by name.",
            example: "{}",
            forms: &[],
        },
        Key {
            name: "dataset",
            kind: Kind::Tables(&DATASET),
            need: Need::Default("none"),
            doc: "The rows that sections are made of, by name.",
            example: "{}",
            forms: &[],
        },
        Key {
            name: "section",
            kind: Kind::List(&SECTION),
            need: Need::Required,
            doc: "The parts of an analysis, in the order in which they are shown.",
            example: "[]",
            forms: &[],
        },
    ],
    rules: &["There is at least one section."],
};

/// `[database.NAME]`
pub const DATABASE: Table = Table {
    header: "[database.NAME]",
    doc: "A PostgreSQL. Where it is comes from the command line; without that, Sidequest runs one itself.",
    keys: &[
        Key {
            name: "connections",
            kind: Kind::Integer(1, 1000),
            need: Need::Default("chosen by Sidequest"),
            doc: "Connections of its pool; `--pool` on the command line wins over it.",
            example: "2",
            forms: &[],
        },
        Key {
            name: "statement_timeout",
            kind: Kind::Text(Style::Duration),
            need: Need::Default("none but the request's deadline"),
            doc: "The database itself ends a statement after this time.",
            example: "\"5s\"",
            forms: &[],
        },
        Key {
            name: "schema",
            kind: Kind::Text(Style::Sql),
            need: Need::Default("nothing is created"),
            doc: "Statements that make the tables, run once when the database is empty and Sidequest's own.",
            example: "\"schema/operations.sql\"",
            forms: &[],
        },
        Key {
            name: "load",
            kind: Kind::Pairs {
                key: Style::Relation,
                value: Style::File,
            },
            need: Need::Default("no rows"),
            doc: "Rows for the new tables: table, and its CSV file with a header of column names; empty is null.",
            example: "{ flights = \"data/flights.csv.zst\" }",
            forms: &[],
        },
        Key {
            name: "finish",
            kind: Kind::Text(Style::Sql),
            need: Need::Default("nothing"),
            doc: "Statements to run after the rows are there: indexes, statistics.",
            example: "\"schema/operations-finish.sql\"",
            forms: &[],
        },
    ],
    rules: &[
        "`load` and `finish` need a `schema`.",
        "A file to load ends in `.csv`, `.csv.zst` or `.csv.gz`.",
    ],
};

/// `[collection.NAME]`
pub const COLLECTION: Table = Table {
    header: "[collection.NAME]",
    doc: "A kind of record: a table or view with typed columns and a key, served at `/api/v1/NAME`.",
    keys: &[
        Key {
            name: "database",
            kind: Kind::Text(Style::Reference),
            need: Need::Required,
            doc: "The database that holds it.",
            example: "\"fleet\"",
            forms: &[],
        },
        Key {
            name: "table",
            kind: Kind::Text(Style::Relation),
            need: Need::Default("the collection's name"),
            doc: "Its table or view, perhaps after a schema and a dot.",
            example: "\"public.aircraft\"",
            forms: &[],
        },
        Key {
            name: "title",
            kind: Kind::Text(Style::Prose),
            need: Need::Default("made from the name"),
            doc: "One line for people.",
            example: "\"Aircraft\"",
            forms: &[],
        },
        Key {
            name: "key",
            kind: Kind::Text(Style::Reference),
            need: Need::Required,
            doc: "The column that tells its records apart: an integer, text or uuid.",
            example: "\"tailnum\"",
            forms: &[],
        },
        Key {
            name: "columns",
            kind: Kind::Pairs {
                key: Style::Member,
                value: Style::Type,
            },
            need: Need::Required,
            doc: "The columns that are shown, in this order, and their types.",
            example: "{ tailnum = \"text\", year = \"int2\" }",
            forms: &[],
        },
        Key {
            name: "revisions",
            kind: Kind::Flag,
            need: Need::Default("false: the table is read, not written"),
            doc: "Keep every revision of a record: Sidequest owns the tables `TABLE_current` and `TABLE_history` and \
                  the view `TABLE` of the newest, and writes them.",
            example: "true",
            forms: &[],
        },
        Key {
            name: "object",
            kind: Kind::Text(Style::Reference),
            need: Need::Default("the key: a record is what is tracked"),
            doc: "With `revisions`: the column that says whose a record is.",
            example: "\"tailnum\"",
            forms: &[],
        },
        Key {
            name: "time",
            kind: Kind::Text(Style::Reference),
            need: Need::Default("an object's records are ordered by their key"),
            doc: "With `revisions`: the column that orders an object's records: a date, timestamp or timestamptz.",
            example: "\"scheduled\"",
            forms: &[],
        },
        Key {
            name: "required",
            kind: Kind::Names(Style::Reference),
            need: Need::Default("the key and the time"),
            doc: "With `revisions`: columns that are never null, besides the key and the time.",
            example: "[\"carrier\", \"origin\"]",
            forms: &[],
        },
        Key {
            name: "bounds",
            kind: Kind::Pairs {
                key: Style::Reference,
                value: Style::Bounds,
            },
            need: Need::Default("all that the type can hold"),
            doc: "With `revisions`: the least and the most of a number, or of the length of a text in characters; \
                  either end may be left out.",
            example: "{ year = \"1900..2100\", carrier = \"2..2\", distance = \"0..\" }",
            forms: &[],
        },
        Key {
            name: "computed",
            kind: Kind::Pairs {
                key: Style::Reference,
                value: Style::Sql,
            },
            need: Need::Default("none"),
            doc: "With `revisions`: columns that PostgreSQL computes from the record's others and stores, by an \
                  expression that depends on nothing else.",
            example: "{ month = \"date_part('month', scheduled at time zone 'America/New_York')::int2\" }",
            forms: &[],
        },
        Key {
            name: "notify",
            kind: Kind::Flag,
            need: Need::Default("false: only Sidequest writes the tables"),
            doc: "With `revisions`: a trigger raises the version of an object whose records somebody else writes, and \
                  tells each server that listens, which then frees what it kept of that object. PostgreSQL lets \
                  transactions that notify commit one after the other.",
            example: "true",
            forms: &[],
        },
    ],
    rules: &[
        "The key is one of the columns, of type int2, int4, int8, text or uuid.",
        "A column's name has no dot and at most 63 bytes.",
        "`objects` and `docs` are no names of collections: their routes are taken.",
        "With `revisions`, no column is named `revision`, `recorded_at`, `author`, `comment`, `deleted` or \
         `superseded_at`: Sidequest adds these. The table's name has at most 40 bytes.",
        "`object`, `time`, `required`, `bounds`, `computed` and `notify` need `revisions = true`.",
    ],
};

/// `[dataset.NAME]`
pub const DATASET: Table = Table {
    header: "[dataset.NAME]",
    doc: "Rows of many objects, fetched by one statement for a whole list of ids; or, without `object`, a \
          reference: read whole, joined by others.",
    keys: &[
        Key {
            name: "database",
            kind: Kind::Text(Style::Reference),
            need: Need::Required,
            doc: "The database that is asked.",
            example: "\"operations\"",
            forms: &[],
        },
        Key {
            name: "sql",
            kind: Kind::Text(Style::Sql),
            need: Need::Required,
            doc: "One SELECT. Its columns are found by name; `$1` is the list of ids; `{NAME}` is a collection kept in \
                  revisions, as it is now or, for `as_of`, as it was known then.",
            example: "\"sections/flights.sql\"",
            forms: &[],
        },
        Key {
            name: "object",
            kind: Kind::Text(Style::Reference),
            need: Need::Default("the dataset is a reference"),
            doc: "The column that says whose a row is; of the type of the tracked collection's key.",
            example: "\"tailnum\"",
            forms: &[],
        },
        Key {
            name: "time",
            kind: Kind::Text(Style::Reference),
            need: Need::Default("needed with `object`"),
            doc: "The column that orders an object's rows: a date, timestamp or timestamptz, never null.",
            example: "\"scheduled\"",
            forms: &[],
        },
        Key {
            name: "key",
            kind: Kind::Text(Style::Reference),
            need: Need::Default("needed with `object`"),
            doc: "The column that tells rows of one time apart: an integer, text or uuid, never null.",
            example: "\"id\"",
            forms: &[],
        },
        Key {
            name: "columns",
            kind: Kind::Pairs {
                key: Style::Member,
                value: Style::Type,
            },
            need: Need::Required,
            doc: "The columns of the statement that are used, and their types; others are ignored.",
            example: "{ id = \"int4\", tailnum = \"text\", scheduled = \"timestamptz\" }",
            forms: &[],
        },
        Key {
            name: "version",
            kind: Kind::Text(Style::Sql),
            need: Need::Default("the rows are not cached"),
            doc: "A SELECT whose single value changes whenever the rows do.",
            example: "\"select max(revision) from flights\"",
            forms: &[],
        },
        Key {
            name: "join",
            kind: Kind::Tables(&JOIN),
            need: Need::Default("none"),
            doc: "Reference datasets, of this or another database, joined to each row by equal columns.",
            example: "{}",
            forms: &[],
        },
        Key {
            name: "measures",
            kind: Kind::Pairs {
                key: Style::Member,
                value: Style::Measure,
            },
            need: Need::Default("none"),
            doc: "Measures that sections use by name.",
            example: "{ flights = \"count\", departure_delay = \"mean(dep_delay, 1)\" }",
            forms: &[],
        },
    ],
    rules: &[
        "With `object` the statement mentions `$1`, and `time` and `key` are there; without, none of them.",
        "The statement is one SELECT (it may begin with WITH). Sidequest orders the rows itself.",
        "A reference has no joins and no measures.",
        "A collection in braces is of the same database. A reference, and a `version`, read the present: no braces.",
    ],
};

/// `[dataset.NAME.join.NAME]`
pub const JOIN: Table = Table {
    header: "[dataset.NAME.join.REFERENCE]",
    doc: "A join with the reference dataset of that name: its first row that matches, or nulls. Its columns are \
          then `REFERENCE.column`.",
    keys: &[Key {
        name: "on",
        kind: Kind::Pairs {
            key: Style::Reference,
            value: Style::Reference,
        },
        need: Need::Required,
        doc: "Our column, and the reference's column that equals it.",
        example: "{ origin = \"origin\", time_hour = \"time_hour\" }",
        forms: &[],
    }],
    rules: &["Both columns have one type: an integer, text, uuid, date, timestamp or timestamptz."],
};

/// `top` of a section.
pub const TOP: Table = Table {
    header: "top",
    doc: "Only the first groups by a measure; nulls come last, ties in the order of the groups.",
    keys: &[
        Key {
            name: "by",
            kind: Kind::Text(Style::Order),
            need: Need::Required,
            doc: "A measure of the section; `-` before it for the greatest first.",
            example: "\"-flights\"",
            forms: &[],
        },
        Key {
            name: "limit",
            kind: Kind::Integer(1, LIMIT_MAX),
            need: Need::Required,
            doc: "How many groups.",
            example: "10",
            forms: &[],
        },
    ],
    rules: &["The section has `by`."],
};

/// The most rows or groups that can be asked for: all that an index of 32 bits can count.
pub const LIMIT_MAX: i64 = u32::MAX as i64;

/// Forms that read a dataset.
const OVER_DATASET: &[Form] = &[Form::Rows, Form::Groups, Form::Series];
