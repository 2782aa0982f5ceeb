//! Which of PostgreSQL's types can be read as which of the model's.

use model::column::Type;
use postgres_types as pg;

/// What can go wrong when such a column is cast to the declared type; none: nothing.
pub(super) fn narrows(actual: &pg::Type, declared: Type) -> Option<&'static str> {
    let from = of(actual);
    let fine = match declared {
        Type::Bool => from == Some(Type::Bool),
        Type::Int2 => from == Some(Type::Int2),
        Type::Int4 => matches!(from, Some(Type::Int2 | Type::Int4)),
        Type::Int8 => from.is_some_and(Type::is_integer),
        Type::Float4 => matches!(from, Some(Type::Float4 | Type::Int2)),
        Type::Float8 => {
            from.is_some_and(|kind| kind.is_number() && kind != Type::Int8) || *actual == pg::Type::NUMERIC
        }
        // Everything has a text.
        Type::Text => true,
        Type::Uuid => from == Some(Type::Uuid),
        Type::Date => from == Some(Type::Date),
        Type::Timestamp => matches!(from, Some(Type::Timestamp | Type::Date)),
        Type::Timestamptz => from == Some(Type::Timestamptz),
        Type::Json => from == Some(Type::Json),
    };
    if fine {
        return None;
    }
    Some(match (declared, from) {
        (Type::Timestamptz, Some(Type::Timestamp | Type::Date)) => "it is taken for a time in UTC",
        (Type::Timestamp, Some(Type::Timestamptz)) => "it becomes the local time of UTC",
        (Type::Date, Some(Type::Timestamp | Type::Timestamptz)) => "its time of day is lost",
        (Type::Float4 | Type::Float8, _)
            if from.is_some_and(Type::is_number) || *actual == pg::Type::NUMERIC =>
        {
            "digits are lost"
        }
        _ => "a value that does not fit fails the whole statement",
    })
}

/// What to declare or write instead.
pub(super) fn hint(actual: &pg::Type, column: &str) -> Option<String> {
    match of(actual) {
        Some(kind) => Some(format!(
            "declare `{column} = \"{}\"`, or cast it in the SQL",
            kind.name()
        )),
        None => Some(format!("cast it in the SQL: `{column}::...`")),
    }
}

/// Why ids of that type cannot be sent as the parameter.
pub(super) fn ids(parameter: &pg::Type, declared: Type) -> Option<String> {
    let pg::Kind::Array(member) = parameter.kind() else {
        return Some(format!("$1 is {parameter}, not a list of ids"));
    };
    let fits = match of(member) {
        Some(Type::Text) => true,
        Some(kind) if kind.is_integer() => declared.is_integer(),
        Some(Type::Uuid) => declared == Type::Uuid,
        _ => false,
    };
    (!fits).then(|| format!("$1 is {parameter}, and the ids are {}", declared.name()))
}

/// The model's name of a type.
fn of(actual: &pg::Type) -> Option<Type> {
    if let pg::Kind::Domain(base) = actual.kind() {
        return of(base);
    }
    Some(match *actual {
        pg::Type::BOOL => Type::Bool,
        pg::Type::INT2 => Type::Int2,
        pg::Type::INT4 => Type::Int4,
        pg::Type::INT8 => Type::Int8,
        pg::Type::FLOAT4 => Type::Float4,
        pg::Type::FLOAT8 => Type::Float8,
        pg::Type::TEXT | pg::Type::VARCHAR | pg::Type::BPCHAR | pg::Type::NAME => Type::Text,
        pg::Type::UUID => Type::Uuid,
        pg::Type::DATE => Type::Date,
        pg::Type::TIMESTAMP => Type::Timestamp,
        pg::Type::TIMESTAMPTZ => Type::Timestamptz,
        pg::Type::JSON | pg::Type::JSONB => Type::Json,
        _ => return None,
    })
}
