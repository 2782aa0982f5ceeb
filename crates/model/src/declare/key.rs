//! What a table of the model file may hold: the types that the tables of keys are written in.

/// A table of the model file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Table {
    /// How its header is written.
    pub header: &'static str,
    /// What it declares, in a sentence.
    pub doc: &'static str,
    /// Every key that it knows, in the order of the reference.
    pub keys: &'static [Key],
    /// What `check` demands of it beyond the types of its keys, a sentence each.
    pub rules: &'static [&'static str],
}

/// A key of a table.
#[derive(Debug)]
#[non_exhaustive]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// When it must be there.
    pub need: Need,
    /// What it means, in a sentence.
    pub doc: &'static str,
    /// Its value in an example, as TOML.
    pub example: &'static str,
    /// Forms of a section that know it; empty: all of them.
    pub forms: &'static [Form],
}

/// When a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always (in the forms that know it).
    Required,
    /// When it is left out, this holds.
    Default(&'static str),
}

/// The forms that a section can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `rows`: rows as they are.
    Rows,
    /// `measures`, and perhaps `by`: measures of groups.
    Groups,
    /// `series`: measures by buckets of time.
    Series,
    /// `sql`: SQL of its own.
    Own,
}

impl Form {
    /// All of them, in the order of the reference.
    pub const ALL: [Form; 4] = [Form::Rows, Form::Groups, Form::Series, Form::Own];

    /// The key that makes a section one of this form.
    pub fn key(self) -> &'static str {
        match self {
            Form::Rows => "rows",
            Form::Groups => "measures",
            Form::Series => "series",
            Form::Own => "sql",
        }
    }
}

/// What a key holds.
#[derive(Debug)]
pub enum Kind {
    /// A string.
    Text(Style),
    /// An integer in a range, both ends included.
    Integer(i64, i64),
    /// `true` or `false`.
    Flag,
    /// A list of strings.
    Names(Style),
    /// A table of strings whose keys are the user's own.
    Pairs {
        /// What its keys are.
        key: Style,
        /// What its values are.
        value: Style,
    },
    /// A list of names, or a table that shows them under other names.
    Entries {
        /// What the list holds.
        listed: Style,
        /// What the table's values are.
        value: Style,
    },
    /// A table of its own.
    Table(&'static Table),
    /// Tables by names of the user's own: `[database.fleet]`.
    Tables(&'static Table),
    /// `[[section]]`: as many as are wanted, in their order.
    List(&'static Table),
}

/// What a string means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Any text.
    Prose,
    /// `[a-z][a-z0-9_]*`
    Name,
    /// `[a-z][a-z0-9_-]*`
    ModelName,
    /// Names with dots between them.
    Path,
    /// The name of a JSON member: anything without a dot.
    Member,
    /// The name of something declared elsewhere in the file.
    Reference,
    /// The name of a column, after `-` for the descending order.
    Order,
    /// `table` or `schema.table`.
    Relation,
    /// A file relative to the model.
    File,
    /// SQL, or the name of a file that ends in `.sql`.
    Sql,
    /// An integer and a unit: `250ms`.
    Duration,
    /// Two numbers with two dots between them, either of which may be missing.
    Bounds,
    /// A PostgreSQL type.
    Type,
    /// The width of a bucket of time.
    Every,
    /// A time zone of the IANA database.
    Zone,
    /// A condition of the expression language.
    Condition,
    /// A measure of the expression language.
    Measure,
}

impl Style {
    /// What it is called in the reference and in faults.
    pub fn words(self) -> &'static str {
        match self {
            Style::Prose => "text",
            Style::Name | Style::ModelName => "name",
            Style::Path => "path",
            Style::Member => "member",
            Style::Reference => "name",
            Style::Order => "order",
            Style::Relation => "table",
            Style::File => "file",
            Style::Sql => "SQL",
            Style::Duration => "duration",
            Style::Bounds => "pair of bounds",
            Style::Type => "type",
            Style::Every => "width",
            Style::Zone => "time zone",
            Style::Condition => "condition",
            Style::Measure => "measure",
        }
    }

    /// The regular expression of its texts, where there is one.
    pub fn pattern(self) -> Option<&'static str> {
        match self {
            Style::Name => Some("^[a-z][a-z0-9_]*$"),
            Style::ModelName => Some("^[a-z][a-z0-9_-]*$"),
            Style::Path => Some("^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)*$"),
            Style::Member => Some("^[^.]+$"),
            Style::Order => Some("^-?.+$"),
            Style::Relation => Some("^[^.]+(\\.[^.]+)?$"),
            Style::File => Some("\\.csv(\\.zst|\\.gz)?$"),
            Style::Bounds => Some("^[-+0-9.eE]*\\.\\.[-+0-9.eE]*$"),
            Style::Duration => Some("^[0-9]+(ms|s|m|h)$"),
            Style::Prose
            | Style::Reference
            | Style::Sql
            | Style::Type
            | Style::Every
            | Style::Zone
            | Style::Condition
            | Style::Measure => None,
        }
    }
}
