//! The types of columns, by PostgreSQL's own names.

#[cfg(test)]
mod tests;

/// A column of a collection, a dataset or a section of own SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// As the SQL names it, and as the JSON member is named.
    pub name: String,
    /// Its type.
    pub kind: Type,
}

/// A type that Sidequest reads. Others are cast in the SQL (`numeric` to `float8`, say).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `bool`
    Bool,
    /// `int2`
    Int2,
    /// `int4`
    Int4,
    /// `int8`
    Int8,
    /// `float4`
    Float4,
    /// `float8`
    Float8,
    /// `text`; `varchar`, `char`, `name` are read as text too.
    Text,
    /// `uuid`
    Uuid,
    /// `date`
    Date,
    /// `timestamp`: without a time zone, printed without one.
    Timestamp,
    /// `timestamptz`: printed in UTC with a `Z`.
    Timestamptz,
    /// `json` or `jsonb`: put into the answer as it is; can be shown, not computed with.
    Json,
}

impl Type {
    /// All of them, in the order of the reference.
    pub const ALL: [Type; 12] = [
        Type::Bool,
        Type::Int2,
        Type::Int4,
        Type::Int8,
        Type::Float4,
        Type::Float8,
        Type::Text,
        Type::Uuid,
        Type::Date,
        Type::Timestamp,
        Type::Timestamptz,
        Type::Json,
    ];

    /// PostgreSQL's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::Int2 => "int2",
            Type::Int4 => "int4",
            Type::Int8 => "int8",
            Type::Float4 => "float4",
            Type::Float8 => "float8",
            Type::Text => "text",
            Type::Uuid => "uuid",
            Type::Date => "date",
            Type::Timestamp => "timestamp",
            Type::Timestamptz => "timestamptz",
            Type::Json => "json",
        }
    }

    /// Whole numbers.
    pub fn is_integer(self) -> bool {
        matches!(self, Type::Int2 | Type::Int4 | Type::Int8)
    }

    /// Numbers of either sort.
    pub fn is_number(self) -> bool {
        self.is_integer() || matches!(self, Type::Float4 | Type::Float8)
    }

    /// Instants: what a dataset can be ordered by and a series bucketed by.
    pub fn is_time(self) -> bool {
        matches!(self, Type::Date | Type::Timestamp | Type::Timestamptz)
    }

    /// What can be an object's id or a record's key.
    pub fn is_key(self) -> bool {
        self.is_integer() || matches!(self, Type::Text | Type::Uuid)
    }

    /// What can make groups: whatever has few enough values that equal each other exactly.
    pub fn is_dimension(self) -> bool {
        !matches!(self, Type::Float4 | Type::Float8 | Type::Json)
    }

    /// What it holds, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Type::Bool => "True or false.",
            Type::Int2 | Type::Int4 => "A whole number.",
            Type::Int8 => "A whole number; beyond 2^53 a reader of the JSON may round it.",
            Type::Float4 | Type::Float8 => {
                "A number with a fraction; NaN and the infinities are shown as null."
            }
            Type::Text => "Text; `varchar`, `char` and `name` are read as text too.",
            Type::Uuid => "A UUID, in lower case with hyphens.",
            Type::Date => "A day: `2013-07-01`.",
            Type::Timestamp => "A time without a zone: `2013-07-01T12:30:00`.",
            Type::Timestamptz => "An instant, shown in UTC: `2013-07-01T12:30:00Z`.",
            Type::Json => "`json` or `jsonb`: shown as it is, not computed with.",
        }
    }

    /// The type of that name.
    pub fn named(name: &str) -> Option<Type> {
        Type::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The canonical form of an id as a stranger wrote it, if it can be a value of this key type:
    /// integers in range and in decimal, uuids in lower case with hyphens, text without NUL.
    /// Two ids that name the same record have the same form. `None` for types that are no keys.
    pub fn parse_key(self, text: &str) -> Option<String> {
        match self {
            Type::Int2 => text.parse().ok().map(|id: i16| id.to_string()),
            Type::Int4 => text.parse().ok().map(|id: i32| id.to_string()),
            Type::Int8 => text.parse().ok().map(|id: i64| id.to_string()),
            Type::Text => (!text.contains('\0')).then(|| text.to_owned()),
            Type::Uuid => uuid(text),
            Type::Bool
            | Type::Float4
            | Type::Float8
            | Type::Date
            | Type::Timestamp
            | Type::Timestamptz
            | Type::Json => None,
        }
    }
}

/// 32 hexadecimal digits, with hyphens in their places or with none.
fn uuid(text: &str) -> Option<String> {
    let hyphens = [8, 13, 18, 23];
    let mut digits = text.to_ascii_lowercase();
    if digits.len() == 36 && digits.is_ascii() {
        hyphens
            .iter()
            .all(|at| digits.as_bytes()[*at] == b'-')
            .then_some(())?;
        digits = digits.split('-').collect();
    }
    (digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(())?;
    hyphens.iter().for_each(|at| digits.insert(*at, '-'));
    Some(digits)
}
